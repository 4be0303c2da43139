/** The handlers that `handlers.ts` measures at trace points: all stand at `getppid`, whose arguments the kernel ignores, but the one that is in the guest and not asked. */
import { Effect } from "effect"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import * as Verdict from "../sdk/Verdict.ts"

const steer = { power: "steer" } as const
const zero = Verdict.value(0)

export const steered = {
  "steer: value": SyscallHandler.make("getppid", steer, () => Effect.succeed(zero)),
  "steer: continue": SyscallHandler.make("getppid", steer, () => Effect.succeed(Verdict.continue)),
  "steer: arguments changed": SyscallHandler.make("getppid", steer, () => Effect.succeed({ _tag: "Rewrite", name: "getppid", registers: new Map([[0, 1n]]) } as Verdict.Rewrite<"getppid">)),
  "steer: result seen": SyscallHandler.make("getppid", steer, (call) => Effect.succeed(call.after(() => Effect.succeed(Verdict.continue)))),
  "steer: a call injected": SyscallHandler.make("getppid", steer, (call) => Effect.as(call.inject("getuid", {}), zero)),
  "steer: not asked": SyscallHandler.make("getpgid", steer, () => Effect.succeed(zero))
}

export default steered[(process.env["RVISOR_BENCH_STEER"] ?? "steer: value") as keyof typeof steered]
