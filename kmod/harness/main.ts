/**
 * `npm run test:kmod [-- LANE… [--kernel SERIES]… [--backend NAME]… [--suite WORD]… [--test WORD]…]`: tests the kernel module in virtual machines. Without words: the lanes that the README's
 * test command runs as well. `all` is every lane; `--kernel` takes these kernels only; in lanes that run suites of `test/`, `--suite` and `--test` take those suites and
 * tests only whose names contain one of the words, `--backend` one of the two; `--update` looks for newer ones first. The last line is `N passed, N failed`; the exit code is 1
 * when anything failed.
 */
import { writeFileSync } from "node:fs"
import { backends } from "./conformance.ts"
import { HarnessFailure } from "./failure.ts"
import { lanes } from "./lanes.ts"
import { kernel, seriesOfTests } from "./packages.ts"
import { Report } from "./report.ts"

const words = process.argv.slice(2)
const report = words.find((word) => word.startsWith("--report="))?.slice("--report=".length)
/** Options that take a word each, and may be given more than once. */
const options = ["--kernel", "--backend", "--suite", "--test"]
const isValue = (index: number): boolean => options.includes(words[index - 1] ?? "") && !isValue(index - 1)
const valuesOf = (option: string): ReadonlyArray<string> => words.filter((_, index) => words[index - 1] === option && isValue(index))
const named = valuesOf("--kernel"), selection = { backends: valuesOf("--backend"), suites: valuesOf("--suite"), tests: valuesOf("--test") }
const isSelected = Object.values(selection).some((values) => values.length > 0)
const wanted = words.filter((word, index) => !word.startsWith("--") && !isValue(index))
const unknown = [
  ...words.filter((word, index) => word.startsWith("--") && !isValue(index) && word !== "--update" && !word.startsWith("--report=") && !(options.includes(word) && index + 1 < words.length)),
  ...wanted.filter((word) => word !== "all" && lanes[word] === undefined),
  ...selection.backends.filter((word) => !backends.some((backend) => backend === word)).map((word) => `${word} (backends: ${backends.join(", ")})`),
  ...named.filter((word) => !seriesOfTests.some((series) => series === word)).map((word) => `${word} (kernels: ${seriesOfTests.join(", ")})`)
]
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(", ")}. Lanes:\n${Object.entries(lanes).map(([name, { always, title }]) => `  ${name.padEnd(12)} ${title}${always ? "" : " (not in the test command)"}`).join("\n")}`)
  process.exit(2)
}
const kernels = named.length === 0 ? seriesOfTests : seriesOfTests.filter((series) => named.includes(series))
const always = Object.keys(lanes).filter((name) => lanes[name]!.always && (named.length === 0 || lanes[name]!.own !== true))
const names = wanted.includes("all") ? Object.keys(lanes) : wanted.length > 0 ? wanted : always
const own = named.length === 0 ? [] : names.filter((name) => lanes[name]!.own === true)
if (own.length > 0) {
  console.error(`these have kernels of their own, and take no --kernel: ${own.join(", ")}`)
  process.exit(2)
}

const whole = isSelected ? names.filter((name) => lanes[name]!.suites !== true) : []
if (whole.length > 0) {
  console.error(`these run no suites, and take no --backend, --suite or --test: ${whole.join(", ")}`)
  process.exit(2)
}

const total = new Report("")
try {
  if (words.includes("--update")) for (const series of kernels) await kernel(series, { update: true })
  for (const name of names) {
    const { run, title } = lanes[name]!
    const part = total.within(name), started = performance.now()
    console.log(`· ${name}: ${title}`)
    try {
      await run(part, kernels, selection)
    } catch (error) {
      if (!(error instanceof HarnessFailure)) throw error
      part.add("can be run", "failed", error.message)
    }
    const { failed, passed, skipped } = part.count
    console.log(`  ${name}: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} left out` : ""} (${((performance.now() - started) / 1000).toFixed(0)} s)`)
  }
} catch (error) {
  total.add("the harness", "failed", error instanceof HarnessFailure ? error.message : String((error as Error).stack))
}
if (report !== undefined) writeFileSync(report, JSON.stringify(total.count))
console.log(`${total.count.passed} passed, ${total.count.failed} failed`)
process.exit(total.count.failed === 0 && total.count.passed > 0 ? 0 : 1)
