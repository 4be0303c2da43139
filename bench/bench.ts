/** What a benchmark is given: where its rows go, how much time it may take, and whether anybody asked for it. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { type Contestant, field, type Job, type Prepared } from "./contestants.ts"
import { compare, type Figure, type How, type Sample, type Subject } from "./measure.ts"
import type { Row, Set } from "./results.ts"

export interface Bench {
  /**
   * Measures a set of rows, unless it was not asked for or is there already. What it throws is written down in place of its rows, and the next
   * set goes on.
   */
  readonly set: (id: string, title: string, measure: (compare: Compare) => Promise<ReadonlyArray<Row>>) => Promise<void>
}

/** `measure.ts`'s, with progress and the wish for a short run filled in. */
export type Compare = (figures: ReadonlyArray<Figure>, subjects: ReadonlyArray<Subject>, how: Omit<How, "progress">) => Promise<ReadonlyArray<Row>>

export interface Wish {
  readonly wanted: (group: string, id: string) => boolean
  /** One round of each, to see that it works. */
  readonly quick: boolean
  readonly progress: (text: string) => void
  readonly took: (set: Set) => void
}

export const benchOf = (group: string, { progress, quick, took, wanted }: Wish): Bench => ({
  set: async (id, title, measure) => {
    if (!wanted(group, id)) return
    const begin = performance.now(), load = Number(loadavg()[0]!.toFixed(2)), measured = new Date().toISOString().slice(0, 16)
    const told = (text: string) => progress(`${group}/${id}: ${text}`)
    told("setting up")
    const end = (rows: ReadonlyArray<Row>, failed?: string) =>
      took({ id, group, title, measured, seconds: Math.round((performance.now() - begin) / 100) / 10, load, rows, ...(failed === undefined ? {} : { failed }) })
    try {
      end(await measure((figures, subjects, how) => compare(figures, subjects, { ...how, ...(quick ? { rounds: 1, warm: false } : {}), progress: told })))
    } catch (error) {
      end([], (error instanceof Error ? error.message : String(error)).trim().split("\n").slice(0, 3).join("; ").slice(0, 400))
    }
  }
})

/** An empty directory for the time of an action. */
export const within = async <A>(action: (directory: string) => Promise<A>): Promise<A> => {
  const directory = mkdtempSync(join(tmpdir(), "rvisor-bench-"))
  chmodSync(directory, 0o755)
  try {
    return await action(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A subject for each contestant (and for `extra` ones, behind rvisor's own), with its job prepared for as long as the action goes on. */
export const eachContestant = async <A>(
  job: (contestant: Contestant) => Job,
  measure: (prepared: Prepared, contestant: Contestant) => Promise<Sample>,
  action: (subjects: ReadonlyArray<Subject>) => Promise<A>,
  { extra = [] }: { readonly extra?: ReadonlyArray<Contestant> } = {}
): Promise<A> => {
  const { present } = await field()
  const after = present.findLastIndex(({ name }) => name.startsWith("rvisor")) + 1
  const taking = [...present.slice(0, after), ...extra, ...present.slice(after)].map((contestant) => ({ contestant, prepared: contestant.prepare(job(contestant)) }))
  try {
    return await action(taking.map(({ contestant, prepared }) => ({ name: contestant.name, measure: () => measure(prepared, contestant) })))
  } finally {
    for (const { prepared } of taking) prepared.dispose()
  }
}

/** Words in front of a command that put it on one processor, so that no wake-up crosses to another. */
export const onOneCpu: ReadonlyArray<string> = ["taskset", "-c", "0"]
