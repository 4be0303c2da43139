/** Handlers answer system calls of real programs, and every way in which one can fail has an outcome. Under this runtime and under Bun. */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { pinned } from "../../scripts/setup.mjs"
import { cases } from "../support/handler-cases.ts"
import { scratch } from "../support/sandbox.ts"
import { slowness } from "../support/slowness.ts"

const directory = scratch()
const guest = join(directory, "guest")
const support = (name: string) => join(import.meta.dirname, "../support", name)

beforeAll(() => void execFileSync("gcc", ["-O1", "-pthread", "-o", guest, support("guest.c")]))

const running = (): number =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith(`${guest}\0`)
    } catch {
      return false
    }
  }).length

describe("handlers", () => {
  for (const [name, body] of Object.entries(cases)) it(name, () => body(guest), 60_000)
  it("a host program that is killed while it answers takes its guest along, whose listeners it has", async () => {
    for (let round = 0; round < 5; round++) {
      const host = spawn(process.execPath, [support("holding.ts"), guest], { stdio: ["ignore", "pipe", "inherit"] })
      await once(host.stdout, "data")
      await new Promise((resolve) => setTimeout(resolve, 50 + 37 * round))
      expect(running()).toBe(2)
      host.kill("SIGKILL")
      const begin = performance.now()
      while (running() > 0 && performance.now() - begin < 5000) await new Promise((resolve) => setTimeout(resolve, 10))
      expect(running()).toBe(0)
    }
  }, 60_000)
})

describe.runIf(process.versions["bun"] === undefined)("handlers in Bun", () => {
  let results: Record<string, string>
  const all = () =>
    results ??= JSON.parse(execFileSync(pinned.bun, [support("handler-cases.ts"), guest], { encoding: "utf8", maxBuffer: 1 << 24, timeout: slowness * 180_000 })) as typeof results
  for (const name of Object.keys(cases)) it(name, () => expect(all()[name]).toBe("ok"), 180_000)
})
