/**
 * Measuring side by side on a noisy machine: the subjects take turns (A B C A B C …), so that a slow minute slows them all;
 * medians with their spread, and ratios to the first subject of the same run.
 */

export interface Subject<T = number> {
  readonly name: string
  /** One measurement; the unit is the row's. */
  readonly measure: () => Promise<T> | T
}

export interface Result {
  readonly name: string
  readonly samples: ReadonlyArray<number>
  readonly median: number
  readonly p10: number
  readonly p90: number
  /** To the first subject. */
  readonly ratio: number
}

export interface Row {
  readonly name: string
  readonly unit: string
  readonly better: "lower" | "higher"
  readonly results: ReadonlyArray<Result>
}

const quantile = (sorted: ReadonlyArray<number>, q: number): number => {
  const at = (sorted.length - 1) * q
  const low = Math.floor(at)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low)
}

type Figure = Pick<Row, "name" | "unit" | "better">

/** Measures every subject `rounds` times in turn, after one unmeasured round. */
export const interleave = async (row: Figure, rounds: number, subjects: ReadonlyArray<Subject>, progress: (text: string) => void): Promise<Row> =>
  (await interleaveAll(row.name, [{ ...row, name: "" }], rounds, subjects.map(({ measure, name }) => ({ name, measure: async () => [await measure()] })), progress))[0]!

/** The same where one measurement has several figures: a row for each. */
export const interleaveAll = async (
  name: string,
  figures: ReadonlyArray<Figure>,
  rounds: number,
  subjects: ReadonlyArray<Subject<ReadonlyArray<number>>>,
  progress: (text: string) => void
): Promise<ReadonlyArray<Row>> => {
  const measured = subjects.map((): Array<ReadonlyArray<number>> => [])
  for (let round = -1; round < rounds; round++) {
    progress(`${name}: round ${round + 1} of ${rounds}`)
    for (const [i, subject] of subjects.entries()) {
      const values = await subject.measure()
      if (values.length !== figures.length || values.some((value) => !Number.isFinite(value) || value <= 0)) throw new Error(`${name}, ${subject.name}: measured ${values}, which cannot be`)
      if (round >= 0) measured[i]!.push(values)
    }
  }
  return figures.map((figure, at) => rowOf({ ...figure, name: figure.name === "" ? name : `${name}, ${figure.name}` }, subjects, measured.map((list) => list.map((values) => values[at]!))))
}

const rowOf = (row: Figure, subjects: ReadonlyArray<{ readonly name: string }>, samples: ReadonlyArray<ReadonlyArray<number>>): Row => {
  const sorted = samples.map((list) => [...list].sort((a, b) => a - b))
  const base = quantile(sorted[0]!, 0.5)
  const results = subjects.map((subject, i) => ({
    name: subject.name,
    samples: samples[i]!,
    median: quantile(sorted[i]!, 0.5),
    p10: quantile(sorted[i]!, 0.1),
    p90: quantile(sorted[i]!, 0.9),
    ratio: quantile(sorted[i]!, 0.5) / base
  }))
  return { ...row, results }
}

/** Rows as a Markdown table. */
export const markdown = (rows: ReadonlyArray<Row>): string => {
  const format = (value: number) => value >= 1000 ? Math.round(value).toLocaleString("en-US") : value >= 10 ? value.toFixed(1) : value.toFixed(2)
  const lines = ["| benchmark | subject | median | p10 – p90 | ratio |", "|---|---|---:|---:|---:|"]
  for (const row of rows)
    for (const r of row.results)
      lines.push(`| ${row.name} (${row.unit}, ${row.better} is better) | ${r.name} | ${format(r.median)} | ${format(r.p10)} – ${format(r.p90)} | ${r.ratio.toFixed(3)} |`)
  return lines.join("\n")
}
