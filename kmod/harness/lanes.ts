/**
 * What is tested in virtual machines, lane by lane. A lane puts every result into its report; what it throws is a fault of the
 * harness or of the host.
 */
import { Schema } from "effect"
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { buildForeign, buildModule, type ModuleSource, rvisorModule, testPrograms } from "./build.ts"
import { attacks, backends, bundle, everySuite, namesIn, quickSuites, type Selection, suitesScript } from "./conformance.ts"
import { HarnessFailure } from "./failure.ts"
import { debugKernel } from "./debug-kernel.ts"
import { boot, type Ending, type Job } from "./machine.ts"
import { busybox, type Kernel, kernel, kernelSource, programs, type Series } from "./packages.ts"
import { cache, root } from "./place.ts"
import { attempt } from "./program.ts"
import { endedWell, evidence, programsScript, type Report, takePrograms } from "./report.ts"
import { parse } from "./tap.ts"

export interface Lane {
  readonly title: string
  /** Whether it is part of the README's test command. */
  readonly always: boolean
  /** Whether it has kernels of its own, and does not run once on each that it is given. */
  readonly own?: true
  /** Whether it runs suites of `test/`, of which some can be chosen. */
  readonly suites?: true
  readonly run: (report: Report, on: ReadonlyArray<Series>, of?: Selection) => Promise<void>
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

const sparse = async (): Promise<string> => join(await programs("sparse", ["sparse"]), "usr/bin")

/** The module for a kernel, as a file for a machine; what the compiler had against it goes into the report. */
const built = async (report: Report, on: Kernel): Promise<string> => {
  const { file, warnings } = await buildModule(rvisorModule, on, { sparse: await sparse() })
  report.check("builds without a warning of the compiler's or of sparse", warnings.length === 0, warnings.join("\n"))
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
  { name: "a job without end", job: { script: "while :; do :; done", seconds: 5 }, right: ({ how }) => how === "hung" },
  { name: "a machine that does not come up", job: { kernel: { vmlinux: "/dev/null", modules: "/nowhere" } }, right: ({ how }) => how === "absent" }
]

/** The harness itself: a kernel that goes wrong is noticed, in each of the ways that it can. */
const machine: Lane = {
  title: "the harness notices what goes wrong",
  always: true,
  run: async (report, kernels) => {
    const [first, ...others] = await Promise.all(kernels.map((series) => kernel(series)))
    for (const on of [first!, ...others]) {
      const { file, warnings } = await buildModule(faulty, on, { sparse: await sparse() })
      report.within(on.series).check("what sparse finds", warnings.length === 1 && warnings[0]!.includes("Using plain integer as NULL pointer"), warnings.join("\n"))
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
  const ending = await boot({ kernel: on, files: { "rvisor.ko": module, ...await testPrograms() }, script: script.join("\n"), seconds: 300, append: [CHECKED], ...job })
  takePrograms(report, ending.lines)
  endedWell(report, "the machine ends well, and the kernel has nothing against it", ending)
  return ending
}

/** Programs of `kmod/tests` that have lanes of their own. */
const special = ["costs", "boxed", "storm", "fuzz_device", "bench"]

const functional: Lane = {
  title: "the module does what it should",
  always: true,
  run: async (report, kernels) => {
    const names = Object.keys(await testPrograms()).filter((name) => !special.includes(name))
    for (const series of kernels) {
      await withModule(report.within(series), await kernel(series), ["insmod ./rvisor.ko || exit 1", programsScript(names.map((name) => [name]), 120), unload], { modules: ["overlay"], append: [CHECKED, "syscall.x32=y", "vsyscall=emulate"] })
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
  run: async (report, kernels) => {
    const limits = Schema.decodeUnknownSync(Limits)(JSON.parse(readFileSync(join(import.meta.dirname, "costs.json"), "utf8")))
    await eachOf(await Promise.all(kernels.map((series) => kernel(series))), async (on) => {
      const within = report.within(on.series)
      const { lines } = await withModule(within, on, [
        // What a kernel puts off until it has come up is over then.
        "sleep 2",
        "for each in call=call-unloaded open=open-unloaded call-filtered call-notified call-traced; do ./costs $each || exit 4; done",
        "insmod ./rvisor.ko || exit 1",
        // Each in a process of its own: what the scheduler remembers of one would decide whether the next is interrupted as it answers.
        "for each in call open call-allowed call-denied call-told call-asked open-allowed open-judged; do ./costs $each || exit 5; done",
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

/**
 * Loads, uses and unloads the module again and again, while other processes make calls without end. The storm is there for the guests that
 * are still dying when the module is to go; it is too short to pass its own tests.
 */
const loading = (seconds: number): string => `
echo "#### program load, use and unload under load"
while :; do ./costs call open; done > /dev/null &
end=$(($(date +%s) + ${seconds})) times=0 bad=0
while [ $(date +%s) -lt $end ]; do
  insmod ./rvisor.ko && ./boxed ./costs call > said 2>&1 && { ./storm 0.3 $times > storm.out; true; } && ( ${unload} ) || { bad=1; cat said; break; }
  times=$((times + 1))
done
kill %1; wait
[ $bad = 0 ] && [ $times -gt 0 ] && echo "ok 1 - $times times" || echo "not ok 1 - the time after the first $times"
echo "#### ended 0"`

/** Everything at once, for a while: what matters is what the kernel says of it. The seeds are printed by the programs. */
const storms = (seconds: number): Lane["run"] => async (report, kernels) => {
  for (const series of kernels) {
    await withModule(report.within(series), await kernel(series), [
      "insmod ./rvisor.ko || exit 1", programsScript([["storm", String(seconds)], ["fuzz_device", String(seconds)]], seconds + 120), unload, loading(seconds)
    ], { seconds: 300 + 6 * seconds })
  }
}

const stress: Lane = { title: "the module under a storm, a fuzzer, and loaded and unloaded under load", always: true, run: storms(8) }

/** The same for longer, and a well-known program that strains every part of a kernel, as a guest. */
const endurance: Lane = {
  title: "the same for minutes, and stress-ng as a guest",
  always: false,
  run: async (report, kernels) => {
    await storms(120)(report, kernels)
    const root = await programs("stress-ng", ["stress-ng"])
    const stressors = ["fork", "vfork", "clone", "pthread", "exec", "kill", "dentry", "rename", "link", "symlink", "open", "dir", "mmap", "sockpair", "pipe", "sigsegv"]
    for (const series of kernels) {
      // Over the host's tree, which may have no tools for modules.
      const busyboxed = await busybox()
      await withModule(report.within(series), await kernel(series), [
        "export PATH=/run/job-files:$PATH", "insmod ./rvisor.ko || exit 1",
        `export LD_LIBRARY_PATH=${join(root, "usr/lib/x86_64-linux-gnu")}:${join(root, "lib/x86_64-linux-gnu")}`,
        ...stressors.map((name, index) => [
          `echo "#### program stress-ng --${name}"`,
          `timeout -s KILL 100 ./boxed ${join(root, "usr/bin/stress-ng")} --temp-path /tmp --${name} 2 --timeout 8s > said 2>&1; code=$?`,
          `case $code in 0) echo "ok ${index + 1} - $(tail -n 1 said)" ;; *) cat said; echo "not ok ${index + 1} - ended with $code" ;; esac; echo "#### ended 0"`
        ].join("\n")),
        unload
      ], { share: true, memory: 1024, seconds: 1500, files: { "rvisor.ko": await built(report.within(series), await kernel(series)), ...await testPrograms(), insmod: busyboxed, rmmod: busyboxed } })
    }
  }
}

/** The kernel's own tests of seccomp, in no sandbox, without the module and with it: what passes without it passes with it. */
const neighbours: Lane = {
  title: "the kernel's own tests of seccomp do not notice the module",
  always: false,
  own: true,
  run: async (report) => {
    const source = await kernelSource("6.1"), on = await kernel("6.1")
    const selftests = join(source, "tools/testing/selftests")
    const capabilities = await programs("libcap", ["libcap-dev", "libcap2"])
    const program = await buildForeign("seccomp_bpf", [join(selftests, "seccomp/seccomp_bpf.c"), join(capabilities, "usr/lib/x86_64-linux-gnu/libcap.a")], [selftests, join(capabilities, "usr/include")])
    const files = { "rvisor.ko": await built(report, on), seccomp_bpf: program }
    const passed = async (name: string, ...before: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
      const ending = await boot({ kernel: on, files, script: [...before, programsScript([["seccomp_bpf"]], 400), "exit 0"].join("\n"), seconds: 500, append: [CHECKED] })
      report.check(`${name}: the machine ends well`, ending.how === "ended" && ending.complaints.length === 0, () => evidence(ending))
      return parse(ending.lines).results.filter(({ verdict }) => verdict === "passed").map((result) => result.name)
    }
    const without = await passed("without the module"), loaded = await passed("with the module", "insmod ./rvisor.ko || exit 1")
    report.check("there are tests", without.length > 50, `${without.length} pass without the module`)
    for (const name of without) report.check(name, loaded.includes(name), "passes without the module only")
  }
}

/** A kernel that checks every memory access, every lock and every context. */
const debug: Lane = {
  title: "all of it on a kernel with KASAN and lockdep (which is built first: a quarter of an hour)",
  always: false,
  own: true,
  run: async (report) => {
    const on = await debugKernel()
    const names = Object.keys(await testPrograms()).filter((name) => !special.includes(name))
    // It sees what it should: else its silence would say nothing.
    const { file } = await buildModule(faulty, on)
    await eachOf([["reuse", "KASAN: "], ["redzone", "KASAN: "], ["order", "circular locking"], ["atomic", "sleeping function called|scheduling while atomic"], ["leave", "lock held"]] as const, async ([fault, complaint]) => {
      const ending = await boot({ kernel: on, files: { "faulty.ko": file }, script: `insmod faulty.ko fault=${fault}`, seconds: 200, cpus: 1 })
      report.check(`it notices: ${fault}`, new RegExp(complaint).test(ending.complaints.join("\n")), () => evidence(ending))
    })
    await withModule(report, on, [
      "insmod ./rvisor.ko || exit 1", programsScript([...names.map((name) => [name]), ["storm", "60"], ["fuzz_device", "60"]], 1200), unload,
      "echo scan > /sys/kernel/debug/kmemleak; sleep 6; echo scan > /sys/kernel/debug/kmemleak; cat /sys/kernel/debug/kmemleak | head -n 40"
    ], { seconds: 3600, memory: 2048, append: ["watchdog_thresh=60"] })
  }
}

/** `rvisor kmod` as its users have it: the executable, in a machine whose kernel takes the module, and in one that takes signed modules only. */
const command: Lane = {
  title: "rvisor kmod builds, loads and unloads the module, and says why not",
  always: true,
  own: true,
  run: async (report) => {
    const executable = join(root, "dist/rvisor")
    if (!existsSync(executable)) throw new HarnessFailure("build", "there is no dist/rvisor", "npm run build")
    const on = await kernel("6.1"), other = await kernel("6.12")
    const out = join(cache, "build/command")
    mkdirSync(out, { recursive: true })
    for (const each of [on, other]) {
      const file = join(out, `${each.series}.ko`)
      const { code, stderr } = await attempt(executable, ["kmod", "build", "--headers", each.headers, "--out", file])
      report.check(`builds it for ${each.series}`, code === 0 && existsSync(file), stderr)
    }
    // The shell's own: what is said, and which code. A plain user's and a busybox's words are part of it.
    const prelude = `
export PATH=/run/job-files:$PATH
rvisor() { ${executable} "$@"; }
plainly() { setpriv --reuid=65534 --regid=65534 --clear-groups ${executable} "$@"; }
n=0
says() { # NAME CODE PATTERN COMMAND…
  name=$1 code=$2 pattern=$3; shift 3; n=$((n + 1))
  "$@" > said 2>&1; got=$?
  if [ $got = $code ] && grep -qE "$pattern" said; then echo "ok $n - $name"; else echo "# code $got"; sed 's/^/# /' said; echo "not ok $n - $name"; fi
}
echo "#### program rvisor kmod"`
    const busyboxed = await busybox()
    const files = { insmod: busyboxed, rmmod: busyboxed, "this.ko": join(out, "6.1.ko"), "other.ko": join(out, "6.12.ko") }
    const run = async ([name, script, append]: readonly [name: string, script: string, append: ReadonlyArray<string>]): Promise<void> => {
      const within = report.within(name)
      const ending = await boot({ kernel: on, files, share: true, memory: 2048, cpus: 1, seconds: 400, append, script: `${prelude}\n${script}\necho "#### ended 0"` })
      takePrograms(within, ending.lines)
      endedWell(within, "the machine ends well", ending)
    }
    await eachOf([["a kernel that takes it", `
says "status: not loaded" 1 'no +module-loaded' rvisor kmod status
says "load: for root only" 1 'only root may load' plainly kmod load this.ko
says "load: another kernel's module" 1 'built for another kernel' rvisor kmod load other.ko
says "run: not loaded" 125 'kmod /dev/rvisor.*not loaded.*ENOENT' rvisor run --backend kmod -- true
says "load: no such file" 1 'does not exist.*' rvisor kmod load none.ko
says "load" 0 'loaded rvisor.*marked: O: .*E: ' rvisor kmod load this.ko
says "load: already" 0 'loaded already' rvisor kmod load
says "status: loaded, as JSON" 0 '"ok": true' rvisor kmod status --json
says "status: not for everybody" 1 'cannot be opened by this user.*EACCES' plainly kmod status
says "run" 0 '^hello$' rvisor run --backend kmod -- echo hello
says "run: what is denied by path" 1 'hostname: Permission denied' rvisor run --backend kmod --decide calls --deny /etc/hostname -- cat /etc/hostname
says "run: not for everybody" 125 'kmod /dev/rvisor.*EACCES' plainly run --backend kmod -- true
exec 9<> /dev/rvisor
says "unload: in use" 1 'in use: 1 open.*EBUSY' rvisor kmod unload
exec 9>&-
says "unload: for root only" 1 'only root may unload' plainly kmod unload
says "unload" 0 'unloaded' rvisor kmod unload
says "unload: already" 0 'not loaded' rvisor kmod unload`, []], ["a kernel that is locked down", `
says "status" 1 'lockdown is integrity: modules must be signed' rvisor kmod status
says "load" 1 'signed modules only.*lockdown' rvisor kmod load this.ko`, ["lockdown=integrity"]], ["a kernel that wants signatures", `
says "load" 1 'signed modules only.*sig_enforce' rvisor kmod load this.ko`, ["module.sig_enforce=1"]]], run)
  }
}

/**
 * Suites of `test/` over each backend in the same machine (one processor: what waits for another is woken without the host's help), by the
 * same list of tests. Nothing in them knows that it is in a machine.
 */
const conforming = (name: string, suites: ReadonlyArray<string>, seconds: number, cpus = 1): Lane["run"] => async (report, kernels, of = { backends: [], suites: [], tests: [] }) => {
  const over = backends.filter((backend) => of.backends.length === 0 || of.backends.includes(backend))
  const chosen = suites.filter((suite) => of.suites.length === 0 || of.suites.some((word) => suite.includes(word)))
  if (chosen.length === 0) return
  const files: Array<string> = []
  for (const suite of chosen) files.push(await bundle(suite))
  const busyboxed = await busybox()
  await eachOf(await Promise.all(kernels.map((series) => kernel(series))), async (on) => {
    const within = report.within(on.series)
    const module = await built(within, on)
    // A run of hours can be looked at while it goes on.
    const log = join(cache, `${name}-${on.series}.log`)
    writeFileSync(log, "")
    const ending = await boot({
      onLine: (line) => appendFileSync(log, `${line}\n`),
      kernel: on, files: { "rvisor.ko": module, insmod: busyboxed, rmmod: busyboxed }, share: true, memory: 3072, cpus, seconds,
      script: ["export PATH=/run/job-files:$PATH", "insmod ./rvisor.ko || exit 1", ...files.flatMap((file) => over.map((backend) => suitesScript([file], backend, { factor: SLOWNESS, seconds: Math.min(seconds, SUITE), tests: of.tests }))), unload].join("\n")
    })
    takePrograms(within, ending.lines)
    endedWell(within, "the machine ends well, and the kernel has nothing against it", ending)
    const [one = [], ...others] = over.map((backend) => namesIn(ending.lines, backend))
    within.check(over.length === 1 ? "there are tests" : "the same tests over each backend", one.length > 0 && others.every((names) => names.join("\n") === one.join("\n")), `${[one, ...others].map((names) => names.length).join(", ")} tests`)
  })
}

/** How much longer a test may take on a processor that is emulated. */
const SLOWNESS = 10

/** Seconds that a suite may take over one backend: where one hangs the others still run. */
const SUITE = 3600

const conformance: Lane = { title: "suites of both backends: what is refused by files, calls and addresses", always: true, suites: true, run: conforming("suites", quickSuites, 900) }

const everything: Lane = {
  title: "all suites of both backends, and the attacks (an hour or more)",
  always: false,
  suites: true,
  run: async (report, kernels, of) => {
    // Two processors: on one, the controls of the races lose theirs.
    await conforming("attacks", attacks, 7200, 2)(report.within("attacks"), kernels, of)
    await conforming("suites", everySuite, 14_400)(report, kernels, of)
  }
}

/** Whether there is a module to test. */
const present = existsSync(join(root, "kmod/Kbuild")) || existsSync(join(root, "kmod/Makefile"))

export const lanes: Readonly<Record<string, Lane>> = { machine, ...(present ? { functional, costs, stress, command, conformance, everything, endurance, neighbours, debug } : {}) }
