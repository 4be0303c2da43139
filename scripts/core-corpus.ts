/**
 * Writes the seeds of the decision core's fuzzers: native/fuzz/corpus/core_{validate,evaluate}/seed-*.
 *
 *     node scripts/run.mjs node scripts/core-corpus.ts
 *
 * Compiled programs of random models, and questions about them, from the arbitraries of the differential test with a fixed seed.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Result } from "effect"
import fc from "fast-check"
import { records } from "../sdk/internal/decision/format.ts"
import { compileProgram } from "../sdk/internal/decision/program.ts"
import * as arbitrary from "../test/support/decision-arbitraries.ts"

const COUNT = 20
const root = fileURLToPath(new URL("../native/fuzz/corpus", import.meta.url))
const write = (target: string, index: number, bytes: Uint8Array) => writeFileSync(join(root, target, `seed-${String(index).padStart(2, "0")}`), bytes)

for (const target of ["core_validate", "core_evaluate"]) {
  mkdirSync(join(root, target), { recursive: true })
  for (const name of readdirSync(join(root, target))) if (name.startsWith("seed-")) rmSync(join(root, target, name))
}

const sample = <A>(one: fc.Arbitrary<A>) => fc.sample(one, { seed: 2718, numRuns: COUNT })
const texts = sample(fc.oneof(arbitrary.path.filter((path) => path.length < 300), arbitrary.sockaddr))
const calls = sample(arbitrary.call)
const rights = sample(arbitrary.question)
const protocols = sample(arbitrary.protocol)

// Low call numbers, for small programs: the table of calls is as long as the highest.
const low = <A extends { readonly nr: number }>(one: A): A => ({ ...one, nr: one.nr < 1024 ? one.nr % 4 : one.nr })

sample(arbitrary.model).forEach((model, index) => {
  const program = Result.getOrThrow(compileProgram({ ...model, calls: model.calls.map(low) }))
  const call = low(calls[index]!)
  const text = texts[index]!
  const length = records.call.SIZE + 12 + text.length
  const question = new DataView(new ArrayBuffer(2 + records.call.SIZE + 12))
  question.setUint16(0, length, true)
  question.setUint32(2 + records.call.nr.at, call.nr, true)
  question.setUint32(2 + records.call.arch.at, call.arch, true)
  call.args.forEach((argument, at) => question.setBigUint64(2 + records.call.args.at + 8 * at, argument, true))
  const tail = 2 + records.call.SIZE
  question.setUint32(tail, rights[index]!, true)
  question.setUint32(tail + 4, index % 2, true)
  question.setUint32(tail + 8, protocols[index]!, true)
  write("core_validate", index, program)
  write("core_evaluate", index, Buffer.concat([new Uint8Array(question.buffer), text, program]))
})
