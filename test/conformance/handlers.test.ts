/** Handlers answer system calls of real programs, and every way in which one can fail has an outcome. Under this runtime and under Bun. */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { cases } from "../support/handler-cases.ts"
import { scratch } from "../support/sandbox.ts"

const directory = scratch()
const guest = join(directory, "guest")
const support = (name: string) => join(import.meta.dirname, "../support", name)

beforeAll(() => void execFileSync("gcc", ["-O1", "-pthread", "-o", guest, support("guest.c")]))

describe("handlers", () => {
  for (const [name, body] of Object.entries(cases)) it(name, () => body(guest), 60_000)
})

describe.runIf(process.versions["bun"] === undefined)("handlers in Bun", () => {
  let results: Record<string, string>
  const all = () =>
    results ??= JSON.parse(execFileSync(join(import.meta.dirname, "../../node_modules/@oven/bun-linux-x64/bin/bun"), [support("handler-cases.ts"), guest], { encoding: "utf8", maxBuffer: 1 << 24 })) as typeof results
  for (const name of Object.keys(cases)) it(name, () => expect(all()[name]).toBe("ok"), 180_000)
})
