/**
 * `npm run bench [-- NAME…]`: measures what rvisor promises, against native and peers in the same run. Progress goes to
 * stderr, a Markdown table to stdout, the raw samples to `bench/results.json`.
 */
import { writeFileSync } from "node:fs"
import { cpus, release } from "node:os"
import { fileURLToPath } from "node:url"
import { decisions } from "./decisions.ts"
import { handlers } from "./handlers.ts"
import { markdown, type Row } from "./measure.ts"
import { steering } from "./steer.ts"
import { nginx, redis } from "./servers.ts"
import { startup } from "./startup.ts"

const benchmarks: Readonly<Record<string, (progress: (text: string) => void) => Promise<ReadonlyArray<Row>>>> = { startup, handlers, steering, decisions, nginx, redis }

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in benchmarks))
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(", ")}; there are: ${Object.keys(benchmarks).join(", ")}`)
  process.exit(2)
}

const progress = (text: string) => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`)
const rows: Array<Row> = []
for (const [name, benchmark] of Object.entries(benchmarks))
  if (wanted.length === 0 || wanted.includes(name)) rows.push(...await benchmark(progress))
progress("")

const machine = { kernel: release(), cpus: cpus().length, model: cpus()[0]!.model, node: process.version, date: new Date().toISOString().slice(0, 10) }
console.log(`Kernel ${machine.kernel}, ${machine.cpus} × ${machine.model}, Node ${machine.node}, ${machine.date}.\n`)
console.log(markdown(rows))
writeFileSync(fileURLToPath(new URL("results.json", import.meta.url)), JSON.stringify({ machine, rows }, null, 2))
