/**
 * The same small programs, written for Effect's `ChildProcess`, run with Node's spawner and with ours: what they see must be
 * the same, but for what a sandbox is for.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit, type Layer, PlatformError, Redacted, Scope, Sink, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { scratch } from "../test/support/sandbox.ts"
import * as Policy from "./Policy.ts"
import * as SandboxSpawner from "./SandboxSpawner.ts"

type Spawner = ChildProcessSpawner.ChildProcessSpawner
type Program<A, E> = Effect.Effect<A, E, Spawner | Scope.Scope>

const directory = scratch()
const plainFile = join(directory, "plain")
writeFileSync(plainFile, "no program", { mode: 0o644 })
const policy = Policy.make({ filesystem: { write: [directory] } })

const node = NodeServices.layer as Layer.Layer<Spawner>
const layers: Readonly<Record<string, Layer.Layer<Spawner, unknown>>> = {
  "a sandbox for each command": SandboxSpawner.layer(policy),
  "one sandbox for all": SandboxSpawner.layerShared(policy)
}

const run = <A, E>(program: Program<A, E>, layer: Layer.Layer<Spawner, unknown>): Promise<Exit.Exit<A, unknown>> =>
  program.pipe(Effect.scoped, Effect.provide(layer), Effect.exit, Effect.runPromise)

const value = <A, E>(program: Program<A, E>, layer: Layer.Layer<Spawner, unknown>): Promise<A> =>
  program.pipe(Effect.scoped, Effect.provide(layer), Effect.runPromise)

/** What identifies a `PlatformError`, without words. */
const essence = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.squash(exit.cause)
  if (!PlatformError.isPlatformError(error)) throw error
  const { reason } = error
  return reason._tag === "BadArgument"
    ? { tag: reason._tag, module: reason.module, method: reason.method }
    : { tag: reason._tag, module: reason.module, method: reason.method, object: reason.pathOrDescriptor }
}

const text = (stream: Stream.Stream<Uint8Array, PlatformError.PlatformError>) => Stream.mkString(Stream.decodeText(stream))
const sh = (script: string, options: ChildProcess.CommandOptions = {}) => ChildProcess.make("sh", ["-c", script], options)
const spawner = ChildProcessSpawner.ChildProcessSpawner
const bytes = (...texts: ReadonlyArray<string>): Stream.Stream<Uint8Array> => Stream.fromIterable(texts.map((text) => new TextEncoder().encode(text)))
const alive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))

/** Programs whose result must not depend on the spawner. */
const same: Readonly<Record<string, Program<unknown, unknown>>> = {
  "string, lines, exit codes": Effect.gen(function*() {
    const service = yield* spawner
    return [
      yield* service.string(sh("printf 'a\\nb'; echo no >&2")),
      yield* service.string(sh("echo yes >&2"), { includeStderr: true }),
      yield* service.lines(sh("seq 3")),
      yield* service.exitCode(sh("exit 42")),
      yield* service.exitCode(ChildProcess.make("true"))
    ]
  }),
  "streams of a handle": Effect.gen(function*() {
    const handle = yield* sh("echo out; echo err >&2")
    return [yield* text(handle.stdout), yield* text(handle.stderr), yield* handle.exitCode, yield* handle.isRunning]
  }),
  "all": Effect.gen(function*() {
    const handle = yield* sh("echo one; sleep 0.05; echo two >&2")
    return yield* text(handle.all)
  }),
  "stdin by the handle": Effect.gen(function*() {
    const handle = yield* ChildProcess.make("cat")
    yield* Stream.run(bytes("through ", "the sink"), handle.stdin)
    return yield* text(handle.stdout)
  }),
  "stdin from a stream": Effect.gen(function*() {
    const handle = yield* ChildProcess.make("wc", ["-c"], { stdin: Stream.make(new Uint8Array(1_000_000)) })
    return (yield* text(handle.stdout)).trim()
  }),
  "stdin that is not ended": Effect.gen(function*() {
    const handle = yield* ChildProcess.make("cat", [], { stdin: { stream: "pipe", endOnDone: false } })
    yield* Stream.run(bytes("first "), handle.stdin)
    yield* Stream.run(bytes("second"), handle.stdin)
    const got = yield* handle.stdout.pipe(Stream.decodeText, Stream.scan(() => "", (all, part) => all + part), Stream.takeUntil((all) => all === "first second"), Stream.runLast)
    return [got, yield* handle.isRunning]
  }),
  "stdout into a sink": Effect.gen(function*() {
    const collected = Sink.collect<Uint8Array>().pipe(Sink.map((chunks) => new Uint8Array(chunks.reduce((n, chunk) => n + chunk.length, 0)))) as unknown as Sink.Sink<Uint8Array, Uint8Array>
    const handle = yield* sh("printf 12345", { stdout: collected })
    return (yield* Stream.runCollect(handle.stdout)).map((chunk) => chunk.length)
  }),
  "ignored streams": Effect.gen(function*() {
    const handle = yield* sh("echo x; echo y >&2; cat", { stdin: "ignore", stdout: "ignore", stderr: "ignore" })
    return [yield* handle.exitCode, yield* text(handle.stdout), yield* text(handle.all)]
  }),
  "pipelines": Effect.gen(function*() {
    const service = yield* spawner
    const three = sh("printf 'c\\na\\nb\\n'; echo err >&2").pipe(ChildProcess.pipeTo(ChildProcess.make("sort")), ChildProcess.pipeTo(ChildProcess.make("head", ["-n", "2"])))
    const stderr = sh("echo out; echo err >&2").pipe(ChildProcess.pipeTo(ChildProcess.make("cat"), { from: "stderr" }))
    const all = sh("echo out; sleep 0.05; echo err >&2").pipe(ChildProcess.pipeTo(ChildProcess.make("cat"), { from: "all" }))
    const none = sh("echo out").pipe(ChildProcess.pipeTo(ChildProcess.make("cat"), { from: "fd3" }))
    return [yield* service.string(three), yield* service.string(stderr), yield* service.string(all), yield* service.string(none)]
  }),
  "stdin of a pipeline": Effect.gen(function*() {
    const handle = yield* ChildProcess.make("cat").pipe(ChildProcess.pipeTo(ChildProcess.make("tr", ["a-z", "A-Z"])))
    yield* Stream.run(bytes("shout"), handle.stdin)
    return [yield* text(handle.stdout), yield* handle.exitCode]
  }),
  "shell": Effect.gen(function*() {
    const service = yield* spawner
    return [
      yield* service.string(ChildProcess.make("echo $((6*7)) | tr 4 5", { shell: true })),
      yield* service.string(ChildProcess.make("echo $0", { shell: "/bin/bash" }))
    ]
  }),
  "shell with arguments": ChildProcess.make("echo", ["x"], { shell: true }),
  "cwd": Effect.gen(function*() {
    const service = yield* spawner
    return yield* service.string(ChildProcess.make("pwd", [], { cwd: directory }))
  }),
  "env is the whole environment": Effect.gen(function*() {
    const service = yield* spawner
    return yield* service.string(ChildProcess.make("/usr/bin/env", [], { env: { A: "1", B: undefined, C: Redacted.make("secret") } }))
  }),
  "extendEnv adds, and takes out": Effect.gen(function*() {
    const service = yield* spawner
    const lines = yield* service.lines(sh("echo $A ${PATH:+path} ${HOME-none}", { env: { A: "1", HOME: undefined }, extendEnv: true }))
    return lines
  }),
  "redacted arguments": Effect.gen(function*() {
    const service = yield* spawner
    return yield* service.string(ChildProcess.make("echo", [Redacted.make("the secret")]))
  }),
  "a program that does not exist": ChildProcess.make("/usr/bin/no-such-program", ["a b", Redacted.make("secret")]),
  "a program that may not be executed": ChildProcess.make(plainFile),
  "NUL in an argument": ChildProcess.make("echo", ["a\0b"]),
  "an end by a signal": Effect.flatMap(sh("kill -TERM $$; sleep 5"), (handle) => handle.exitCode),
  "kill": Effect.gen(function*() {
    const handle = yield* ChildProcess.make("sleep", ["60"])
    const before = yield* handle.isRunning
    yield* handle.kill()
    return [before, yield* handle.isRunning, essence(yield* Effect.exit(handle.exitCode))]
  }),
  "kill with a signal that is caught": Effect.gen(function*() {
    const handle = yield* sh("trap 'exit 3' INT; echo ready; while :; do sleep 0.01; done")
    yield* handle.stdout.pipe(Stream.take(1), Stream.runDrain)
    yield* handle.kill({ killSignal: "SIGINT" })
    return yield* handle.exitCode
  }),
  "kill reaches the process group": Effect.gen(function*() {
    const handle = yield* sh("sleep 60 | cat")
    yield* Effect.sleep(100)
    yield* handle.kill()
    return yield* text(handle.stdout)
  }),
  "kill that must be forced": Effect.gen(function*() {
    const handle = yield* sh("trap '' TERM; echo ready; while :; do sleep 0.01; done")
    yield* handle.stdout.pipe(Stream.take(1), Stream.runDrain)
    yield* handle.kill({ forceKillAfter: "100 millis" })
    return [yield* handle.isRunning, Exit.isFailure(yield* Effect.exit(handle.exitCode))]
  }),
  "kill of what has ended": Effect.gen(function*() {
    const handle = yield* ChildProcess.make("true")
    yield* handle.exitCode
    return essence(yield* Effect.exit(handle.kill()))
  }),
  "a failing input is the failure of exitCode": Effect.gen(function*() {
    const failing = Stream.concat(bytes("begin"), Stream.fail(new Error("input broke") as unknown as PlatformError.PlatformError))
    const handle = yield* ChildProcess.make("sleep", ["60"], { stdin: failing })
    const exit = yield* Effect.exit(handle.exitCode)
    return Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : exit.value
  }),
  "fds that were not asked for": Effect.gen(function*() {
    const handle = yield* ChildProcess.make("true")
    yield* Stream.run(bytes("x"), handle.getInputFd(3))
    return yield* Stream.runCollect(handle.getOutputFd(4))
  })
}

for (const [kind, layer] of Object.entries(layers)) {
  describe(`as under Node: ${kind}`, () => {
    for (const [name, program] of Object.entries(same)) {
      it(`${name}`, async () => {
        const [expected, actual] = await Promise.all([run(program, node), run(program, layer)])
        expect(essence(actual)).toEqual(essence(expected))
      })
    }
  })
}

describe("what a sandbox is for", () => {
  const sandboxed = SandboxSpawner.layer(policy)

  it("commands see the policy's view and environment", async () => {
    process.env["RVISOR_SECRET"] = "s"
    try {
      const program = Effect.flatMap(spawner, (service) => service.string(sh("id -u; echo ${RVISOR_SECRET-none}; cat /etc/shadow 2>&1 | head -c 3; ls /root 2>/dev/null; echo $HOME")))
      expect(await value(program, sandboxed)).toBe("1000\nnone\ncat/tmp\n")
      const extended = Effect.flatMap(spawner, (service) => service.string(sh("echo ${RVISOR_SECRET-none}", { env: {}, extendEnv: true })))
      expect(await value(extended, sandboxed)).toBe("none\n")
      expect(await value(extended, node)).toBe("s\n")
    } finally {
      delete process.env["RVISOR_SECRET"]
    }
  })

  it("each command has its own sandbox, or all share one", async () => {
    const program = Effect.gen(function*() {
      const service = yield* spawner
      yield* service.exitCode(sh("echo note > /tmp/shared"))
      return yield* service.exitCode(sh("grep -q note /tmp/shared"))
    })
    expect(await value(program, SandboxSpawner.layer())).not.toBe(0)
    expect(await value(program, SandboxSpawner.layerShared())).toBe(0)
  })

  it("strings for stdin are taken in the encoding that the command names", async () => {
    const words = Stream.make("6869") as unknown as Stream.Stream<Uint8Array>
    const program = Effect.flatMap(ChildProcess.make("cat", [], { stdin: { stream: words, encoding: "hex" } }), (handle) => text(handle.stdout))
    expect(await value(program, sandboxed)).toBe("hi")
  })

  it("a missing cwd is NotFound, and names it", async () => {
    expect(essence(await run(ChildProcess.make("true", [], { cwd: "/no/such/directory" }), sandboxed)))
      .toEqual({ tag: "NotFound", module: "ChildProcess", method: "spawn", object: "/no/such/directory" })
  })

  it("a limit fails exitCode, with the Killed as cause", async () => {
    const limited = SandboxSpawner.layer(Policy.make({ limits: { wallTime: 100, output: "1 KiB" } }))
    const time = await run(Effect.flatMap(ChildProcess.make("sleep", ["60"]), (handle) => handle.exitCode), limited)
    expect(essence(time)).toMatchObject({ tag: "TimedOut", method: "exitCode", object: "sleep 60" })
    const error = Cause.squash((time as Exit.Failure<never, unknown>).cause) as PlatformError.PlatformError
    expect((error.cause as Error).cause).toMatchObject({ _tag: "Killed", reason: "wallTime" })
    const output = await run(Effect.flatMap(spawner, (service) => service.exitCode(ChildProcess.make("yes"))), limited)
    expect(essence(output)).toMatchObject({ tag: "Unknown", method: "exitCode" })
  })

  it("a policy at fault fails spawn as a bad argument", async () => {
    const exit = await run(ChildProcess.make("true"), SandboxSpawner.layer(Policy.make({ filesystem: { read: ["/no/such/path"] } })))
    expect(essence(exit)).toMatchObject({ tag: "BadArgument" })
    expect(Cause.pretty((exit as Exit.Failure<never, unknown>).cause)).toContain("/no/such/path")
  })

  it("further descriptors are refused by name", async () => {
    for (const command of [
      ChildProcess.make("cat", [], { additionalFds: { fd3: { type: "output" } } }),
      ChildProcess.make("true").pipe(ChildProcess.pipeTo(ChildProcess.make("cat"), { to: "fd3" }))
    ]) {
      const exit = await run(command, sandboxed)
      expect(essence(exit)).toMatchObject({ tag: "BadArgument" })
      expect(Cause.pretty((exit as Exit.Failure<never, unknown>).cause)).toContain("additionalFds (fd3)")
    }
  })

  it("secrets are in no error", async () => {
    for (const command of [
      ChildProcess.make("no-such-program", [Redacted.make("hunter2")]),
      ChildProcess.make("echo", [Redacted.make("hunter2\0")]),
      ChildProcess.make("echo", [], { env: { A: Redacted.make("hunter2\0") } })
    ]) {
      const exit = await run(command, sandboxed)
      expect(Exit.isFailure(exit) && JSON.stringify([Cause.pretty(exit.cause), Cause.squash(exit.cause)])).not.toContain("hunter2")
    }
  })
})

describe("scopes", () => {
  const sandboxed = SandboxSpawner.layer(policy)
  const trap = (what: string) => sh(`trap '${what}' TERM; echo ready; while :; do sleep 0.01; done`)
  const begun = (handle: ChildProcessSpawner.ChildProcessHandle) => handle.stdout.pipe(Stream.take(1), Stream.runDrain)

  it("closing one lets the command end by itself first", async () => {
    const marker = join(directory, "tidy")
    await value(Effect.gen(function*() {
      yield* begun(yield* trap(`echo tidied > ${marker}; exit 0`))
    }), sandboxed)
    expect(readFileSync(marker, "utf8")).toBe("tidied\n")
  })

  it("and ends it where it will not", async () => {
    const started = performance.now()
    const pid = await value(Effect.gen(function*() {
      const handle = yield* sh("trap '' TERM; echo ready; while :; do sleep 0.01; done", { forceKillAfter: "50 millis" })
      yield* begun(handle)
      return handle.pid
    }), sandboxed)
    expect(alive(pid)).toBe(false)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it("interruption ends the command", async () => {
    writeFileSync(join(directory, "pid"), "")
    const exit = await run(Effect.timeout(Effect.flatMap(spawner, (service) => service.string(ChildProcess.make("sleep", ["60"]))), "200 millis"), sandboxed)
    expect(Exit.isFailure(exit)).toBe(true)
  })

  it("unref leaves the command running when its scope closes, reref takes it back", async () => {
    const outer = await Effect.runPromise(Effect.gen(function*() {
      const make = Effect.fnUntraced(function*(back: boolean) {
        const scope = yield* Scope.make()
        const handle = yield* Scope.provide(sh("sleep 0.5; exit 9"), scope)
        const reref = yield* handle.unref
        if (back) yield* reref
        yield* Scope.close(scope, Exit.void)
        return [yield* handle.isRunning, yield* Effect.exit(handle.exitCode)] as const
      })
      return [yield* make(false), yield* make(true)] as const
    }).pipe(Effect.provide(sandboxed)))
    expect(outer[0][0]).toBe(true)
    expect(outer[0][1]).toEqual(Exit.succeed(9))
    expect(outer[1][0]).toBe(false)
    expect(Exit.isFailure(outer[1][1])).toBe(true)
  })

  it("many at once", async () => {
    const program = Effect.flatMap(spawner, (service) =>
      Effect.forEach(Array.from({ length: 20 }, (_, i) => i), (i) => service.string(ChildProcess.make("echo", [String(i)])), { concurrency: "unbounded" }))
    expect(await value(program, sandboxed)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}\n`))
  })
})
