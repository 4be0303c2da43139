/**
 * The handlers of one sandbox, in this program: gathered from the policy, given what they require, and joined to the ring. Closures
 * run here, on the main thread; modules on a thread of the sandbox's own.
 */
import { type Cause, Context, Effect, Layer, Queue, type Scope } from "effect"
import { LoadError, SetupError } from "../errors.ts"
import * as Plugin from "../Plugin.ts"
import type { HandlerSource } from "../Policy.ts"
import type * as SyscallHandler from "../SyscallHandler.ts"
import { type AnyHandler, provided, subject } from "./anyHandler.ts"
import { isHandlerModule } from "./handlerModule.ts"
import { numbersOf, type Placed } from "./handlers.ts"
import type { Native } from "./native.ts"
import { Consumer, type FailureNote } from "./ring/consumer.ts"
import { RV_RING } from "./ring/format.ts"
import { described, type ModuleThread, startModules } from "./ring/modules.ts"

/** A handler that did not do its duty. What then happened to the call is what its `onFailure` says. */
export interface HandlerFailure {
  readonly handler: string
  /** The call that it answered; of a handler of events, their kind. */
  readonly syscall: string
  /** `threw`: a defect. `deadline`: it took too long. `verdict`: it gave one that it may not give, or that could not be carried out. */
  readonly reason: SyscallHandler.Failure["reason"]
  readonly detail: string
  /** The calling thread, as the guest numbers it. */
  readonly tid: number
}

/** So many failures wait for somebody to take them; the oldest are dropped. */
const FAILURES_KEPT = 1024

export interface Handlers {
  readonly placed: ReadonlyArray<Placed>
  readonly services: Context.Context<never>
  readonly modules: ModuleThread | undefined
}

/** Builds plugins' layers and loads modules, both for the life of the scope. Fails where one cannot be. */
export const gather = Effect.fnUntraced(function*(native: Native, sources: ReadonlyArray<HandlerSource>) {
  let services = yield* Effect.context<never>()
  const placed: Array<Placed> = []
  const urls = sources.filter(isHandlerModule).map(({ url }) => url)
  const modules = urls.length === 0 ? undefined : yield* startModules(urls)
  const loaded: ReadonlyArray<ReadonlyArray<AnyHandler>> = modules?.handlers ?? []
  let next = 0
  for (const [index, source] of sources.entries()) {
    const at = `handlers[${index}]`
    if (isHandlerModule(source)) {
      for (const handler of loaded[next++]!) placed.push({ handler, lane: RV_RING.LANE_MODULES, at: `${source.url}: ${handler.label}` })
    } else if (Plugin.isPlugin(source)) {
      const built = yield* Layer.build(source.layer as Layer.Layer<never>).pipe(
        Effect.catchCause((cause) => Effect.fail(new LoadError({ object: `plugin ${source.name}`, reason: described(cause), remedy: "its layer could not be built" })))
      )
      const own = Context.merge(services, built)
      source.handlers.forEach((handler, place) => placed.push({ handler: provided(handler, own), lane: RV_RING.LANE_MAIN, at: `${at}.handlers[${place}]` }))
    } else placed.push({ handler: source as AnyHandler, lane: RV_RING.LANE_MAIN, at })
  }
  return { placed, services, modules } satisfies Handlers
})

/** A ring and who answers on it. */
export class Desk {
  readonly ring: number
  readonly failures: Queue.Queue<HandlerFailure, Cause.Done> = Effect.runSync(Queue.sliding(FAILURES_KEPT))
  readonly #native: Native
  readonly #consumer: Consumer

  constructor(native: Native, ring: number, bells: Int32Array, { modules, placed, services }: Handlers) {
    this.ring = ring
    this.#native = native
    const failed = (note: FailureNote): void => {
      const handler = placed[note.handler]?.handler
      if (handler !== undefined) Queue.offerUnsafe(this.failures, { handler: handler.label, syscall: subject(handler), reason: note.reason, detail: note.detail, tid: note.tid })
    }
    const numbers = numbersOf(placed)
    this.#consumer = new Consumer({
      native,
      ring,
      lane: RV_RING.LANE_MAIN,
      bell: bells[RV_RING.LANE_MAIN]!,
      handlers: placed.map(({ handler, lane }) => lane === RV_RING.LANE_MAIN ? handler : undefined),
      numbers,
      services,
      dedicated: false,
      failed
    })
    if (modules === undefined) native.close(bells[RV_RING.LANE_MODULES]!)
    else modules.serve(native, ring, bells[RV_RING.LANE_MODULES]!, placed.map(({ lane }) => lane === RV_RING.LANE_MODULES), numbers, failed)
  }

  /** After the guest's end: nobody asks any more. */
  close(): void {
    this.#consumer.stop()
    this.#native.ringClose(this.ring)
    Queue.endUnsafe(this.failures)
  }
}

/** Opens a ring for the life of the scope, where there are handlers to be asked. */
export const openDesk = (native: Native, handlers: Handlers): Effect.Effect<Desk, SetupError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const bells = new Int32Array(2)
      const ring = native.ringOpen(bells)
      if (ring >= 0) return Effect.succeed(new Desk(native, ring, bells, handlers))
      return Effect.fail(new SetupError({ step: "launch", object: "ring", errno: native.errnoName(-ring), reason: native.errnoText(-ring), remedy: "this process is at a limit of descriptors (ulimit -n), or the host is short of memory" }))
    }),
    (desk) => Effect.sync(() => desk.close())
  )
