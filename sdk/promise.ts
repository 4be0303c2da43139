/**
 * Sandboxes for programs without Effect: promises, Node streams, `AbortSignal`, `await using`.
 *
 * ```ts
 * import { run, spawn, $ } from "rvisor/promise"
 *
 * const { stdout } = await run("python3", ["-c", "print(6 * 7)"])            // one command in a sandbox of its own
 *
 * await using sandbox = await spawn("make", ["test"], { policy, signal })    // a handle; the block's end ends the sandbox
 * for await (const line of sandbox) console.log(line)
 * ```
 *
 * - `spawn` rejects with `PolicyError`, `SetupError` or `LoadError` where nothing could be started (a program that does not
 *   exist is a `SetupError` of the step `exec`).
 * - A command that started and failed is a {@link SandboxCommandError}: `run`, `$` and `sandbox.result` reject with it, or
 *   give it back with `reject: false`. A `result` that nobody looks at never becomes an unhandled rejection.
 * - Output is kept for the result up to `maxBuffer` and need not be read. With `buffer: false` nothing is kept and the guest
 *   waits for its reader: an output that nobody reads stops a guest that writes much of it, as a pipe does.
 * - The handle is no promise itself (`await spawn(…)` could not give it then): wait for `sandbox.result`.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Cause, Effect, Exit, Fiber, Redacted, Result, Scope, Stream } from "effect"
import * as CommandLine from "effect/process/CommandLine"
import { PassThrough, Readable, Writable } from "node:stream"
import { finished } from "node:stream/promises"
import { setImmediate, setTimeout as sleep } from "node:timers/promises"
import type * as Changes from "./Changes.ts"
import * as Command from "./Command.ts"
import { SandboxError } from "./errors.ts"
import { Capture, linesOf, pour } from "./internal/capture.ts"
import {
  type CommandOptions,
  type Output,
  type Resolved,
  type SpawnOptions,
  isTarget,
  resolveOptions
} from "./internal/promiseOptions.ts"
import { type CommandResult, SandboxCommandError } from "./internal/promiseResult.ts"
import type { Process } from "./internal/protocol.ts"
import { signalDescriptions } from "./internal/signalDescriptions.ts"
import type { Outcome } from "./Outcome.ts"
import * as Sandbox from "./Sandbox.ts"

export { ChangesError, LoadError, PolicyError, SandboxError, SetupError } from "./errors.ts"
export type { BinaryEncoding, CommandOptions, Input, Output, SpawnOptions, TextEncoding } from "./internal/promiseOptions.ts"
export { type Captured, type CommandResult, type Failure, SandboxCommandError } from "./internal/promiseResult.ts"
export type { Change, Committed } from "./Changes.ts"
export type { Process } from "./internal/protocol.ts"
export type { Reason, Usage } from "./Outcome.ts"
export * as Policy from "./Policy.ts"

// ------------------------------------------------------------------------------------------------------------- types

/** The type of an output in the result, from the options. */
type CapturedAs<O, K extends "stdout" | "stderr" | "all"> =
  O extends { readonly buffer: false } ? undefined
  : K extends "all" ? O extends { readonly all: true } ? Text<O> : undefined
  : O extends { readonly [k in K]: Exclude<Output, "pipe"> } ? undefined
  : Text<O>

type Text<O> =
  O extends { readonly encoding: "buffer" } ? Uint8Array
  : O extends { readonly lines: true } ? ReadonlyArray<string>
  : string

/** The result of a command run with the options `O`. With `reject: false` it may be a `SandboxCommandError`: see `failed`. */
export type ResultOf<O> = O extends { readonly reject: false }
  ? Success<O> | SandboxCommandError<CapturedAs<O, "stdout">, CapturedAs<O, "stderr">, CapturedAs<O, "all">>
  : Success<O>

type Success<O> = CommandResult<CapturedAs<O, "stdout">, CapturedAs<O, "stderr">, CapturedAs<O, "all">>

/** A command that runs in a sandbox. */
export interface CommandHandle<O = {}> extends AsyncIterable<string>, AsyncDisposable {
  /** On the host. */
  readonly pid: number
  /** `null` unless stdin is a pipe, or where `input` fills it. */
  readonly stdin: Writable | null
  /** `null` unless stdout is a pipe. The same stream each time. */
  readonly stdout: Readable | null
  /** `null` unless stderr is a pipe. */
  readonly stderr: Readable | null
  /** Both, in the order in which they came. `undefined` without the option `all`. */
  readonly all: Readable | undefined
  /** Settles when the command has ended and its output is complete. */
  readonly result: Promise<ResultOf<O>>
  /**
   * Without a signal: ends it at once (for the main command: the whole sandbox). With one: sends it, to the command's process,
   * its process group, or every process of the sandbox. `false` where the command has ended already.
   */
  readonly kill: (signal?: NodeJS.Signals | number, options?: Pick<Sandbox.KillOptions, "scope">) => Promise<boolean>
  /** Changes the size of the terminal, in character cells. Rejects with a `TypeError` where there is none (option `tty`). */
  readonly resize: (columns: number, rows: number) => Promise<void>
  /**
   * Lines of stdout as they come. After the last one it waits for the command, and throws if the command failed (unless
   * `reject: false`). Leaving the loop early stops the reading, not the command.
   */
  readonly [Symbol.asyncIterator]: () => AsyncGenerator<string, void, void>
  /** Ends the command (and for the main command the whole sandbox) if it still runs; resolves when nothing of it is left. */
  readonly close: () => Promise<void>
}

/** What an overlay rule's directory has gained, changed and lost. What fails here is a `ChangesError`. */
export interface OverlayChanges {
  /** The directory, as the guest sees it. */
  readonly target: string
  /** The host's directory beneath it. */
  readonly lower: string
  /** By path, directories before what is in them. */
  readonly list: () => Promise<ReadonlyArray<Changes.Change>>
  /** Carries the changes over to the host's directory. Says what it carried over, and what it could not (devices, sockets). */
  readonly commit: () => Promise<Changes.Committed>
  /** Drops the changes. Only once the main command has ended. */
  readonly discard: () => Promise<void>
}

/** A running sandbox, and its main command: when that ends, the sandbox ends. */
export interface SandboxHandle<O = {}> extends CommandHandle<O> {
  readonly id: string
  /** What holds: `user`, `pid`, `landlock:7`, `seccomp`, … */
  readonly layers: ReadonlyArray<string>
  readonly processes: () => Promise<ReadonlyArray<Process>>
  /** Starts another command in this sandbox. Rejects with `SetupError` where it cannot be started. */
  readonly exec: <const P extends CommandOptions = {}>(file: string, ...rest: Rest<P>) => Promise<CommandHandle<P>>
  /** Runs another command in this sandbox to its end. */
  readonly run: <const P extends CommandOptions = {}>(file: string, ...rest: Rest<P>) => Promise<ResultOf<P>>
  /** One for each overlay rule of the policy. Usable until the sandbox is closed, also after its main command has ended. */
  readonly changes: ReadonlyArray<OverlayChanges>
}

/** `args` and `options` may both be left out. */
type Rest<O> = readonly [args: ReadonlyArray<string>, options?: O] | readonly [options?: O]

// -------------------------------------------------------------------------------------------------------------- doors

/**
 * Starts `file` in a sandbox of its own.
 *
 * Rejects with `PolicyError`, `SetupError`, `LoadError`; with `TypeError` for a wrong option; with a `SandboxCommandError`
 * that `isCanceled` where `signal` was aborted before the command ran.
 */
export const spawn = async <const O extends SpawnOptions = {}>(file: string, ...rest: Rest<O>): Promise<SandboxHandle<O>> => {
  const { args, options } = parseArguments(file, rest)
  return launch(file, args, resolveOptions(options, { stdin: "pipe", exec: false }))
}

/** Runs `file` in a sandbox of its own to its end; nothing of the sandbox is left when it resolves. */
export const run = async <const O extends SpawnOptions = {}>(file: string, ...rest: Rest<O>): Promise<ResultOf<O>> => {
  const { args, options } = parseArguments(file, rest)
  const resolved = resolveOptions(options, { stdin: "ignore", exec: false })
  return completed(resolved, async () => {
    await using sandbox = await launch<O>(file, args, resolved)
    return await sandbox.result
  })
}

export interface Shell<O extends SpawnOptions> {
  (strings: TemplateStringsArray, ...values: ReadonlyArray<CommandLine.TemplateExpression>): Promise<ResultOf<O>>
  /** The same with other defaults. */
  <const P extends SpawnOptions>(options: P): Shell<Omit<O, keyof P> & P>
}

const shell = <O extends SpawnOptions>(defaults: O): Shell<O> =>
  ((first: TemplateStringsArray | SpawnOptions, ...values: ReadonlyArray<CommandLine.TemplateExpression>) => {
    if (!Array.isArray(first)) return shell({ ...defaults, ...first as SpawnOptions })
    return (async () => {
      const words = Result.getOrThrowWith(CommandLine.template(first as unknown as TemplateStringsArray, ...values), (error) => new TypeError(error.message))
      const [file, ...args] = words.map((word) => Redacted.isRedacted(word) ? Redacted.value(word) : word)
      return run<O>(file!, args, defaults)
    })()
  }) as Shell<O>

/**
 * `` await $`grep -c ${word} ${files}` ``: splits the template into words and runs them; no shell, so a value is always one
 * argument (an array: several) whatever characters it holds. `` $({ policy })`…` `` sets options.
 */
export const $: Shell<{}> = shell({})

// ------------------------------------------------------------------------------------------------------------ running

const parseArguments = <O>(file: string, rest: Rest<O>): { readonly args: ReadonlyArray<string>; readonly options: O } => {
  const [args, options] = (Array.isArray(rest[0]) ? rest : [[], rest[0]]) as readonly [ReadonlyArray<string>, O?]
  for (const [i, word] of [file, ...args].entries()) {
    if (typeof word !== "string") throw new TypeError(`${i === 0 ? "the program" : `argument ${i}`}: expected a text, got ${word === null ? "null" : typeof word}`)
  }
  return { args, options: options ?? {} as O }
}

const toCommand = (file: string, args: ReadonlyArray<string>, options: Resolved): Command.Command => ({
  argv: [file, ...args],
  env: options.env,
  cwd: options.cwd,
  stdin: options.stdin,
  stdout: isTarget(options.stdout) ? "pipe" : options.stdout,
  stderr: isTarget(options.stderr) ? "pipe" : options.stderr,
  tty: options.tty
})

/** Starts a command in a scope of its own; the scope is closed where that fails. */
const open = async <A, E>(
  start: Effect.Effect<A, E, Scope.Scope>,
  command: Command.Command,
  options: Resolved,
  since: number
): Promise<{ readonly started: A; readonly scope: Scope.Closeable }> => {
  const { signal } = options
  const canceled = () => new SandboxCommandError(describe(command, { options, since }), "Command was canceled before it ran", signal!.reason)
  if (signal?.aborted) throw canceled()
  const scope = Effect.runSync(Scope.make())
  const exit = await Effect.runPromiseExit(Scope.provide(start, scope), signal === undefined ? undefined : { signal })
  if (Exit.isSuccess(exit)) return { started: exit.value, scope }
  await Effect.runPromise(Scope.close(scope, exit))
  throw signal?.aborted && Cause.hasInterrupts(exit.cause) ? canceled() : Cause.squash(exit.cause)
}

const launch = async <O>(file: string, args: ReadonlyArray<string>, options: Resolved): Promise<SandboxHandle<O>> => {
  const since = performance.now()
  const command = toCommand(file, args, options)
  const { scope, started } = await open(Sandbox.spawn(command, options.policy), command, options, since)
  return new MainCommand<O>(started, command, options, scope, since)
}

/** A cancellation before the start obeys `reject: false` too, where there is a result to give and no handle. */
const completed = async <O>(options: Resolved, command: () => Promise<ResultOf<O>>): Promise<ResultOf<O>> => {
  try {
    return await command()
  } catch (error) {
    if (error instanceof SandboxCommandError && !options.reject) return error as unknown as ResultOf<O>
    throw error
  }
}

/** What cut a command short from our side. */
type Cut =
  | { readonly by: "timeout" }
  | { readonly by: "canceled"; readonly cause: unknown }
  | { readonly by: "maxBuffer"; readonly stream: "stdout" | "stderr" }
  | { readonly by: "stream"; readonly stream: "stdin" | "stdout" | "stderr"; readonly cause: unknown }

/** An exec'd command may leave processes behind that hold its output open: how long it must have been quiet, in milliseconds. */
const quietPeriod = 100

class RunningCommand<O> implements CommandHandle<O> {
  readonly stdin: Writable | null
  readonly result: Promise<ResultOf<O>>
  protected readonly process: Sandbox.SandboxProcess
  protected readonly options: Resolved
  readonly #command: Command.Command
  readonly #scope: Scope.Closeable
  readonly #since: number
  readonly #captures: { readonly stdout: Capture | null; readonly stderr: Capture | null; readonly all: Capture | undefined }
  readonly #readers = new Map<Capture, Readable>()
  #cut: Cut | undefined
  /** Chunks taken, and whether one is on its way: what tells a quiet output from a busy one. */
  #activity = { chunks: 0, pending: 0 }
  #ended = false
  /** The result is made: what comes now is nobody's. */
  #sealed = false

  constructor(running: Sandbox.SandboxProcess, command: Command.Command, options: Resolved, scope: Scope.Closeable, since: number, main: boolean) {
    this.process = running
    this.options = options
    this.#command = command
    this.#scope = scope
    this.#since = since
    const mode = options.buffer ? "keep" : "pass"
    const capture = (output: Output) => output === "pipe" ? new Capture(mode) : null
    const stdout = capture(options.stdout), stderr = capture(options.stderr)
    this.#captures = { stdout, stderr, all: options.all && (stdout ?? stderr) !== null ? new Capture(mode) : undefined }
    this.stdin = this.#feedStdin()
    const pumps = [this.#pump("stdout", running.stdout, options.stdout), this.#pump("stderr", running.stderr, options.stderr)]
    void Promise.allSettled(pumps).then(() => this.#captures.all?.end())
    this.result = this.#settle(main, options.buffer ? pumps : pumps.filter((_, i) => isTarget([options.stdout, options.stderr][i])))
    // Whoever awaits `result` sees the rejection; who does not, asked for no news.
    void this.result.catch(() => {}).then(() => Promise.allSettled(pumps)).then(() => this.released())
  }

  get pid(): number {
    return this.process.pid
  }

  get stdout(): Readable | null {
    return this.#reader(this.#captures.stdout)
  }

  get stderr(): Readable | null {
    return this.#reader(this.#captures.stderr)
  }

  get all(): Readable | undefined {
    return this.#reader(this.#captures.all ?? null) ?? undefined
  }

  #reader(capture: Capture | null): Readable | null {
    if (capture === null) return null
    const reader = this.#readers.get(capture) ?? capture.reader()
    this.#readers.set(capture, reader)
    return reader
  }

  async kill(signal?: NodeJS.Signals | number, options?: Pick<Sandbox.KillOptions, "scope">): Promise<boolean> {
    if (this.#ended) return false
    return Effect.runPromise(this.process.kill(signal, options).pipe(
      Effect.as(true),
      Effect.catchIf((error) => error.kind === "gone", () => Effect.succeed(false))
    ))
  }

  async resize(columns: number, rows: number): Promise<void> {
    const { pty } = this.process
    if (pty === undefined) throw new TypeError("this command has no terminal: see the option `tty`")
    await Effect.runPromise(pty.resize(columns, rows))
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, void> {
    const { stdout } = this.#captures
    if (stdout !== null) {
      const { encoding, maxBuffer, stripFinalNewline } = this.options
      const text = encoding === "buffer" || encoding === "hex" || encoding === "base64" || encoding === "base64url" ? "utf8" : encoding
      yield* linesOf(stdout.reader(), text, !stripFinalNewline, maxBuffer)
    }
    await this.result
  }

  async close(): Promise<void> {
    await Effect.runPromise(Scope.close(this.#scope, Exit.void))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The command has ended and all of its output is read. */
  protected released(): Promise<void> {
    return this.close()
  }

  /** Ends the command from our side; the first reason counts. */
  #end(cut: Cut): void {
    if (this.#cut !== undefined || this.#sealed) return
    this.#cut = cut
    Effect.runFork(Effect.ignore(this.process.kill(undefined, { reason: cut.by === "timeout" ? "timeout" : "killed" })))
  }

  /** Reads one output to its end, in the scope of the command. What nobody wants any more is read all the same: the guest must not stall. */
  #pump(name: "stdout" | "stderr", stream: Stream.Stream<Uint8Array, SandboxError>, output: Output): Promise<void> {
    const capture = this.#captures[name]
    const target = isTarget(output) ? output instanceof WritableStream ? Writable.fromWeb(output as never) : output : undefined
    if (capture === null && target === undefined) return Promise.resolve()
    target?.on("error", () => {}) // told by the result
    const { all } = this.#captures

    const deliver = async (chunk: Uint8Array): Promise<unknown> =>
      target === undefined ? Promise.all([capture!.write(chunk), all?.write(chunk)]) : pour(target, chunk)
    const keep = (chunk: Uint8Array): void => {
      const room = this.#sealed ? 0 : this.options.maxBuffer - capture!.size
      if (chunk.length > room) this.#end({ by: "maxBuffer", stream: name })
      if (room <= 0) return
      void capture!.write(chunk.subarray(0, room))
      void all?.write(chunk.subarray(0, room))
    }
    const take = (chunk: Uint8Array): Effect.Effect<unknown, unknown> => {
      this.#activity.chunks++
      if (target === undefined && this.options.buffer) {
        keep(chunk)
        return Effect.void
      }
      this.#activity.pending++
      return Effect.tryPromise({ try: () => deliver(chunk), catch: (error) => error }).pipe(
        Effect.ensuring(Effect.sync(() => {
          this.#activity.pending--
        }))
      )
    }

    const read = Stream.runForEach(stream, (chunk) => Effect.suspend(() => take(chunk)))
    const wait = target === undefined && !this.options.buffer
      ? Effect.promise(() => Promise.race([capture!.wanted, ...(all === undefined ? [] : [all.wanted])]))
      : Effect.void
    return this.#fork(Effect.andThen(wait, read)).then(async (exit) => {
      const error = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) ? Cause.squash(exit.cause) as Error : undefined
      capture?.end(error)
      if (target === undefined) return
      if (error !== undefined) return this.#end({ by: "stream", stream: name, cause: error })
      if (target === process.stdout || target === process.stderr || target.destroyed) return
      target.end()
      await finished(target, { readable: false }).catch((cause) => this.#end({ by: "stream", stream: name, cause }))
    })
  }

  /** Fills the guest's stdin from `input`, or gives the stream that does. */
  #feedStdin(): Writable | null {
    const { input, stdin } = this.options
    if (stdin !== "pipe") return null
    const door = new PassThrough()
    // A guest that closes its stdin ends it for us too; that is no error of the caller's.
    door.on("error", () => {})
    const chunks = NodeStream.fromReadable<Uint8Array, unknown>({ evaluate: () => door, onError: (cause) => cause })
    void this.#fork(Stream.run(chunks, this.process.stdin)).then(() => door.destroy())
    if (input === undefined) return door
    door.once("close", () => letGo(input))
    fill(door, input).catch((cause) => {
      if (!door.destroyed) this.#end({ by: "stream", stream: "stdin", cause })
    })
    return null
  }

  #fork<E>(effect: Effect.Effect<unknown, E>): Promise<Exit.Exit<unknown, E>> {
    return Effect.runPromise(Effect.flatMap(Effect.forkIn(effect, this.#scope), Fiber.await))
  }

  async #settle(main: boolean, outputs: ReadonlyArray<Promise<void>>): Promise<ResultOf<O>> {
    const { signal, timeout } = this.options
    const abort = () => this.#end({ by: "canceled", cause: signal!.reason })
    const timer = timeout === 0 ? undefined : setTimeout(() => this.#end({ by: "timeout" }), Math.min(timeout, 2 ** 31 - 1))
    if (signal?.aborted) abort()
    signal?.addEventListener("abort", abort, { once: true })
    try {
      const exit = await Effect.runPromiseExit(this.process.exit)
      this.#ended = true
      // The guest of a main command is gone: its pipes end. An exec'd command may have left a server behind that holds them.
      await Promise.race(main ? [Promise.all(outputs)] : [Promise.all(outputs), this.#quiet()])
      return this.#conclude(exit)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener("abort", abort)
      this.#sealed = true
    }
  }

  async #quiet(): Promise<void> {
    for (;;) {
      const { chunks } = this.#activity
      await sleep(quietPeriod)
      await setImmediate() // what the poll phase has found is delivered first
      if (chunks === this.#activity.chunks && this.#activity.pending === 0) return
    }
  }

  #conclude(exit: Exit.Exit<Outcome, SandboxError>): ResultOf<O> {
    const outcome = Exit.isSuccess(exit) ? exit.value : undefined
    const exited = outcome?._tag === "Exited"
    // A command that exited by itself before our kill arrived was not cut short, unless its output or input was.
    const cut = exited && (this.#cut?.by === "timeout" || this.#cut?.by === "canceled") ? undefined : this.#cut
    const result = describe(this.#command, {
      options: this.options, since: this.#since, pid: this.pid, outcome, cut,
      stdout: this.#text(this.#captures.stdout), stderr: this.#text(this.#captures.stderr), all: this.#text(this.#captures.all ?? null)
    })
    if (!result.failed) return result as ResultOf<O>
    const cause = cut === undefined ? Exit.isSuccess(exit) ? undefined : Cause.squash(exit.cause) : "cause" in cut ? cut.cause : undefined
    const error = new SandboxCommandError(result, reasonOf(outcome, cut, this.options), cause)
    if (this.options.reject) throw error
    return error as unknown as ResultOf<O>
  }

  #text(capture: Capture | null): string | Uint8Array | ReadonlyArray<string> | undefined {
    if (capture === null || !this.options.buffer) return undefined
    const { encoding, lines, stripFinalNewline } = this.options
    const bytes = capture.bytes()
    if (encoding === "buffer") return bytes
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding)
    if (!lines) return stripFinalNewline ? text.replace(/\r?\n$/, "") : text
    const all = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
    return stripFinalNewline ? all.map((line) => line.replace(/\r?\n$/, "")) : all
  }
}

class MainCommand<O> extends RunningCommand<O> implements SandboxHandle<O> {
  readonly changes: ReadonlyArray<OverlayChanges>
  readonly #sandbox: Sandbox.Sandbox

  constructor(sandbox: Sandbox.Sandbox, command: Command.Command, options: Resolved, scope: Scope.Closeable, since: number) {
    super(sandbox, command, options, scope, since, true)
    this.#sandbox = sandbox
    this.changes = sandbox.changes.map((changes) => ({
      target: changes.target,
      lower: changes.lower,
      list: () => Effect.runPromise(changes.list),
      commit: () => Effect.runPromise(changes.commit),
      discard: () => Effect.runPromise(changes.discard)
    }))
  }

  get id(): string {
    return this.#sandbox.id
  }

  get layers(): ReadonlyArray<string> {
    return this.#sandbox.layers
  }

  processes(): Promise<ReadonlyArray<Process>> {
    return Effect.runPromise(this.#sandbox.processes)
  }

  async exec<const P extends CommandOptions = {}>(file: string, ...rest: Rest<P>): Promise<CommandHandle<P>> {
    const { args, options } = parseArguments(file, rest)
    return this.#start(file, args, resolveOptions(options, { stdin: "pipe", exec: true }))
  }

  async run<const P extends CommandOptions = {}>(file: string, ...rest: Rest<P>): Promise<ResultOf<P>> {
    const { args, options } = parseArguments(file, rest)
    const resolved = resolveOptions(options, { stdin: "ignore", exec: true })
    // Not closed at once: a server it has left behind may go on. It is closed when its output has ended.
    return completed<P>(resolved, async () => (await this.#start<P>(file, args, resolved)).result)
  }

  async #start<P>(file: string, args: ReadonlyArray<string>, options: Resolved): Promise<CommandHandle<P>> {
    const since = performance.now()
    const command = toCommand(file, args, options)
    const { scope, started } = await open(this.#sandbox.exec(command), command, options, since)
    return new RunningCommand<P>(started, command, options, scope, since, false)
  }

  /** The changes of overlays are read and committed after the end: then only `close` closes the sandbox. */
  protected override async released(): Promise<void> {
    if (this.#sandbox.changes.length === 0) await this.close()
  }
}

// ------------------------------------------------------------------------------------------------------------ results

const describe = (command: Command.Command, facts: {
  readonly options: Resolved
  readonly since: number
  readonly pid?: number
  readonly outcome?: Outcome | undefined
  readonly cut?: Cut | undefined
  readonly stdout?: CommandResult["stdout"]
  readonly stderr?: CommandResult["stderr"]
  readonly all?: CommandResult["all"]
}): CommandResult => {
  const { cut, outcome, stderr, stdout } = facts
  const signal = outcome?._tag === "Signaled" ? outcome.signal
    : outcome?._tag === "Killed" ? outcome.reason === "syscall" ? "SIGSYS" : "SIGKILL"
    : undefined
  return {
    command: command.argv.join(" "),
    escapedCommand: CommandLine.display(command.argv),
    cwd: facts.options.cwd,
    pid: facts.pid,
    exitCode: outcome?._tag === "Exited" ? outcome.code : undefined,
    signal,
    signalDescription: signal === undefined ? undefined : signalDescriptions[signal],
    killedBy: outcome?._tag === "Killed" ? cut?.by === "timeout" ? "timeout" : cut?.by === "maxBuffer" ? "output" : outcome.reason : undefined,
    isTerminated: signal !== undefined,
    timedOut: cut?.by === "timeout",
    isCanceled: cut?.by === "canceled" || outcome === undefined && facts.options.signal?.aborted === true,
    isMaxBuffer: cut?.by === "maxBuffer",
    failed: cut !== undefined || outcome?._tag !== "Exited" || outcome.code !== 0,
    stdout, stderr,
    all: facts.all,
    stdio: [undefined, stdout, stderr],
    durationMs: performance.now() - facts.since,
    usage: outcome?.usage
  }
}

const reasonOf = (outcome: Outcome | undefined, cut: Cut | undefined, options: Resolved): string => {
  switch (cut?.by) {
    case "timeout": return `Command timed out after ${options.timeout} milliseconds`
    case "canceled": return "Command was canceled"
    case "maxBuffer": return `Command's ${cut.stream} was larger than ${options.maxBuffer} bytes`
    case "stream": return `Command was ended because its ${cut.stream} failed on our side`
  }
  switch (outcome?._tag) {
    case undefined: return "Command was lost"
    case "Exited": return `Command failed with exit code ${outcome.code}`
    case "Signaled": return `Command was ended by ${outcome.signal}${outcome.signal in signalDescriptions ? ` (${signalDescriptions[outcome.signal]})` : ""}`
    case "Killed": return `Command was ended by the sandbox (${outcome.reason}: ${outcome.message})`
  }
}

// -------------------------------------------------------------------------------------------------------------- input

/** Writes all of `input` to `door` and ends it; rejects where `input` fails. Stops where nobody reads any more. */
const fill = async (door: Writable, input: NonNullable<Resolved["input"]>): Promise<void> => {
  const pieces = typeof input === "string" || input instanceof Uint8Array ? [input] : input
  for await (const piece of pieces as AsyncIterable<unknown>) {
    if (typeof piece !== "string" && !(piece instanceof Uint8Array)) {
      throw new TypeError(`option \`input\`: expected texts or bytes in it, got ${piece === null ? "null" : typeof piece}`)
    }
    if (!await pour(door, typeof piece === "string" ? Buffer.from(piece) : piece)) return
  }
  door.end()
}

/** The guest takes no more: a stream that was given for it alone need not go on. */
const letGo = (input: NonNullable<Resolved["input"]>): void => {
  if (input instanceof Readable && input !== process.stdin) input.destroy()
}
