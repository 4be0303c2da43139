/** What rvisor promises about speed and memory, and whether results keep it. A promise is a ratio within one run wherever it can be one. */
import type { Measured, Results, Row } from "./results.ts"
import { number } from "./table.ts"

export interface Judgement {
  readonly found: string
  readonly kept: boolean
}

export interface Promised {
  readonly what: string
  readonly limit: string
  /** Nothing where it was not measured. */
  readonly judge: (results: Results) => Judgement | undefined
  /** Why it is missed, as far as is known. Told where it is. */
  readonly why?: string
}

const row = (results: Results, set: string, name: string): Row | undefined => results.sets.find(({ id }) => id === set)?.rows.find((each) => each.name.includes(name))
const of = (found: Row | undefined, name: string): Measured | undefined => found?.results.find((each) => each.name === name)

/** The worst of several, where all were measured. */
const all = (judgements: ReadonlyArray<Judgement | undefined>): Judgement | undefined =>
  judgements.length === 0 || judgements.includes(undefined) ? undefined : { found: judgements.map((each) => each!.found).join("; "), kept: judgements.every((each) => each!.kept) }

const atMost = (value: number | undefined, limit: number, unit: string, label = ""): Judgement | undefined =>
  value === undefined ? undefined : { found: `${label}${number(value)}${unit === "" ? "" : ` ${unit}`}`, kept: value <= limit }

const ratio = (results: Results, set: string, name: string, subject: string, label: string): Judgement | undefined => {
  const found = of(row(results, set, name), subject)
  return found === undefined ? undefined : { found: `${label}${(found.ratio * 100).toFixed(1)} %`, kept: found.ratio >= 0.98 }
}

export const promises: ReadonlyArray<Promised> = [
  {
    what: "a call that is not trapped costs what seccomp's own filter costs",
    limit: "at most 10 % over a filter that allows everything",
    judge: (results) => {
      const found = row(results, "micro", "getppid"), alone = of(found, "a filter alone"), ours = of(found, "rvisor")
      return alone === undefined || ours === undefined ? undefined : { found: `${number(ours.median)} µs, the filter alone ${number(alone.median)} µs`, kept: ours.median <= alone.median * 1.1 }
    }
  },
  {
    what: "nginx and Redis, default policy",
    limit: "at least 98 % of native in the same run",
    judge: (results) =>
      all([ratio(results, "nginx", "nginx", "rvisor", "nginx "), ...["SET", "GET", "LRANGE"].map((test) => ratio(results, "redis", test, "rvisor", `${test} `))])
  },
  {
    what: "`open` and `close`, and `stat`, decided by rvisor, one processor",
    limit: "at most 5 × native",
    judge: (results) => all(["open, close", "stat"].map((call) => atMost(of(row(results, "decisions", `${call}, p50`), "rvisor, decided")?.ratio, 5, "", `${call} × `))),
    why: "The notification alone, two switches of context and nothing decided, is several times a native `open` or `stat` (\"a notification without rvisor\", below), so no decision outside the kernel keeps this promise; [performance.md](performance.md) says what the rest is and what has been done about it. The kernel module decides in the kernel, and keeps it (\"The kernel module\", below)."
  },
  {
    what: "a call that a TypeScript handler answers, one processor, p50",
    limit: "12 µs by a module, 25 µs by a closure",
    judge: (results) => {
      const found = row(results, "handlers", "getppid (a value), p50")
      return all([atMost(of(found, "rvisor, module")?.median, 12, "µs", "module "), atMost(of(found, "rvisor, closure")?.median, 25, "µs", "closure ")])
    },
    why: "An answer is a notification (two switches of context: \"a notification without rvisor\", below) and a round through a thread of JavaScript (two more), and those alone come near the limit. [performance.md](performance.md) and [handlers.md](handlers.md) have the parts."
  },
  {
    what: "`rvisor run -- true`, warm",
    limit: "at most 40 ms",
    judge: (results) => atMost(of(row(results, "run", "true"), "rvisor")?.median, 40, "ms"),
    why: "See [Where the start goes](#where-the-start-goes)."
  },
  {
    what: "`Sandbox.spawn` of `true` in a running program",
    limit: "at most bubblewrap's time and 2 ms",
    judge: (results) => {
      const found = row(results, "spawn", "start"), peer = of(found, "bubblewrap"), ours = of(found, "Sandbox.spawn")
      return peer === undefined || ours === undefined ? undefined : { found: `${number(ours.median)} ms, bubblewrap ${number(peer.median)} ms`, kept: ours.median <= peer.median + 2 }
    }
  },
  {
    what: "a developer's work: git, npm, a compiler, a deep find, many small processes",
    limit: "at most 1.1 × native",
    judge: (results) => {
      const found = of(row(results, "work", "all of it"), "rvisor")
      return found === undefined ? undefined : { found: `× ${found.ratio.toFixed(3)}`, kept: found.ratio <= 1.1 }
    }
  },
  {
    what: "the translated view beside PRoot, where paths dominate: a find, git, a compiler, `open` and `close`, `stat`",
    limit: "at least 3 × as fast",
    judge: (results) => {
      const rows = (results.sets.find(({ id }) => id === "paths")?.rows ?? []).filter(({ name }) => !name.startsWith("getppid"))
      const faster = rows.map((each) => {
        const ours = of(each, "rvisor, translated view"), peer = of(each, "PRoot")
        return ours === undefined || peer === undefined ? undefined : { found: `${each.name.replace(/, p50$/, "")} ${(peer.median / ours.median).toFixed(1)} ×`, kept: peer.median >= 3 * ours.median }
      })
      return all(faster)
    },
    why: "`git status` looks at files from several threads at once, and one thread answers them; what PRoot does in two stops of ptrace on one processor takes twice as long as a notification, not three times. [performance.md](performance.md) says what a call is made of."
  },
  {
    what: "memory of a sandbox's sentry",
    limit: "at most 3 MiB (RSS)",
    judge: (results) => {
      const found = row(results, "memory", "rvisor-sentry, RSS")?.results[0]?.median
      return atMost(found === undefined ? undefined : found / 1024, 3, "MiB")
    }
  },
  {
    what: "500 idle sandboxes at once",
    limit: "all of them start, and another one does",
    judge: (results) => {
      const rows = results.sets.find(({ id }) => id === "memory")?.rows ?? [], kept = rows.find(({ name }) => name.startsWith("start 500")), one = rows.find(({ name }) => name.startsWith("one more"))
      const seconds = kept?.results[0]?.median, next = one?.results[0]?.median
      return seconds === undefined || next === undefined ? undefined : { found: `${number(seconds)} s to start them, ${number(next)} ms for one more`, kept: kept!.work.startsWith("500 ") }
    }
  },
  {
    what: "kernel module: a call of a task that is in no sandbox",
    limit: "at most 2 % more instructions",
    judge: (results) => {
      const rows = results.sets.find(({ id }) => id === "kmod")?.rows.filter(({ name }) => name.startsWith("getppid")) ?? []
      return all(rows.map((each) => atMost(of(each, "module loaded, in no sandbox")?.ratio, 1.02, "", "× ")))
    }
  },
  {
    what: "kernel module: a call that it decides",
    limit: "at most 0.3 µs over native (900 instructions, at three a nanosecond)",
    judge: (results) => {
      const rows = results.sets.find(({ id }) => id === "kmod")?.rows.filter(({ name }) => name.startsWith("getppid")) ?? []
      return all(rows.map((each) => {
        const base = each.results[0]?.median, decided = of(each, "kmod, allowed")?.median
        return atMost(base === undefined || decided === undefined ? undefined : decided - base, 900, "instructions")
      }))
    }
  }
]
