/** The programs, the table of rows, the tests and the document speak of the same attacks. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { documentPath, faults, render } from "../../scripts/generate-security-tests-docs.mjs"
import { special } from "./rows.ts"

it("every program says what it tries, where that is known from, what must happen, and what its control is", () => expect(faults()).toEqual([]))

it("every attack of the table has a test, and every row of it is asked for", () => {
  const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts")).map((name) => readFileSync(join(import.meta.dirname, name), "utf8")).join("\n")
  const missing = Object.keys(special).filter((name) => !tests.includes(`rowsOf("${name}")`))
  // Of these the policy is the test's own: limits, Landlock, another sandbox's.
  expect(missing).toEqual(["bomb", "runtime_exe", "swap_paths"])
})

it("docs/security-tests.md is what the programs say (node scripts/generate-security-tests-docs.mjs)", () => expect(readFileSync(documentPath, "utf8")).toBe(render()))
