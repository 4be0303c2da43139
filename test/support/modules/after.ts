import { Effect } from "effect"
import * as SyscallHandler from "../../../sdk/SyscallHandler.ts"
import * as Verdict from "../../../sdk/Verdict.ts"

export default SyscallHandler.make("getsid", { power: "steer" }, (call) =>
  Effect.succeed(call.after((result) => Effect.succeed(Verdict.value(result.value + 1000n)))))
