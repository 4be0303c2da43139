/** Placeholder, replaced in the next step of this file's making. */
import { Effect } from "effect"
import type * as SyscallHandler from "../../SyscallHandler.ts"
import type { FailureNote } from "./consumer.ts"

export interface ModuleThread {
  readonly handlers: ReadonlyArray<ReadonlyArray<SyscallHandler.Any>>
  readonly serve: (ring: number, bell: number, own: ReadonlyArray<boolean>, failed: (failure: FailureNote) => void) => void
  readonly stop: () => void
}
export const startModules = (_urls: ReadonlyArray<string>): Effect.Effect<ModuleThread> => Effect.die("not yet")
