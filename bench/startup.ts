/**
 * What starting costs: a sandbox from a running program beside a plain child process and bubblewrap, the executable from a
 * shell, sandboxes per second, and the resident memory of what supervises one.
 */
import { spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { Effect } from "effect"
import * as Command from "../sdk/Command.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import { interleave, type Row, type Subject } from "./measure.ts"
import { executable, installed } from "./subjects.ts"

const started = (argv: ReadonlyArray<string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const start = performance.now()
    const child = spawn(argv[0]!, argv.slice(1), { stdio: "ignore" })
    child.on("error", reject)
    child.on("exit", (code) => code === 0 ? resolve(performance.now() - start) : reject(new Error(`${argv.join(" ")} ended with ${code}`)))
  })

const sandboxed = (argv: readonly [string, ...Array<string>]): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(Command.set(Command.make(...argv), { stdin: "ignore", stdout: "ignore", stderr: "ignore" }))
    const outcome = yield* sandbox.exit
    if (outcome._tag !== "Exited" || outcome.code !== 0) return yield* Effect.fail(new Error(`true ended as ${outcome._tag}`))
  }).pipe(Effect.scoped)

const timed = async (effect: Effect.Effect<void, unknown>): Promise<number> => {
  const start = performance.now()
  await Effect.runPromise(effect)
  return performance.now() - start
}

const bubblewrap: ReadonlyArray<string> = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "true"]

/** Resident set of a process and of all below it that are ours, in KiB: proportional share, from smaps_rollup. */
const residents = (): ReadonlyArray<readonly [name: string, rss: number, pss: number]> =>
  readdirSync("/proc").filter((x) => /^\d+$/.test(x)).flatMap((pid) => {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim()
      if (!name.startsWith("rvisor-")) return []
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
      const field = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(text)![1])
      return [[name, field("Rss"), field("Pss")] as const]
    } catch {
      return []
    }
  })

export const startup = async (progress: (text: string) => void): Promise<ReadonlyArray<Row>> => {
  const peers: Array<Subject> = installed("bwrap") ? [{ name: "bubblewrap", measure: () => started(bubblewrap) }] : []
  const fromProgram = await interleave({ name: "start `true` from a running program", unit: "ms", better: "lower" }, 60, [
    { name: "child_process.spawn", measure: () => started(["true"]) },
    { name: "Sandbox.spawn", measure: () => timed(sandboxed(["true"])) },
    ...peers
  ], progress)
  const fromShell = await interleave({ name: "`rvisor run -- true`, warm", unit: "ms", better: "lower" }, 40, [
    { name: "true", measure: () => started(["true"]) },
    { name: "rvisor run", measure: () => started([...executable, "run", "--", "true"]) },
    ...peers
  ], progress)
  const batch = (count: number, concurrency: number, each: () => Promise<unknown>) => async () => {
    const start = performance.now()
    let next = 0
    await Promise.all(Array.from({ length: concurrency }, async () => {
      while (next++ < count) await each()
    }))
    return count / ((performance.now() - start) / 1000)
  }
  const rate = await interleave({ name: "starts per second, 8 at a time", unit: "1/s", better: "higher" }, 5, [
    { name: "child_process.spawn", measure: batch(200, 8, () => started(["true"])) },
    { name: "Sandbox.spawn", measure: batch(200, 8, () => Effect.runPromise(sandboxed(["true"]))) },
    ...(installed("bwrap") ? [{ name: "bubblewrap", measure: batch(200, 8, () => started(bubblewrap)) }] : [])
  ], progress)
  const memory = await interleave({ name: "memory of what supervises one idle sandbox", unit: "KiB", better: "lower" }, 3,
    ["rvisor-sentry", "rvisor-warden", "rvisor-init"].flatMap((process) =>
      (["RSS", "PSS"] as const).map((kind) => ({
        name: `${process} ${kind}`,
        measure: () =>
          Effect.gen(function*() {
            yield* Sandbox.spawn(Command.set(Command.make("sleep", "60"), { stdin: "ignore" }))
            yield* Effect.sleep(100)
            return residents().find(([name]) => name === process)![kind === "RSS" ? 1 : 2]
          }).pipe(Effect.scoped, Effect.runPromise)
      }))), progress)
  return [fromProgram, fromShell, rate, memory]
}

