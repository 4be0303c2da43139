/**
 * Somebody else's tests: BusyBox's own, of the applets that are about files and processes, natively and under the translated view. All of them,
 * and under either view, by `npm run test:suite`.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { differences, reasons, runSuite, shortList, suitePossible } from "../support/busybox.ts"
import { needs } from "../support/sandbox.ts"

const executable = join(import.meta.dirname, "../../dist/rvisor")

const possible = needs("Debian's busybox-static, dpkg-dev and archive, and dist/rvisor", suitePossible() && existsSync(executable))

it.runIf(possible)("BusyBox's suite has the same results as natively, case by case", () => {
  const natively = runSuite(shortList, () => [])
  expect([...natively.results.values()].filter((result) => result === "PASS").length).toBeGreaterThan(150)
  const inside = runSuite(shortList, (directory) => [executable, "run", "--view", "translated", "--write", directory, "--"])
  expect(differences(natively.results, inside.results, reasons)).toEqual([])
}, 300_000)
