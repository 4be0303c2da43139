/**
 * `npm run bench [-- FLAGS] [NAME…]`: measures what rvisor promises, against native and every peer that this host has, in the same run. A NAME is a
 * group or a set of it; without one, all are measured.
 *
 * | flag        | does                                                                                                     |
 * |-------------|----------------------------------------------------------------------------------------------------------|
 * | `--install` | installs peers and measured programs from Debian first (root; gVisor is unpacked into `.cache/peers`)      |
 * | `--quick`   | one round of everything: to see that it works                                                              |
 * | `--resume`  | leaves out what the results already have                                                                   |
 * | `--write`   | puts the results into `docs/benchmarks/`, and makes the document and its charts of them                    |
 * | `--render`  | measures nothing: makes the document of the results that are there                                        |
 * | `--to=FILE` | puts the results there, in place of `bench/results.json`                                                  |
 * | `--list`    | groups and sets                                                                                            |
 *
 * Progress goes to stderr, a Markdown table to stdout. Results are written set by set, to `bench/results.json`, with `--write` to
 * `docs/benchmarks/results.json`: a set that fails, or an interrupt, loses nothing of the others, and naming a set measures it again.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { benchOf } from "./bench.ts"
import { field, root } from "./contestants.ts"
import { document } from "./document.ts"
import { groups } from "./groups.ts"
import { machine, programs } from "./host.ts"
import { install } from "./install.ts"
import * as Results from "./results.ts"
import { table } from "./table.ts"

const words = process.argv.slice(2)
const flags = ["--install", "--quick", "--resume", "--write", "--render", "--list"]
const has = (flag: string) => words.includes(flag)
const names = words.filter((word) => !word.startsWith("--"))
const sets = Object.entries(groups).flatMap(([group, { sets }]) => sets.map((id) => ({ group, id })))
const unknown = words.filter((word) => word.startsWith("--") ? !flags.includes(word) && !word.startsWith("--to=") : !(word in groups) && !sets.some(({ id }) => id === word))
if (unknown.length > 0 || has("--list")) {
  if (unknown.length > 0) console.error(`unknown: ${unknown.join(", ")}. There are:`)
  for (const [group, { sets, title }] of Object.entries(groups)) console.error(`  ${group.padEnd(10)} ${title}: ${sets.join(", ")}`)
  console.error(`  ${flags.join(" ")}`)
  process.exit(unknown.length > 0 ? 2 : 0)
}

const to = words.find((word) => word.startsWith("--to="))?.slice("--to=".length)
const published = join(root, "docs/benchmarks/results.json")
const place = has("--write") || has("--render") ? published : to ?? join(root, "bench/results.json")
const write = () => {
  mkdirSync(dirname(place), { recursive: true })
  writeFileSync(place, Results.encode(results))
}
const publish = () => {
  for (const [path, text] of Object.entries(document(results))) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  console.error("docs/benchmarks.md and its charts are written")
}

let results: Results.Results = existsSync(place) ? Results.decode(readFileSync(place, "utf8")) : { machine: machine(), versions: [], sets: [] }
if (has("--render")) {
  publish()
  process.exit(0)
}
if (has("--install")) await install()

const started = performance.now()
const line = process.stderr.isTTY
/** On a terminal one line that changes; else the beginning of each set. */
const progress = (text: string) => process.stderr.write(line ? `\r\x1b[K${text.slice(0, 150)}` : text.endsWith(": setting up") ? `  ${text.replace(": setting up", "")} …\n` : "")
const done = has("--resume") ? new Set(results.sets.filter(({ failed }) => failed === undefined).map(({ id }) => id)) : new Set<string>()

progress("who takes part?")
const { versions } = await field()
for (const { absent, name } of versions) if (absent !== undefined) process.stderr.write(`${line ? "\r\x1b[K" : ""}- ${name} does not take part: ${absent}\n`)
// Numbers of another machine have no place beside this one's.
const here = machine()
if (JSON.stringify(results.machine) !== JSON.stringify(here)) results = { machine: here, versions: [], sets: [] }
results = { ...results, versions: [...versions, ...programs()] }

const fresh: Array<Results.Set> = []
const wish = {
  quick: has("--quick"),
  progress,
  wanted: (group: string, id: string) => (names.length === 0 || names.includes(group) || names.includes(id)) && !done.has(id),
  took: (set: Results.Set) => {
    const left = [...new Set(set.rows.flatMap((row) => row.left.map(({ name, why }) => `    without ${name}: ${why}`)))]
    process.stderr.write(`${line ? "\r\x1b[K" : ""}· ${set.group}/${set.id} ${set.failed === undefined ? `${set.rows.length} rows` : `FAILED: ${set.failed}`} (${set.seconds.toFixed(0)} s, ${((performance.now() - started) / 60_000).toFixed(1)} min in all)\n${left.length === 0 ? "" : `${left.join("\n")}\n`}`)
    fresh.push(set)
    results = Results.withSet(results, set)
    write()
  }
}
for (const [group, { run }] of Object.entries(groups)) await run(benchOf(group, wish))
write()
console.log(table(fresh.flatMap(({ rows }) => rows)))
if (has("--write")) publish()
process.exit(fresh.some(({ failed }) => failed !== undefined) ? 1 : 0)
