/**
 * One sandbox as the host program holds it: the warden it started, the two sockets to it, and what they have said so far.
 *
 * Everything here runs in callbacks of the event loop; `Sandbox` wraps it in effects. A `Session` ends exactly once, when the
 * event stream has ended and the warden is reaped: then every command has an outcome, every control group is gone, and
 * `gone` completes.
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { fstatSync, readFileSync, readSync, rmdirSync } from "node:fs"
import { constants } from "node:os"
import { type Cause, Deferred, Effect, Queue, Schema } from "effect"
import { SandboxError, SetupError } from "../errors.ts"
import { Exited, Killed, type Outcome, type Reason, Signaled } from "../Outcome.ts"
import { formatByteSize, formatTimeSpan } from "../Units.ts"
import { builtFilters, sentryExecutable } from "./assets.ts"
import { Descriptor, READABLE, type Watcher } from "./io.ts"
import { EAGAIN, type Native } from "./native.ts"
import { Event, type Failure, type Grant, type Plan, type Process, type Request } from "./protocol.ts"

const SIGKILL = 9
const AUDIT_ARCH_X86_64 = 0xc000003e
/** So many refusals wait for somebody to take them. */
const VIOLATIONS_KEPT = 1024
const KINDS_COUNTED = 4096
/** In place of a number: calls through i386, and calls of too many different numbers. As native/sentry/interception.h has them. */
export const FOREIGN_CALL = 0xfffffffe
export const OTHER_CALLS = 0xffffffff
/** A line of the event stream is never longer, unless the sentry is no longer ours. */
const LONGEST_LINE = 64 << 20

export type ViolationEvent = Extract<Event, { readonly event: "violation" }>

/** A command in the sandbox: the main one (id 0), or one of `exec`. */
export interface Running {
  readonly id: number
  /** Completes with its pid on the host. */
  readonly started: Deferred.Deferred<number, SetupError | SandboxError>
  readonly exit: Deferred.Deferred<Outcome, SandboxError>
  /** The master of its terminal, from `started` on until somebody takes it over. */
  terminal: number | undefined
  ended: boolean
  /** `kill()` was asked for it. */
  killed: boolean
}

const decode = Schema.decodeUnknownSync(Event)

/** The first events of a process take milliseconds to decode: spent while the first sentry works, in place of after. */
let cold = true
const warmUp = (): void => {
  if (!cold) return
  cold = false
  setImmediate(() => {
    decode({ event: "started", id: 0, pid: 1, pty: false, init: 1, sentry: 1, overlays: 0, layers: ["pid"] })
    decode({ event: "exit", id: 0, code: 0, reason: null, usage: { wallMs: 0, userMs: 0, systemMs: 0, maxMemory: 0, memorySource: "rusage", minorFaults: 0, majorFaults: 0 } })
  })
}

const signalNames = new Map<number, string>()
for (const [name, number] of Object.entries(constants.signals)) if (!signalNames.has(number)) signalNames.set(number, name)

/** `SIGSEGV` for 11; real-time signals by their number above the first. */
export const signalName = (number: number): string => signalNames.get(number) ?? (number >= 34 ? `SIGRTMIN+${number - 34}` : `SIG${number}`)

export class Session {
  readonly native: Native
  readonly watcher: Watcher
  readonly plan: Plan
  readonly pid: number
  /** Completes when nothing of the sandbox is left. */
  readonly gone = Deferred.makeUnsafe<void>()
  readonly main: Running
  /** What holds, once the main command has started. */
  layers: ReadonlyArray<string> = []
  /** Upper directories of the plan's overlays, in order; the session's to close. */
  overlays: ReadonlyArray<number> = []
  /** Refusals as they come; the oldest are dropped where nobody takes them. */
  readonly violations: Queue.Queue<ViolationEvent, Cause.Done> = Effect.runSync(Queue.sliding(VIOLATIONS_KEPT))
  /** Refusals by call number: exact. `FOREIGN_CALL` for those of other ABIs, `OTHER_CALLS` for numbers beyond the first few thousand. */
  readonly violationCounts = new Map<number, number>()
  readonly #pidfd: Descriptor
  readonly #control: Descriptor
  readonly #events: Descriptor
  readonly #commands = new Map<number, Running>()
  readonly #replies = new Map<number, Deferred.Deferred<ReadonlyArray<Process>, SandboxError>>()
  /** Terminals that came before the event that announces them. */
  readonly #terminals = new Map<number, number>()
  readonly #decoder = new TextDecoder()
  #cgroups: ReadonlyArray<string> = []
  #init: number | undefined
  #text = ""
  #next = 0
  #heard = false
  #granted = false
  #endHeard = false
  #reason: Reason = "sentry"

  constructor(native: Native, watcher: Watcher, plan: Plan, launched: Int32Array) {
    this.native = native
    this.watcher = watcher
    this.plan = plan
    this.pid = launched[0]!
    this.#pidfd = new Descriptor(native, watcher, launched[1]!, READABLE)
    this.#control = new Descriptor(native, watcher, launched[2]!, READABLE)
    this.#events = new Descriptor(native, watcher, launched[3]!, READABLE)
    this.main = this.command(0)
    this.#events.wait(this.#read)
    warmUp()
  }

  /** Whether requests can be served: the main command runs, and nobody has hung up. */
  get alive(): boolean {
    return !this.main.ended && this.#control.fd >= 0
  }

  command(id: number): Running {
    const running: Running = { id, started: Deferred.makeUnsafe(), exit: Deferred.makeUnsafe(), terminal: undefined, ended: false, killed: false }
    this.#commands.set(id, running)
    return running
  }

  /** A number no request of this sandbox had before. */
  nextId(): number {
    return ++this.#next
  }

  /** Sends a request. 0, or an errno: EAGAIN when the sentry has not read the earlier ones yet. */
  send(request: Request, stdio: Int32Array | null = null, out: Int32Array | null = null): number {
    const text = Buffer.from(JSON.stringify(request))
    const rc = this.native.send(this.#control.fd, text, text.length, stdio, out)
    return rc < 0 ? -rc : 0
  }

  reply(seq: number): Deferred.Deferred<ReadonlyArray<Process>, SandboxError> {
    const deferred = Deferred.makeUnsafe<ReadonlyArray<Process>, SandboxError>()
    this.#replies.set(seq, deferred)
    return deferred
  }

  closeOverlays(): void {
    for (const fd of this.overlays) this.native.close(fd)
    this.overlays = []
  }

  /** Hangs up: the warden kills the sentry, and the guest with it. */
  hangUp(): void {
    this.#reason = "killed"
    this.#control.close()
  }

  /** The last resort, for a warden that does not answer. */
  killWarden(): void {
    if (this.#pidfd.fd >= 0) this.native.signal(this.#pidfd.fd, SIGKILL)
  }

  // ------------------------------------------------------------------------------------------------------- events

  readonly #read = (): void => {
    for (;;) {
      const got = this.#events.readNow()
      if (got === -EAGAIN) break
      if (typeof got !== "object") return this.#finish()
      this.#text += this.#decoder.decode(got, { stream: true })
      const lines = this.#text.split("\n")
      this.#text = lines.pop()!
      if (this.#text.length > LONGEST_LINE) return this.#distrust()
      for (const line of lines) {
        let event: Event
        try {
          event = decode(JSON.parse(line))
        } catch {
          return this.#distrust()
        }
        this.#hear(event)
      }
    }
    this.#events.wait(this.#read)
  }

  /** What came is not of the contract: whoever wrote it is not to be talked to any more. */
  #distrust(): void {
    this.#text = ""
    this.#control.close()
    this.killWarden()
    this.#events.wait(this.#drain)
  }

  readonly #drain = (): void => {
    for (let got = this.#events.readNow(); got !== -EAGAIN; got = this.#events.readNow()) if (typeof got !== "object") return this.#finish()
    this.#events.wait(this.#drain)
  }

  #hear(event: Event): void {
    const heard = this.#heard
    this.#heard = true
    switch (event.event) {
      case "cgroups":
        // The warden's first word. Later the sentry could say it, which shares the stream and is not trusted that far.
        if (!heard) this.#cgroups = event.paths
        return
      case "started": {
        const command = this.#commands.get(event.id)
        if (event.pty || (event.overlays ?? 0) > 0 || (event.id === 0 && this.plan.seccomp.share === true)) this.#collect()
        if (event.id === 0) {
          this.layers = event.layers ?? []
          this.#init = event.init
        }
        const terminal = this.#terminals.get(event.id)
        this.#terminals.delete(event.id)
        if (command === undefined || command.terminal !== undefined) this.#drop(terminal)
        else command.terminal = terminal
        if (command !== undefined) Deferred.doneUnsafe(command.started, Effect.succeed(event.pid))
        return
      }
      case "failed": {
        this.#collect() // a terminal may have been granted before the program could not be executed
        this.#drop(this.#terminals.get(event.id))
        this.#terminals.delete(event.id)
        const command = this.#commands.get(event.id)
        if (command === undefined) return
        command.ended = true
        this.#commands.delete(event.id)
        Deferred.doneUnsafe(command.started, Effect.fail(this.#setupError(event.failure)))
        return
      }
      case "exit": {
        const command = this.#commands.get(event.id)
        if (command !== undefined) this.#exited(command, event)
        return
      }
      case "processes": {
        const reply = this.#replies.get(event.seq)
        this.#replies.delete(event.seq)
        if (reply !== undefined) Deferred.doneUnsafe(reply, Effect.succeed(event.processes))
        return
      }
      case "refused": {
        const error = new SandboxError({ kind: "refused", operation: event.op, reason: event.message, remedy: "" })
        const reply = event.seq === undefined ? undefined : this.#replies.get(event.seq)
        if (reply !== undefined) Deferred.doneUnsafe(reply, Effect.fail(error))
        const command = event.op === "exec" && event.id !== undefined ? this.#commands.get(event.id) : undefined
        if (command === undefined) return
        command.ended = true
        this.#commands.delete(command.id)
        Deferred.doneUnsafe(command.started, Effect.fail(error))
        return
      }
      case "violation":
        this.#count(event.arch === AUDIT_ARCH_X86_64 ? event.nr : FOREIGN_CALL, 1)
        Queue.offerUnsafe(this.violations, event)
        return
      case "suppressed":
        this.#count(event.nr ?? OTHER_CALLS, event.count)
        return
      case "end":
        this.#endHeard = true
    }
  }

  #count(nr: number, more: number): void {
    const kind = this.violationCounts.has(nr) || this.violationCounts.size < KINDS_COUNTED ? nr : OTHER_CALLS
    this.violationCounts.set(kind, (this.violationCounts.get(kind) ?? 0) + more)
  }

  /** Takes what the sentry has granted: it is sent before the event that announces it. */
  #collect(): void {
    const buffer = new Uint8Array(4096), fds = new Int32Array(17), count = new Int32Array(1)
    for (;;) {
      const size = this.native.receive(this.#control.fd, buffer, buffer.length, fds, count)
      if (size < 0) return
      const given = [...fds.subarray(0, count[0]!)]
      const grant = JSON.parse(Buffer.from(buffer.buffer, 0, size).toString()) as Grant
      const first = !this.#granted
      this.#granted = true
      if (grant.grant === "filter" && first && given.length === 1) {
        keepProgram(this.plan, given[0]!)
        this.#drop(given[0])
      } else if (grant.grant === "pty" && given.length === 1) this.#terminals.set(grant.id, given[0]!)
      else if (grant.grant === "overlays" && this.overlays.length === 0) this.overlays = given
      else given.forEach((fd) => this.#drop(fd))
    }
  }

  #drop(fd: number | undefined): void {
    if (fd !== undefined) this.native.close(fd)
  }

  #setupError(failure: Failure): SetupError {
    return new SetupError({
      step: failure.step,
      object: failure.object,
      errno: failure.errno === 0 ? "" : this.native.errnoName(failure.errno),
      reason: failure.message,
      remedy: failure.remedy
    })
  }

  #exited(command: Running, event: Extract<Event, { readonly event: "exit" }>): void {
    const usage = event.usage === undefined ? {} : { usage: event.usage }
    const reason = event.reason ?? (command.killed && event.signal === SIGKILL ? "killed" : null)
    const outcome = reason !== null
      ? new Killed({ reason, message: this.#explain(reason, event.detail), ...usage })
      : event.signal === undefined
      ? new Exited({ code: event.code ?? 0, ...usage })
      : new Signaled({ signal: signalName(event.signal), signalNumber: event.signal, core: event.core ?? false, ...usage })
    this.#end(command, outcome)
  }

  #end(command: Running, outcome: Outcome): void {
    command.ended = true
    this.#commands.delete(command.id)
    Deferred.doneUnsafe(command.exit, Effect.succeed(outcome))
  }

  #explain(reason: Reason, detail?: string): string {
    const { limits } = this.plan
    switch (reason) {
      case "memory": return `used more than the ${formatByteSize(limits.memory ?? 0)} of memory that the policy allows`
      case "cpuTime": return `used more than the ${formatTimeSpan(limits.cpuTimeMs ?? 0)} of CPU time that the policy allows`
      case "wallTime": return `ran longer than the ${formatTimeSpan(limits.wallTimeMs ?? 0)} that the policy allows`
      case "output": return `wrote more than the ${formatByteSize(limits.output ?? 0)} of output that the policy allows`
      case "killed": return "was killed by the host program"
      case "timeout": return "ran longer than the host program's time limit"
      case "syscall": return "made a system call that the policy kills for"
      case "handler": return `was ended by a handler: ${detail ?? "no reason was given"}`
      case "sentry": return "its sentry died, and took it along"
    }
  }

  // ---------------------------------------------------------------------------------------------------------- end

  /** The event stream has ended: warden and sentry have closed it, which they do by ending. */
  #finish(): void {
    this.#events.close()
    const reaped = this.native.reap(this.#pidfd.fd)
    if (reaped === 0) {
      this.#pidfd.wait(() => this.#finish())
      return
    }
    this.#pidfd.close()
    if (this.#endHeard) this.#conclude()
    else this.#tidy(0)
  }

  /** The warden was killed before it could tidy up. Waits for the guest's end and removes the control groups, two seconds at most. */
  #tidy(attempt: number): void {
    this.#cgroups = this.#cgroups.filter((path) => !removeGroup(path))
    if (attempt < 400 && (this.#cgroups.length > 0 || !this.#guestGone())) setTimeout(() => this.#tidy(attempt + 1), 5)
    else if (this.plan.view.kind === "translated") execFile(sentryExecutable(), ["--sweep", this.plan.id], { timeout: 60_000 }, () => this.#conclude())
    else this.#conclude()
  }

  /** The kernel kills the guest with its init, and init with the sentry; it takes a moment where nobody waited for it. */
  #guestGone(): boolean {
    if (this.#init === undefined) return true
    try {
      return readFileSync(`/proc/${this.#init}/stat`, "utf8").includes(") Z ") // dead, and nobody waits for it yet
    } catch {
      return true
    }
  }

  #conclude(): void {
    Queue.endUnsafe(this.violations)
    this.#control.close()
    const lost = new SetupError({
      step: "launch",
      object: "rvisor-sentry",
      errno: "",
      reason: this.#reason === "killed" ? "the sandbox was closed before it had started" : "the sentry died before the command had started",
      remedy: this.#reason === "killed" ? "" : "look into the kernel's log (dmesg): it was killed by somebody, or for want of memory"
    })
    for (const command of this.#commands.values()) {
      if (command.ended) continue
      Deferred.doneUnsafe(command.started, Effect.fail(command.id === 0 ? lost : goneError("exec")))
      this.#end(command, new Killed({ reason: this.#reason, message: this.#explain(this.#reason) }))
    }
    for (const reply of this.#replies.values()) Deferred.doneUnsafe(reply, Effect.fail(goneError("processes")))
    this.#replies.clear()
    for (const terminal of this.#terminals.values()) this.native.close(terminal)
    this.#terminals.clear()
    Deferred.doneUnsafe(this.gone, Effect.void)
  }
}

/**
 * Programs of seccomp rules, by their key. Those of the presets are made when rvisor is built; of others the sentry of the first
 * sandbox under some rules makes the program, and later ones get it with their plan.
 */
let programs: Map<string, string> | undefined
const programsOfRules = (): Map<string, string> => programs ??= new Map(Object.entries(builtFilters()))
const MOST_PROGRAMS = 32

/** The compiler gives the rules of a preset as one and the same array: written out, and digested, once. */
const written = new WeakMap<object, string>()

/** Stands for the default and the rules: different ones have different keys. */
export const filterKey = ({ seccomp }: Plan): string => {
  let key = written.get(seccomp.rules)
  if (key === undefined) written.set(seccomp.rules, key = createHash("sha256").update(JSON.stringify(seccomp.rules)).digest("hex"))
  return JSON.stringify(seccomp.default) + key
}

/** Only what came before the guest existed is kept: see `#collect`. */
const keepProgram = (plan: Plan, memory: number): void => {
  const bytes = Buffer.alloc(fstatSync(memory).size)
  if (readSync(memory, bytes, 0, bytes.length, 0) !== bytes.length) return
  const known = programsOfRules()
  if (known.size >= MOST_PROGRAMS) known.clear()
  known.set(filterKey(plan), bytes.toString("base64"))
}

/** The plan with the program in place of its seccomp rules, or with the wish for it. */
export const withProgram = (plan: Plan): Plan => {
  if (plan.interception?.module !== undefined) return plan // one instruction: there is nothing to make
  const program = programsOfRules().get(filterKey(plan))
  return { ...plan, seccomp: { ...plan.seccomp, ...(program === undefined ? { share: true } : { rules: [], program }) } }
}

export const goneError = (operation: string): SandboxError =>
  new SandboxError({ kind: "gone", operation, reason: "the sandbox has ended", remedy: "" })

const removeGroup = (path: string): boolean => {
  try {
    for (const pid of readFileSync(`${path}/cgroup.procs`, "utf8").split("\n")) if (Number(pid) > 0) process.kill(Number(pid), SIGKILL) // 0: one of another pid namespace
    rmdirSync(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT"
  }
}
