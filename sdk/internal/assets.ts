/**
 * Where the native parts lie. In a checkout and in the npm package they are files beside the library; the self-contained
 * executable replaces this module by one that serves them from memory.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const candidates = (name: string): ReadonlyArray<string> => [
  fileURLToPath(new URL(`../../native/${name}`, import.meta.url)), // dist/sdk/internal → dist/native
  fileURLToPath(new URL(`../../dist/native/${name}`, import.meta.url)) // sdk/internal → dist/native
]

const locate = (name: string): string => {
  const found = candidates(name)
  return found.find((path) => existsSync(path)) ?? found[0]!
}

/** Path of `librvisor.so`, for dlopen. */
export const clientLibrary = (): string => locate("librvisor.so")

/** The program of the thread that modules of handlers run on. */
export const moduleWorker = (): URL | string => new URL(`./ring/moduleWorker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url)

/** Path of `rvisor-sentry`, for execve. */
export const sentryExecutable = (): string => locate("rvisor-sentry")

/** Seccomp programs that were made when rvisor was built, by `filterKey` of their rules (launch.ts): those of the presets. */
export const builtFilters = (): Readonly<Record<string, string>> => {
  const path = locate("filters.json")
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) as Record<string, string> : {}
}

/** The kernel module's source, path to text, laid out as dkms takes it. Empty in a checkout that is not built. */
export const moduleSource = (): Readonly<Record<string, string>> => {
  const directory = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../../dist/kmod" : "../../kmod", import.meta.url))
  if (!existsSync(directory)) return {}
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(files.map((file) => [file.slice(join(directory, "/").length), readFileSync(file, "utf8")]))
}
