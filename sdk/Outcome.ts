/**
 * How a command ended, and what it used. Three cases: it exited by itself, a signal ended it (its own fault or somebody's
 * `kill`), or the sandbox ended it (`Killed`, with the reason: a limit, a forbidden syscall, the host program).
 */
import { Schema } from "effect"
import { Usage } from "./internal/protocol.ts"

export { Usage }

/**
 * Why the sandbox ended a command.
 *
 * | reason     | meaning |
 * |------------|---------|
 * | `memory`   | over `limits.memory`: the kernel's OOM killer of the sandbox's control group |
 * | `cpuTime`  | over `limits.cpuTime` |
 * | `wallTime` | over `limits.wallTime` |
 * | `output`   | over `limits.output` |
 * | `killed`   | `kill()` without a signal, the scope closed, or the main command ended before this one |
 * | `timeout`  | the host program's own time limit (`timeout` of the promise API) |
 * | `syscall`  | a system call for which the policy says `kill` |
 * | `handler`  | a handler said `kill`, or failed and its failure policy is `kill`: the message says which and why |
 * | `sentry`   | the sentry died or was killed; the guest died with it |
 */
export const Reason = Schema.Literals(["memory", "cpuTime", "wallTime", "output", "killed", "timeout", "syscall", "handler", "sentry"])
export type Reason = typeof Reason.Type

export class Exited extends Schema.TaggedClass<Exited>()("Exited", {
  code: Schema.Int,
  /** Absent for commands started with `exec`: usage is counted for the sandbox as a whole. */
  usage: Schema.optionalKey(Usage)
}) {}

export class Signaled extends Schema.TaggedClass<Signaled>()("Signaled", {
  /** Name: `SIGSEGV`. */
  signal: Schema.String,
  signalNumber: Schema.Int,
  core: Schema.Boolean,
  usage: Schema.optionalKey(Usage)
}) {}

export class Killed extends Schema.TaggedClass<Killed>()("Killed", {
  reason: Reason,
  /** One line for people: what was exceeded, and the limit. */
  message: Schema.String,
  usage: Schema.optionalKey(Usage)
}) {}

export const Outcome = Schema.Union([Exited, Signaled, Killed])
export type Outcome = typeof Outcome.Type

/** As a shell would report it: the exit code, or 128 + the signal's number (137 where the sandbox ended it). */
export const exitCode = (self: Outcome): number => {
  switch (self._tag) {
    case "Exited": return self.code
    case "Signaled": return 128 + self.signalNumber
    case "Killed": return 137
  }
}

export const isSuccess = (self: Outcome): boolean => self._tag === "Exited" && self.code === 0
