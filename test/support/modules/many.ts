/** One handler at more calls than a sandbox can have handlers: getpgid gives 77. */
import { Effect } from "effect"
import * as Syscall from "../../../sdk/Syscall.ts"
import * as SyscallHandler from "../../../sdk/SyscallHandler.ts"
import { syscallNumbers } from "../../../sdk/internal/syscalls.ts"
import * as Verdict from "../../../sdk/Verdict.ts"

const names = (Object.keys(syscallNumbers) as ReadonlyArray<Syscall.SyscallName>).filter((name) => Syscall.classify(name).safety !== "fixed")

export default SyscallHandler.many(names as ReadonlyArray<"getpgid">, { power: "steer", memory: "racy", vdso: "keep" }, (call) =>
  Effect.succeed(call.name === "getpgid" ? Verdict.value(77) : Verdict.continue))
