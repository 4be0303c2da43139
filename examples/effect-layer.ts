/**
 * An Effect program that was written for `ChildProcess`, sandboxed by swapping one layer.
 *
 *     node examples/effect-layer.ts
 *
 * `report` knows nothing of rvisor: it runs commands and pipes them, as any Effect program does. It is run twice: with the
 * platform's spawner, and with `SandboxSpawner.layer(policy)`, where each command gets a sandbox of its own.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { Policy, SandboxSpawner } from "rvisor"

// ------------------------------------------------------------------------------------------------ the existing program

/** Lines that a shell script prints; what went wrong, where it failed. */
const lines = (script: string) => Effect.gen(function*() {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  return yield* spawner.lines(ChildProcess.make("sh", ["-c", script]), { includeStderr: true })
})

/** The longest words of a text, by a pipeline of three programs. */
const longestWords = Effect.fn("longestWords")(function*(text: string) {
  const words = ChildProcess.make("tr", ["-cs", "[:alpha:]", "\n"], { stdin: Stream.make(new TextEncoder().encode(text)) })
  const measured = ChildProcess.make("awk", ["{ print length($0), $0 }"])
  const sorted = ChildProcess.make("sort", ["-rn", "-k1,1"])
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const found = yield* spawner.lines(words.pipe(ChildProcess.pipeTo(measured), ChildProcess.pipeTo(sorted)))
  return found.slice(0, 2).map((line) => line.split(" ")[1])
})

const report = Effect.gen(function*() {
  yield* Console.log(`words      ${(yield* longestWords("An Effect program sandboxed by swapping one layer")).join(", ")}`)
  yield* Console.log(`user       ${(yield* lines("id -u")).join()}`)
  yield* Console.log(`processes  ${(yield* lines("ls -d /proc/[0-9]* | wc -l")).join()}`)
  yield* Console.log(`token      ${(yield* lines("echo ${SECRET_TOKEN:-not to be seen}")).join()}`)
  yield* Console.log(`network    ${(yield* lines("tail -n +3 /proc/net/dev | cut -d: -f1 | xargs")).join()}`)

  const handle = yield* ChildProcess.make("sleep", ["600"])
  yield* handle.kill({ killSignal: "SIGINT", forceKillAfter: "1 second" })
  yield* Console.log(`running    ${yield* handle.isRunning}`)
}).pipe(Effect.scoped)

// ------------------------------------------------------------------------------------------------------------ the swap

process.env["SECRET_TOKEN"] = "hunter2"

const policy = Policy.make({ limits: { wallTime: "10 seconds", processes: 32 } })

await Effect.runPromise(Effect.gen(function*() {
  yield* Console.log("with NodeServices.layer")
  yield* report.pipe(Effect.provide(NodeServices.layer))
  yield* Console.log("\nwith SandboxSpawner.layer(policy)")
  yield* report.pipe(Effect.provide(SandboxSpawner.layer(policy)))
}))
