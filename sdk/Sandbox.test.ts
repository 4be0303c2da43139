/** The handle's promises, under this runtime and, as a program of its own, under Bun. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { pinned } from "../scripts/setup.mjs"
import { flows } from "../test/support/flows.ts"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

describe("in this runtime", () => {
  for (const [name, flow] of Object.entries(flows)) it(name, flow)
})

describe.runIf(process.versions["bun"] === undefined)("in Bun", () => {
  let results: Record<string, string>
  const all = () =>
    results ??= JSON.parse(execFileSync(pinned.bun, [path("../test/support/flows.ts")], { encoding: "utf8", env: { PATH: process.env["PATH"] }, maxBuffer: 1 << 24 })) as typeof results
  for (const name of Object.keys(flows)) it(name, () => expect(all()[name]).toBe("ok"), 120_000)
})
