/** Answers that say which call they are for: a number, an errno, or the kernel's own. */
import { Effect } from "effect"
import * as SyscallHandler from "../../../sdk/SyscallHandler.ts"
import * as Verdict from "../../../sdk/Verdict.ts"

const number = (call: SyscallHandler.Call<"getpgid">) => {
  const { pid } = call.args
  return pid % 3 === 0 ? Verdict.value(pid + 1) : pid % 3 === 1 ? Verdict.errno("EPERM") : Verdict.continue
}

export const numbers = SyscallHandler.make("getpgid", (call) => Effect.succeed(number(call)))
/** The same, but not at once. */
export const late = SyscallHandler.make("getpgid", (call) => Effect.map(Effect.sleep(call.args.pid % 4), () => number(call)))

export default numbers
