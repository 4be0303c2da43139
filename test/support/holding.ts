/** `holding.ts GUEST`: a host program whose handlers, on both its threads, answer calls without end. Says when the guest has started. */
import { Effect } from "effect"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import * as SyscallHandler from "../../sdk/SyscallHandler.ts"
import * as Verdict from "../../sdk/Verdict.ts"
import "./backend.ts"

const guest = process.argv[2]!
const closure = SyscallHandler.make("uname", () => Effect.succeed(Verdict.errno("EPERM")))
const handlers = [SyscallHandler.fromModule(new URL("./modules/numbers.ts", import.meta.url)), closure]
const program = Effect.gen(function*() {
  const sandbox = yield* Sandbox.spawn(Command.make(guest, "numbers", "4", "100000000"), Policy.make({ filesystem: { read: [guest] }, handlers }))
  yield* sandbox.exec(Command.make(guest, "threads", "4", "100000000"))
  console.log("up")
  yield* sandbox.exit
})
await Effect.runPromise(Effect.scoped(program))
