/** Takes the place of `sdk/internal/assets.ts` in the self-contained executable: the native parts come from memory. */
import client from "../../dist/native/librvisor.so" with { type: "file" }
import filters from "../../dist/native/filters.json" with { type: "json" }
import source from "../../dist/.kmod.json" with { type: "json" }
import worker from "../../dist/.worker/moduleWorker.bundle" with { type: "file" }
import sentry from "../../dist/native/rvisor-sentry" with { type: "file" }
import { koffiModule } from "./koffi-module.ts"
import { memfdPath } from "./memfd.ts"

const once = (make: () => string) => {
  let path: string | undefined
  return (): string => path ??= make()
}

/** Path of `librvisor.so`, for dlopen. */
export const clientLibrary = once(() => memfdPath(client, "librvisor.so"))

/** The program of the thread that modules of handlers run on: a bundle of its own, so that the main program stays one flat module. */
export const moduleWorker = (): string => {
  koffiModule() // that thread finds it by its name
  return worker
}

/** Path of `rvisor-sentry`, for execve. */
export const sentryExecutable = once(() => memfdPath(sentry, "rvisor-sentry"))

/** Seccomp programs of the presets. */
export const builtFilters = (): Readonly<Record<string, string>> => filters

/** The kernel module's source, path to text. */
export const moduleSource = (): Readonly<Record<string, string>> => source
