/** Trace points: arguments, results and memory of real programs are changed, and calls made in them. Under this runtime and under Bun. */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { pinned } from "../../scripts/setup.mjs"
import { scratch } from "../support/sandbox.ts"
import { cases } from "../support/steer-cases.ts"

const directory = scratch()
const guest = join(directory, "steer")
const support = (name: string) => join(import.meta.dirname, "../support", name)

beforeAll(() => void execFileSync("gcc", ["-O1", "-Wall", "-Wextra", "-pthread", "-o", guest, support("steer.c")]))

describe("steering handlers", () => {
  for (const [name, body] of Object.entries(cases)) it(name, () => body(guest), 60_000)
})

describe.runIf(process.versions["bun"] === undefined)("steering handlers in Bun", () => {
  let results: Record<string, string>
  const all = () =>
    results ??= JSON.parse(execFileSync(pinned.bun, [support("steer-cases.ts"), guest], { encoding: "utf8", maxBuffer: 1 << 24 })) as typeof results
  for (const name of Object.keys(cases)) it(name, () => expect(all()[name]).toBe("ok"), 180_000)
})
