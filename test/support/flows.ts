/**
 * What a sandbox's handle promises, as flows that need no test framework: vitest runs them under Node, and this file run by Bun
 * (`bun test/support/flows.ts`) runs them there and prints one JSON object, flow → "ok" or what was wrong.
 */
import assert from "node:assert/strict"
import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Fiber, Scope, Sink, Stream } from "effect"
import * as Command from "../../sdk/Command.ts"
import type { SandboxError, SpawnError } from "../../sdk/errors.ts"
import type { Outcome } from "../../sdk/Outcome.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import { text } from "./stream.ts"

const bytes = (value: string) => new TextEncoder().encode(value)
const command = (argv: ReadonlyArray<string>, options: Command.Options = {}) => Command.set({ ...Command.make(""), argv: argv as Command.Command["argv"] }, { stdin: "ignore", ...options })
const sh = (script: string, options: Command.Options = {}) => command(["sh", "-c", script], options)
const descriptors = () => readdirSync("/proc/self/fd").length
/** Fewer is what other threads of a test runner have closed. */
const noMore = (before: number) => assert.ok(descriptors() <= before, `${descriptors() - before} descriptors more than before`)
const length = (stream: Stream.Stream<Uint8Array, SandboxError>) => Stream.runFold(stream, () => 0, (sum: number, chunk) => sum + chunk.length)

interface Result {
  readonly outcome: Outcome
  readonly stdout: string
  readonly stderr: string
}

const run = (what: Command.Command, policy?: Policy.Policy): Effect.Effect<Result, SpawnError | SandboxError> =>
  Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(what, policy)
    const [stdout, stderr, outcome] = yield* Effect.all([text(sandbox.stdout), text(sandbox.stderr), sandbox.exit], { concurrency: 3 })
    return { outcome, stdout, stderr }
  }).pipe(Effect.scoped)

/** Processes whose parent is this one. */
const children = (): ReadonlyArray<string> =>
  readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)).flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"))
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === process.pid ? [name] : []
    } catch {
      return []
    }
  })

const alive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
  } catch {
    return false
  }
}

const flow = (effect: Effect.Effect<void, unknown, Scope.Scope>) => () => Effect.runPromise(Effect.scoped(effect))
const equal = (actual: unknown, expected: unknown) => Effect.sync(() => assert.deepEqual(actual, expected))

export const flows: Readonly<Record<string, () => Promise<void>>> = {
  // ------------------------------------------------------------------------------------------------------- streams
  "reads stdout and stderr apart, and the exit code": flow(Effect.gen(function*() {
    const { outcome, stdout, stderr } = yield* run(sh("echo out; echo err >&2; exit 3"))
    yield* equal([outcome._tag, outcome._tag === "Exited" && outcome.code, stdout, stderr], ["Exited", 3, "out\n", "err\n"])
  })),

  "gives the guest real pipes: /dev/stdout and /dev/stderr can be opened": flow(Effect.gen(function*() {
    const { stdout, stderr } = yield* run(sh("echo x > /dev/stderr; echo y > /dev/stdout; echo z | cat /dev/stdin"))
    yield* equal([stdout, stderr], ["y\nz\n", "x\n"])
  })),

  "writes stdin, and its completion is the guest's end of file": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(command(["cat"], { stdin: "pipe" }))
    yield* Stream.run(Stream.make(bytes("one "), bytes("two"), new Uint8Array(0)), sandbox.stdin)
    yield* equal(yield* text(sandbox.stdout), "one two")
    yield* equal((yield* sandbox.exit)._tag, "Exited")
  })),

  "an empty input ends stdin too": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(command(["cat"], { stdin: "pipe" }))
    yield* Stream.run(Stream.empty, sandbox.stdin)
    yield* equal((yield* sandbox.exit)._tag, "Exited")
  })),

  "writing to a guest that does not read any more is an io error, not a signal": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(sh("exec <&-; sleep 5", { stdin: "pipe" }))
    const error = yield* Stream.make(bytes("x")).pipe(Stream.forever, Stream.run(sandbox.stdin), Effect.flip)
    yield* equal([error.kind, error.operation, /EPIPE/.test(error.message)], ["io", "stdin", true])
  })),

  "moves 100 MB out and in, whole": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(command(["cat"], { stdin: "pipe" }))
    const received = yield* Effect.forkScoped(length(sandbox.stdout))
    yield* Stream.make(new Uint8Array(1_000_000)).pipe(Stream.forever, Stream.take(100), Stream.run(sandbox.stdin))
    yield* equal(yield* Fiber.join(received), 100_000_000)
  })),

  "reads no more than is asked for: the guest waits for its reader": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(sh("i=0; while [ $i -lt 100 ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i >&2; done"))
    const first = yield* sandbox.stdout.pipe(Stream.take(1), length)
    assert.ok(first > 0 && first <= 65536)
    yield* Effect.sleep(300)
    const progress = yield* sandbox.stderr.pipe(Stream.take(1), Stream.runFold(() => "", (all, chunk) => all + new TextDecoder().decode(chunk)))
    assert.ok(progress.trim().split("\n").length <= 3, `the guest went on: ${progress}`)
    yield* equal(first + (yield* length(sandbox.stdout)), 100 * 65536)
  })),

  "joins both streams in `all`": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(sh("for i in 1 2 3; do echo o$i; sleep 0.05; echo e$i >&2; sleep 0.05; done"))
    yield* equal(yield* text(sandbox.all), "o1\ne1\no2\ne2\no3\ne3\n")
  })),

  "passes descriptors of the host program, which stay open there": flow(Effect.gen(function*() {
    const directory = mkdtempSync(join(tmpdir(), "rvisor-flow-"))
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true })))
    const fd = openSync(join(directory, "out"), "w")
    const { stdout } = yield* run(sh("echo to the file; readlink /proc/self/fd/0", { stdout: fd }))
    fstatSync(fd)
    closeSync(fd)
    yield* equal([stdout, readFileSync(join(directory, "out"), "utf8")], ["", "to the file\n/dev/null\n"])
    const wrong = yield* Effect.flip(run(sh("true", { stdout: 999_983 })))
    yield* equal([wrong._tag, /EBADF/.test(wrong.message)], ["SetupError", true])
    yield* equal((yield* Effect.flip(run(sh("true", { stdout: -1 }))))._tag, "SetupError")
  })),

  "refuses input for a stdin that is no pipe": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(sh("true"))
    yield* equal((yield* Effect.flip(Stream.run(Stream.make(bytes("x")), sandbox.stdin))).kind, "refused")
    yield* Stream.run(Stream.empty, sandbox.stdin)
  })),

  "leaks no descriptor of the host program into the guest": flow(Effect.gen(function*() {
    const { stdout } = yield* run(command(["ls", "/proc/self/fd"]))
    yield* equal(stdout.trim().split("\n"), ["0", "1", "2", "3"]) // 3 is ls's own
  })),

  // ---------------------------------------------------------------------------------------------------------- ends
  "tells an exit by signal": flow(Effect.gen(function*() {
    const { outcome } = yield* run(sh("kill -SEGV $$"))
    yield* equal([outcome._tag, outcome._tag === "Signaled" && outcome.signal], ["Signaled", "SIGSEGV"])
  })),

  "sends signals by name and number, to the process or its group": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(sh("trap 'echo usr1' USR1; trap 'echo usr2; exit 9' USR2; echo up; while :; do sleep 0.02; done"))
    const reader = yield* Effect.forkScoped(text(sandbox.stdout))
    yield* Effect.sleep(150)
    yield* sandbox.kill("SIGUSR1")
    yield* Effect.sleep(100)
    yield* sandbox.kill(12)
    yield* equal((yield* sandbox.exit)._tag, "Exited")
    yield* equal(yield* Fiber.join(reader), "up\nusr1\nusr2\n")
    const gone = yield* Effect.flip(sandbox.kill("SIGTERM"))
    yield* equal(gone.kind, "gone")
    yield* sandbox.kill()
    yield* equal((yield* Effect.flip(sandbox.kill("SIGNONE" as "SIGTERM"))).kind, "refused")
  })),

  "kill without a signal ends the whole guest as Killed": flow(Effect.gen(function*() {
    for (const [options, reason] of [[undefined, "killed"], [{ reason: "timeout" }, "timeout"]] as const) {
      const sandbox = yield* Sandbox.spawn(sh("trap '' TERM INT HUP; sleep 100 & sleep 100"))
      yield* sandbox.kill(undefined, options)
      const outcome = yield* sandbox.exit
      yield* equal([outcome._tag, outcome._tag === "Killed" && outcome.reason], ["Killed", reason])
      yield* equal(yield* sandbox.exit, outcome)
    }
  })),

  "closing the scope kills everything, and waits for it": flow(Effect.gen(function*() {
    const scope = yield* Scope.make()
    const sandbox = yield* Scope.provide(Sandbox.spawn(sh("trap '' TERM HUP; (setsid sleep 300 &) ; echo up; sleep 300")), scope)
    yield* Stream.runDrain(Stream.take(sandbox.stdout, 1))
    assert.ok(alive(sandbox.pid))
    yield* Scope.close(scope, Exit.void)
    assert.equal(alive(sandbox.pid), false)
    assert.deepEqual(children().filter((name) => name.startsWith("rvisor")), [])
    const outcome = yield* sandbox.exit
    assert.deepEqual([outcome._tag, outcome._tag === "Killed" && outcome.reason], ["Killed", "killed"])
    assert.equal((yield* Effect.flip(sandbox.processes)).kind, "gone")
    assert.equal(yield* length(sandbox.stdout), 0)
  })),

  "interrupted while it starts, it leaves nothing": flow(Effect.gen(function*() {
    yield* run(sh("true"))
    const before = descriptors()
    for (let ms = 0; ms < 20; ms++) yield* run(command(["sleep", "30"])).pipe(Effect.timeoutOption(ms))
    noMore(before)
    yield* equal(children().filter((name) => name.startsWith("rvisor")), [])
  })),

  "a sentry that is killed ends the command with the reason `sentry`": flow(Effect.gen(function*() {
    for (const victim of ["rvisor-sentry", "rvisor-warden", "rvisor-init"]) {
      const sandbox = yield* Sandbox.spawn(command(["sleep", "100"]))
      const find = (pid: number): number | undefined => {
        if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() === victim) return pid
        const below = readdirSync(`/proc/${pid}/task`).flatMap((tid) => readFileSync(`/proc/${pid}/task/${tid}/children`, "utf8").trim().split(" "))
        return below.filter((x) => x !== "").map(Number).map(find).find((found) => found !== undefined)
      }
      process.kill(find(process.pid)!, "SIGKILL")
      const start = performance.now()
      const outcome = yield* sandbox.exit
      assert.deepEqual([outcome._tag, outcome._tag === "Killed" && outcome.reason], ["Killed", "sentry"], victim)
      assert.ok(performance.now() - start < 1000)
      assert.equal(alive(sandbox.pid), false)
    }
  })),

  // ------------------------------------------------------------------------------------------------------ faults
  "says why a program cannot be executed": flow(Effect.gen(function*() {
    const reason = (argv: ReadonlyArray<string>, options: Command.Options = {}) => Effect.map(Effect.flip(run(command(argv, options))), (error) => error._tag === "SetupError" ? [error.step, error.errno] : error)
    yield* equal(yield* reason(["no-such-program"]), ["exec", "ENOENT"])
    yield* equal(yield* reason(["/usr"]), ["exec", "EISDIR"])
    yield* equal(yield* reason(["/etc/passwd"]), ["exec", "EACCES"])
    yield* equal(yield* reason(["true"], { cwd: "/nowhere" }), ["chdir", "ENOENT"])
    yield* equal(yield* reason(["true", "x".repeat(200_000)]), ["exec", "E2BIG"])
  })),

  "refuses what no program can be given": flow(Effect.gen(function*() {
    for (const bad of [command([""]), command(["true", "a\0b"]), command(["true"], { env: { "A=B": "c" } }), command(["true"], { env: { A: "\0" } }), command(["true"], { cwd: "relative" })]) {
      yield* equal((yield* Effect.flip(run(bad)))._tag, "PolicyError")
    }
  })),

  "takes 100,000 arguments, at the start and in exec": flow(Effect.gen(function*() {
    const many = Array.from({ length: 100_000 }, (_, i) => `a${i}`)
    const counted = ["sh", "-c", "echo $# ${100000}", "sh", ...many]
    yield* equal((yield* run(command(counted))).stdout, "100000 a99999\n")
    const sandbox = yield* Sandbox.spawn(command(["sleep", "100"]))
    const process = yield* sandbox.exec(command(counted))
    yield* equal(yield* text(process.stdout), "100000 a99999\n")
    const tooMany = yield* Effect.flip(sandbox.exec(command(["true", ...many, ...many, ...many, "x".repeat(200_000)])))
    yield* equal([tooMany._tag, tooMany._tag === "SetupError" && tooMany.errno], ["SetupError", "E2BIG"])
  })),

  // -------------------------------------------------------------------------------------------------------- more
  "runs further commands in the same sandbox": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(sh("echo shared > /tmp/file; echo up; sleep 100"))
    yield* Stream.runDrain(Stream.take(sandbox.stdout, 1))
    const cat = yield* sandbox.exec(command(["cat", "/tmp/file", "-"], { stdin: "pipe", env: { A: "1" } }))
    yield* Stream.run(Stream.make(bytes("typed")), cat.stdin)
    yield* equal(yield* text(cat.stdout), "shared\ntyped")
    yield* equal((yield* cat.exit)._tag, "Exited")
    const wrong = yield* Effect.flip(sandbox.exec(command(["no-such-program"])))
    yield* equal([wrong._tag, wrong._tag === "SetupError" && wrong.step], ["SetupError", "exec"])
    const killed = yield* sandbox.exec(command(["sleep", "100"]))
    yield* killed.kill()
    const outcome = yield* killed.exit
    yield* equal([outcome._tag, outcome._tag === "Killed" && outcome.reason], ["Killed", "killed"])
    const scoped = yield* Effect.scoped(Effect.map(sandbox.exec(command(["sleep", "100"])), (process) => process.pid))
    assert.equal(alive(scoped), false)
    const left = yield* sandbox.exec(command(["sleep", "100"]))
    yield* sandbox.kill()
    yield* sandbox.exit
    yield* equal((yield* left.exit)._tag, "Killed")
    const late = yield* Effect.flip(sandbox.exec(command(["true"])))
    yield* equal([late._tag, late._tag === "SandboxError" && late.kind], ["SandboxError", "gone"])
  })),

  "lists the guest's processes": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(sh("sleep 100 & sleep 0.2; echo up; wait"))
    yield* Stream.runDrain(Stream.take(sandbox.stdout, 1))
    const processes = yield* sandbox.processes
    yield* equal(processes.map((process) => process.command).sort(), ["sh", "sleep"])
    yield* equal(processes.find((process) => process.command === "sleep")!.argv, ["sleep", "100"])
    assert.ok(alive(sandbox.pid) && readlinkSync(`/proc/${sandbox.pid}/exe`).startsWith("/"))
    assert.match(sandbox.id, /^[a-z0-9]{8,32}$/)
    assert.ok(sandbox.layers.includes("pid") && sandbox.layers.includes("seccomp"))
  })),

  "gives a terminal: size, resize, control characters, end of file": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(sh("stty size; trap 'again=1; stty size' WINCH; trap 'again=1; echo int' INT; echo up; while :; do again=; if read -r line; then echo got $line; elif [ -z \"$again\" ]; then break; fi; done; echo eof", { tty: { columns: 91, rows: 17 } }))
    const seen: Array<string> = []
    yield* Effect.forkScoped(Stream.runForEach(Stream.decodeText(sandbox.stdout), (part) => Effect.sync(() => void seen.push(part))))
    const shows = (what: string) =>
      Effect.gen(function*() {
        for (let i = 0; i < 200 && !seen.join("").includes(what); i++) yield* Effect.sleep(10)
        assert.ok(seen.join("").includes(what), `${JSON.stringify(what)} in ${JSON.stringify(seen.join(""))}`)
      })
    yield* shows("17 91\r\nup\r\n")
    yield* sandbox.pty!.resize(100, 30)
    yield* shows("30 100\r\n")
    const keyboard = (keys: string) => Stream.run(Stream.concat(Stream.make(bytes(keys)), Stream.never), sandbox.stdin).pipe(Effect.timeoutOption(50))
    yield* keyboard("hello\n")
    yield* shows("got hello\r\n")
    yield* keyboard("\x03")
    yield* shows("int\r\n")
    yield* Stream.run(Stream.empty, sandbox.stdin)
    yield* shows("eof\r\n")
    yield* equal((yield* sandbox.exit)._tag, "Exited")
    yield* equal((yield* Effect.flip(sandbox.pty!.resize(1, 1))).kind, "gone")
    yield* equal(yield* text(sandbox.stderr), "")
  })),

  "a terminal in exec, also for a program that is not there": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(command(["sleep", "100"]))
    const tty = { columns: 80, rows: 24 }
    const before = descriptors()
    yield* equal((yield* Effect.flip(sandbox.exec(command(["no-such-program"], { tty }))))._tag, "SetupError")
    noMore(before)
    yield* Effect.scoped(Effect.gen(function*() {
      const process = yield* sandbox.exec(command(["tty"], { tty }))
      yield* equal(yield* text(process.stdout), "/dev/pts/1\r\n".replace("1", (yield* text(process.stderr)) === "" ? "0" : "1"))
      yield* process.exit
    }))
    noMore(before)
  })),

  "many at once, and none of their descriptors or processes stays": flow(Effect.gen(function*() {
    yield* run(sh("true"))
    const before = descriptors()
    const codes = yield* Effect.forEach(
      Array.from({ length: 60 }, (_, i) => i),
      (i) => Effect.map(run(sh(`echo ${i}; exit ${i}`)), ({ outcome, stdout }) => [outcome._tag === "Exited" && outcome.code, stdout]),
      { concurrency: "unbounded" }
    )
    yield* equal(codes, Array.from({ length: 60 }, (_, i) => [i, `${i}\n`]))
    noMore(before)
    yield* equal(children().filter((name) => name.startsWith("rvisor")), [])
  })),

  "changes of an overlay: listed, committed, discarded": flow(Effect.gen(function*() {
    const directory = mkdtempSync(join(tmpdir(), "rvisor-flow-"))
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true })))
    const sandbox = yield* Sandbox.spawn(sh(`cd ${directory} && mkdir made && echo m > made/f`), Policy.make({ filesystem: { overlay: [directory] } }))
    yield* sandbox.exit
    const [changes] = sandbox.changes
    yield* equal((yield* changes!.list).map((change) => `${change.kind} ${change.type} ${change.path}`), ["added directory made", "added file made/f"])
    yield* equal(existsSync(join(directory, "made")), false)
    yield* changes!.commit
    yield* equal(readFileSync(join(directory, "made/f"), "utf8"), "m\n")
    yield* equal(yield* changes!.list, [])
    yield* changes!.discard
  })),

  "a sink for stdin may be run in pieces by nobody but its end": flow(Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(command(["cat"], { stdin: "pipe" }))
    yield* Stream.run(Stream.make(bytes("x")), Sink.mapError(sandbox.stdin, (error) => error))
    yield* equal(yield* text(sandbox.stdout), "x")
    yield* equal((yield* Effect.flip(Stream.run(Stream.make(bytes("y")), sandbox.stdin))).kind, "io")
  }))
}

if (import.meta.main) {
  const results: Record<string, string> = {}
  for (const [name, body] of Object.entries(flows)) {
    results[name] = await body().then(() => "ok", (error: unknown) => error instanceof Error ? error.stack ?? error.message : String(error))
  }
  console.log(JSON.stringify(results))
}
