/**
 * Small C programs that tests need, compiled once per run of the suite.
 */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const source = (name: string) => fileURLToPath(new URL(`./${name}.c`, import.meta.url))

/** Compiles `test/support/<name>.c` into `directory`, with `options` for the compiler; the program's path. */
export const compileSupport = (name: string, directory: string, options: ReadonlyArray<string> = []): string => {
  const output = join(directory, name)
  execFileSync("gcc", ["-O1", "-Wall", "-Wextra", ...options, "-o", output, source(name)], { stdio: ["ignore", "inherit", "inherit"] })
  return output
}
