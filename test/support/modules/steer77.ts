import { Effect } from "effect"
import * as SyscallHandler from "../../../sdk/SyscallHandler.ts"
import * as Verdict from "../../../sdk/Verdict.ts"

export default SyscallHandler.make("getpgid", { power: "steer" }, (call) => Effect.as(call.inject("getppid", {}), Verdict.value(77)))
