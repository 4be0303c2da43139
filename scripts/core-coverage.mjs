/**
 * Holds the decision core at 100 % branch and line coverage.
 *
 *     node scripts/core-coverage.mjs
 *
 * Builds native/core with gcc's coverage instrumentation, runs its unit tests (native/core/test, deterministic, no input) and fails
 * if a line or a branch of any of its source files was not reached. Nothing is excluded. Needs gcc and gcov (`CC` and `GCOV` name
 * others).
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"

const core = fileURLToPath(new URL("../native/core", import.meta.url))
const cc = process.env.CC ?? "gcc"
const gcov = process.env.GCOV ?? "gcov"
const directory = mkdtempSync(join(tmpdir(), "rvisor-coverage-"))
const run = (program, args) => execFileSync(program, args, { cwd: directory, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 })

/** file → line → function → { count, branches }: a header's functions are compiled into several objects, whose counts add up. */
const reached = new Map()

const take = (file, { branches, count, function_name: name, line_number: number }) => {
  const lines = reached.get(file) ?? reached.set(file, new Map()).get(file)
  const key = `${number} ${name}`
  const known = lines.get(key)
  if (known === undefined) lines.set(key, { number, count, branches: branches.map((branch) => branch.count) })
  else {
    known.count += count
    branches.forEach((branch, index) => (known.branches[index] += branch.count))
  }
}

try {
  const sources = readdirSync(core).filter((name) => name.endsWith(".c"))
  const flags = ["-std=c11", "-O0", "-g", "--coverage", "-fprofile-abs-path", "-ffreestanding", "-fno-builtin", "-I", core]
  for (const source of sources) run(cc, [...flags, "-c", join(core, source), "-o", source.replace(/\.c$/, ".o")])
  const tests = readdirSync(join(core, "test")).filter((name) => name.endsWith(".c"))
  for (const test of tests) run(cc, ["-std=c11", "-O1", "-I", core, "-c", join(core, "test", test), "-o", `test-${test}.o`])
  run(cc, ["--coverage", "-o", "core_test", ...tests.map((test) => `test-${test}.o`), ...sources.map((source) => source.replace(/\.c$/, ".o"))])
  run("./core_test", [])
  for (const source of sources) {
    const report = run(gcov, ["--json-format", "--stdout", "--branch-probabilities", source.replace(/\.c$/, ".gcda")])
    for (const { file, lines } of JSON.parse(report).files) for (const line of lines) take(file, line)
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}

const total = { lines: 0, branches: 0 }
const missed = []
for (const [file, lines] of [...reached].sort()) {
  const name = relative(core, file)
  const sum = { lines: 0, branches: 0, hitLines: 0, hitBranches: 0 }
  for (const { branches, count, number } of lines.values()) {
    sum.lines += 1
    sum.branches += branches.length
    sum.hitLines += count > 0 ? 1 : 0
    sum.hitBranches += branches.filter((taken) => taken > 0).length
    if (count === 0) missed.push(`${name}:${number}: never run`)
    else branches.forEach((taken, index) => taken === 0 && missed.push(`${name}:${number}: branch ${index} never taken`))
  }
  total.lines += sum.lines
  total.branches += sum.branches
  console.log(`${name.padEnd(12)} lines ${sum.hitLines}/${sum.lines}  branches ${sum.hitBranches}/${sum.branches}`)
}
if (missed.length > 0) {
  console.error(missed.join("\n"))
  process.exitCode = 1
} else console.log(`100 % of ${total.lines} lines and ${total.branches} branches`)
