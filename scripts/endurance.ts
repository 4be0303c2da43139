/**
 * Starts and ends sandboxes by the thousand in one host program, and counts what is left of them (test/support/footprint.ts):
 *
 *     npm run test:endurance                 10,000 cycles, evenly of every shape
 *     npm run test:endurance -- 500 traced   so many, of some shapes
 *
 * Some cycles of each come before the first count: what is loaded, compiled and kept for all later ones. Exit code 1 where anything has grown.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import * as Command from "../sdk/Command.ts"
import * as Policy from "../sdk/Policy.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import * as Verdict from "../sdk/Verdict.ts"
import { type Footprint, footprint, grown } from "../test/support/footprint.ts"

const place = realpathSync(mkdtempSync(join(tmpdir(), "rvisor-cycles-")))
process.on("exit", () => rmSync(place, { recursive: true, force: true }))
// What is left there is of nobody else.
process.env["TMPDIR"] = join(place, "temporary")
mkdirSync(process.env["TMPDIR"])

const root = process.getuid!() === 0
const command = (script: string) => Command.set(Command.make("sh", "-c", script), { stdin: "ignore" })
const answered = SyscallHandler.make("getpgid", () => Effect.succeed(Verdict.value(7)))
const steered = SyscallHandler.make("getpgid", { power: "steer" }, () => Effect.succeed(Verdict.continue))
const decided: Policy.PolicyInput = { violations: "report", filesystem: { decide: "calls" } }

/** Runs to its end; `expected` is its exit code. */
const through = (policy: Policy.Policy, script: string, expected: number) =>
  Effect.flatMap(Sandbox.spawn(command(script), policy), (sandbox) => sandbox.exit).pipe(Effect.flatMap((outcome) =>
    outcome._tag === "Exited" && outcome.code === expected ? Effect.void : Effect.die(new Error(`it ended with ${JSON.stringify(outcome)}`))))

const calls = "cat /etc/passwd > /tmp/x; mkfifo /tmp/y; exec 5< /nowhere"
const shapes: Readonly<Record<string, Effect.Effect<void, unknown, any>>> = {
  plain: through(Policy.make(root ? { limits: { memory: "256 MiB", processes: 50 } } : {}), "exit 3", 3),
  calls: through(Policy.make(decided), `(${calls}) 2> /dev/null; exit 4`, 4),
  handler: through(Policy.handlers(Policy.make(), answered), "sleep 0; exit 5", 5),
  traced: through(Policy.handlers(Policy.make(decided), steered), "sleep 0 & wait; exit 6", 6),
  translated: through(Policy.make({ view: "translated" }), `(${calls}) 2> /dev/null; exit 7`, 7),
  // Ended from outside, at one moment or another of its life, with more than one process in it.
  killed: Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(command("setsid sleep 100 & while :; do :; done"), Policy.make(decided))
    yield* Effect.sleep(Math.random() * 10)
    yield* sandbox.kill()
    yield* sandbox.exit
  }),
  // The scope is closed, and nobody has waited for anything.
  abandoned: Effect.gen(function*() {
    yield* Sandbox.spawn(command("yes"), Policy.make({ view: Math.random() < 0.5 ? "translated" : "namespace" }))
    yield* Effect.sleep(Math.random() * 10)
  }),
  // The guest is not there yet when its time is over.
  interrupted: Effect.asVoid(Effect.timeoutOption(Sandbox.spawn(command("sleep 100"), Policy.make(decided)), 1 + Math.random() * 8)),
  // A set-up that fails in its last step.
  refused: Effect.asVoid(Effect.flip(Sandbox.spawn(Command.make("/no/such/program"))))
}

const words = process.argv.slice(2)
const cycles = Number(words.find((word) => /^\d+$/.test(word)) ?? 10_000)
const wanted = words.filter((word) => !/^\d+$/.test(word))
for (const name of wanted) if (!(name in shapes)) throw new Error(`no shape is called ${name}; there are: ${Object.keys(shapes).join(", ")}`)
const names = wanted.length > 0 ? wanted : Object.keys(shapes)

const repeat = async (name: string, times: number): Promise<void> => {
  for (let i = 0; i < times; i++) await Effect.runPromise(Effect.scoped(shapes[name]!) as Effect.Effect<void, unknown>)
}
/** What ends by itself soon after: the kernel takes mounts and control groups apart when it has the time. */
const settled = async (before?: Footprint): Promise<Footprint> => {
  let now = footprint()
  for (let i = 0; i < 40 && before !== undefined && grown(before, now, BOUNDS).length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    now = footprint()
  }
  return now
}

/**
 * KiB of memory that are no leak: of the collected heap a tenth of a kilobyte a sandbox; of the whole process what the engine and the allocator take in steps of tens of
 * megabytes and keep, between which it stands still for hundreds of sandboxes.
 */
const BOUNDS = { heap: 4096 + cycles / 10, rss: 128 * 1024 }

for (const name of names) await repeat(name, 30)
const first = footprint()
console.log(`before: ${JSON.stringify(first)}`)
let last = first
for (const name of names) {
  const started = performance.now(), times = Math.ceil(cycles / names.length)
  await repeat(name, times)
  const now = await settled(last)
  const more = grown(last, now, { heap: 1024, rss: 16 * 1024 })
  console.log(`${name.padEnd(12)} ${times} cycles, ${((performance.now() - started) / times).toFixed(1)} ms each, RSS ${now.rss} KiB, heap ${now.heap} KiB${more.length === 0 ? "" : `, more: ${more.join("; ")}`}`)
  last = now
}
const after = await settled(first)
console.log(`after:  ${JSON.stringify(after)}`)
const failed = grown(first, after, BOUNDS)
for (const each of failed) console.error(`grown: ${each}`)
console.log(`${names.length * Math.ceil(cycles / names.length)} cycles: ${failed.length === 0 ? "nothing is left" : "something is left"}`)
process.exit(failed.length === 0 ? 0 : 1)
