/**
 * Takes calls from one lane of a ring and has their handlers answer them. One for each sandbox on the main thread (closures), one on
 * the thread of its modules.
 */
import { connect, Socket } from "node:net"
import { type Context, Effect, Exit } from "effect"
import * as EventHandler from "../../EventHandler.ts"
import * as SyscallHandler from "../../SyscallHandler.ts"
import * as Verdict from "../../Verdict.ts"
import type { AnyHandler } from "../anyHandler.ts"
import { EAGAIN, type Native } from "../native.ts"
import { syscallName } from "../syscall/table.ts"
import type { SyscallName } from "../syscalls.ts"
import { encodeText } from "../syscall/text.ts"
import { eventOf } from "./event.ts"
import { records, RV_RING } from "./format.ts"
import { GuestView } from "./view.ts"

const reply = records.ring_reply

/** So many calls are answered before other things of the event loop have their turn. */
const BATCH = 128
/** Milliseconds that a thread of handlers does nothing but wait for calls before its event loop has its turn. */
const TURN = 20

/** A handler that did not do its duty, as plain data. */
export interface FailureNote {
  /** Place of the handler. */
  readonly handler: number
  readonly reason: SyscallHandler.Failure["reason"]
  readonly detail: string
  readonly tid: number
}

export interface ConsumerOptions {
  readonly native: Native
  readonly ring: number
  readonly lane: number
  /** The lane's bell. Owned from here on. */
  readonly bell: number
  /** By place in the sandbox's list; places of other lanes are empty. */
  readonly handlers: ReadonlyArray<AnyHandler | undefined>
  /** The number of the handler at each place. */
  readonly numbers: ReadonlyArray<number>
  /** What the handlers require. */
  readonly services: Context.Context<never>
  /** Whether this thread has nothing else to do, and may sleep in native code. */
  readonly dedicated: boolean
  /** Whether it goes on in the place of a thread that has ended, whose calls are its own now. */
  readonly successor?: boolean
  readonly failed: (failure: FailureNote) => void
}

/** Neither runtime takes a descriptor the other's way. */
const socketOf = (fd: number): Socket => process.versions["bun"] === undefined ? new Socket({ fd, readable: true, writable: true }) : connect({ fd } as never)

export class Consumer {
  readonly #options: ConsumerOptions
  readonly #bell: Socket
  readonly #call = new Uint8Array(records.ring_call.SIZE)
  readonly #callView = new DataView(this.#call.buffer)
  readonly #reply = new Uint8Array(reply.SIZE)
  readonly #replyView = new DataView(this.#reply.buffer)
  readonly #replyData = this.#reply.subarray(reply.data.at)
  readonly #replyDataView = new DataView(this.#reply.buffer, reply.data.at)
  readonly #lists = new Map<SyscallName, Map<number, ReadonlyArray<SyscallHandler.Any>>>()
  /** Calls that are under way, whose result handlers want to see; by the number that init says it with. */
  readonly #made = new Map<number, { readonly view: GuestView; readonly decision: SyscallHandler.Decision<unknown>; readonly reported: number }>()
  #lastMade = 0
  #pending = 0
  /** The slot whose answer stands in `#reply` and has not gone yet: it goes along with the wish for the next call, without a step of its own. */
  #unsent = -1
  /** Whether answers may stay so, as the next call is asked for at once. */
  #turning = false
  #scheduled = false
  #stopped = false

  constructor(options: ConsumerOptions) {
    this.#options = options
    this.#bell = socketOf(options.bell)
    this.#bell.on("data", this.#rung)
    this.#bell.on("error", () => {})
    if (!options.dedicated) this.#bell.unref()
    if (options.successor === true) for (let slot; (slot = options.native.ringNext(options.ring, options.lane, this.#call, 3)) >= 0;) this.#answer(slot)
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    this.#bell.destroy()
  }

  readonly #rung = (): void => {
    if (!this.#scheduled) this.#drain()
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#drain()
    })
  }

  #drain(): void {
    const { dedicated, lane, native, ring } = this.#options
    const until = dedicated ? performance.now() + TURN : 0
    for (let taken = 0; !this.#stopped; taken++) {
      if (dedicated ? (taken & 15) === 15 && performance.now() > until : taken >= BATCH) {
        this.#flush()
        return this.#schedule()
      }
      const answered = this.#unsent
      this.#unsent = -1
      // Asleep in native code only while no handler waits for this thread's event loop; and not for long, as others may.
      let slot = native.ringTurn(ring, lane, answered, this.#reply, this.#call, dedicated && this.#pending === 0 ? 1 : 2)
      if (slot === -EAGAIN && dedicated) slot = native.ringNext(ring, lane, this.#call, 2)
      if (slot === -EAGAIN) return // the bell will ring
      if (slot < 0) return this.stop()
      this.#turning = true
      try {
        this.#answer(slot)
      } finally {
        this.#turning = false
      }
    }
    this.#flush()
  }

  #flush(): void {
    const { lane, native, ring } = this.#options
    const slot = this.#unsent
    this.#unsent = -1
    if (slot >= 0) native.ringAnswer(ring, lane, slot, this.#reply)
  }

  /** The handlers of a set that are for a call, in order. */
  #handlersOf(name: SyscallName, set: number): ReadonlyArray<SyscallHandler.Any> {
    let sets = this.#lists.get(name)
    if (sets === undefined) this.#lists.set(name, sets = new Map())
    const known = sets.get(set)
    if (known !== undefined) return known
    const { handlers, numbers } = this.#options
    const list = handlers.filter((handler, place): handler is SyscallHandler.Any => handler !== undefined && !EventHandler.isEventHandler(handler) && handler.name === name && Math.floor(set / 2 ** numbers[place]!) % 2 === 1)
    if (sets.size < 64) sets.set(set, list)
    return list
  }

  #answer(slot: number): void {
    const phase = this.#callView.getUint32(records.ring_call.phase.at, true)
    if (phase === RV_RING.EVENT) return this.#happened(slot)
    if (phase !== RV_RING.ENTRY) return this.#returned(slot)
    const number = this.#callView.getUint32(records.ring_call.call.at, true)
    const name = syscallName(number)
    const view = new GuestView(this.#options, slot, name ?? "getpid", this.#callView)
    // Init asks nothing of the kind: the safe end of what makes no sense.
    if (name === undefined) return this.#send(view, Verdict.kill(`call ${number} has no handlers`))
    this.#whenDone<SyscallHandler.Decision<unknown>>((done) => SyscallHandler.decide(this.#handlersOf(name, view.handlers), view, this.#options.services, done), (decision) => this.#settle(view, decision))
  }

  /** `start` calls what it is given once, at once or later. */
  #whenDone<A>(start: (done: (value: A) => void) => void, use: (value: A) => void): void {
    let waiting = true
    this.#pending++
    start((value) => {
      this.#pending--
      use(value)
      if (!waiting && this.#pending === 0 && this.#options.dedicated) this.#schedule()
    })
    waiting = false
  }

  /** A call whose result was wanted has one, or will have none. */
  #returned(slot: number): void {
    const { services } = this.#options
    const head = this.#callView
    const after = head.getUint32(records.ring_call.after.at, true)
    const raw = head.getBigInt64(records.ring_call.result.at, true)
    const made = this.#made.get(after)
    this.#made.delete(after)
    const view = made?.view ?? new GuestView(this.#options, slot, "getpid", head)
    if (head.getUint32(records.ring_call.phase.at, true) === RV_RING.GONE) {
      view.reopen(slot, head.getUint32(records.ring_call.generation.at, true))
      return this.#send(view, Verdict.continue)
    }
    if (made === undefined) {
      // It was another thread that asked for it, and that thread has ended.
      const name = syscallName(head.getUint32(records.ring_call.call.at, true))
      const result = (name === undefined ? [] : this.#handlersOf(name, view.handlers)).reduceRight((result, handler) => SyscallHandler.withheld(handler, result), raw)
      return this.#send(view, Verdict.value(result))
    }
    view.reopen(slot, head.getUint32(records.ring_call.generation.at, true))
    const { decision, reported } = made
    this.#whenDone<bigint>((done) => {
      const fiber = Effect.runForkWith(services)(decision.after!(raw) as Effect.Effect<bigint>)
      const exit = fiber.pollUnsafe()
      const settle = (exit: Exit.Exit<bigint>): void => done(Exit.isSuccess(exit) ? exit.value : raw)
      if (exit === undefined) fiber.addObserver(settle)
      else settle(exit)
    }, (result) => {
      this.#send(view, result === raw ? Verdict.continue : Verdict.value(result))
      this.#report(decision.failures.slice(reported), view.tid)
    })
  }

  /** Something has happened to a thread, which stands until all have been told. */
  #happened(slot: number): void {
    const { handlers, numbers, services } = this.#options
    const view = new GuestView(this.#options, slot, "getpid", this.#callView)
    const event = eventOf(view.tid, view.firstPiece)
    if (event === undefined) return this.#send(view, Verdict.kill("an event that makes no sense"))
    const told = handlers.filter((handler, place): handler is EventHandler.Any =>
      handler !== undefined && EventHandler.isEventHandler(handler) && Math.floor(view.handlers / 2 ** numbers[place]!) % 2 === 1)
    this.#whenDone<Exit.Exit<ReadonlyArray<EventHandler.Failure>>>((done) => {
      const fiber = Effect.runForkWith(services)(EventHandler.tell(told, event) as Effect.Effect<ReadonlyArray<EventHandler.Failure>>)
      const exit = fiber.pollUnsafe()
      if (exit === undefined) fiber.addObserver(done)
      else done(exit)
    }, (exit) => {
      const failures = Exit.isSuccess(exit) ? exit.value : []
      const deadly = failures.find(({ handler }) => handler.onFailure === "kill")
      this.#send(view, deadly === undefined ? Verdict.continue : Verdict.kill(`handler ${deadly.handler.label} ${deadly.reason === "threw" ? "threw" : "exceeded its deadline"}: ${deadly.detail}`))
      this.#report(failures, view.tid)
    })
  }

  #report(failures: ReadonlyArray<SyscallHandler.Failure | EventHandler.Failure>, tid: number): void {
    const { failed, handlers } = this.#options
    for (const { detail, handler, reason } of failures) failed({ handler: handlers.indexOf(handler), reason, detail, tid })
  }

  #settle(view: GuestView, decision: SyscallHandler.Decision<unknown>): void {
    const { lane, native, ring } = this.#options
    let { failures, verdict } = decision
    if (verdict._tag === "Fd") {
      const { source } = verdict
      const rc = typeof source === "number"
        ? native.ringGive(ring, lane, view.slot, view.generation, source)
        : native.ringGiveBytes(ring, lane, view.slot, view.generation, source, source.length, encodeText(`${verdict.path ?? "rvisor"}\0`), verdict.readable ? 1 : 0)
      if (rc < 0) {
        const what = typeof source === "number" ? `descriptor ${source} cannot be given` : `${source.length} bytes cannot be given`
        failures = [...failures]
        verdict = SyscallHandler.failed(decision.by!, failures as Array<SyscallHandler.Failure>, "verdict", `${what}: ${native.errnoText(-rc)}`) as typeof verdict
      }
    }
    this.#send(view, verdict, decision)
    this.#report(failures, view.tid)
  }

  /** `steered`: where the call goes on, how. */
  #send(view: GuestView, verdict: SyscallHandler.Decision<unknown>["verdict"], steered?: SyscallHandler.Decision<unknown>): void {
    this.#flush()
    const message = this.#replyView
    let used = 0
    let kind: number = RV_RING.CONTINUE
    let value = 0n
    if (verdict._tag === "Kill") {
      kind = RV_RING.KILL
      const reason = encodeText(verdict.reason).subarray(0, RV_RING.MAX_REASON)
      this.#reply.set(reason, reply.data.at)
      used = reason.length
    } else {
      used = view.takeWrites(this.#replyData, this.#replyDataView)
      if (verdict._tag === "Value") {
        kind = RV_RING.VALUE
        value = verdict.value
      } else if (verdict._tag === "Errno") {
        kind = RV_RING.ERRNO
        value = BigInt(verdict.errno)
      } else if (verdict._tag === "Fd") {
        kind = RV_RING.FD
        value = verdict.cloexec ? 1n : 0n
      }
    }
    view.close()
    let changed = 0
    let after = 0
    if (kind === RV_RING.CONTINUE && steered !== undefined) {
      for (const [register, value] of steered.registers) {
        changed |= 1 << register
        message.setBigUint64(reply.registers.at + 8 * register, value, true)
      }
      if (steered.after !== undefined) {
        after = this.#lastMade = (this.#lastMade + 1) >>> 0 || 1
        this.#made.set(after, { view, decision: steered, reported: steered.failures.length })
      }
    }
    message.setUint32(reply.changed.at, changed, true)
    message.setUint32(reply.after.at, after, true)
    message.setUint32(reply.generation.at, view.generation, true)
    message.setUint32(reply.kind.at, RV_RING.ANSWER, true)
    message.setUint32(reply.verdict.at, kind, true)
    message.setUint32(reply.used.at, used, true)
    message.setBigInt64(reply.value.at, value, true)
    this.#unsent = view.slot
    if (!this.#turning) this.#flush()
  }
}
