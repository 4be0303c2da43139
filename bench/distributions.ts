/**
 * The whole distribution of a call that somebody decides or answers, with everything on one processor and unpinned, from one thread and from eight: what
 * the tables of `docs/performance.md` are made of. A median hides that one call in a hundred takes a hundred times as long, where it does.
 */
import { fileURLToPath } from "node:url"
import { type Bench, onOneCpu, within } from "./bench.ts"
import { succeeded } from "./contestants.ts"
import { addresses, decide, sandboxed } from "./decisions.ts"
import type { Figure, Sample } from "./measure.ts"
import { compiled } from "./micro.ts"
import type { Row } from "./results.ts"

/** With a tenth more to warm up, fewer than a backlog holds (4,096, somaxconn): nobody accepts. */
const ROUNDS = 3600
const figures: ReadonlyArray<Figure> = ["p10", "p50", "p90", "p99", "max"].map((name) => ({ name, unit: "µs", better: "lower" }))
const places: Readonly<Record<string, ReadonlyArray<string>>> = { "one processor": onOneCpu, unpinned: [] }
const handlers = fileURLToPath(new URL("./handlers.ts", import.meta.url))

export const distributions = (bench: Bench): Promise<void> =>
  bench.set("distributions", "Whole distributions of single calls", (compare) =>
    within(async (directory) => {
      const decided = compiled(directory, "decided"), calls = compiled(directory, "calls"), wakeups = compiled(directory, "wakeups")
      const rows: Array<Row> = []
      for (const [place, prefix] of Object.entries(places)) {
        const measure = (argv: ReadonlyArray<string>) => async (): Promise<Sample> => {
          const numbers = (await succeeded({ argv: [...prefix, ...argv] }, directory, 60)).stdout.trim().split(" ").map(Number)
          return { values: numbers.slice(0, 5).map((ns) => ns / 1000), work: `${ROUNDS} calls` }
        }
        const row = async (name: string, subjects: Readonly<Record<string, ReadonlyArray<string>>>): Promise<void> => {
          const all = Object.entries(subjects).map(([name, argv]) => ({ name, measure: measure(argv) }))
          rows.push(...await compare(figures.map((figure) => ({ ...figure, name: `${name}, ${place}, ${figure.name}` })), all, { rounds: 5, seconds: 5 * all.length }))
        }
        await row("a notification", { "without rvisor": [wakeups, "1", String(ROUNDS)] })
        for (const threads of [1, 8]) {
          const many = threads === 1 ? "" : `, ${threads} threads`
          for (const call of ["open", "stat", "tcp", "unix"]) {
            const argv = [decided, call, String(ROUNDS / threads), String(threads), "0", "all"]
            const flags = call === "tcp" || call === "unix" ? addresses : decide(directory)
            await row(`${call}${many}`, { native: argv, "rvisor, not decided": sandboxed(directory, [], argv), "rvisor, decided": sandboxed(directory, flags, argv) })
          }
          const argv = [calls, "getppid", String(ROUNDS / threads), String(threads)]
          const answered = (kind: string) => [process.execPath, handlers, argv[0]!, kind, ...argv.slice(1)]
          await row(`getppid${many}`, { native: argv, ...Object.fromEntries(["rvisor, untrapped", "rvisor, observer", "rvisor, module", "rvisor, closure"].map((kind) => [kind, answered(kind)])) })
        }
      }
      return rows
    }))
