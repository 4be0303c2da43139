/**
 * What is tested in virtual machines, lane by lane. A lane puts every result into its report; what it throws is a fault of the
 * harness or of the host.
 */
import { Schema } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { buildModule, hasSparse, type ModuleSource, rvisorModule, testPrograms } from "./build.ts"
import { boot, type Ending, type Job } from "./machine.ts"
import { type Kernel, kernel, seriesOfTests } from "./packages.ts"
import { root } from "./place.ts"
import { endedWell, evidence, programsScript, type Report, takePrograms } from "./report.ts"

export interface Lane {
  readonly title: string
  /** Whether it is part of the README's test command. */
  readonly always: boolean
  readonly run: (report: Report) => Promise<void>
}

/** The kernel's allocator checks every object: freed memory is poisoned, what is written behind an object is found. */
const CHECKED = "slub_debug=FZPU"

/** Machines that can run side by side. */
const machines = availableParallelism()

/** Does something for each of many, a few at a time. */
const eachOf = async <A>(all: ReadonlyArray<A>, action: (each: A) => Promise<void>): Promise<void> => {
  const left = [...all]
  await Promise.all(Array.from({ length: machines }, async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await action(next)
  }))
}

const faulty: ModuleSource = { name: "faulty", directory: "kmod/harness/faulty", with: [] }

/** The module for a kernel, as a file for a machine; what the compiler had against it goes into the report. */
const built = async (report: Report, on: Kernel): Promise<string> => {
  const sparse = await hasSparse()
  const { file, warnings } = await buildModule(rvisorModule, on, { sparse })
  report.check(`builds without a warning${sparse ? ", and sparse has none" : ""}`, warnings.length === 0, warnings.join("\n"))
  return file
}

/** One thing that may happen in a machine, and how its ending must look then. */
interface Case {
  readonly name: string
  readonly job: Partial<Job>
  readonly right: (ending: Ending) => boolean
}

const load = (fault: string): Partial<Job> => ({ script: `insmod faulty.ko fault=${fault} && rmmod faulty` })
const complained = (of: string): Case["right"] => ({ complaints }) => complaints.some((line) => line.includes(of))

const sound: ReadonlyArray<Case> = [
  {
    name: "a job that goes well", job: { script: "insmod faulty.ko && rmmod faulty && id -u" },
    right: ({ code, complaints, how, lines }) => how === "ended" && code === 0 && complaints.length === 0 && lines.join() === "0"
  },
  { name: "a warning", job: load("warn"), right: (ending) => ending.how === "ended" && complained("WARNING: ")(ending) }
]

const unsound: ReadonlyArray<Case> = [
  { name: "a job's exit code, and output that looks like the end", job: { script: "echo rvisor-0 end 0; exit 3" }, right: ({ code, lines }) => code === 3 && lines.join() === "rvisor-0 end 0" },
  { name: "an oops", job: load("oops"), right: (ending) => ending.how === "died" && complained("NULL pointer")(ending) },
  { name: "freed memory that is written to", job: load("reuse"), right: complained("BUG kmalloc-64") },
  { name: "memory that is freed twice", job: load("free_twice"), right: complained("Object already free") },
  { name: "a write behind an object", job: load("redzone"), right: complained("BUG kmalloc-64") },
  { name: "a kernel that stops", job: { script: "echo c > /proc/sysrq-trigger; sleep 5" }, right: (ending) => ending.how === "died" && complained("Kernel panic")(ending) },
  { name: "a processor that spins in the kernel", job: load("lockup"), right: complained("soft lockup") },
  { name: "a job without end", job: { script: "while :; do :; done", seconds: 20 }, right: ({ how }) => how === "hung" },
  { name: "a machine that does not come up", job: { kernel: { vmlinux: "/dev/null", modules: "/nowhere" } }, right: ({ how }) => how === "absent" }
]

/** The harness itself: a kernel that goes wrong is noticed, in each of the ways that it can. */
const machine: Lane = {
  title: "the harness notices what goes wrong",
  always: true,
  run: async (report) => {
    const [first, ...others] = await Promise.all(seriesOfTests.map((series) => kernel(series)))
    for (const on of [first!, ...others]) {
      const { file } = await buildModule(faulty, on)
      await eachOf([...sound, ...(on === first ? unsound : [])], async ({ job, name, right }) => {
        const ending = await boot({ kernel: on, files: { "faulty.ko": file }, script: "true", seconds: 90, cpus: 1, append: [CHECKED, "watchdog_thresh=5"], ...job })
        report.within(on.series).check(name, right(ending), () => evidence(ending))
      })
    }
  }
}

/** Takes the module out: its last users may still be on their way out themselves. */
const unload = "i=0; until rmmod rvisor 2>/dev/null; do i=$((i+1)); [ $i -lt 50 ] || { rmmod rvisor; exit 2; }; sleep 0.1; done; [ ! -e /dev/rvisor ] || exit 3"

/** Runs a job with the module and the test programs at hand, and reports how the machine ended. */
const withModule = async (report: Report, on: Kernel, script: ReadonlyArray<string>, job: Partial<Job> = {}): Promise<Ending> => {
  const module = await built(report, on)
  const programs = await testPrograms()
  const ending = await boot({ kernel: on, files: { "rvisor.ko": module, ...programs }, script: script.join("\n"), seconds: 300, append: [CHECKED], ...job })
  takePrograms(report, ending.lines)
  endedWell(report, "the machine ends well, and the kernel has nothing against it", ending)
  return ending
}

/** Programs of `kmod/tests` that have lanes of their own. */
const special = ["costs"]

const functional: Lane = {
  title: "the module does what it should",
  always: true,
  run: async (report) => {
    const names = Object.keys(await testPrograms()).filter((name) => !special.includes(name))
    for (const series of seriesOfTests) {
      await withModule(report.within(series), await kernel(series), ["insmod ./rvisor.ko || exit 1", programsScript(names.map((name) => [name]), 120), unload])
    }
  }
}

/** What a cost may be at most, as a multiple of another in the same machine. */
const Limits = Schema.Record(Schema.String, Schema.Struct({ of: Schema.String, most: Schema.Number, why: Schema.String }))

/** Numbers that `costs` printed, by name. */
export const costsIn = (lines: ReadonlyArray<string>): Readonly<Record<string, number>> =>
  Object.fromEntries(lines.flatMap((line) => {
    const [, name, number] = /^cost (\S+) ([\d.]+)$/.exec(line) ?? []
    return name === undefined ? [] : [[name, Number(number)] as const]
  }))

const costs: Lane = {
  title: "what calls cost, in instructions",
  always: true,
  run: async (report) => {
    const limits = Schema.decodeUnknownSync(Limits)(JSON.parse(readFileSync(join(import.meta.dirname, "costs.json"), "utf8")))
    await eachOf(await Promise.all(seriesOfTests.map((series) => kernel(series))), async (on) => {
      const within = report.within(on.series)
      const { lines } = await withModule(within, on, [
        // What a kernel puts off until it has come up is over then.
        "sleep 2",
        "./costs call=call-unloaded open=open-unloaded call-filtered call-notified call-traced || exit 4",
        "insmod ./rvisor.ko || exit 1",
        "./costs call open call-allowed call-denied call-asked open-allowed open-judged || exit 5",
        unload,
        "./costs call=call-after || exit 6"
      ], { counting: true, cpus: 1, append: [] })
      const found = costsIn(lines)
      console.log(`  ${on.release}, instructions: ${Object.entries(found).map(([name, number]) => `${name} ${Math.round(number)}`).join(", ")}`)
      for (const [name, { most, of, why }] of Object.entries(limits)) {
        const cost = found[name], base = found[of]
        const ratio = cost === undefined || base === undefined ? Number.NaN : cost / base
        within.check(`${name} costs at most ${most} × ${of} (${why})`, ratio <= most, `it costs ${ratio.toFixed(3)} × ${of}: ${cost} and ${base} instructions`)
      }
    })
  }
}

/** Whether there is a module to test. */
const present = existsSync(join(root, "kmod/Kbuild")) || existsSync(join(root, "kmod/Makefile"))

export const lanes: Readonly<Record<string, Lane>> = { machine, ...(present ? { functional, costs } : {}) }
