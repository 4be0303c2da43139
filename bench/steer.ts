/**
 * What a call costs that stops at a trace point: answered, let go on, with arguments changed, with its result seen, and with another
 * call injected; beside the same answer at a notification, and calls that no handler wants in a guest that is traced. By a module, on
 * one CPU and unpinned. Each measurement is a program of its own (this file, started with arguments).
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
import { interleave, type Row } from "./measure.ts"
import { type Kind, kinds } from "./steer-module.ts"

const self = fileURLToPath(import.meta.url)

/** Nanoseconds: p50, p90, p99 of all calls. */
const measure = (program: string, kind: Kind, how: string, rounds: string): Promise<string> =>
  Effect.gen(function*() {
    const handlers = how === "closure" ? [kinds[kind]] : [SyscallHandler.fromModule(new URL("./steer-module.ts", import.meta.url))]
    const sandbox = yield* Sandbox.spawn(Command.make(program, "getppid", rounds, "1"), Policy.make({ filesystem: { read: [program] }, handlers }))
    return yield* Stream.mkString(Stream.decodeText(sandbox.stdout))
  }).pipe(Effect.scoped, Effect.runPromise)

export const steering = async (progress: (text: string) => void): Promise<ReadonlyArray<Row>> => {
  const directory = mkdtempSync(join(tmpdir(), "rvisor-bench-"))
  const program = join(directory, "calls")
  execFileSync("gcc", ["-O2", "-pthread", "-o", program, fileURLToPath(new URL("calls.c", import.meta.url))])
  const rows: Array<Row> = []
  try {
    for (const place of ["one CPU", "unpinned"]) {
      for (const [index, quantile] of ["p50", "p90"].entries()) {
        const one = (kind: Kind) => () => {
          const argv = [process.execPath, self, program, kind, "module", "4000"]
          const [file, ...args] = place === "one CPU" ? ["taskset", "-c", "0", ...argv] : argv
          return Number(execFileSync(file!, args, { encoding: "utf8", env: { ...process.env, RVISOR_BENCH_STEER: kind } }).split(" ")[index]) / 1000
        }
        rows.push(await interleave({ name: `getppid, ${quantile}, ${place}`, unit: "µs", better: "lower" }, 5, [
          { name: "not wanted", measure: one("notified") },
          { name: "not wanted, traced guest", measure: one("untraced") },
          { name: "notified, value", measure: one("answer") },
          { name: "value", measure: one("value") },
          { name: "continue", measure: one("continue") },
          { name: "rewrite", measure: one("rewrite") },
          { name: "after", measure: one("after") },
          { name: "inject, value", measure: one("inject") }
        ], progress))
      }
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
  return rows
}

if (process.argv[1] === self) {
  const [program, kind, how, rounds] = process.argv.slice(2) as [string, Kind, string, string]
  process.stdout.write(await measure(program, kind, how, rounds))
}
