/**
 * Programs with many processes, threads and signals do the same whether or not their calls are put to handlers: signals by the thousand
 * while calls are answered, stopping and continuing, every way to start a process, daemons, job control. With refusals reported too.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { Effect, Queue, Stream } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import * as SyscallHandler from "../../sdk/SyscallHandler.ts"
import { carriedOut } from "../support/carried-out.ts"
import { compileSupport } from "../support/compile.ts"
import passes from "../support/modules/passes.ts"
import { run, scratch } from "../support/sandbox.ts"

const directory = scratch()
let program: string
beforeAll(() => {
  chmodSync(directory, 0o755)
  program = compileSupport("processes", directory, ["-pthread"])
})

const cases: Readonly<Record<string, string>> = {
  storm: "carried out once each: yes\n",
  "storm-restart": "carried out once each: yes\n",
  stop: "nanosleep slept on: yes\npoll slept on: yes\nclock_nanosleep slept on: yes\n",
  children: "vfork, posix_spawn, system, popen: 4 of 4\n",
  forks: "500 children: 500\n",
  threads: "200 threads, 0 wrong\n",
  clones: "odd clones: 5 of 5, clone3 is not there\n",
  daemon: "a daemon: orphan in a session that it does not lead\n",
  pdeathsig: "the parent's death is told\n",
  signals: "signals between calls: calls go on, 0 strange errors\n",
  exec: "executed by a thread that is not the first\n"
}

const handlers: Readonly<Record<string, ReadonlyArray<Policy.HandlerSource>>> = {
  none: [],
  "on the main thread": passes as ReadonlyArray<Policy.HandlerSource>,
  "of a module": [SyscallHandler.fromModule(new URL("../support/modules/passes.ts", import.meta.url))],
  "that match nothing": carriedOut()
}

let count = 0
const place = (): string => {
  const path = join(directory, `place-${count++}`)
  mkdirSync(path)
  return path
}

describe.each(Object.keys(handlers))("handlers %s", (name) => {
  for (const [what, said] of Object.entries(cases)) {
    it(what, async () => {
      const cwd = place()
      const policy = Policy.make({ filesystem: { read: [program], write: [cwd] }, handlers: handlers[name]!, violations: "report" }) as Policy.Policy
      const ran = await run([program, what], policy, { cwd, stdin: "ignore" })
      expect(ran).toMatchObject({ code: 0, stderr: "", stdout: said })
      execFileSync("rm", ["-rf", cwd])
    }, 120_000)
  }

  it("job control: a program stops, goes on behind and in front, and ends", async () => {
    const shell = Command.set(Command.make("sh", "-i"), { tty: { columns: 80, rows: 24 }, env: { PS1: "=> ", ENV: "" } })
    const screen = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(shell, Policy.make({ filesystem: { read: [program] }, handlers: handlers[name]! }) as Policy.Policy)
      let seen = ""
      yield* Effect.forkScoped(Stream.runForEach(Stream.decodeText(sandbox.stdout), (text) => Effect.sync(() => { seen += text })))
      const expected = (text: RegExp): Effect.Effect<void> => Effect.suspend(() => text.test(seen) ? Effect.void : Effect.andThen(Effect.sleep(10), expected(text)))
      const answered = (text: string, answer: RegExp): Effect.Effect<void> =>
        Effect.timeoutOrElse(expected(answer), { duration: "60 seconds", orElse: () => Effect.die(new Error(`no answer to ${JSON.stringify(text)}: ${JSON.stringify(seen)}`)) })
      const keys = yield* Queue.unbounded<Uint8Array>()
      yield* Effect.forkScoped(Stream.run(Stream.fromQueue(keys), sandbox.stdin))
      yield* answered("", /=> $/)
      // Each key once: one that comes too early, or again, goes to the shell, and has the terminal forget what was typed since. So the program
      // says when it has the terminal; what the shell shows comes before.
      for (const [text, answer] of [
        [`${program} job\r`, /up\r\n$/],
        ["\x1a", /Stopped[^\n]*\r\n=> $/],
        ["bg\r", /^(?=[^]*job[^\n]*\r\n)(?=[^]*on\r\n)[^]*=> /],
        ["jobs\r", /Running[^\n]*\r\n=> $/],
        ["fg\r", /job\r\non\r\n$/],
        ["\x03", /=> $/],
        ["echo over > /dev/tty; jobs; exit 7\r", /over\r\n/]
      ] as const) {
        seen = ""
        yield* Queue.offer(keys, new TextEncoder().encode(text))
        yield* answered(text, answer)
      }
      return yield* Effect.timeout(sandbox.exit, "60 seconds")
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(screen).toMatchObject({ _tag: "Exited", code: 7 })
  }, 120_000)
})
