/** Takes the place of `sdk/internal/assets.ts` on the executable's thread of modules. */
import { memfdOf } from "./memfds.ts"

export const clientLibrary = (): string => memfdOf("librvisor.so")
export const sentryExecutable = (): string => memfdOf("rvisor-sentry")
export const builtFilters = (): Readonly<Record<string, string>> => ({})
export const moduleWorker = (): string => {
  throw new Error("modules of handlers cannot start sandboxes with modules of handlers")
}
