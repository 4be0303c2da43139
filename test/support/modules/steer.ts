import { Effect } from "effect"
import * as SyscallHandler from "../../../sdk/SyscallHandler.ts"
import * as Verdict from "../../../sdk/Verdict.ts"

export default SyscallHandler.make("getpgid", { power: "steer" }, (call) =>
  Effect.map(call.inject("getppid", {}), (parent) => call.after((result) => Effect.succeed(Verdict.value(parent.value + (result.errno === undefined ? 100n : 0n))), { pid: 0 })))
