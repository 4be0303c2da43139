/** Handlers on the calls that every program makes all the time; each looks and lets the call go on. */
import { Effect } from "effect"
import * as SyscallHandler from "../../../sdk/SyscallHandler.ts"
import * as Verdict from "../../../sdk/Verdict.ts"

const go = Effect.succeed(Verdict.continue)

export default [
  // Carried out by init, from what was read.
  SyscallHandler.make("openat", (call) => Effect.as(call.args.filename.read, Verdict.continue)),
  SyscallHandler.make("mkdir", (call) => Effect.as(call.args.pathname.read, Verdict.continue)),
  SyscallHandler.make("rename", (call) => Effect.as(call.args.oldname.read, Verdict.continue)),
  SyscallHandler.make("unlink", () => go),
  SyscallHandler.make("stat", () => Effect.as(Effect.sleep(0), Verdict.continue)),
  // Left to the kernel.
  SyscallHandler.make("newfstatat", { power: "observe" }, (call) => Effect.as(call.args.filename.read, Verdict.continue)),
  SyscallHandler.make("execve", { power: "observe" }, (call) => Effect.as(call.args.filename.read, Verdict.continue)),
  SyscallHandler.make("write", { memory: "none" }, () => go),
  SyscallHandler.make("nanosleep", { memory: "none" }, () => go),
  SyscallHandler.make("clock_nanosleep", { memory: "none" }, () => go),
  SyscallHandler.make("poll", { memory: "none" }, () => go),
  SyscallHandler.make("kill", () => go),
  SyscallHandler.make("setsid", { power: "observe" }, () => go)
]
