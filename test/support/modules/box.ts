/** A plugin whose handlers require a service that its layer provides; one waits on its thread's event loop. */
import { Context, Effect, Layer } from "effect"
import * as Plugin from "../../../sdk/Plugin.ts"
import * as Syscall from "../../../sdk/Syscall.ts"
import * as SyscallHandler from "../../../sdk/SyscallHandler.ts"
import * as Verdict from "../../../sdk/Verdict.ts"

export class Name extends Context.Service<Name, { readonly name: string }>()("test/Name") {}

export const named = SyscallHandler.make("uname", (call) =>
  Effect.gen(function*() {
    const { name } = yield* Name
    yield* call.args.name.write(Syscall.Utsname.make({ sysname: "Linux", nodename: name }))
    return Verdict.value(0)
  }))

const slow = SyscallHandler.make("getpgid", () => Effect.as(Effect.sleep(50), Verdict.value(77)))

export default Plugin.make({ name: "box", handlers: [named, slow], layer: Layer.succeed(Name, { name: "box" }) })
