/**
 * What `rvisor run` says about how a program ended: one line for people, one object for machines.
 *
 * The object (`--json`):
 *
 * | key        | value |
 * |------------|-------|
 * | `outcome`  | `Exited`, `Signaled`, `Killed` (the sandbox ended it), `Refused` (nothing ran) |
 * | `exitCode` | what rvisor exits with |
 * | `signal`   | name of the signal, where one ended the program |
 * | `reason`, `message` | why the sandbox ended it: a word, and a line |
 * | `usage`    | times in milliseconds, sizes in bytes |
 * | `layers`   | what held |
 * | `overlays` | with `--changes` or `--commit`, for each overlay: `target`, `changes`, and with `--commit` `committed` and `skipped` |
 * | `stdout`, `stderr` | captured output: text, or `{ "base64": … }` where it is no UTF-8 |
 * | `truncated` | names of the streams of which only the first 16 MiB were kept |
 * | `error`    | the error's `_tag`, `message` and fields: why nothing ran (`Refused`), or why changes were not listed or committed (`ChangesError`) |
 */
import type { Outcome } from "../sdk/Outcome.ts"
import type { ChangesError, SandboxError, SpawnError } from "../sdk/errors.ts"
import * as ExitCode from "./exit-code.ts"

/** Captured bytes as JSON. */
export const bytes = (data: Uint8Array): string | { readonly base64: string } => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data)
  } catch {
    return { base64: Buffer.from(data).toString("base64") }
  }
}

/** The line for stderr, where the sandbox (and not the program itself, nor a signal) was the end of it. */
export const line = (outcome: Outcome): string | undefined => outcome._tag === "Killed" ? `ended by the sandbox: ${outcome.message}` : undefined

export const ended = (outcome: Outcome) => ({
  outcome: outcome._tag,
  ...(outcome._tag === "Signaled" ? { signal: outcome.signal } : {}),
  ...(outcome._tag === "Killed" ? { reason: outcome.reason, message: outcome.message } : {}),
  ...(outcome.usage === undefined ? {} : { usage: outcome.usage })
})

/** An error with its tag, fields and message. */
export const describe = (error: SpawnError | SandboxError | ChangesError): object => ({ ...error, message: error.message })

export const refused = (error: SpawnError | SandboxError | ChangesError): object => ({
  outcome: "Refused" as const,
  exitCode: ExitCode.ofError(error),
  error: describe(error)
})

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

/** What the program used, for `--verbose`. */
export const usage = (outcome: Outcome): string | undefined => {
  const used = outcome.usage
  return used === undefined ? undefined :
    `used ${seconds(used.wallMs)} (cpu: ${seconds(used.userMs)} user, ${seconds(used.systemMs)} system), ${(used.maxMemory / 1048576).toFixed(1)} MiB of memory at most`
}
