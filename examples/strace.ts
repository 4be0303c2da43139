/**
 * strace in forty lines: every call of a program and all that it starts, as it returns, with signals and ends.
 *
 *     node examples/strace.ts                  traces a small script
 *     node examples/strace.ts ls -l /          traces yours
 *
 * `rvisor trace` is this with strace's options (docs/cli.md). The handlers steer, so that they see results, and change nothing; what they
 * read is what the program shows them, which is enough for looking and no boundary (`memory: "racy"`).
 */
import { Effect } from "effect"
import { Command, EventHandler, Policy, Sandbox, Syscall, SyscallFormat, SyscallHandler, Verdict } from "rvisor"

const print = (tid: number, text: string) => Effect.sync(() => console.log(`${String(tid).padEnd(5)} ${text}`))

const calls = SyscallHandler.many(Syscall.names.filter((name) => Syscall.classify(name).safety !== "fixed") as ReadonlyArray<"openat">, {
  power: "steer",
  memory: "racy",
  override: true, // what the policy refuses is shown too
  vdso: "keep", // the program keeps asking for the time without a call
  onFailure: "continue"
}, (call) =>
  Effect.gen(function*() {
    const entry = yield* SyscallFormat.entry(call)
    if (call.name.startsWith("exit")) yield* print(call.tid, `${SyscallFormat.begun(entry)})`) // it does not return
    return call.after((result) =>
      Effect.gen(function*() {
        yield* print(call.tid, SyscallFormat.line(entry, yield* entry.returned(result)))
        return Verdict.continue
      }))
  }))

const events = [
  EventHandler.make("signal", ({ info, name, tid }) => print(tid, `--- ${name} ${SyscallFormat.siginfo(info)} ---`)),
  EventHandler.make("exit", ({ code, signal, tid }) => print(tid, code === undefined ? `+++ killed by ${signal} +++` : `+++ exited with ${code} +++`))
]

const [program = "sh", ...args] = process.argv.slice(2)
const command = process.argv.length > 2 ? Command.make(program, ...args) : Command.make("sh", "-c", "echo hello > /tmp/file; cat /nowhere; kill -TERM $$")

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const sandbox = yield* Sandbox.spawn(Command.set(command, { stdin: "ignore", stdout: "inherit", stderr: "inherit" }), Policy.make({ handlers: [...calls, ...events] }))
  yield* sandbox.exit
})))
