/**
 * What starting costs: the executable from a shell beside the peers', a sandbox from a running program, two hundred at once; and what stays in
 * memory while a sandbox does nothing, for one and for five hundred.
 */
import { spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { Effect, Exit, Scope } from "effect"
import * as Command from "../sdk/Command.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import { type Bench, eachContestant, within } from "./bench.ts"
import { field, succeeded } from "./contestants.ts"
import { guarded } from "./guard.ts"
import { only, type Sample, type Subject } from "./measure.ts"

const sandboxed = (argv: readonly [string, ...Array<string>]): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(Command.set(Command.make(...argv), { stdin: "ignore", stdout: "ignore", stderr: "ignore" }))
    const outcome = yield* sandbox.exit
    if (outcome._tag !== "Exited" || outcome.code !== 0) return yield* Effect.fail(new Error(`true ended as ${outcome._tag}`))
  }).pipe(Effect.scoped)

/** Of a process: proportional share of what it keeps in memory, and what it keeps itself, in KiB. */
const memoryOf = (pid: string | number): { readonly pss: number; readonly rss: number } | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
    const value = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(text)![1])
    return { pss: value("Pss"), rss: value("Rss") }
  } catch {
    return undefined // it ended, or is a kernel thread
  }
}

const pids = (): ReadonlyArray<string> => readdirSync("/proc").filter((name) => /^\d+$/.test(name))
const stat = (pid: string): { readonly name: string; readonly parent: string } | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8"), end = text.lastIndexOf(")")
    return { name: text.slice(text.indexOf("(") + 1, end), parent: text.slice(end + 2).split(" ")[1]! }
  } catch {
    return undefined
  }
}

/** Our processes beneath this one, by name. */
const ours = (): ReadonlyArray<{ readonly name: string; readonly pid: string }> => {
  const all = new Map(pids().flatMap((pid) => {
    const found = stat(pid)
    return found === undefined ? [] : [[pid, found] as const]
  }))
  const beneath = (pid: string | undefined): boolean => pid === String(process.pid) || (pid !== undefined && pid !== "0" && pid !== "1" && beneath(all.get(pid)?.parent))
  return [...all].filter(([pid, { parent }]) => pid !== String(process.pid) && beneath(parent)).map(([pid, { name }]) => ({ name, pid }))
}

/** Processes of a command's group and their descendants. */
const familyOf = (leader: number): ReadonlyArray<{ readonly name: string; readonly pid: string }> => {
  const all = pids().flatMap((pid) => {
    const found = stat(pid)
    return found === undefined ? [] : [{ pid, ...found }]
  })
  const family = new Set([String(leader)])
  for (let grown = true; grown;) {
    grown = false
    for (const { parent, pid } of all) {
      if (family.has(parent) && !family.has(pid)) {
        family.add(pid)
        grown = true
      }
    }
  }
  return all.filter(({ pid }) => family.has(pid))
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const batch = (count: number, each: () => Promise<unknown>) => async (): Promise<Sample> => {
  const begin = performance.now()
  await Promise.all(Array.from({ length: count }, each))
  return { values: [count / ((performance.now() - begin) / 1000)], work: `${count} times true` }
}

const timed = (action: () => Promise<unknown>) => async (): Promise<Sample> => {
  const begin = performance.now()
  await action()
  return only(performance.now() - begin)
}

/** Sum over a sandbox's processes, by their names; the guest itself is not counted. */
const supervising = async (): Promise<Sample> =>
  Effect.gen(function*() {
    yield* Sandbox.spawn(Command.set(Command.make("sleep", "60"), { stdin: "ignore" }))
    yield* Effect.sleep(150)
    const mine = ours().map((each) => ({ ...each, memory: memoryOf(each.pid) }))
    const of = (name: string) => mine.find((each) => each.name === name)?.memory
    const sum = mine.filter(({ name }) => name.startsWith("rvisor-")).reduce((total, { memory }) => total + (memory?.pss ?? 0), 0)
    return { values: [of("rvisor-sentry")?.rss ?? 0, of("rvisor-sentry")?.pss ?? 0, of("rvisor-init")?.pss ?? 0, sum], work: "" }
  }).pipe(Effect.scoped, Effect.runPromise)

const IDLE = 500
/** Starts many sandboxes that do nothing, and keeps them all; then starts one more. */
const idle = async (): Promise<Sample> => {
  const scope = Scope.makeUnsafe()
  const start = () => Effect.runPromise(Sandbox.spawn(Command.set(Command.make("sleep", "600"), { stdin: "ignore" })).pipe(Scope.provide(scope)))
  try {
    const begin = performance.now()
    let next = 0
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (next++ < IDLE) await start()
    }))
    const took = performance.now() - begin
    await pause(500)
    const all = ours().filter(({ name }) => name.startsWith("rvisor-"))
    const kept = all.reduce((sum, { pid }) => sum + (memoryOf(pid)?.pss ?? 0), 0)
    const sentries = all.filter(({ name }) => name === "rvisor-sentry").length
    const more = performance.now()
    await Effect.runPromise(sandboxed(["true"]))
    return { values: [took / 1000, kept / IDLE, performance.now() - more], work: `${sentries} sentries at once` }
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

export const startup = async (bench: Bench): Promise<void> => {
  await bench.set("run", "`true`, from a shell", (compare) =>
    within((directory) =>
      eachContestant(() => ({ argv: ["true"], directory }), async (prepared) => only((await succeeded(prepared, directory, 20)).ms), (subjects) =>
        compare([{ name: "start `true` and wait for it", unit: "ms", better: "lower" }], subjects, { rounds: 30, seconds: 45 }))))
  await bench.set("spawn", "`true`, from a running program", (compare) =>
    within(async (directory) => {
      const { present } = await field()
      const bubblewrap = present.find(({ name }) => name === "bubblewrap")?.prepare({ argv: ["true"], directory })
      const child = (argv: ReadonlyArray<string>) => () =>
        new Promise<void>((resolve, reject) => {
          spawn(argv[0]!, argv.slice(1), { stdio: "ignore" }).on("error", reject).on("exit", (code) => code === 0 ? resolve() : reject(new Error(`it ended with ${code}`)))
        })
      const peers = (how: (action: () => Promise<unknown>) => Subject["measure"]): ReadonlyArray<Subject> => [
        { name: "child_process.spawn", measure: how(child(["true"])) },
        { name: "Sandbox.spawn", measure: how(() => Effect.runPromise(sandboxed(["true"]))) },
        ...(bubblewrap === undefined ? [] : [{ name: "bubblewrap", measure: how(child(bubblewrap.argv)) }])
      ]
      return [
        ...await compare([{ name: "start `true` and wait for it", unit: "ms", better: "lower" }], peers(timed), { rounds: 80, seconds: 15 }),
        ...await compare([{ name: "200 at once", unit: "1/s", better: "higher" }], peers((action) => batch(200, action)), { rounds: 4, seconds: 30 })
      ]
    }))
  await bench.set("memory", "Memory", async (compare) => [
    ...await compare(["rvisor-sentry, RSS", "rvisor-sentry, PSS", "rvisor-init, PSS", "all that supervises one sandbox, PSS"].map((name) => ({ name, unit: "KiB", better: "lower" as const })), [{ name: "Sandbox.spawn", measure: supervising }], { rounds: 5, seconds: 10 }),
    ...await within((directory) =>
      eachContestant(() => ({ argv: ["sleep", "30"], directory }), async ({ argv }) => {
        const child = guarded(spawn(argv[0]!, argv.slice(1), { stdio: "ignore", detached: true, cwd: directory }))
        try {
          await pause(1200)
          const family = familyOf(child.pid!)
          const guests = family.filter(({ name }) => name === "sleep")
          const kept = family.filter(({ name }) => name !== "sleep").reduce((sum, { pid }) => sum + (memoryOf(pid)?.pss ?? 0), 0)
          if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
          return { values: [kept], work: guests.length > 1 ? `${guests.length} guests` : "" }
        } finally {
          const gone = new Promise((resolve) => child.on("close", resolve))
          for (const { pid } of familyOf(child.pid!)) {
            try {
              process.kill(Number(pid), "SIGKILL")
            } catch { /* gone meanwhile */ }
          }
          await gone
        }
      }, (subjects) => compare([{ name: "what a command line keeps in memory beside an idle command, PSS", unit: "KiB", better: "lower" }], subjects.slice(1), { rounds: 2, seconds: 30, warm: false }))),
    ...await compare([
      { name: `start ${IDLE} and keep them`, unit: "s", better: "lower" },
      { name: `memory of each of ${IDLE}, PSS`, unit: "KiB", better: "lower" },
      { name: `one more \`true\` beside ${IDLE}`, unit: "ms", better: "lower" }
    ], [{ name: "Sandbox.spawn", measure: idle }], { rounds: 2, seconds: 30, warm: false })
  ])
}
