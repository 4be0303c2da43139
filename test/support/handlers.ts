/** Modules of handlers for tests, one by `?name` of the URL it is imported by. */
import { Context, Effect, Layer } from "effect"
import * as Plugin from "../../sdk/Plugin.ts"
import * as Syscall from "../../sdk/Syscall.ts"
import * as SyscallHandler from "../../sdk/SyscallHandler.ts"
import * as Verdict from "../../sdk/Verdict.ts"

class Name extends Context.Service<Name, { readonly name: string }>()("test/Name") {}

const named = SyscallHandler.make("uname", (call) =>
  Effect.gen(function*() {
    const { name } = yield* Name
    yield* call.args.name.write(Syscall.Utsname.make({ sysname: "Linux", nodename: name }))
    return Verdict.value(0)
  }))

/** Waits on this thread's event loop, so that it may not sleep in native code meanwhile. */
const slow = SyscallHandler.make("getpgid", () => Effect.as(Effect.sleep(50), Verdict.value(77)))

const ends = SyscallHandler.make("getpgid", () => Effect.sync(() => process.exit(3)))

const modules: Readonly<Record<string, unknown>> = {
  box: Plugin.make({ name: "box", handlers: [named, slow], layer: Layer.succeed(Name, { name: "box" }) }),
  list: [slow],
  ends: [ends, Plugin.make({ name: "box", handlers: [named], layer: Layer.succeed(Name, { name: "box" }) })],
  broken: Plugin.make({ name: "broken", handlers: [named], layer: Layer.effect(Name, Effect.die(new Error("no name to be had"))) }),
  nothing: undefined,
  other: 42
}

const wanted = new URL(import.meta.url).search.slice(1)
if (wanted === "throws") throw new Error("this module does not load")
export default modules[wanted]
