/**
 * What a finished command gives the promise API: one shape for success and failure. A failure is an `Error` of that shape,
 * thrown, or returned where the caller said `reject: false`.
 */
import type { Reason, Usage } from "../Outcome.ts"

/** What was kept of an output. */
export type Captured = string | Uint8Array | ReadonlyArray<string> | undefined

export interface CommandResult<Stdout = Captured, Stderr = Stdout, All = Captured> {
  /** Program and arguments, joined by spaces: for people. */
  readonly command: string
  /** The same, quoted for a POSIX shell, control characters escaped. */
  readonly escapedCommand: string
  /** The directory asked for, as the guest sees it; `undefined` where rvisor chose it. */
  readonly cwd: string | undefined
  /** On the host. `undefined` where the command never started. */
  readonly pid: number | undefined
  /** `undefined` where the command did not exit by itself. */
  readonly exitCode: number | undefined
  /** Name of the signal that ended the command. `SIGKILL` (`SIGSYS` for a forbidden system call) where the sandbox ended it. */
  readonly signal: string | undefined
  readonly signalDescription: string | undefined
  /** Why the sandbox ended the command; `undefined` where it ended by itself or by a signal. */
  readonly killedBy: Reason | undefined
  /** Ended by a signal or by the sandbox. */
  readonly isTerminated: boolean
  /** The option `timeout` ended the command. */
  readonly timedOut: boolean
  /** The option `signal` was aborted. */
  readonly isCanceled: boolean
  /** More output than `maxBuffer`; what is kept is the beginning. */
  readonly isMaxBuffer: boolean
  /** Anything but exit code 0. */
  readonly failed: boolean
  /** `undefined` unless piped to us and kept (`buffer`). */
  readonly stdout: Stdout
  readonly stderr: Stderr
  /** Both, in the order in which they came; with the option `all`. */
  readonly all: All
  readonly stdio: readonly [undefined, Stdout, Stderr]
  /** Milliseconds from the call to the end, set-up included. */
  readonly durationMs: number
  /** What the whole sandbox used; `undefined` for commands started with `exec`. */
  readonly usage: Usage | undefined
}

/** What only a failure has. */
export interface Failure {
  /** What went wrong, and the command; without its output. */
  readonly shortMessage: string
  /** Words of the error beneath, where there is one. */
  readonly originalMessage: string | undefined
  /** The abort's reason, the error of an input or output of the caller's, or rvisor's own error. */
  readonly cause: unknown
}

/** A command that did not succeed. Has every field of a result. */
export class SandboxCommandError<Stdout = Captured, Stderr = Stdout, All = Captured> extends Error
  implements CommandResult<Stdout, Stderr, All>, Failure
{
  declare readonly command: string
  declare readonly escapedCommand: string
  declare readonly cwd: string | undefined
  declare readonly pid: number | undefined
  declare readonly exitCode: number | undefined
  declare readonly signal: string | undefined
  declare readonly signalDescription: string | undefined
  declare readonly killedBy: Reason | undefined
  declare readonly isTerminated: boolean
  declare readonly timedOut: boolean
  declare readonly isCanceled: boolean
  declare readonly isMaxBuffer: boolean
  declare readonly failed: true
  declare readonly stdout: Stdout
  declare readonly stderr: Stderr
  declare readonly all: All
  declare readonly stdio: readonly [undefined, Stdout, Stderr]
  declare readonly durationMs: number
  declare readonly usage: Usage | undefined
  readonly shortMessage: string
  readonly originalMessage: string | undefined
  declare readonly cause: unknown

  constructor(result: CommandResult<Stdout, Stderr, All>, reason: string, cause: unknown) {
    const originalMessage = cause === undefined ? undefined : printable(cause instanceof Error ? cause.message : String(cause))
    const shortMessage = `${reason}: ${result.escapedCommand}${originalMessage ? `\n${originalMessage}` : ""}`
    super([shortMessage, ...[result.stderr, result.stdout].map(excerpt)].filter((part) => part !== "").join("\n"), cause === undefined ? undefined : { cause })
    Object.assign(this, result)
    this.shortMessage = shortMessage
    this.originalMessage = originalMessage
  }

  override get name(): "SandboxCommandError" {
    return "SandboxCommandError"
  }
}

/** A guest chooses its output: a message that ends on somebody's terminal must not carry its control sequences, or megabytes. */
const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`)

const longest = 10_000

const excerpt = (output: unknown): string => {
  const text = typeof output === "string" ? output : Array.isArray(output) ? output.join("\n") : ""
  return printable(text.length <= longest ? text : `[… ${text.length - longest} characters left out]\n${text.slice(-longest)}`).trimEnd()
}
