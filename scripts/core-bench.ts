/**
 * What decisions cost with 10, 1,000 and 100,000 rules: compiles programs, builds native/core/bench with -O2, prints a table.
 *
 *     node scripts/run.mjs node scripts/core-bench.ts
 *
 * Path rules are distinct directories and files five names deep; 1 in 100 is denied. The paths that are asked lie beneath the
 * rules, all over the tree. Globs are measured apart: each hangs where its first wildcard stands, so only those on the way cost.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Result } from "effect"
import { type CallRule, type Model, type PathRule, Right } from "../sdk/internal/decision/model.ts"
import { compileProgram } from "../sdk/internal/decision/program.ts"

const core = fileURLToPath(new URL("../native/core", import.meta.url))
const directory = mkdtempSync(join(tmpdir(), "rvisor-bench-"))
const sources = ["access", "address", "call", "glob", "path", "validate"].map((name) => join(core, `${name}.c`))

const pathOf = (index: number) => `/srv/tenant${index % 37}/project${index % 1009}/src/module-${index}`
const empty: Model = { default: { type: "errno", errno: 38 }, foreign: { type: "kill" }, calls: [], paths: [], addresses: [] }

const pathRules = (count: number) =>
  Array.from({ length: count }, (_, index): PathRule => ({
    kind: index % 100 === 99 ? "deny" : "grant",
    id: index,
    rights: Right.all,
    scope: "subtree",
    path: pathOf(index)
  }))

const denied = (count: number, glob: (index: number) => string) =>
  Array.from({ length: count }, (_, id): PathRule => ({ kind: "deny", id, rights: Right.all, scope: "subtree", glob: glob(id) }))
const globs = (count: number) => denied(count, (index) => `/**/.secret-${index}-*`)
const anchored = (count: number) => denied(count, (index) => `${pathOf(index)}/**/*.key`)

/** `count` rules over 450 calls: allowed, one in ten with conditions, plus a handler now and then. */
const callRules = (count: number) =>
  Array.from({ length: count }, (_, index): CallRule => ({
    id: index,
    nr: index % 450,
    ...(index % 10 === 0 ? { when: [{ argument: 1, narrow: true, op: "in" as const, values: [1n, 2n, 3n, 9n] }] } : {}),
    action: index % 97 === 0 ? { type: "handler", handler: index % 64 } : { type: "allow" }
  }))

const asked = (count: number) =>
  Array.from({ length: 5000 }, (_, index) => `${pathOf((index * 7919) % count)}/lib/file-${index}.ts`).join("\n") + "\n"

try {
  execFileSync("cc", ["-std=gnu11", "-O2", "-I", core, "-o", join(directory, "bench"), join(core, "bench/core_bench.c"), ...sources], { stdio: "inherit" })
  const rows: ReadonlyArray<readonly [string, Partial<Model>, number]> = [
    ["10 path rules", { paths: pathRules(10), calls: callRules(10) }, 10],
    ["1,000 path rules", { paths: pathRules(1000), calls: callRules(1000) }, 1000],
    ["100,000 path rules", { paths: pathRules(100_000), calls: callRules(60_000) }, 100_000],
    ["+ 10 globs from /**", { paths: [...pathRules(1000), ...globs(10)] }, 1000],
    ["+ 100 globs from /**", { paths: [...pathRules(1000), ...globs(100)] }, 1000],
    ["100,000 globs, each under its own directory", { paths: anchored(100_000) }, 100_000]
  ]
  console.log("| rules | compile, ms | bytes | validate, µs | ns per path | rules per call | ns per call |\n|---|---|---|---|---|---|---|")
  for (const [name, rules, count] of rows) {
    const start = performance.now()
    const program = Result.getOrThrow(compileProgram({ ...empty, ...rules }))
    const compiled = performance.now() - start
    writeFileSync(join(directory, "program"), program)
    writeFileSync(join(directory, "paths"), asked(count))
    const output = execFileSync(join(directory, "bench"), [join(directory, "program"), join(directory, "paths")], { encoding: "utf8" })
    const values = Object.fromEntries(output.trim().split("\n").map((line) => line.split(" "))) as Record<string, string>
    const perCall = (rules.calls?.length ?? 0) / 450
    const numbers = [compiled.toFixed(0), values["program_bytes"], values["validate_us"], values["path_ns"], perCall.toFixed(perCall < 10 ? 2 : 0), values["call_ns"]]
    console.log(`| ${name} | ${numbers.join(" | ")} |`)
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
