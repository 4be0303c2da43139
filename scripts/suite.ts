/**
 * BusyBox's own test suite natively and under rvisor, and what differs, case by case:
 *
 *     npm run test:suite                                     all of it, under the translated view
 *     npm run test:suite -- --view namespace cp mv tar       some applets, under the other one
 *
 * The source package comes from Debian's archive, once. Exit code 1 when a case differs without a reason that is known.
 */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { differences, reasons, runSuite, suitePossible, tally } from "../test/support/busybox.ts"

const { positionals, values } = parseArgs({ allowPositionals: true, options: { view: { type: "string", default: "translated" } } })
const executable = fileURLToPath(new URL("../dist/rvisor", import.meta.url))
if (!existsSync(executable)) throw new Error("dist/rvisor is not there: run `npm run build` first")
if (!suitePossible()) throw new Error("the suite needs Debian's packages busybox-static and dpkg-dev, and its archive")

console.error("natively …")
const natively = runSuite(positionals, () => [])
console.error(`under the ${values.view} view …`)
const inside = runSuite(positionals, (directory) => [executable, "run", "--view", values.view, "--write", directory, "--"])

console.log(`natively:             ${tally(natively.results)}, in ${natively.seconds.toFixed(0)} s`)
console.log(`the ${values.view} view: ${tally(inside.results)}, in ${inside.seconds.toFixed(0)} s`)
const found = differences(natively.results, inside.results, reasons)
console.log(found.length === 0 ? "no case differs" : `${found.length} of ${natively.results.size} cases differ:`)
for (const { inside, name, natively, reason } of found) console.log(`  ${name}: ${natively} natively, ${inside} inside${reason === undefined ? "" : ` (${reason})`}`)
process.exit(found.some(({ reason }) => reason === undefined) ? 1 : 0)
