/**
 * Suites of `test/` inside virtual machines: each becomes one file of JavaScript, with `suite.ts` in the place of vitest, and is run once
 * for each backend, with the host's tree beneath. The lists of tests must be the same, and all must pass.
 */
import { existsSync, mkdirSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import { pathToFileURL } from "node:url"
import { rolldown } from "rolldown"
import { HarnessFailure } from "./failure.ts"
import { cache, root } from "./place.ts"
import { quote } from "./report.ts"

export const backends = ["ptrace", "kmod"] as const

/**
 * All suites that a backend has to pass. Those of steering and of the fallback (test/conformance/{steer,fallback}.test.ts) are about trace points, which
 * only one backend has.
 */
export const everySuite: ReadonlyArray<string> = ["denials", "violations", "calls", "network", "processes", "limits", "view", "handlers", "differential"].map((name) => `test/conformance/${name}.test.ts`)

/** Those that the test command has time for. */
export const quickSuites: ReadonlyArray<string> = ["denials", "network"].map((name) => `test/conformance/${name}.test.ts`)

/** The attacks, under the rows of their table that both backends have. */
export const attacks: ReadonlyArray<string> = ["plain", "files", "network", "races", "shares"].map((name) => `test/attacks/${name}.test.ts`)

/** Some of the backends, and of the suites and their tests those whose names contain one of the words; where there is no word, all. */
export interface Selection {
  readonly backends: ReadonlyArray<string>
  readonly suites: ReadonlyArray<string>
  readonly tests: ReadonlyArray<string>
}

/** Bundles a suite; answers the file. What it finds beside its source by `import.meta` it still finds there. */
export const bundle = async (suite: string): Promise<string> => {
  const file = join(cache, "build/suites", `${relative("test", suite).replace(/\.test\.ts$/, "").replaceAll("/", "-")}.mjs`)
  mkdirSync(dirname(file), { recursive: true })
  const made = await rolldown({
    input: join(root, suite),
    platform: "node",
    logLevel: "silent",
    external: [/^koffi$/, /^bun:/],
    resolve: { alias: { vitest: join(root, "kmod/harness/suite.ts") } },
    plugins: [{
      name: "places",
      transform: (code: string, id: string) => {
        if (!id.startsWith(`${root}/`) || id.includes("/node_modules/") || !code.includes("import.meta.")) return undefined
        return code
          .replaceAll("import.meta.dirname", JSON.stringify(dirname(id)))
          .replaceAll("import.meta.filename", JSON.stringify(id))
          .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href))
      }
    }]
  })
  await made.write({ file, format: "esm", codeSplitting: false })
  await made.close()
  return file
}

/** Names of the tests that were run under a backend, in order; what was left out is none. */
export const namesIn = (lines: ReadonlyArray<string>, backend: string): ReadonlyArray<string> => {
  let suite: string | undefined
  return lines.flatMap((line) => {
    const [, of, name] = /^#### program (\S+) (\S+)$/.exec(line) ?? []
    if (name !== undefined) suite = of === backend ? name : undefined
    const test = /^(?:not )?ok \d+ - ([^#]*)$/.exec(line)?.[1]
    return suite === undefined || test === undefined ? [] : [`${suite} ${test}`]
  })
}

/** A script that runs bundles under one backend, and marks where each begins and ends. */
export const suitesScript = (files: ReadonlyArray<string>, backend: string, { factor, seconds, tests }: { readonly factor: number; readonly seconds: number; readonly tests: ReadonlyArray<string> }): string => {
  const node = join(root, "node_modules/.bin/node")
  if (!existsSync(node)) throw new HarnessFailure("program", `${node} is not there`, "npm ci")
  return files.map((file) => [
    `echo "#### program ${backend} ${basename(file, ".mjs")}"`,
    `(cd ${root} && RVISOR_BACKEND=${backend} RVISOR_TEST_FACTOR=${factor} RVISOR_TEST_NAMES=${quote(JSON.stringify(tests))} timeout -s KILL ${seconds} ${node} ${file} 2>&1)`,
    `echo "#### ended $?"`
  ].join("\n")).join("\n")
}
