/** Handlers that wait for ever, until one of them ends their thread from outside of any handler. */
import { Effect } from "effect"
import * as SyscallHandler from "../../../sdk/SyscallHandler.ts"
import * as Verdict from "../../../sdk/Verdict.ts"

export default [
  SyscallHandler.make("getpgid", { deadline: "10 minutes", onFailure: "EIO" }, () => Effect.never),
  SyscallHandler.make("getsid", { deadline: "10 minutes", onFailure: "continue" }, () =>
    Effect.andThen(Effect.sync(() => setTimeout(() => { throw new Error("lost its way") }, 50)), Effect.never)),
  SyscallHandler.make("getpriority", { deadline: "10 minutes", onFailure: "ENOSPC" }, () => Effect.succeed(Verdict.value(5)))
]
