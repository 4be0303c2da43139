/**
 * What deciding at each call costs (`filesystem.decide: "calls"`, a `network` with rules): single calls, from one thread with everything on one
 * processor, and from eight. What it costs whole programs is in `work.ts`.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Bench, onOneCpu, within } from "./bench.ts"
import { executable, succeeded } from "./contestants.ts"
import type { Figure, Sample } from "./measure.ts"
import { compiled } from "./micro.ts"

/** A denial that concerns no file of a measurement, as policies have it. */
export const decide = (directory: string): ReadonlyArray<string> => ["--decide", "calls", "--deny", `${directory}/**/.env`]
export const addresses = ["--connect", "127.0.0.1:*", "--connect", "unix:/tmp/*", "--bind", "127.0.0.1:*", "--bind", "unix:/tmp/*"]

/** The command line of a sandbox in which a program of `directory` may run. */
export const sandboxed = (directory: string, flags: ReadonlyArray<string>, argv: ReadonlyArray<string>): ReadonlyArray<string> =>
  [executable, "run", "--quiet", "--write", directory, "--cwd", directory, ...flags, "--", ...argv]

export const latencies: ReadonlyArray<Figure> = ["p50", "p90", "p99"].map((name) => ({ name, unit: "µs", better: "lower" }))

/** Runs a program that prints nanoseconds, and calls per second as the last word. */
export const printed = async (argv: ReadonlyArray<string>, directory: string): Promise<ReadonlyArray<number>> =>
  (await succeeded({ argv }, directory, 60)).stdout.trim().split(" ").map(Number).map((value, index, { length }) => index === length - 1 ? value : value / 1000)

const calls: Readonly<Record<string, string>> = { open: "open, close", stat: "stat", tcp: "connect, TCP loopback", unix: "connect, AF_UNIX" }

export const decisions = (bench: Bench): Promise<void> =>
  bench.set("decisions", "Calls that the policy decides one by one, one processor", (compare) =>
    within(async (directory) => {
      const program = compiled(directory, "decided")
      const measure = (argv: ReadonlyArray<string>) => async (): Promise<Sample> => ({ values: (await printed([...onOneCpu, ...argv], directory)).slice(0, 3), work: "3,000 calls" })
      const rows = []
      for (const [call, name] of Object.entries(calls)) {
        const argv = [program, call, "3000", "1"]
        rows.push(...await compare(latencies.map((figure) => ({ ...figure, name: `${name}, ${figure.name}` })), [
          { name: "native", measure: measure(argv) },
          { name: "rvisor, decided", measure: measure(sandboxed(directory, call === "tcp" || call === "unix" ? addresses : decide(directory), argv)) }
        ], { rounds: 7, seconds: 10 }))
      }
      return rows
    }))

const THREADS = [1, 2, 8, 64]
const RULES = [10, 1000, 100_000]
const FILES = [10, 1000, 10_000]

/** How it scales: with threads, with rules, with open files. */
export const scale = async (bench: Bench): Promise<void> => {
  await bench.set("threads", "Threads that call at once, on all processors", (compare) =>
    within(async (directory) => {
      const program = compiled(directory, "decided")
      const rows = []
      for (const threads of THREADS) {
        const count = 6400 / threads
        const argv = (call: string) => [program, call, String(count), String(threads)]
        const measure = (argv: ReadonlyArray<string>) => async (): Promise<Sample> => ({ values: [(await printed(argv, directory)).at(-1)!], work: "6,400 calls" })
        rows.push(...await compare([{ name: `stat, ${threads} ${threads === 1 ? "thread" : "threads"}`, unit: "calls/s", better: "higher" }], [
          { name: "native", measure: measure(argv("stat")) },
          { name: "rvisor", measure: measure(sandboxed(directory, [], argv("stat"))) },
          { name: "rvisor, decided", measure: measure(sandboxed(directory, decide(directory), argv("stat"))) }
        ], { rounds: 5, seconds: 10 }))
      }
      return rows
    }))
  await bench.set("rules", "Paths in the policy", (compare) =>
    within(async (directory) => {
      const program = compiled(directory, "decided")
      const subjects = RULES.map((count) => {
        const policy = join(directory, `policy-${count}.json`)
        writeFileSync(policy, JSON.stringify({ filesystem: { decide: "calls", deny: Array.from({ length: count }, (_, i) => ({ path: `${directory}/d${i % 100}/${i}/secret`, optional: true })) } }))
        return {
          name: `${count.toLocaleString("en-US")} paths`,
          measure: async (): Promise<Sample> => {
            const start = await succeeded({ argv: sandboxed(directory, ["--policy", policy], ["true"]) }, directory, 60)
            const [p50] = await printed(sandboxed(directory, ["--policy", policy], [program, "stat", "3000", "1"]), directory)
            return { values: [start.ms, p50!], work: "3,000 calls" }
          }
        }
      })
      return compare([{ name: "`rvisor run -- true`", unit: "ms", better: "lower" }, { name: "decided stat, p50", unit: "µs", better: "lower" }], subjects, { rounds: 5, seconds: 30 })
    }))
  await bench.set("files", "Files that the guest has open", (compare) =>
    within(async (directory) => {
      const program = compiled(directory, "decided")
      const rows = []
      for (const call of ["open", "stat"]) {
        rows.push(...await compare([{ name: `decided ${calls[call]}, p50`, unit: "µs", better: "lower" }], FILES.map((count) => ({
          name: `${count.toLocaleString("en-US")} files`,
          measure: async (): Promise<Sample> => ({
            values: [(await printed([...onOneCpu, ...sandboxed(directory, [...decide(directory), "--open-files", "20000"], [program, call, "3000", "1", String(count)])], directory))[0]!], work: "3,000 calls"
          })
        })), { rounds: 5, seconds: 8 }))
      }
      return rows
    }))
}
