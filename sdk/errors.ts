/**
 * Failures as values. Every error says what was being done, on what, what the kernel answered, and what the reader can do
 * about it (`remedy`). Match on `_tag`.
 */
import { Schema } from "effect"

/** One fault of a policy (or of a command) and where it stands. */
export class PolicyFault extends Schema.Class<PolicyFault>("rvisor/PolicyFault")({
  /** Dotted path into the value, `filesystem.read[2].path`; empty for the whole. */
  path: Schema.String,
  message: Schema.String,
  /** What would mend it, where that is known. */
  suggestion: Schema.optionalKey(Schema.String)
}) {}

/** A policy that cannot be used. Holds every fault at once, not the first. */
export class PolicyError extends Schema.TaggedError<PolicyError>()("PolicyError", {
  /** Where the policy came from: a file name, or `policy`. */
  source: Schema.String,
  faults: Schema.Array(PolicyFault)
}) {
  override get message(): string {
    const lines = this.faults.map((f) => `  ${f.path === "" ? "" : `${f.path}: `}${f.message}${f.suggestion === undefined ? "" : ` (${f.suggestion})`}`)
    return `${this.source} has ${this.faults.length === 1 ? "a fault" : `${this.faults.length} faults`}:\n${lines.join("\n")}`
  }
}

/** The sandbox, or a command in it, could not be started. Nothing of it remains. */
export class SetupError extends Schema.TaggedError<SetupError>()("SetupError", {
  /** Which step of the set-up: one of the names in docs/architecture.md (`namespaces`, `mount`, `landlock`, `exec`, …). */
  step: Schema.String,
  /** What the step was about: a path, a namespace, a limit. */
  object: Schema.String,
  /** Name of the errno (`ENOENT`), empty where there was none. */
  errno: Schema.String,
  reason: Schema.String,
  remedy: Schema.String
}) {
  override get message(): string {
    const what = this.object === "" ? this.step : `${this.step} ${this.object}`
    return `${what}: ${this.reason}${this.errno === "" ? "" : ` [${this.errno}]`}${this.remedy === "" ? "" : `\n  remedy: ${this.remedy}`}`
  }
}

/** rvisor's own parts are not to be had: the native library or the sentry is missing, of another version, or not loadable. */
export class LoadError extends Schema.TaggedError<LoadError>()("LoadError", {
  object: Schema.String,
  reason: Schema.String,
  remedy: Schema.String
}) {
  override get message(): string {
    return `${this.object}: ${this.reason}${this.remedy === "" ? "" : `\n  remedy: ${this.remedy}`}`
  }
}

/** An operation on a running sandbox did not work. */
export class SandboxError extends Schema.TaggedError<SandboxError>()("SandboxError", {
  /** `gone`: the sandbox has ended. `refused`: the sentry said no. `io`: reading or writing a stream failed. `sentry`: the sentry died. */
  kind: Schema.Literals(["gone", "refused", "io", "sentry"]),
  operation: Schema.String,
  reason: Schema.String,
  remedy: Schema.String
}) {
  override get message(): string {
    return `${this.operation}: ${this.reason}${this.remedy === "" ? "" : `\n  remedy: ${this.remedy}`}`
  }
}

/** Listing, committing or discarding the changes of an overlay did not work. */
export class ChangesError extends Schema.TaggedError<ChangesError>()("ChangesError", {
  operation: Schema.Literals(["list", "commit", "discard"]),
  /** Beneath the overlay; the overlay's host directory where it is about the whole. */
  path: Schema.String,
  /** Name of the errno (`ENOSPC`), empty where there was none. */
  errno: Schema.String,
  reason: Schema.String,
  remedy: Schema.String
}) {
  override get message(): string {
    return `${this.operation} ${this.path}: ${this.reason}${this.errno === "" ? "" : ` [${this.errno}]`}${this.remedy === "" ? "" : `\n  remedy: ${this.remedy}`}`
  }
}

/** What `Sandbox.spawn` fails with. */
export type SpawnError = PolicyError | SetupError | LoadError
