/**
 * Single operations, everything on one processor: what a call costs in a sandbox that does not look at it. Beside the contestants, a filter of
 * seccomp that allows everything: nothing that filters can cost less.
 */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Bench, eachContestant, onOneCpu, within } from "./bench.ts"
import { succeeded } from "./contestants.ts"
import type { Figure, Sample } from "./measure.ts"

/** Compiles a program of this directory; answers where it lies. */
export const compiled = (directory: string, name: string): string => {
  const program = join(directory, name)
  execFileSync("gcc", ["-O2", "-pthread", "-o", program, join(import.meta.dirname, `${name}.c`)], { stdio: ["ignore", "inherit", "inherit"] })
  return program
}

const operations: Readonly<Record<string, string>> = {
  getppid: "getppid",
  read: "lseek, read 4 KiB",
  pread: "pread 4 KiB",
  open: "open, close",
  stat: "stat",
  pipe: "pipe round trip, two processes",
  mmap: "mmap, touch 64 pages, munmap",
  fork: "fork, exit, wait",
  exec: "fork, exec, exit, wait",
  thread: "create a thread, join it",
  switch: "two context switches, futex"
}

const figures: ReadonlyArray<Figure> = Object.values(operations).map((name) => ({ name, unit: "µs", better: "lower" }))

const parse = (stdout: string): Sample => {
  const found = new Map(stdout.trim().split("\n").map((line) => line.split(" ") as [string, string]))
  return { values: Object.keys(operations).map((name) => Number(found.get(name)) / 1000), work: `bytes read sum to ${found.get("sum")}` }
}

export const micro = (bench: Bench): Promise<void> =>
  bench.set("micro", "Single operations, on one processor", (compare) =>
    within(async (directory) => {
      const program = compiled(directory, "micro"), filtered = compiled(directory, "filtered")
      const file = join(directory, "file")
      writeFileSync(file, Buffer.from(Array.from({ length: 65536 }, (_, i) => (i * 7919) >> 3 & 255)))
      const argv = [program, "100", file]
      const pinned = (argv: ReadonlyArray<string>) => async () => parse((await succeeded({ argv: [...onOneCpu, ...argv] }, directory, 120)).stdout)
      return eachContestant(() => ({ argv, directory }), (prepared) => pinned(prepared.argv)(), ([native, ...others]) =>
        compare(figures, [native!, { name: "a filter alone", measure: pinned([filtered, ...argv]) }, ...others], { rounds: 7, seconds: 80, warm: false }))
    }))
