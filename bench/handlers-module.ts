/** The handlers that `handlers.ts` measures, as modules and as closures: an answer without memory, one that writes, one that reads, one that reads and lets go on. */
import { Effect } from "effect"
import * as Syscall from "../sdk/Syscall.ts"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import * as Verdict from "../sdk/Verdict.ts"

export default [
  SyscallHandler.make("getppid", () => Effect.succeed(Verdict.value(1))),
  SyscallHandler.make("uname", (call) => Effect.as(call.args.name.write(Syscall.Utsname.make({ sysname: "Linux", nodename: "box" })), Verdict.value(0))),
  SyscallHandler.make("access", (call) => Effect.map(call.args.filename.read, (path) => path === "/etc/hostname" ? Verdict.errno("EPERM") : Verdict.value(0))),
  SyscallHandler.make("openat", (call) => Effect.as(call.args.filename.read, Verdict.continue))
]
