/**
 * What deciding at each call costs (`filesystem.decide: "calls"`, a `network` with rules): single calls, from one thread and from
 * eight, everything on one CPU and unpinned; and whole programs, beside plain rvisor and `strace --seccomp-bpf`, which stops at
 * one kind of these calls and decides nothing.
 *
 * `RVISOR_BENCH_PREFIX="nice -n -15"` runs each measurement so, on a machine that is busy with other things.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import * as Command from "../sdk/Command.ts"
import * as Policy from "../sdk/Policy.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import { interleave, type Row, type Subject } from "./measure.ts"

const self = fileURLToPath(import.meta.url)
const prefix = (process.env["RVISOR_BENCH_PREFIX"] ?? "").split(" ").filter((word) => word !== "")
const installed = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0

/** A denial that concerns no file of a measurement, as policies have it. */
const policies: Readonly<Record<string, (directory: string) => Policy.Policy>> = {
  plain: (directory) => Policy.make({ filesystem: { write: [directory] } }),
  calls: (directory) => Policy.make({ filesystem: { write: [directory], deny: [`${directory}/**/.env`], decide: "calls" } }),
  network: (directory) => Policy.make({ filesystem: { write: [directory] }, network: { mode: "none", connect: ["127.0.0.1:*", "unix:/tmp/*"], bind: ["127.0.0.1:*", "unix:/tmp/*"] } })
}

const run = (kind: string, directory: string, argv: ReadonlyArray<string>): Promise<readonly [output: string, ms: number]> =>
  Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(Command.set(Command.make(argv[0]!, ...argv.slice(1)), { cwd: directory, stdin: "ignore", stderr: "ignore" }), policies[kind]!(directory))
    const begin = performance.now()
    const output = yield* Stream.mkString(Stream.decodeText(sandbox.stdout))
    const outcome = yield* sandbox.exit
    if (outcome._tag !== "Exited" || outcome.code !== 0) return yield* Effect.die(new Error(`${argv.join(" ")} ended as ${JSON.stringify(outcome)}`))
    return [output, performance.now() - begin] as const
  }).pipe(Effect.scoped, Effect.runPromise)

const outside = (command: ReadonlyArray<string>): string => {
  const [file, ...args] = [...prefix, ...command]
  return execFileSync(file!, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 })
}

const calls = async (directory: string, progress: (text: string) => void): Promise<ReadonlyArray<Row>> => {
  const program = join(directory, "decided")
  execFileSync("gcc", ["-O2", "-pthread", "-o", program, fileURLToPath(new URL("decided.c", import.meta.url))])
  const rows: Array<Row> = []
  for (const place of ["one CPU", "unpinned"]) {
    for (const threads of [1, 8]) {
      for (const call of ["getppid", "open", "stat", "tcp", "unix"]) {
        for (const [index, quantile] of ["p50", "p90", "p99"].entries()) {
          const argv = [program, call, String(Math.round(3000 / threads)), String(threads)]
          const pin = place === "one CPU" ? ["taskset", "-c", "0"] : []
          const kind = call === "tcp" || call === "unix" ? "network" : "calls"
          const value = (text: string) => Number(text.split(" ")[index]) / 1000
          const name = { getppid: "getppid, not decided", open: "open + close", stat: "stat", tcp: "connect, TCP", unix: "connect, AF_UNIX" }[call]!
          rows.push(await interleave({ name: `${name}, ${quantile}, ${threads === 1 ? "1 thread" : `${threads} threads`}, ${place}`, unit: "µs", better: "lower" }, 5, [
            { name: "native", measure: () => value(outside([...pin, ...argv])) },
            { name: "decided", measure: () => value(outside([...pin, process.execPath, self, "run", kind, directory, ...argv])) }
          ], progress))
        }
      }
    }
  }
  return rows
}

const programs = async (directory: string, progress: (text: string) => void): Promise<ReadonlyArray<Row>> => {
  const repository = join(directory, "repository"), project = join(directory, "project")
  for (let i = 0; i < 60; i++) {
    mkdirSync(join(repository, `d${i}`), { recursive: true })
    for (let j = 0; j < 50; j++) writeFileSync(join(repository, `d${i}`, `f${j}.txt`), `${i} ${j}\n`)
  }
  execFileSync("git", ["init", "-q"], { cwd: repository })
  execFileSync("git", ["add", "."], { cwd: repository })
  mkdirSync(project)
  for (let i = 0; i < 12; i++) writeFileSync(join(project, `f${i}.c`), `#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint f${i}(int x) { printf("%d\\n", x); return x + ${i}; }\n`)
  const work: Readonly<Record<string, string>> = {
    "`find /usr -type f`": "find /usr -type f >/dev/null 2>&1 || true",
    "`find /usr -type f -size +0` (a stat for each)": "find /usr -type f -size +0 >/dev/null 2>&1 || true",
    "`git status`, 3,000 files": `git -C ${repository} -c safe.directory=* status --short | wc -l`,
    "12 C files by gcc": `cd ${project} && for i in 0 1 2 3 4 5 6 7 8 9 10 11; do gcc -c -o f$i.o f$i.c || exit 1; done`
  }
  const rows: Array<Row> = []
  for (const [name, script] of Object.entries(work)) {
    const shell = ["sh", "-c", script]
    const timed = (command: ReadonlyArray<string>) => () => {
      const begin = performance.now()
      outside(command)
      return performance.now() - begin
    }
    const sandboxed = (kind: string): Subject => ({ name: kind === "plain" ? "rvisor" : "rvisor, decide: calls", measure: () => Number(outside([process.execPath, self, "time", kind, directory, ...shell])) })
    rows.push(await interleave({ name, unit: "ms", better: "lower" }, 5, [
      { name: "native", measure: timed(shell) },
      sandboxed("plain"),
      sandboxed("calls"),
      ...(installed("strace") ? [{ name: "strace -f --seccomp-bpf -e openat", measure: timed(["strace", "-f", "--seccomp-bpf", "-e", "trace=openat", "-o", "/dev/null", ...shell]) }] : [])
    ], progress))
  }
  return rows
}

export const decisions = async (progress: (text: string) => void): Promise<ReadonlyArray<Row>> => {
  const directory = mkdtempSync(join(tmpdir(), "rvisor-bench-"))
  try {
    return [...await calls(directory, progress), ...await programs(directory, progress)]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

if (process.argv[1] === self) {
  const [what, kind, directory, ...argv] = process.argv.slice(2) as [string, string, string, ...Array<string>]
  const [output, ms] = await run(kind, directory, argv)
  process.stdout.write(what === "time" ? String(ms) : output)
}
