/**
 * What a call costs that a handler answers: `getppid` answered with a value, `uname` with a structure, `open` read and let go on; by a
 * module and by a closure, from one thread and from eight, everything on one CPU and unpinned. Each measurement is a program of its own
 * (this file, started with arguments), so that it can be pinned with all its threads.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import * as Command from "../sdk/Command.ts"
import * as Policy from "../sdk/Policy.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import closures from "./handlers-module.ts"
import { interleave, type Row } from "./measure.ts"

const self = fileURLToPath(import.meta.url)

/** Nanoseconds: p50, p90, p99 of all calls. */
const measure = (program: string, kind: string, call: string, rounds: string, threads: string): Promise<string> =>
  Effect.gen(function*() {
    const handlers = kind === "native" ? [] : kind === "module" ? [SyscallHandler.fromModule(new URL("./handlers-module.ts", import.meta.url))] : closures
    const policy = Policy.make({ filesystem: { read: [program] }, handlers })
    const sandbox = yield* Sandbox.spawn(Command.make(program, call, rounds, threads), policy)
    return yield* Stream.mkString(Stream.decodeText(sandbox.stdout))
  }).pipe(Effect.scoped, Effect.runPromise)

export const handlers = async (progress: (text: string) => void): Promise<ReadonlyArray<Row>> => {
  const directory = mkdtempSync(join(tmpdir(), "rvisor-bench-"))
  const program = join(directory, "calls")
  execFileSync("gcc", ["-O2", "-pthread", "-o", program, fileURLToPath(new URL("calls.c", import.meta.url))])
  const rows: Array<Row> = []
  try {
    for (const place of ["one CPU", "unpinned"]) {
      for (const threads of [1, 8]) {
        for (const call of ["getppid", "uname", "open"]) {
          for (const [index, quantile] of ["p50", "p90"].entries()) {
            const one = (kind: string) => {
              const argv = [process.execPath, self, program, kind, call, String(Math.round(8000 / threads)), String(threads)]
              const [file, ...args] = place === "one CPU" ? ["taskset", "-c", "0", ...argv] : argv
              return Number(execFileSync(file!, args, { encoding: "utf8" }).split(" ")[index]) / 1000
            }
            rows.push(await interleave({ name: `${call}, ${quantile}, ${threads === 1 ? "1 thread" : `${threads} threads`}, ${place}`, unit: "µs", better: "lower" }, 5, [
              { name: "native", measure: () => one("native") },
              { name: "module handler", measure: () => one("module") },
              { name: "closure handler", measure: () => one("closure") }
            ], progress))
          }
        }
      }
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
  return rows
}

if (process.argv[1] === self) {
  const [program, kind, call, rounds, threads] = process.argv.slice(2) as [string, string, string, string, string]
  process.stdout.write(await measure(program, kind, call, rounds, threads))
}
