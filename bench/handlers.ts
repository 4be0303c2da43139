/**
 * What a call costs that a handler answers, by where it is intercepted: untrapped, decided in init, seen by an observer, answered by a module or a
 * closure at a notification, or by a module at a trace point; and the mechanism itself, without anything of rvisor's. Each measurement is a program of
 * its own (this file, started with arguments), so that it can be pinned with all its threads.
 */
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import * as Command from "../sdk/Command.ts"
import * as Policy from "../sdk/Policy.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import * as Verdict from "../sdk/Verdict.ts"
import { Arg } from "../sdk/Where.ts"
import { type Bench, onOneCpu, within } from "./bench.ts"
import { latencies } from "./decisions.ts"
import closures from "./handlers-module.ts"
import { succeeded } from "./contestants.ts"
import type { Figure, Sample, Subject } from "./measure.ts"
import { compiled } from "./micro.ts"
import type { Row } from "./results.ts"
import { steered } from "./steer-module.ts"

const self = fileURLToPath(import.meta.url)

const module = (file: string) => () => [SyscallHandler.fromModule(new URL(file, import.meta.url))]

/** Who answers. Modules of `steer-module.ts` take which one they are from the environment. */
const kinds: Readonly<Record<string, () => ReadonlyArray<Policy.HandlerSource>>> = {
  "rvisor, untrapped": () => [],
  "rvisor, refused by a filter": () => [SyscallHandler.make("getpgid", { where: Arg.eq("pid", 12345) }, () => Effect.succeed(Verdict.value(1)))],
  "rvisor, observer": module("./handlers-observe.ts"),
  "rvisor, module": module("./handlers-module.ts"),
  "rvisor, closure": () => closures,
  ...Object.fromEntries(Object.keys(steered).map((kind) => [`rvisor, ${kind}`, module("./steer-module.ts")]))
}

/** What the program printed, in a sandbox with handlers of that kind. */
const run = (program: string, kind: string, args: ReadonlyArray<string>): Promise<string> =>
  Effect.gen(function*() {
    const policy = Policy.make({ filesystem: { read: [program] }, handlers: kinds[kind]!() }) as Policy.Policy
    const sandbox = yield* Sandbox.spawn(Command.make(program, ...args), policy)
    return yield* Stream.mkString(Stream.decodeText(sandbox.stdout))
  }).pipe(Effect.scoped, Effect.runPromise)

const CALLS = 6000

interface Comparison {
  readonly call: string
  readonly what: string
  readonly threads: number
  readonly kinds: ReadonlyArray<string>
}

const trace = Object.keys(steered).map((kind) => `rvisor, ${kind}`)
const byHandlers = ["rvisor, module", "rvisor, closure"]
const onOne: ReadonlyArray<Comparison> = [
  { call: "getppid", what: "a value", threads: 1, kinds: ["rvisor, untrapped", "rvisor, observer", ...byHandlers, ...trace] },
  { call: "getpgid", what: "decided in init", threads: 1, kinds: ["rvisor, refused by a filter"] },
  { call: "uname", what: "a structure written", threads: 1, kinds: byHandlers },
  { call: "access", what: "a path read, an errno", threads: 1, kinds: byHandlers },
  { call: "open", what: "a path read, opened on behalf", threads: 1, kinds: byHandlers }
]
const anywhere: ReadonlyArray<Comparison> = [
  { call: "getppid", what: "a value", threads: 1, kinds: [...byHandlers, trace[0]!] },
  { call: "getppid", what: "a value", threads: 8, kinds: byHandlers },
  { call: "open", what: "a path read, opened on behalf", threads: 8, kinds: byHandlers }
]

const measured = (bench: Bench, id: string, title: string, prefix: ReadonlyArray<string>, list: ReadonlyArray<Comparison>): Promise<void> =>
  bench.set(id, title, (compare) =>
    within(async (directory) => {
      const program = compiled(directory, "calls"), filtered = compiled(directory, "filtered"), wakeups = compiled(directory, "wakeups")
      /** p10, p50, p90, p99 and the longest, and calls per second: of these, the middle three and the rate. */
      const printed = async (argv: ReadonlyArray<string>): Promise<ReadonlyArray<number>> => {
        const numbers = (await succeeded({ argv: [...prefix, ...argv] }, directory, 60)).stdout.trim().split(" ").map(Number)
        return [...numbers.slice(1, 4).map((ns) => ns / 1000), ...numbers.slice(5)]
      }
      const rows: Array<Row> = []
      for (const { call, kinds, threads, what } of list) {
        const args = [call, String(Math.round(CALLS / threads)), String(threads)]
        const subject = (name: string, argv: ReadonlyArray<string>): Subject => ({ name, measure: async (): Promise<Sample> => ({ values: await printed(argv), work: `${CALLS} calls` }) })
        const figures: ReadonlyArray<Figure> = [...latencies, { name: "calls a second", unit: "1/s", better: "higher" }]
        const rate = threads > 1
        const all = await compare(figures.map((figure) => ({ ...figure, name: `${call} (${what}), ${threads === 1 ? "" : `${threads} threads, `}${figure.name}` })), [
          subject("native", [program, ...args]),
          ...(call === "getppid" && threads === 1 ? [subject("a filter alone", [filtered, program, ...args])] : []),
          ...kinds.map((kind) => subject(kind, [process.execPath, self, program, kind, ...args]))
        ], { rounds: 4, seconds: 8 + 4 * kinds.length, warm: false })
        rows.push(...rate ? all : all.slice(0, 3))
      }
      const bare = (sync: string) => async (): Promise<Sample> => ({ values: await printed([wakeups, sync, String(CALLS)]), work: `${CALLS} calls` })
      rows.push(...await compare(latencies.map((figure) => ({ ...figure, name: `a notification without rvisor, ${figure.name}` })), [
        { name: "woken on the guest's processor", measure: bare("1") },
        { name: "woken anywhere", measure: bare("0") }
      ], { rounds: 5, seconds: 8 }))
      return rows
    }))

export const handlers = async (bench: Bench): Promise<void> => {
  await measured(bench, "handlers", "Calls by who answers them, everything on one processor", onOneCpu, onOne)
  await measured(bench, "unpinned", "The same on all processors, and from eight threads", [], anywhere)
}

if (process.argv[1] === self) {
  const [program, kind, ...args] = process.argv.slice(2) as [string, string, ...Array<string>]
  process.env["RVISOR_BENCH_STEER"] = kind.replace("rvisor, ", "")
  process.stdout.write(await run(program, kind, args))
}
