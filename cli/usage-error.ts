/** The command line asks for something that makes no sense. Exit code 2; nothing was started. */
import * as Schema from "effect/Schema"

export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", {
  reason: Schema.String,
  /** What to write instead; empty where that is plain. */
  remedy: Schema.String
}) {
  override get message(): string {
    return this.remedy === "" ? this.reason : `${this.reason}\n  remedy: ${this.remedy}`
  }
}
