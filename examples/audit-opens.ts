/**
 * What a program opens, as one JSON object a line, and how often.
 *
 *     node examples/audit-opens.ts                  audits a small script
 *     node examples/audit-opens.ts python3 -c 1     audits yours
 *
 * An observer answers nothing and slows nothing down more than being asked does; its filter keeps the calls it does not want in
 * native code. What it sees is what the program asked for, which for a hostile one is not proof of what it got: a boundary is a
 * handler with the power to answer (see deny-by-content.ts).
 */
import { Effect, Stream } from "effect"
import { Command, Policy, Sandbox, Syscall, SyscallHandler, Verdict } from "rvisor"

const counts = new Map<string, number>()

const audit = SyscallHandler.make("openat", { power: "observe", label: "audit" }, (call) =>
  Effect.map(call.args.filename.read, (path) => {
    const flags = Syscall.OpenFlags.format(call.args.flags)
    console.log(JSON.stringify({ thread: call.tid, path, flags }))
    counts.set(path, (counts.get(path) ?? 0) + 1)
    return Verdict.continue
  }))

const [program = "sh", ...args] = process.argv.slice(2)
const command = process.argv.length > 2 ? Command.make(program, ...args) : Command.make("sh", "-c", "cat /etc/hostname /etc/hostname; echo made > /tmp/file; cat /nowhere")

const run = Effect.gen(function*() {
  const sandbox = yield* Sandbox.spawn(Command.set(command, { stdin: "ignore" }), Policy.make({ handlers: [audit] }))
  yield* Effect.forkScoped(Stream.runDrain(sandbox.all))
  yield* sandbox.exit
  const [path, count] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ["nothing", 0]
  console.log(`${counts.size} names; most often ${path}, ${count} times`)
})
await Effect.runPromise(Effect.scoped(run))
