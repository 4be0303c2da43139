/** The observer that `handlers.ts` measures. */
import { Effect } from "effect"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import * as Verdict from "../sdk/Verdict.ts"

export default SyscallHandler.make("getppid", { power: "observe" }, () => Effect.succeed(Verdict.continue))
