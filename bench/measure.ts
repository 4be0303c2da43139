/**
 * Measuring side by side on a noisy machine: the subjects take turns (A B C A B C …), so that a slow minute slows them all;
 * medians with their spread, and ratios to the first subject of the same run.
 *
 * A measurement says what work it did (requests answered, bytes, a checksum). Who did another work than the first subject is not compared
 * with it: it is left out, with both said. So is who fails; the others go on without it.
 */
import type { Left, Measured, Row } from "./results.ts"

/** What one measurement came to: a value for each figure, in the figure's unit, and the work done for it, in words that must agree. */
export interface Sample {
  readonly values: ReadonlyArray<number>
  /** One for each figure, or one for all of them. */
  readonly work: string | ReadonlyArray<string>
}

export interface Subject {
  readonly name: string
  readonly measure: () => Promise<Sample> | Sample
}

export type Figure = Pick<Row, "name" | "unit" | "better">

export interface How {
  /** Measured rounds, at most. */
  readonly rounds: number
  /**
   * Seconds that the whole may take. A subject that has had its share of them and has been measured once sits out the rest, so that one that is
   * twenty times slower is measured once or twice and not as often as the others.
   */
  readonly seconds: number
  /** Whether a round that is not counted goes before, to fill caches. Default: yes. */
  readonly warm?: boolean
  readonly progress: (text: string) => void
}

/** One value, where there is nothing to be compared but time. */
export const only = (value: number): Sample => ({ values: [value], work: "" })

const quantile = (sorted: ReadonlyArray<number>, q: number): number => {
  const at = (sorted.length - 1) * q
  const low = Math.floor(at)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low)
}

/** Four digits are more than any of it is good for. */
const rounded = (value: number): number => Number(value.toPrecision(4))

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).trim().split("\n").slice(0, 2).join("; ").slice(0, 240)

/** So many rounds are worth up to twice the time: a median of fewer says little. */
const LEAST = 3

interface Taking {
  readonly subject: Subject
  /** Measurements of each figure. */
  readonly samples: ReadonlyArray<Array<number>>
  spent: number
  last: number
  /** Why it no longer takes part. */
  out: string | undefined
  /** Why it has no value in a figure. */
  readonly unequal: Array<string | undefined>
}

/** Measures the subjects in turn. One row for each figure. Throws where the first subject fails: there is nothing to compare with then. */
export const compare = async (figures: ReadonlyArray<Figure>, subjects: ReadonlyArray<Subject>, how: How): Promise<ReadonlyArray<Row>> => {
  const all: ReadonlyArray<Taking> = subjects.map((subject) => ({ subject, samples: figures.map(() => []), spent: 0, last: 0, out: undefined, unequal: figures.map(() => undefined) }))
  const share = how.seconds / subjects.length
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  let work: ReadonlyArray<string> | undefined
  /** A failure may be the machine's: it is tried a second time. */
  const sampled = async (subject: Subject): Promise<Sample> => {
    try {
      return await subject.measure()
    } catch {
      return subject.measure()
    }
  }
  const measure = async (taking: Taking, counted: boolean): Promise<void> => {
    const begin = performance.now()
    try {
      const sample = await sampled(taking.subject)
      if (sample.values.length !== figures.length || sample.values.some((value) => !Number.isFinite(value) || value <= 0)) throw new Error(`it measured ${sample.values.join(", ")}, which cannot be`)
      const done = typeof sample.work === "string" ? figures.map(() => sample.work as string) : sample.work
      work ??= done
      taking.last = (performance.now() - begin) / 1000
      taking.spent += taking.last
      for (const [at, value] of sample.values.entries()) {
        if (done[at] !== work[at]) taking.unequal[at] ??= `it did other work: ${done[at]}; ${subjects[0]!.name} did ${work[at]}`
        // Who used up its share in the round before the first has no other round to count.
        if (counted || taking.spent > share) taking.samples[at]!.push(value)
      }
    } catch (error) {
      if (taking === all[0]) throw error
      taking.out = firstLine(error)
    }
  }
  for (let round = how.warm === false ? 0 : -1; round < how.rounds; round++) {
    if (elapsed() > how.seconds * (round >= LEAST ? 1 : 2) && round > 0) break
    for (const taking of all) {
      if (taking.out !== undefined || (taking.samples[0]!.length > 0 && taking.spent + taking.last > share * 1.5)) continue
      how.progress(`${round < 0 ? "warming up" : `round ${round + 1} of ${how.rounds}`}, ${taking.subject.name} (${elapsed().toFixed(0)} of ${how.seconds} s)`)
      await measure(taking, round >= 0)
    }
  }
  return figures.map((figure, at) => {
    const results: Array<Measured> = [], left: Array<Left> = []
    let base: number | undefined
    for (const { out, samples, subject, unequal } of all) {
      const why = out ?? unequal[at]
      if (why !== undefined) {
        left.push({ name: subject.name, why: why.slice(0, 240) })
        continue
      }
      const list = samples[at]!
      const sorted = [...list].sort((a, b) => a - b)
      const median = quantile(sorted, 0.5)
      base ??= median
      results.push({
        name: subject.name, median: rounded(median), p10: rounded(quantile(sorted, 0.1)), p90: rounded(quantile(sorted, 0.9)), ratio: rounded(median / base), samples: list.map(rounded)
      })
    }
    return { ...figure, work: (work?.[at] ?? "").slice(0, 200), results, left }
  })
}
