/** Rows as Markdown tables: one line for each row, one column for each subject. */
import type { Measured, Row } from "./results.ts"

/** Three digits, or all before the point. */
export const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en-US") : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** A ratio, as a percentage where it is near one. */
export const times = (ratio: number): string => ratio >= 0.1 && ratio < 1.995 ? `${(ratio * 100).toFixed(ratio >= 0.945 && ratio < 1.055 ? 1 : 0)} %` : ratio < 0.1 ? `${(ratio * 100).toFixed(1)} %` : `× ${ratio < 10 ? ratio.toFixed(1) : ratio.toFixed(0)}`

const cell = (result: Measured | undefined, first: boolean): string => {
  if (result === undefined) return "–"
  const spread = result.samples.length === 1 ? "once" : `${number(result.p10)} – ${number(result.p90)}`
  return `${first ? "" : `**${times(result.ratio)}** `}${number(result.median)} <sub>${spread}</sub>`
}

/** Subjects in the order in which rows have them. */
export const subjectsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => [...new Set(rows.flatMap(({ left, results }) => [...results, ...left].map(({ name }) => name)))]

const one = (rows: ReadonlyArray<Row>): string => {
  const subjects = subjectsOf(rows)
  return [
    `| | ${subjects.join(" | ")} |`,
    `|---|${subjects.map(() => "---:|").join("")}`,
    ...rows.map(({ better, name, results, unit }) => `| ${name}, ${unit}${better === "higher" ? " ↑" : ""} | ${subjects.map((subject) => cell(results.find((each) => each.name === subject), results[0]?.name === subject)).join(" | ")} |`)
  ].join("\n")
}

/** Rows as tables; those that stand next to each other and have the same subjects share one. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const parts: Array<Array<Row>> = []
  const key = (row: Row) => [...subjectsOf([row])].sort().join("\n")
  for (const row of rows) {
    const last = parts.at(-1)
    if (last !== undefined && key(last[0]!) === key(row)) last.push(row)
    else parts.push([row])
  }
  return parts.map(one).join("\n\n")
}
