/**
 * What `npm run bench` writes down, as JSON: the machine, who took part, and set by set the rows that were measured. The document and its charts are
 * made from this and from nothing else.
 */
import { Schema } from "effect"

/** A subject's values in one row; `ratio` is to the row's first subject. */
const Measured = Schema.Struct({
  name: Schema.String,
  median: Schema.Finite,
  p10: Schema.Finite,
  p90: Schema.Finite,
  ratio: Schema.Finite,
  samples: Schema.Array(Schema.Finite)
})
export type Measured = typeof Measured.Type

/** A subject that has no value in a row, and why. */
const Left = Schema.Struct({ name: Schema.String, why: Schema.String })
export type Left = typeof Left.Type

const Row = Schema.Struct({
  name: Schema.String,
  unit: Schema.String,
  better: Schema.Literals(["lower", "higher"]),
  /** What every subject did, as each of them reported it. */
  work: Schema.String,
  results: Schema.Array(Measured),
  left: Schema.Array(Left)
})
export type Row = typeof Row.Type

/** Rows that were measured together. */
const Set = Schema.Struct({
  id: Schema.String,
  group: Schema.String,
  title: Schema.String,
  /** ISO 8601. */
  measured: Schema.String,
  seconds: Schema.Finite,
  /** Processes that were running or waiting for a processor when it began (the load average of the last minute). */
  load: Schema.Finite,
  rows: Schema.Array(Row),
  /** Why there are no rows. */
  failed: Schema.optional(Schema.String)
})
export type Set = typeof Set.Type

const Machine = Schema.Struct({
  kernel: Schema.String,
  processor: Schema.String,
  cpus: Schema.Finite,
  memory: Schema.String,
  system: Schema.String,
  user: Schema.String
})
export type Machine = typeof Machine.Type

/** One that takes part: rvisor in a view, a peer, a program that is measured; or does not, and why. */
const Version = Schema.Struct({ name: Schema.String, version: Schema.String, how: Schema.String, absent: Schema.optional(Schema.String) })
export type Version = typeof Version.Type

export const Results = Schema.Struct({ machine: Machine, versions: Schema.Array(Version), sets: Schema.Array(Set) })
export type Results = typeof Results.Type

export const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Results))

/** One line for each row: a change of one number is a change of one line. */
export const encode = (results: Results): string => {
  const text = JSON.stringify(results, (_key, value: unknown) => value, 1)
  // Lists of numbers, and objects without others inside, each on a line of their own.
  return `${text.replace(/\[\s+((?:-?[\d.e+]+,?\s*)+)\]/g, (_all, numbers: string) => `[${numbers.trim().replace(/,\s+/g, ", ")}]`).replace(/\{\s*("name": [^{}]*?)\s*\}/g, (_all, inside: string) => `{ ${inside.replace(/\n\s*/g, " ")} }`)}\n`
}

/** The results with a set put in the place of the one it replaces, or at the end. */
export const withSet = (results: Results, set: Set): Results => ({
  ...results,
  sets: results.sets.some(({ id }) => id === set.id) ? results.sets.map((each) => each.id === set.id ? set : each) : [...results.sets, set]
})
