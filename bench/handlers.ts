/**
 * What a call costs that a handler answers, as distributions: a value, a value and a structure written, a path read and an errno, a file
 * opened on the guest's behalf; by a module and by a closure, seen by an observer, kept from a handler by its filter, untrapped, and native. Each
 * measurement is a program of its own (this file, started with arguments), so that it can be pinned with all its threads.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import * as Command from "../sdk/Command.ts"
import * as Policy from "../sdk/Policy.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import * as Verdict from "../sdk/Verdict.ts"
import { Arg } from "../sdk/Where.ts"
import closures from "./handlers-module.ts"
import { interleaveAll, type Row } from "./measure.ts"

const self = fileURLToPath(import.meta.url)

const kinds: Readonly<Record<string, () => ReadonlyArray<Policy.HandlerSource>>> = {
  untrapped: () => [],
  filtered: () => [SyscallHandler.make("getpgid", { where: Arg.eq("pid", 12345) }, () => Effect.succeed(Verdict.value(1)))],
  observed: () => [SyscallHandler.fromModule(new URL("./handlers-observe.ts", import.meta.url))],
  module: () => [SyscallHandler.fromModule(new URL("./handlers-module.ts", import.meta.url))],
  closure: () => closures
}

/** What the program printed, in a sandbox with handlers of that kind. */
const measure = (program: string, kind: string, call: string, rounds: string, threads: string): Promise<string> =>
  Effect.gen(function*() {
    const policy = Policy.make({ filesystem: { read: [program] }, handlers: kinds[kind]!() }) as Policy.Policy
    const sandbox = yield* Sandbox.spawn(Command.make(program, call, rounds, threads), policy)
    return yield* Stream.mkString(Stream.decodeText(sandbox.stdout))
  }).pipe(Effect.scoped, Effect.runPromise)

const CALLS = 8000
const ROUNDS = 5
const latencies = ["p10", "p50", "p90", "p99", "max"].map((name) => ({ name, unit: "µs", better: "lower" as const }))
const figures = [...latencies, { name: "calls a second", unit: "1/s", better: "higher" as const }]

/** By call and number of threads: who answers it. Native is measured beside each. */
const plan: ReadonlyArray<{ readonly call: string; readonly what: string; readonly threads: number; readonly kinds: ReadonlyArray<string> }> = [
  { call: "getppid", what: "a value", threads: 1, kinds: ["untrapped", "observed", "module", "closure"] },
  { call: "getpgid", what: "decided in init", threads: 1, kinds: ["filtered"] },
  { call: "uname", what: "a structure written", threads: 1, kinds: ["module", "closure"] },
  { call: "access", what: "a path read, an errno", threads: 1, kinds: ["module", "closure"] },
  { call: "open", what: "a path read, opened on behalf", threads: 1, kinds: ["module", "closure"] },
  { call: "getppid", what: "a value", threads: 8, kinds: ["module", "closure"] },
  { call: "open", what: "a path read, opened on behalf", threads: 8, kinds: ["module", "closure"] }
]

export const handlers = async (progress: (text: string) => void): Promise<ReadonlyArray<Row>> => {
  const directory = mkdtempSync(join(tmpdir(), "rvisor-bench-"))
  const compiled = (name: string): string => {
    const program = join(directory, name)
    execFileSync("gcc", ["-O2", "-pthread", "-o", program, fileURLToPath(new URL(`${name}.c`, import.meta.url))])
    return program
  }
  const rows: Array<Row> = []
  try {
    const program = compiled("calls")
    const wakeups = compiled("wakeups")
    for (const place of ["one CPU", "unpinned"]) {
      const run = (argv: ReadonlyArray<string>) => {
        const [file, ...args] = place === "one CPU" ? ["taskset", "-c", "0", ...argv] : argv
        const printed = execFileSync(file!, args, { encoding: "utf8", timeout: 120_000 }).trim().split(" ").map(Number)
        return printed.map((value, index) => index < latencies.length ? value / 1000 : value)
      }
      for (const { call, kinds, threads, what } of plan) {
        const numbers = [call, String(Math.round(CALLS / threads)), String(threads)]
        rows.push(...await interleaveAll(`${call} (${what}), ${threads === 1 ? "1 thread" : `${threads} threads`}, ${place}`, figures, ROUNDS, [
          { name: "native", measure: () => run([program, ...numbers]) },
          ...kinds.map((kind) => ({ name: kind, measure: () => run([process.execPath, self, program, kind, ...numbers]) }))
        ], progress))
      }
      rows.push(...await interleaveAll(`a bare notification, ${place}`, latencies, ROUNDS, [
        { name: "woken on the guest's CPU", measure: () => run([wakeups, "1", String(CALLS)]) },
        { name: "woken anywhere", measure: () => run([wakeups, "0", String(CALLS)]) }
      ], progress))
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
  return rows
}

if (process.argv[1] === self) {
  const [program, kind, call, rounds, threads] = process.argv.slice(2) as [string, string, string, string, string]
  process.stdout.write(await measure(program, kind, call, rounds, threads))
}
