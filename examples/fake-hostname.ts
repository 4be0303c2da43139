/**
 * A plugin: programs believe that they run on another machine.
 *
 *     node examples/fake-hostname.ts                             asks three programs who they think they are
 *     rvisor run --handler examples/fake-hostname.ts -- uname -a   the same plugin, on the command line
 *
 * The handler answers uname(2) in the kernel's place. The name is a service, so a program that uses the plugin may bring its own.
 */
import { Context, Effect, Fiber, Layer, Stream } from "effect"
import { Command, Plugin, Policy, Sandbox, Syscall, SyscallHandler, Verdict } from "rvisor"

/** What the machine is said to be. */
export class Machine extends Context.Service<Machine, { readonly name: string; readonly release: string }>()("example/Machine") {
  static readonly layer = Layer.succeed(Machine, { name: "deep-thought", release: "9.9.9-example" })
}

export const fakeHostname = SyscallHandler.make("uname", (call) =>
  Effect.gen(function*() {
    const { name, release } = yield* Machine
    yield* call.args.name.write(Syscall.Utsname.make({ sysname: "Linux", nodename: name, release, version: "#1", machine: "x86_64" }))
    return Verdict.value(0)
  }))

export default Plugin.make({ name: "fake-hostname", handlers: [fakeHostname], layer: Machine.layer })

const ask = (policy: Policy.Policy<Machine>, ...argv: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(Command.make(argv[0]!, ...argv.slice(1)), policy) // requires Machine, as the handler does
    const output = yield* Effect.forkScoped(Stream.mkString(Stream.decodeText(sandbox.all)))
    yield* sandbox.exit
    console.log(`${argv.join(" ")}: ${(yield* Fiber.join(output)).trim()}`)
  }).pipe(Effect.scoped)

if (process.argv[1] === import.meta.filename) {
  const policy = Policy.handlers(Policy.default, fakeHostname)
  const program = Effect.gen(function*() {
    yield* ask(policy, "uname", "-nr")
    yield* ask(policy, "python3", "-c", "import platform; print(platform.node())")
    yield* ask(policy, "sh", "-c", "sh -c 'uname -n'")
  })
  await Effect.runPromise(Effect.provide(program, Machine.layer))
}
