/** What stops the harness itself (never the verdict of a test): what was wanted, why it is not to be had, and what to do. */

export type FailureKind =
  /** The package archive, or something in it, cannot be reached. */
  | "archive"
  /** A program that the harness needs is not on this host. */
  | "program"
  /** Something did not build. */
  | "build"
  /** What was unpacked or read is not what it should be. */
  | "format"

export class HarnessFailure extends Error {
  readonly kind: FailureKind
  readonly remedy: string

  constructor(kind: FailureKind, reason: string, remedy: string) {
    super(remedy === "" ? reason : `${reason}\n  remedy: ${remedy}`)
    this.name = "HarnessFailure"
    this.kind = kind
    this.remedy = remedy
  }
}
