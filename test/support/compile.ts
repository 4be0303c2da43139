/**
 * Small C programs that tests need, compiled once per run of the suite.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const sources = (name: string): ReadonlyArray<string> => {
  const file = fileURLToPath(new URL(`./${name}.c`, import.meta.url)), folder = fileURLToPath(new URL(`./${name}`, import.meta.url))
  return existsSync(file) ? [file] : readdirSync(folder).filter((each) => each.endsWith(".c")).map((each) => join(folder, each))
}

/** Compiles `test/support/<name>.c`, or all that is in `test/support/<name>`, into `directory`, with `options` for the compiler; the program's path. */
export const compileSupport = (name: string, directory: string, options: ReadonlyArray<string> = []): string => {
  const output = join(directory, name)
  execFileSync("gcc", ["-O1", "-Wall", "-Wextra", ...options, "-o", output, ...sources(name)], { stdio: ["ignore", "inherit", "inherit"] })
  return output
}
