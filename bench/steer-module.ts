/** The handlers that bench/steer.ts measures: all stand at `getppid`, whose arguments the kernel ignores. */
import { Effect } from "effect"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import * as Verdict from "../sdk/Verdict.ts"

const steer = { power: "steer" } as const
const zero = Verdict.value(0)

export const kinds = {
  value: SyscallHandler.make("getppid", steer, () => Effect.succeed(zero)),
  continue: SyscallHandler.make("getppid", steer, () => Effect.succeed(Verdict.continue)),
  rewrite: SyscallHandler.make("getppid", steer, () => Effect.succeed({ _tag: "Rewrite", name: "getppid", registers: new Map([[0, 1n]]) } as Verdict.Rewrite<"getppid">)),
  after: SyscallHandler.make("getppid", steer, (call) => Effect.succeed(call.after(() => Effect.succeed(Verdict.continue)))),
  inject: SyscallHandler.make("getppid", steer, (call) => Effect.as(call.inject("getuid", {}), zero)),
  answer: SyscallHandler.make("getppid", () => Effect.succeed(zero)),
  untraced: SyscallHandler.make("getpgid", steer, () => Effect.succeed(zero)),
  notified: SyscallHandler.make("getpgid", () => Effect.succeed(zero))
}
export type Kind = keyof typeof kinds

export default kinds[(process.env["RVISOR_BENCH_STEER"] ?? "value") as Kind]
