/**
 * A system call fuzzer in the sandbox: stress-ng's hostile stressors, each for a second (`RVISOR_STRESS_SECONDS`), under every way by which calls are decided. Whatever becomes of the
 * stressor, the sandbox's own processes live to tell it, nothing of it is left, and nothing of the host is different.
 */
import { hostname } from "node:os"
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { counted, footprint } from "../support/footprint.ts"
import { needs, scratch } from "../support/sandbox.ts"
import { complaints, type Hold, holds, stress, stressors, stressPossible, stressTree } from "../support/stress.ts"

const SECONDS = Number(process.env["RVISOR_STRESS_SECONDS"] ?? 1)

const place = join(scratch(), "temporary"), before = process.env["TMPDIR"]
mkdirSync(place)
process.env["TMPDIR"] = place
afterAll(() => {
  if (before === undefined) delete process.env["TMPDIR"]
  else process.env["TMPDIR"] = before
})

/** What a guest with a way out would change first. */
const machine = () => [hostname(), readFileSync("/proc/sys/kernel/core_pattern", "utf8"), readFileSync("/proc/sys/kernel/printk", "utf8"), readFileSync("/proc/sys/vm/overcommit_memory", "utf8"), complaints()]

describe.runIf(needs("Debian's archive", stressPossible()))("stress-ng", () => {
  let tree = ""
  beforeAll(async () => {
    tree = await stressTree()
  }, 300_000)

  for (const hold of Object.keys(holds) as Array<Hold>) {
    it(hold, async () => {
      await stress(tree, hold, "fork", 1) // what is loaded and kept for good
      const first = footprint(), host = machine()
      const ends: Array<string> = []
      for (const stressor of stressors) {
        const { outcome, processes, said } = await stress(tree, hold, stressor, SECONDS)
        const end = outcome._tag === "Exited" ? String(outcome.code) : outcome._tag === "Killed" ? outcome.reason : outcome.signal
        ends.push(`${stressor} ${end}`)
        // It ran, as a guest; the sentry and init were there to say how it ended.
        expect(end, `${stressor}: ${said}`).not.toBe("sentry")
        expect(processes + said.length, stressor).toBeGreaterThan(0)
      }
      console.log(`${hold}: ${ends.join(", ")}`)
      let last = footprint()
      for (let i = 0; i < 20 && counted.some((name) => last[name] > first[name]); i++) {
        await new Promise((resolve) => setTimeout(resolve, 250))
        last = footprint()
      }
      for (const name of counted) expect(last[name], name).toBeLessThanOrEqual(first[name])
      expect(machine()).toEqual(host)
    }, (stressors.length * (SECONDS + 30) + 60) * 1000)
  }
})
