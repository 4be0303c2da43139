/**
 * Every example of README.md and docs/*.md is run. What happens to a fenced block is told by the words behind its fence:
 *
 * | fence               | meaning                                                                                           |
 * |---------------------|---------------------------------------------------------------------------------------------------|
 * | ` ```ts `           | a whole program: type-checked, then run under Node; it must exit with 0. Imports from `"rvisor"` and `"rvisor/promise"` |
 * | ` ```ts check `     | a whole program that is type-checked and not run (it needs something that a test has not)          |
 * | ` ```sh `           | run by `sh -eu`, with the built `rvisor` on the PATH; it must exit with 0, or N with ` ```sh exit=N ` |
 * | ` ```console `      | a transcript: each line that begins with `$ ` is run by `sh`, and prints the lines beneath it (stdout and stderr); `…` stands for any text, alone on a line for any lines |
 * | ` ```json `         | a policy: decoded by `Policy.decode`                                                              |
 * | any with `fragment` | shown only: signatures, extracts, output                                                          |
 * | `<!-- sh` … `-->`   | run like ` ```sh ` and not shown: what the next example needs                                     |
 *
 * The blocks of one document run in order in one empty directory, so that a file made by one can be used by the next.
 * Other languages (`text`, `c`, `mermaid`, none) are not examples. Links to files must lead to files.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Policy from "../sdk/Policy.ts"
import { scratch } from "./support/sandbox.ts"

const root = resolve(import.meta.dirname, "..")
const documents = ["README.md", ...(existsSync(join(root, "docs")) ? readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`) : [])]

interface Block {
  readonly language: string
  readonly words: ReadonlyArray<string>
  readonly text: string
  readonly line: number
}

const blocks = (document: string): ReadonlyArray<Block> => {
  const found: Array<Block> = []
  let open: { readonly ends: (line: string) => boolean; readonly info: string; readonly line: number; readonly lines: Array<string> } | undefined
  readFileSync(join(root, document), "utf8").split("\n").forEach((line, index) => {
    if (open === undefined) {
      const [, fence, info] = /^ {0,3}(`{3,}|~{3,})\s*(.*)$/.exec(line) ?? (line === "<!-- sh" ? ["", "-->", "sh"] : [])
      if (fence !== undefined) open = { ends: (end) => end.trim() === fence, info: info!, line: index + 1, lines: [] }
    } else if (open.ends(line)) {
      const [language = "", ...words] = open.info.trim().split(/\s+/)
      found.push({ language, words, text: `${open.lines.join("\n")}\n`, line: open.line })
      open = undefined
    } else open.lines.push(line)
  })
  if (open !== undefined) throw new Error(`${document}:${open.line}: the block is never closed`)
  return found
}

// Programs lie inside the package, so that they can import it by its own name.
const programs = join(root, ".cache", `docs-${process.pid}`)
mkdirSync(programs, { recursive: true })
afterAll(() => rmSync(programs, { recursive: true, force: true }))

const environment = (home: string): Record<string, string> => ({
  PATH: `${join(root, "dist")}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
  HOME: home,
  LANG: "C.UTF-8"
})

const execute = (program: string, args: ReadonlyArray<string>, cwd: string) => {
  const result = spawnSync(program, args, { cwd, env: environment(cwd), encoding: "utf8", timeout: 60_000, stdio: ["ignore", "pipe", "pipe"] })
  return { code: result.status, output: `${result.stdout}${result.stderr}` }
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** A pattern for what a transcript shows. */
const shown = (lines: ReadonlyArray<string>): RegExp =>
  new RegExp(`^${lines.map((line) => line.trim() === "…" ? "(?:[^\\n]*\\n)*?" : `${line.trimEnd().split("…").map(escape).join("[^\\n]*")}[ \\t]*\\n`).join("")}$`)

const transcript = (text: string): ReadonlyArray<{ readonly command: string; readonly output: ReadonlyArray<string> }> => {
  const steps: Array<{ command: string; output: Array<string> }> = []
  for (const line of text.trimEnd().split("\n")) {
    const last = steps.at(-1)
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), output: [] })
    else if (last === undefined) throw new Error("a transcript begins with a line \"$ command\"")
    else if (last.output.length === 0 && last.command.endsWith("\\")) last.command += `\n${line}`
    else last.output.push(line)
  }
  return steps
}

const typed: Array<string> = []

for (const document of documents) {
  describe(document, () => {
    const directory = scratch()
    for (const block of blocks(document)) {
      if (block.words.includes("fragment")) continue
      const place = `${document}:${block.line}`
      const name = `${document.replace(/\W/g, "-")}-${block.line}.ts`
      const expected = Number(block.words.map((word) => /^exit=(\d+)$/.exec(word)?.[1]).find((code) => code !== undefined) ?? 0)
      switch (block.language) {
        case "ts":
          writeFileSync(join(programs, name), block.text)
          typed.push(name)
          if (block.words.includes("check")) break
          it(`${place} runs`, { timeout: 70_000 }, () => {
            const { code, output } = execute(process.execPath, [join(programs, name)], directory)
            expect(code, output).toBe(expected)
          })
          break
        case "sh":
          it(`${place} runs`, { timeout: 70_000 }, () => {
            const { code, output } = execute("sh", ["-eu", "-c", block.text], directory)
            expect(code, output).toBe(expected)
          })
          break
        case "console":
          it(`${place} prints what it shows`, { timeout: 120_000 }, () => {
            for (const { command, output } of transcript(block.text)) {
              const result = execute("sh", ["-c", `exec 2>&1\n${command}`], directory).output
              expect(result === "" || result.endsWith("\n") ? result : `${result}\n`, command).toMatch(shown(output))
            }
          })
          break
        case "json":
          it(`${place} is a policy`, async () => {
            await expect(Effect.runPromise(Policy.decode(JSON.parse(block.text), { source: place }))).resolves.toBeDefined()
          })
          break
        case "javascript": case "js": case "typescript": case "bash": case "shell": case "jsonc":
          throw new Error(`${place}: examples are written as ts, sh, console or json`)
      }
    }

    it("has no dead links", () => {
      const text = readFileSync(join(root, document), "utf8").replace(/^(`{3,}|~{3,})[\s\S]*?^\1/gm, "")
      const links = [...text.matchAll(/\]\(([^)\s#]+)(#[^)\s]*)?\)/g)].map((match) => match[1]!).filter((link) => !/^[a-z]+:/.test(link))
      expect(links.filter((link) => !existsSync(resolve(root, dirname(document), link)))).toEqual([])
    })
  })
}

it("the programs of all documents are typed rightly", { timeout: 60_000 }, () => {
  const project = {
    extends: "../../tsconfig.json",
    compilerOptions: { noEmit: true, noUnusedLocals: false, rootDir: root },
    include: typed.map((name) => `./${name}`),
    exclude: []
  }
  if (typed.length === 0) return
  writeFileSync(join(programs, "tsconfig.json"), JSON.stringify(project))
  const result = execute(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", programs], root)
  expect(result).toEqual({ code: 0, output: "" })
})
