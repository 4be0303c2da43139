/**
 * Effect's own `ChildProcessSpawner`, sandboxed: a program written with `ChildProcess` runs every command in a sandbox once
 * this layer is provided in place of the platform's.
 *
 * ```ts
 * program.pipe(Effect.provide(SandboxSpawner.layer(policy)))      // before: NodeServices.layer
 * ```
 *
 * It behaves as the Node spawner does, with these differences, which are what a sandbox is for:
 *
 * - The environment starts from the policy's, never from the host's: that is what a command without `env` gets, and what
 *   `extendEnv: true` extends. `env` without `extendEnv` is the whole environment, as in Node.
 * - Paths (`cwd`, arguments) are the guest's. A relative `cwd` is resolved against the host's current directory.
 * - When the command ends, everything it started ends. Closing the scope of a running command signals its process group
 *   (`killSignal`, by default `SIGTERM`), waits for `forceKillAfter`, by default one second, and then ends what is left.
 * - A command that the sandbox ended (a limit, a forbidden system call) fails `exitCode` with a `PlatformError` that says
 *   so; its `cause` holds the `Killed`. For time limits its reason is `TimedOut`.
 * - A file that is no program the kernel knows (a script without `#!`) is not handed to a shell, as Node's `execvp` does.
 * - `additionalFds`, and pipes to `fd3` and above, fail with a `BadArgument`: a guest inherits three streams.
 * - `unref` takes a command out of its scope's care: leaving the scope lets it run on. No guest outlives its host program,
 *   though, so the host program stays until the command ends.
 *
 * A sandbox that cannot be started fails `spawn`: what is missing or refused under the reason that Node would give
 * (`NotFound`, `PermissionDenied`, …), a fault of the policy as `BadArgument`; the `cause` is the `SetupError`,
 * `PolicyError` or `LoadError`.
 */
import { Deferred, Duration, Effect, Exit, Layer, Option, PlatformError, Queue, Redacted, Scope, Sink, Stream } from "effect"
import * as ChildProcess from "effect/process/ChildProcess"
import {
  type ChildProcessHandle,
  ChildProcessSpawner,
  ExitCode,
  make as makeSpawner,
  makeHandle,
  ProcessId
} from "effect/process/ChildProcessSpawner"
import * as CommandLine from "effect/process/CommandLine"
import { resolve } from "node:path"
import * as Command from "./Command.ts"
import type { SandboxError, SpawnError } from "./errors.ts"
import { policyEnvironment } from "./internal/compile.ts"
import * as Outcome from "./Outcome.ts"
import * as Policy from "./Policy.ts"
import * as Sandbox from "./Sandbox.ts"

/** Each command in a sandbox of its own under `policy` (default: `Policy.default`). */
export const layer = (policy: Policy.Policy = Policy.default): Layer.Layer<ChildProcessSpawner> =>
  Layer.sync(ChildProcessSpawner, () => make(policy, (command) => Sandbox.spawn(command, policy)))

/**
 * All commands in one sandbox, which lives as long as the layer: they share its `/tmp`, its overlays and its limits, and see
 * each other. The sandbox's main command is `sleep infinity`: the view must hold a `sleep`.
 */
export const layerShared = (policy: Policy.Policy = Policy.default): Layer.Layer<ChildProcessSpawner, SpawnError> =>
  Layer.effect(ChildProcessSpawner, Effect.map(
    Sandbox.spawn(Command.set(Command.make("sleep", "infinity"), { stdin: "ignore", stdout: "ignore", stderr: "ignore" }), policy),
    (sandbox) => make(policy, sandbox.exec)
  ))

type Start = (command: Command.Command) => Effect.Effect<Sandbox.SandboxProcess, SpawnError | SandboxError, Scope.Scope>
type Bytes = Stream.Stream<Uint8Array, PlatformError.PlatformError>
type BytesSink = Sink.Sink<void, Uint8Array, never, PlatformError.PlatformError>

/** How long a command may take to end by itself when its scope closes, where it does not say. */
const grace: Duration.Duration = Duration.seconds(1)

const make = (policy: Policy.Policy, start: Start): ChildProcessSpawner["Service"] => {
  const spawnOne = Effect.fnUntraced(function*(self: ChildProcess.StandardCommand) {
    const { options } = self
    const command = yield* translate(self, policy)
    const inner = yield* Scope.make()
    const running = yield* start(command).pipe(
      Scope.provide(inner),
      Effect.onError((cause) => Scope.close(inner, Exit.failCause(cause))),
      Effect.mapError((error) => spawnFailure(self, error))
    )
    const ended = yield* Deferred.make<Outcome.Outcome, SandboxError>()
    yield* Effect.forkIn(Effect.onExit(running.exit, (exit) => Deferred.done(ended, exit)), inner)
    const settled = Effect.exit(Deferred.await(ended))

    const terminate = Effect.fnUntraced(function*(kill: ChildProcess.KillOptions, limit: Duration.Input | undefined) {
      yield* running.kill(kill.killSignal ?? "SIGTERM", { scope: "group" })
      const inTime = limit === undefined ? Option.some(yield* settled) : yield* Effect.timeoutOption(settled, limit)
      if (Option.isNone(inTime)) {
        yield* running.kill()
        yield* settled
      }
    })

    let referenced = true
    yield* Effect.addFinalizer(() => Effect.suspend(() => {
      if (referenced) {
        const over = Deferred.isDone(ended)
        return Effect.andThen(
          Effect.flatMap(over, (done) => done ? Effect.void : Effect.ignore(terminate(options, options.forceKillAfter ?? grace))),
          Scope.close(inner, Exit.void)
        )
      }
      return Effect.asVoid(Effect.forkDetach(Effect.andThen(settled, Scope.close(inner, Exit.void))))
    }))

    const inputFailure = yield* Deferred.make<never, PlatformError.PlatformError>()
    const stdin = yield* makeStdin(self, running, inner)
    const source = stdinOf(options).stream
    if (Stream.isStream(source)) {
      yield* Effect.forkIn(Stream.run(Stream.tapError(source, (error) => Deferred.fail(inputFailure, error)), stdin), inner)
    }
    const stdout = outputOf(self, running.stdout, "stdout"), stderr = outputOf(self, running.stderr, "stderr")

    return makeHandle({
      pid: ProcessId(running.pid),
      // A broken input has cut the command's input short: that says more than how the command then ended.
      exitCode: Effect.raceFirst(
        Deferred.await(inputFailure),
        Deferred.await(ended).pipe(
          Effect.mapError((error) => failure(self, "exitCode", error)),
          Effect.flatMap((outcome) => Deferred.isDoneUnsafe(inputFailure) ? Deferred.await(inputFailure) : exitCodeOf(self, outcome))
        )
      ),
      isRunning: Effect.map(Deferred.isDone(ended), (done) => !done),
      kill: (kill) => Effect.mapError(terminate(kill ?? {}, kill?.forceKillAfter), (error) => failure(self, "kill", error)),
      stdin,
      stdout,
      stderr,
      all: Stream.merge(stdout, stderr),
      getInputFd: () => Sink.drain,
      getOutputFd: () => Stream.empty,
      unref: Effect.sync(() => {
        referenced = false
        return Effect.sync(() => {
          referenced = true
        })
      })
    })
  })

  const spawn = (command: ChildProcess.Command): Effect.Effect<ChildProcessHandle, PlatformError.PlatformError, Scope.Scope> => {
    const [first, ...others] = stages(command)
    if (others.length === 0) return spawnOne(first!.command)
    return Effect.gen(function*() {
      const handles = [yield* spawnOne(first!.command)]
      for (const { command, pipe } of others) {
        const { from, to } = pipe
        const stream = sourceOf(handles.at(-1)!, from)
        const fd = to === undefined ? undefined : ChildProcess.parseFdName(to)
        const options: ChildProcess.CommandOptions = fd === undefined
          ? { ...command.options, stdin: { ...stdinOf(command.options), stream } }
          : { ...command.options, additionalFds: { ...command.options.additionalFds, [ChildProcess.fdName(fd)]: { type: "input", stream } } }
        handles.push(yield* spawnOne(ChildProcess.make(command.command, command.args, options)))
      }
      const last = handles.at(-1)!
      const backwards = handles.toReversed()
      return makeHandle({
        ...last,
        stdin: handles[0]!.stdin,
        kill: (options) => Effect.forEach(backwards, (handle) => Effect.ignore(handle.kill(options)), { discard: true }),
        unref: Effect.map(
          Effect.forEach(handles, (handle) => handle.unref),
          (rerefs) => Effect.forEach(rerefs.toReversed(), (reref) => reref, { discard: true })
        )
      })
    })
  }

  return makeSpawner(spawn)
}

// ------------------------------------------------------------------------------------------------------------ command

interface Stage {
  readonly command: ChildProcess.StandardCommand
  /** How the stage before feeds it. */
  readonly pipe: ChildProcess.PipeOptions
}

const stages = (command: ChildProcess.Command, pipe: ChildProcess.PipeOptions = {}): ReadonlyArray<Stage> =>
  command._tag === "StandardCommand" ? [{ command, pipe }] : [...stages(command.left, pipe), ...stages(command.right, command.options)]

const badArgument = (description: string, cause?: unknown): PlatformError.PlatformError =>
  PlatformError.badArgument({ module: "ChildProcess", method: "spawn", description, ...(cause === undefined ? {} : { cause }) })

const reveal = (word: CommandLine.Word): string => Redacted.isRedacted(word) ? Redacted.value(word) : word

/** The command as rvisor runs it. */
const translate = (self: ChildProcess.StandardCommand, policy: Policy.Policy): Effect.Effect<Command.Command, PlatformError.PlatformError> => {
  const { args, command, options } = self
  const { additionalFds, cwd, env, extendEnv, shell } = options
  const fds = Object.keys(additionalFds ?? {})
  if (fds.length > 0) return Effect.fail(badArgument(`option additionalFds (${fds.join(", ")}): a sandboxed command has stdin, stdout and stderr only`))
  const wrapped = shell !== undefined && shell !== false
  if (wrapped && args.length > 0) return Effect.fail(badArgument("option shell: the command is the whole script, it takes no arguments"))
  const replaced = env === undefined || extendEnv === true ? {} : policyEnvironment(policy)
  const given = Object.entries(env ?? {}).map(([name, value]) => [name, value === undefined ? undefined : reveal(value)] as const)
  const stdio = (value: ChildProcess.CommandInput | ChildProcess.CommandOutput | undefined) =>
    value === "inherit" || value === "ignore" ? value : "pipe"
  return Effect.succeed({
    argv: wrapped ? [shell === true ? "/bin/sh" : shell, "-c", command] : [command, ...args.map(reveal)],
    env: { ...Object.fromEntries(Object.keys(replaced).map((name) => [name, undefined])), ...Object.fromEntries(given) },
    cwd: cwd === undefined ? undefined : resolve(cwd),
    stdin: stdio(stdinOf(options).stream),
    stdout: stdio(targetOf(options.stdout)),
    stderr: stdio(targetOf(options.stderr)),
    tty: undefined
  })
}

// ------------------------------------------------------------------------------------------------------------ streams

const stdinOf = ({ stdin }: ChildProcess.CommandOptions): ChildProcess.StdinConfig =>
  stdin === undefined ? { stream: "pipe" } : typeof stdin === "string" || Stream.isStream(stdin) ? { stream: stdin } : stdin

const targetOf = (output: ChildProcess.CommandOptions["stdout"]): ChildProcess.CommandOutput | undefined =>
  output === undefined || typeof output === "string" || Sink.isSink(output) ? output : output.stream

const outputOf = (self: ChildProcess.StandardCommand, stream: Stream.Stream<Uint8Array, SandboxError>, name: "stdout" | "stderr"): Bytes => {
  const target = targetOf(self.options[name])
  if (target === "inherit" || target === "ignore") return Stream.empty
  const bytes = Stream.mapError(stream, (error) => failure(self, `fromReadable(${name})`, error))
  return Sink.isSink(target) ? Stream.transduce(bytes, target) : bytes
}

const sourceOf = (handle: ChildProcessHandle, from: ChildProcess.PipeFromOption | undefined): Bytes => {
  switch (from) {
    case "stderr": return handle.stderr
    case "all": return handle.all
    case undefined:
    case "stdout": return handle.stdout
    default: {
      const fd = ChildProcess.parseFdName(from)
      return fd === undefined ? handle.stdout : handle.getOutputFd(fd)
    }
  }
}

/**
 * The sink of a command's stdin. A sandbox's own sink ends the guest's stdin when it completes; with `endOnDone: false` it is
 * run once, from a queue that lives as long as the command, and what the caller gets fills the queue.
 */
const makeStdin = Effect.fnUntraced(function*(self: ChildProcess.StandardCommand, running: Sandbox.SandboxProcess, scope: Scope.Scope) {
  const { encoding, endOnDone, stream } = stdinOf(self.options)
  if (stream === "inherit" || stream === "ignore") return Sink.drain as BytesSink
  const direct = Sink.mapError(running.stdin, (error) => failure(self, "fromWritable(stdin)", error))
  // The type says bytes; Node's writables take texts too, and that is what `encoding` is for.
  const bytes = (chunk: Uint8Array | string): Uint8Array => typeof chunk === "string" ? Buffer.from(chunk, encoding as BufferEncoding) : chunk
  if (endOnDone !== false) return Sink.mapInput(direct, bytes) as BytesSink
  const queue = yield* Queue.bounded<Uint8Array>(1)
  const broken = yield* Deferred.make<never, PlatformError.PlatformError>()
  yield* Stream.fromQueue(queue).pipe(
    Stream.run(direct),
    Effect.onError((cause) => Deferred.failCause(broken, cause)),
    Effect.forkIn(scope)
  )
  return Sink.forEach((chunk: Uint8Array) => Effect.raceFirst(Queue.offer(queue, bytes(chunk)), Deferred.await(broken))) as BytesSink
})

// ------------------------------------------------------------------------------------------------------------- errors

const tags: Readonly<Record<string, PlatformError.SystemErrorTag>> = {
  ENOENT: "NotFound", EACCES: "PermissionDenied", EPERM: "PermissionDenied", EEXIST: "AlreadyExists",
  EISDIR: "BadResource", ENOTDIR: "BadResource", ELOOP: "BadResource", EBUSY: "Busy"
}

const failure = (
  self: ChildProcess.StandardCommand,
  method: string,
  cause: Error,
  tag: PlatformError.SystemErrorTag = "Unknown",
  object: string = CommandLine.display([self.command, ...self.args])
): PlatformError.PlatformError =>
  PlatformError.systemError({ _tag: tag, module: "ChildProcess", method, pathOrDescriptor: object, description: cause.message, cause })

const spawnFailure = (self: ChildProcess.StandardCommand, error: SpawnError | SandboxError): PlatformError.PlatformError => {
  switch (error._tag) {
    case "PolicyError": return badArgument(error.message, error)
    case "SetupError": return failure(self, "spawn", error, tags[error.errno], error.step === "chdir" ? error.object : undefined)
    default: return failure(self, "spawn", error)
  }
}

const limitsOfTime: ReadonlyArray<Outcome.Reason> = ["wallTime", "cpuTime", "timeout"]

const exitCodeOf = (self: ChildProcess.StandardCommand, outcome: Outcome.Outcome): Effect.Effect<ExitCode, PlatformError.PlatformError> => {
  switch (outcome._tag) {
    case "Exited": return Effect.succeed(ExitCode(outcome.code))
    case "Signaled": return Effect.fail(failure(self, "exitCode", new Error(`The command was ended by the signal ${outcome.signal}`)))
    case "Killed": return Effect.fail(failure(
      self,
      "exitCode",
      new Error(`The command was ended by the sandbox: ${outcome.message}`, { cause: outcome }),
      limitsOfTime.includes(outcome.reason) ? "TimedOut" : "Unknown"
    ))
  }
}
