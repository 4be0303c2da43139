/**
 * TypeScript that is told what happens to the guest's threads beside their system calls: signals, programs that are executed, ends,
 * and new threads and processes.
 *
 *     const ends = EventHandler.make("exit", (event) => Effect.log(`${event.tid} ended`))
 *
 * It observes and changes nothing. The thread stands until the handler has returned, so events of one thread come in order, among its
 * system calls, and a guest cannot run away from a slow observer. The guest is traced for it: see docs/handlers.md for what that costs.
 */
import { Cause, Duration, Effect, Exit } from "effect"
import { PolicyFault } from "./errors.ts"
import { suggest } from "./internal/faults.ts"
import type { Siginfo } from "./internal/syscall/siginfo.ts"
import type * as Signal from "./Signal.ts"

interface Event {
  /** The thread it has happened to, and its process, as the guest numbers them. `pid` is 0 where the process was gone. */
  readonly tid: number
  readonly pid: number
}

/** A signal is about to be delivered: handled, ignored, or acted on. SIGKILL is not seen; its effect is, as an `exit`. */
export interface SignalEvent extends Event {
  readonly kind: "signal"
  readonly signal: number
  /** `SIGTERM`, `SIGRTMIN+3`. */
  readonly name: NonNullable<ReturnType<typeof Signal.name>>
  /** Who sent it, and what else the kernel says of it. */
  readonly info: Siginfo
}

/** A program has been executed, and has not run an instruction yet. */
export interface ExecEvent extends Event {
  readonly kind: "exec"
  /** Of the executable: of a script, its interpreter. */
  readonly path: string
  /** What the thread's number was before, where it was not the first of its process. All others of the process are gone. */
  readonly formerTid: number
}

/** A thread ends. */
export interface ExitEvent extends Event {
  readonly kind: "exit"
  /** What it was given to exit(2) or exit_group(2), 0 to 255; `undefined` where a signal ended it. */
  readonly code: number | undefined
  readonly signal: ReturnType<typeof Signal.name>
  readonly coreDumped: boolean
  /** It was the last of its process, whose end this is. */
  readonly last: boolean
}

/** A thread has made a process or a thread, which has not run an instruction yet. */
export interface CloneEvent extends Event {
  readonly kind: "clone"
  readonly childTid: number
  readonly how: "fork" | "vfork" | "thread"
  /** As `clone` was given them; `undefined` after fork(2) and vfork(2). */
  readonly flags: bigint | undefined
}

interface Events {
  readonly signal: SignalEvent
  readonly exec: ExecEvent
  readonly exit: ExitEvent
  readonly clone: CloneEvent
}
export type Kind = keyof Events
export type AnyEvent = Events[Kind]
export type EventOf<K extends Kind> = Events[K]

export const kinds: ReadonlyArray<Kind> = ["signal", "exec", "exit", "clone"]

/** As of handlers of calls. */
export const defaultDeadline = 10_000

export interface Options {
  /** How long the handler may take. Default 10 seconds. Milliseconds, or text such as "500 millis". */
  readonly deadline?: Duration.Input
  /** What is done where the handler throws or exceeds its deadline. Default `kill`: the guest is ended. */
  readonly onFailure?: "kill" | "continue"
  /** What reports call it. Default: the kind of event. */
  readonly label?: string
}

const TypeId = "~rvisor/EventHandler"

export interface EventHandler<out K extends Kind = Kind, out R = never> {
  readonly _tag: "EventHandler"
  readonly [TypeId]: typeof TypeId
  readonly kind: K
  readonly label: string
  /** Milliseconds; `Infinity` for none. */
  readonly deadline: number
  readonly onFailure: "kill" | "continue"
  readonly run: (event: AnyEvent) => Effect.Effect<void, never, R>
}

export type Any = EventHandler<Kind, unknown>

interface Make {
  <const K extends Kind, R>(kind: K, handler: (event: Events[K]) => Effect.Effect<void, never, R>): EventHandler<K, R>
  <const K extends Kind, R>(kind: K, options: Options, handler: (event: Events[K]) => Effect.Effect<void, never, R>): EventHandler<K, R>
}

type Handler = (event: never) => Effect.Effect<void, never, unknown>

/** A handler as plain immutable data; nothing happens until a policy with it is used. */
export const make: Make = ((kind: Kind, first: Options | Handler, second?: Handler): Any => {
  const options = second === undefined ? {} : first as Options
  const handler = second ?? first as Handler
  return {
    _tag: "EventHandler",
    [TypeId]: TypeId,
    kind,
    label: options.label ?? kind,
    deadline: options.deadline === undefined ? defaultDeadline : Duration.toMillis(options.deadline),
    onFailure: options.onFailure ?? "kill",
    run: (event) => Effect.suspend(() => handler(event as never))
  }
}) as Make

/** True for what `make` gave, also when it came from another copy of this package, or is without its function. */
export const isEventHandler = (value: unknown): value is Any => typeof value === "object" && value !== null && TypeId in value

/** Everything that is wrong with a handler, `[]` for a good one. `path` is where it stands in the policy. */
export const check = (handler: Any, path = "handler"): ReadonlyArray<PolicyFault> => {
  const faults: Array<PolicyFault> = []
  if (!kinds.includes(handler.kind)) {
    const suggestion = suggest(String(handler.kind), kinds)
    faults.push(new PolicyFault({ path: `${path}.kind`, message: `${String(handler.kind)} is no kind of event`, ...(suggestion === undefined ? {} : { suggestion }) }))
  }
  if (!(handler.deadline > 0)) faults.push(new PolicyFault({ path: `${path}.deadline`, message: "a deadline is longer than nothing" }))
  if (handler.onFailure !== "kill" && handler.onFailure !== "continue") {
    faults.push(new PolicyFault({ path: `${path}.onFailure`, message: `${String(handler.onFailure)} is no way to fail`, suggestion: `"kill" or "continue"` }))
  }
  return faults
}

/** A handler that did not do its duty. */
export interface Failure {
  readonly handler: Any
  readonly reason: "threw" | "deadline"
  readonly detail: string
}

/** Tells the handlers of one event, in the order of the list. Succeeds with their failures: after the first that kills, nobody is told. */
export const tell = (handlers: ReadonlyArray<Any>, event: AnyEvent): Effect.Effect<ReadonlyArray<Failure>, never, unknown> =>
  Effect.gen(function*() {
    const failures: Array<Failure> = []
    for (const handler of handlers) {
      const run = handler.run(event)
      const exit = yield* Effect.exit(Number.isFinite(handler.deadline) ? Effect.timeoutOption(run, handler.deadline) : Effect.asSome(run))
      if (Exit.isSuccess(exit) && exit.value._tag === "Some") continue
      const error = Exit.isSuccess(exit) ? undefined : Cause.squash(exit.cause)
      failures.push(
        error === undefined
          ? { handler, reason: "deadline", detail: `${handler.deadline} ms` }
          : { handler, reason: "threw", detail: error instanceof Error ? error.message : String(error) }
      )
      if (handler.onFailure === "kill") break
    }
    return failures
  })
