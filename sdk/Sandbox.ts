/**
 * A command in a sandbox. `spawn` compiles the policy for this host, starts the sandbox, and succeeds once the program itself
 * runs; whatever went wrong before that is its error, and nothing remains then. The sandbox belongs to a scope: when the scope
 * closes, everything in the sandbox is killed, and the scope is closed only when all of it is gone.
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const sandbox = yield* Sandbox.spawn(Command.make("make", "test"), Policy.make({ filesystem: { write: ["./out"] } }))
 *   yield* Stream.runForEach(sandbox.stdout, (bytes) => Effect.sync(() => process.stdout.write(bytes)))
 *   return yield* sandbox.exit
 * }).pipe(Effect.scoped)
 * ```
 *
 * What surprises:
 * - When the main command ends, everything else in the sandbox is killed: background processes, and commands of `exec`.
 * - Streams are the guest's own pipes. Nobody reads ahead: a guest whose output is not read waits when a pipe (64 KiB) is full.
 *   Each byte is delivered once: a second reader of the same stream, or of `all`, takes bytes from the first.
 * - `exit` says that the command has ended; what it wrote may still be in its pipes. They stay readable until the scope closes.
 */
import { constants } from "node:os"
import { Deferred, Effect, Exit, Result, Scope, Sink, Stream } from "effect"
import { type Changes, changesOf } from "./Changes.ts"
import type { Command, Stdio } from "./Command.ts"
import { LoadError, type PolicyError, SandboxError, SetupError, type SpawnError } from "./errors.ts"
import { sentryExecutable } from "./internal/assets.ts"
import { gather, type HandlerFailure, openDesk } from "./internal/desk.ts"
import { compile, compileCommand, type Compiled, type View } from "./internal/compile.ts"
import { Descriptor, READABLE, readable, watcherOf, WRITABLE, writable } from "./internal/io.ts"
import { goneError, type Running, Session, withProgram } from "./internal/launch.ts"
import { EAGAIN, load, type Native, NULL, PIPE, TERMINAL } from "./internal/native.ts"
import type { Process, Request } from "./internal/protocol.ts"
import type { Outcome } from "./Outcome.ts"
import { probe } from "./Host.ts"
import * as Policy from "./Policy.ts"
import * as Violation from "./Violation.ts"

export type { HandlerFailure, Process }

/** The terminal of a command that was started with `tty`. */
export interface Pty {
  /** Changes the window's size, in character cells; the guest gets SIGWINCH. */
  readonly resize: (columns: number, rows: number) => Effect.Effect<void, SandboxError>
}

export interface KillOptions {
  /** Whom a signal reaches: the command's process (the default), its process group, or every process of the guest. */
  readonly scope?: "process" | "group" | "all"
  /** Without a signal: what the outcome's `reason` will be. */
  readonly reason?: "killed" | "timeout"
}

export interface SandboxProcess {
  /** On the host. */
  readonly pid: number
  /** Completing it ends the guest's stdin; with a terminal it types the end-of-file character (^D). */
  readonly stdin: Sink.Sink<void, Uint8Array, never, SandboxError>
  /** What the terminal shows, where there is one. Empty where stdout is not a pipe. */
  readonly stdout: Stream.Stream<Uint8Array, SandboxError>
  readonly stderr: Stream.Stream<Uint8Array, SandboxError>
  /** stdout and stderr as they come. Between two writes in quick succession to different streams the order is not certain. */
  readonly all: Stream.Stream<Uint8Array, SandboxError>
  /**
   * Sends a signal, by name or number. Without one it ends the command for certain: of the main command the whole guest,
   * of a command of `exec` its process group; the outcome is `Killed`. Fails with `gone` where a signal finds no command.
   */
  readonly kill: (signal?: NodeJS.Signals | number, options?: KillOptions) => Effect.Effect<void, SandboxError>
  /** How it ended; may be awaited many times. */
  readonly exit: Effect.Effect<Outcome, SandboxError>
  readonly pty: Pty | undefined
}

export interface Sandbox extends SandboxProcess {
  /** Unique on this host. */
  readonly id: string
  /** What holds: `user`, `pid`, `landlock:7`, `cgroup-v1`, … */
  readonly layers: ReadonlyArray<string>
  /** The guest's processes, now. */
  readonly processes: Effect.Effect<ReadonlyArray<Process>, SandboxError>
  /** Starts another command in the same sandbox. It is killed when its scope closes. */
  readonly exec: (command: Command) => Effect.Effect<SandboxProcess, SetupError | PolicyError | SandboxError, Scope.Scope>
  /**
   * Refused system calls, where the policy says `violations: "report"`; each is delivered once, and the stream ends with the
   * sandbox. Of a flood only a part is told one by one.
   */
  readonly violations: Stream.Stream<Violation.Violation>
  /** How many calls were refused so far, by call. Exact, also of a flood. */
  readonly violationCounts: Effect.Effect<ReadonlyArray<Violation.Count>>
  /** Handlers that did not do their duty, as it happens; the stream ends with the scope. */
  readonly handlerFailures: Stream.Stream<HandlerFailure>
  /** One for each overlay rule of the policy, in its order; usable until the scope closes. */
  readonly changes: ReadonlyArray<Changes>
}

const names = ["stdin", "stdout", "stderr"] as const
const SIGKILL = 9
const EPIPE = 32
const ECONNRESET = 104
const END_OF_FILE = Uint8Array.of(4)

// ----------------------------------------------------------------------------------------------------------- streams

/** The command's streams as the library takes them. */
const stdioOf = (command: Command): Int32Array => {
  if (command.tty !== undefined) return Int32Array.of(TERMINAL, TERMINAL, TERMINAL)
  const place = (stdio: Stdio, index: number): number => stdio === "pipe" ? PIPE : stdio === "ignore" ? NULL : stdio === "inherit" ? index : stdio
  return Int32Array.from(names, (name, index) => place(command[name], index))
}

/** Descriptors are numbers; a negative one would mean something else to the library. */
const checkStdio = (command: Command): Effect.Effect<void, SetupError> => {
  const wrong = names.find((name) => {
    const stdio = command[name]
    return typeof stdio === "number" && !(Number.isInteger(stdio) && stdio >= 0 && stdio < 2 ** 31)
  })
  if (wrong === undefined) return Effect.void
  return Effect.fail(new SetupError({ step: "exec", object: wrong, errno: "EBADF", reason: `${command[wrong]} is not a descriptor`, remedy: "pass an open descriptor's number" }))
}

const launchError = (native: Native, errno: number): SetupError =>
  new SetupError({
    step: "launch",
    object: "",
    errno: native.errnoName(errno),
    reason: native.errnoText(errno),
    remedy: native.errnoName(errno) === "EBADF"
      ? "a descriptor given for stdin, stdout or stderr is not open"
      : "this process is at a limit of descriptors or processes (ulimit -n, ulimit -u), or the host is short of memory"
  })

/** The ends of a command that belong to the host program; closed with the scope. */
class Ends {
  readonly #native: Native
  readonly #session: Session
  readonly #command: Running
  readonly #open: Array<Descriptor> = []
  readonly stdin: SandboxProcess["stdin"]
  readonly stdout: SandboxProcess["stdout"]
  readonly stderr: SandboxProcess["stderr"]
  readonly all: SandboxProcess["all"]
  readonly pty: Pty | undefined

  constructor(session: Session, command: Running, fds: Int32Array) {
    this.#native = session.native
    this.#session = session
    this.#command = command
    const terminal = command.terminal
    command.terminal = undefined
    if (terminal === undefined) {
      this.stdin = fds[0]! < 0 ? unconnected : this.#sink(fds[0]!, (descriptor) => Effect.sync(() => descriptor.close()))
      this.stdout = fds[1]! < 0 ? Stream.empty : this.#source(fds[1]!, "stdout")
      this.stderr = fds[2]! < 0 ? Stream.empty : this.#source(fds[2]!, "stderr")
      this.all = Stream.merge(this.stdout, this.stderr)
      this.pty = undefined
    } else {
      // Apart for each direction, as each is watched for something else.
      const keyboard = this.#native.duplicate(terminal)
      this.stdin = keyboard < 0 ? unconnected : this.#sink(keyboard, (descriptor) => Effect.sync(() => void descriptor.writeNow(END_OF_FILE)))
      this.stdout = this.all = this.#source(terminal, "stdout")
      this.stderr = Stream.empty
      this.pty = { resize: (columns, rows) => this.#resize(this.#open[this.#open.length - 1]!, columns, rows) }
    }
  }

  #source(fd: number, name: string): Stream.Stream<Uint8Array, SandboxError> {
    const descriptor = new Descriptor(this.#native, this.#session.watcher, fd, READABLE)
    this.#open.push(descriptor)
    return readable(this.#native, descriptor, name)
  }

  #sink(fd: number, end: (descriptor: Descriptor) => Effect.Effect<void>): SandboxProcess["stdin"] {
    const descriptor = new Descriptor(this.#native, this.#session.watcher, fd, WRITABLE)
    this.#open.push(descriptor)
    return writable(this.#native, descriptor, "stdin", end(descriptor))
  }

  #resize(terminal: Descriptor, columns: number, rows: number): Effect.Effect<void, SandboxError> {
    return Effect.suspend(() => {
      if (terminal.fd < 0 || this.#command.ended) return Effect.fail(goneError("resize"))
      const rc = this.#native.setWindow(terminal.fd, columns, rows)
      return rc < 0 ? Effect.fail(new SandboxError({ kind: "io", operation: "resize", reason: this.#native.errnoText(-rc), remedy: "" })) : Effect.void
    })
  }

  close(): void {
    for (const descriptor of this.#open) descriptor.close()
  }
}

const unconnected: SandboxProcess["stdin"] = Sink.forEachArray(() =>
  Effect.fail(new SandboxError({ kind: "refused", operation: "stdin", reason: "stdin of this command is not a pipe", remedy: "start it with stdin: \"pipe\"" }))
)

// ---------------------------------------------------------------------------------------------------------- requests

const request = (session: Session, message: Request, stdio: Int32Array | null = null, out: Int32Array | null = null): Effect.Effect<void, SandboxError> =>
  Effect.suspend(() => {
    if (!session.alive) return Effect.fail(goneError(message.op))
    const errno = session.send(message, stdio, out)
    if (errno === 0) return Effect.void
    if (errno === EAGAIN) return Effect.andThen(Effect.sleep(2), request(session, message, stdio, out)) // the sentry is behind
    if (errno === EPIPE || errno === ECONNRESET) return Effect.fail(goneError(message.op))
    const { native } = session
    return Effect.fail(new SandboxError({ kind: "io", operation: message.op, reason: `${native.errnoText(errno)} [${native.errnoName(errno)}]`, remedy: "" }))
  })

const signalNumber = (signal: NodeJS.Signals | number): number | undefined =>
  typeof signal === "string" ? (constants.signals as Readonly<Record<string, number>>)[signal] : Number.isInteger(signal) && signal >= 0 && signal <= 64 ? signal : undefined

const kill = (session: Session, command: Running): SandboxProcess["kill"] => (signal, options = {}) =>
  Effect.suspend(() => {
    if (signal === undefined) {
      if (command.ended) return Effect.void
      command.killed = true
      const end: Request = command.id === 0
        ? { op: "kill", reason: options.reason ?? "killed" }
        : { op: "signal", id: command.id, signal: SIGKILL, scope: "group" }
      return request(session, end).pipe(Effect.catch((error) => error.kind === "gone" ? Effect.void : Effect.fail(error)))
    }
    const number = signalNumber(signal)
    if (number === undefined) return Effect.fail(new SandboxError({ kind: "refused", operation: "kill", reason: `${signal} is not a signal`, remedy: "see signal(7) for the names" }))
    if (command.ended) return Effect.fail(goneError("kill"))
    return request(session, { op: "signal", id: command.id, signal: number, scope: options.scope ?? "process" })
  })

const processesOf = (session: Session): Sandbox["processes"] =>
  Effect.suspend(() => {
    const seq = session.nextId()
    const reply = session.reply(seq)
    return Effect.andThen(request(session, { op: "processes", seq }), Deferred.await(reply))
  })

const violationsOf = (session: Session, policy: Policy.Policy<any>, keys: ReadonlyArray<string>): Sandbox["violations"] =>
  Stream.map(Stream.fromQueue(session.violations), (event) => Violation.fromEvent(event, policy, keys))

const countsOf = (session: Session): Sandbox["violationCounts"] =>
  Effect.sync(() => [...session.violationCounts].map(([nr, count]) => Violation.countOf(nr, count)))

const handle = (session: Session, command: Running, ends: Ends, pid: number): SandboxProcess => ({
  pid,
  stdin: ends.stdin,
  stdout: ends.stdout,
  stderr: ends.stderr,
  all: ends.all,
  kill: kill(session, command),
  exit: Deferred.await(command.exit),
  pty: ends.pty
})

// ------------------------------------------------------------------------------------------------------------ starting

/**
 * Everything of the sandbox ends, and the effect with it. Asked nicely first; each next way needs less of what may be broken.
 * The streams are closed between asking and waiting: the outcome is the kill, and nothing waits for a reader any more.
 */
const shutDown = (session: Session, closeStreams: () => void): Effect.Effect<void> => {
  const gone = (within: number) => Deferred.await(session.gone).pipe(Effect.timeoutOption(within), Effect.map((end) => end._tag === "Some"))
  return Effect.gen(function*() {
    const started = Deferred.isDoneUnsafe(session.main.started)
    const asked = session.main.ended || started && session.send({ op: "kill", reason: "killed" }) === 0
    closeStreams()
    if (Deferred.isDoneUnsafe(session.gone)) return
    if (asked && (yield* gone(2000))) return
    session.hangUp()
    if (yield* gone(2000)) return
    session.killWarden()
    yield* gone(5000)
  })
}

const start = (native: Native, compiled: Compiled, stdio: Int32Array, ring: number): Effect.Effect<readonly [Session, Int32Array], SetupError | LoadError> =>
  Effect.suspend((): Effect.Effect<readonly [Session, Int32Array], SetupError | LoadError> => {
    const watcher = watcherOf(native)
    if (typeof watcher === "number") return Effect.fail(launchError(native, -watcher))
    const sentry = sentryExecutable()
    const plan = withProgram(compiled.plan)
    const text = Buffer.from(JSON.stringify(plan))
    const out = new Int32Array(7)
    const rc = native.launch(sentry, text, text.length, stdio, ring, out)
    if (rc === 0) return Effect.succeed([new Session(native, watcher, plan, out), out.subarray(4)] as const)
    if (out[0] !== 0) return Effect.fail(launchError(native, -rc))
    return Effect.fail(new LoadError({ object: sentry, reason: `${native.errnoText(-rc)} [${native.errnoName(-rc)}]`, remedy: "reinstall rvisor on a file system that permits executing (mounted without noexec)" }))
  })

/** Runs `body` with a scope of its own below the current one, which is closed at once if it fails. */
const owned = <A, E, R>(body: (scope: Scope.Closeable, restore: <B, F, S>(effect: Effect.Effect<B, F, S>) => Effect.Effect<B, F, S>) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      return yield* Effect.onExit(body(scope, restore), (exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))
    })
  )

const exec = (session: Session, compiled: Compiled): Sandbox["exec"] => (command) =>
  owned(Effect.fnUntraced(function*(scope, restore) {
    yield* checkStdio(command)
    const wanted = yield* compileCommand(compiled, command)
    const running = session.command(session.nextId())
    const fds = Int32Array.of(-1, -1, -1)
    const held = new Held(session.native, running, fds)
    yield* restore(request(session, { op: "exec", id: running.id, command: wanted }, stdioOf(command), fds))
    yield* Scope.addFinalizer(scope, Effect.gen(function*() {
      // One that has not started yet is killed as soon as it has: the sentry takes requests in their order.
      running.killed = true
      if (!running.ended) yield* Effect.ignore(request(session, { op: "signal", id: running.id, signal: SIGKILL, scope: "group" }))
      held.close()
      if (!running.ended) yield* Effect.timeoutOption(Effect.ignore(Deferred.await(running.exit)), 2000)
    }))
    const pid = yield* restore(Deferred.await(running.started))
    return handle(session, running, held.take(session), pid)
  }))

/** A command's descriptors on this side: plain numbers until it has started, its streams afterwards. */
class Held {
  readonly #native: Native
  readonly #command: Running
  readonly #fds: Int32Array
  #ends: Ends | undefined

  constructor(native: Native, command: Running, fds: Int32Array) {
    this.#native = native
    this.#command = command
    this.#fds = fds
  }

  take(session: Session): Ends {
    return (this.#ends = new Ends(session, this.#command, this.#fds))
  }

  close(): void {
    if (this.#ends !== undefined) return this.#ends.close()
    for (const fd of [...this.#fds, this.#command.terminal ?? -1]) if (fd >= 0) this.#native.close(fd)
    this.#fds.fill(-1)
    this.#command.terminal = undefined
  }
}

/** Steps that a host without namespaces, or one that covers its /proc, refuses. */
const namespaceSteps: ReadonlySet<string> = new Set(["namespaces", "id-map", "mount", "tmpfs", "proc", "dev", "mask", "virtual", "pivot_root"])
const namespaceFeatures: ReadonlyArray<string> = ["mount-namespace", "pid-namespace", "net-namespace", "proc-mount"]

/** Set once this host has refused namespaces: it will go on doing so. */
let withoutNamespaces = false

const refusesNamespaces = (error: SetupError): Effect.Effect<boolean> =>
  !namespaceSteps.has(error.step)
    ? Effect.succeed(false)
    : Effect.map(Effect.result(probe), (report) => Result.isSuccess(report) && report.success.features.some(({ name, ok }) => namespaceFeatures.includes(name) && !ok))

/** `start` with the view that the policy wants: where it leaves that open, by namespaces, and translated where the host does not give these. */
const viewed = <A, R>(wanted: Policy.Policy["view"], start: (view: View) => Effect.Effect<A, SpawnError, R>): Effect.Effect<A, SpawnError, R> =>
  Effect.suspend(() => {
    if (wanted === "namespace" || wanted === "translated") return start(wanted)
    if (withoutNamespaces) return start("translated")
    return start("namespace").pipe(Effect.catchTag("SetupError", (error) =>
      Effect.flatMap(refusesNamespaces(error), (refused) => {
        if (!refused) return Effect.fail(error)
        withoutNamespaces = true
        // A policy that the translated view cannot carry is told what would be needed instead.
        return start("translated").pipe(Effect.catchTag("PolicyError", () => Effect.fail(error)))
      })))
  })

/**
 * Starts `command` in a new sandbox under `policy` (`Policy.default` when absent). Succeeds once the program runs.
 *
 * Fails with `PolicyError` where policy or command cannot be used, with `SetupError` where this host refuses a step of the
 * set-up or the program cannot be executed (`step: "exec"`), with `LoadError` where rvisor's native parts are missing.
 */
export const spawn: <R = never>(command: Command, policy?: Policy.Policy<R>) => Effect.Effect<Sandbox, SpawnError, Scope.Scope | R> = (command, policy = Policy.default as Policy.Policy<any>) =>
  viewed(policy.view, (view) => spawnIn(view, command, policy))

const spawnIn = (view: View, command: Command, policy: Policy.Policy<any>): Effect.Effect<Sandbox, SpawnError, any> =>
  owned(Effect.fnUntraced(function*(scope, restore) {
    yield* checkStdio(command)
    const native = yield* restore(load)
    // Gathered even where the plan then needs none of them: what cannot be loaded is always said.
    const handlers = policy.handlers.length === 0 ? undefined : yield* Scope.provide(restore(gather(native, policy.handlers)), scope)
    const compiled = yield* restore(compile(policy, command, undefined, handlers?.placed, view))
    const desk = handlers === undefined || compiled.plan.interception?.handlers === undefined ? undefined : yield* Scope.provide(openDesk(native, handlers), scope)
    const [session, fds] = yield* start(native, compiled, stdioOf(command), desk?.ring ?? -1)
    const held = new Held(native, session.main, fds)
    yield* Scope.addFinalizer(scope, Effect.andThen(shutDown(session, () => held.close()), Effect.sync(() => session.closeOverlays())))
    const pid = yield* restore(Deferred.await(session.main.started)).pipe(Effect.catchTag("SandboxError", Effect.die))
    return {
      ...handle(session, session.main, held.take(session), pid),
      id: compiled.plan.id,
      layers: session.layers,
      processes: processesOf(session),
      exec: exec(session, compiled),
      violations: violationsOf(session, policy, compiled.keys),
      violationCounts: countsOf(session),
      handlerFailures: desk === undefined ? Stream.empty : Stream.fromQueue(desk.failures),
      changes: changesOf(session, compiled.overlays)
    }
  }))
