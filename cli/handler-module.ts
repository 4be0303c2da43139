/**
 * What `--handler` names: a file, or a package that is installed where rvisor is started. The executable does not resolve names of
 * packages itself (nothing of the directory that it is started in changes what it does), so this reads what `node_modules` says.
 */
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"

const conditions = ["node", "import", "module-sync", "default"]

/** The file that `exports` gives for the package itself: the first condition that holds. */
const entry = (exports: unknown): string | undefined => {
  if (typeof exports === "string") return exports
  if (typeof exports !== "object" || exports === null) return undefined
  const [found] = Object.entries(exports).filter(([key]) => key === "." || conditions.includes(key))
  return found === undefined ? undefined : entry(found[1])
}

const packageFile = (name: string, from: string): string | undefined => {
  const folder = join(from, "node_modules", name)
  if (!existsSync(join(folder, "package.json"))) return dirname(from) === from ? undefined : packageFile(name, dirname(from))
  const { exports, main } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { readonly exports?: unknown; readonly main?: unknown }
  const file = entry(exports) ?? (typeof main === "string" ? main : "index.js")
  return resolve(folder, file)
}

/** The path of a file that is there, else of the package of that name, else of the file that is missing. */
export const locate = (given: string): Effect.Effect<string> => {
  const file = resolve(given)
  if (existsSync(file) || !/^(@[\w.-]+\/)?\w[\w.-]*$/.test(given)) return Effect.succeed(file)
  return Effect.try(() => packageFile(given, process.cwd()) ?? file).pipe(Effect.orElseSucceed(() => file))
}
