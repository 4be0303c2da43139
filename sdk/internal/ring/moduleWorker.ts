/**
 * The thread of a sandbox's modules of handlers: imports them, describes their handlers, then answers calls from the ring. Nothing of
 * the host program is here but what the modules import themselves.
 */
import { parentPort, workerData } from "node:worker_threads"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import * as Plugin from "../../Plugin.ts"
import * as EventHandler from "../../EventHandler.ts"
import type * as SyscallHandler from "../../SyscallHandler.ts"
import { type AnyHandler, provided } from "../anyHandler.ts"
import { loadFrom } from "../native.ts"
import { Consumer } from "./consumer.ts"
import { RV_RING } from "./format.ts"
import { described, type Description, type FromThread, type ThreadData, type ToThread } from "./modules.ts"

const { library, urls } = workerData as ThreadData
const port = parentPort!
const scope = Scope.makeUnsafe()
const say = (message: FromThread): void => port.postMessage(message)

const isHandler = (value: unknown): value is SyscallHandler.Any =>
  typeof value === "object" && value !== null && "run" in value && typeof value.run === "function" && "name" in value && "where" in value && Array.isArray(value.where)

/** The handlers of one default export, with all that they require. */
const handlersOf = (value: unknown): Effect.Effect<ReadonlyArray<AnyHandler>, Error> => {
  if (Array.isArray(value)) return Effect.map(Effect.forEach(value, handlersOf), (lists) => lists.flat())
  if (EventHandler.isEventHandler(value) || isHandler(value)) return Effect.succeed([value])
  if (!Plugin.isPlugin(value)) return Effect.fail(new Error(value === undefined ? "it has no default export" : "its default export is no plugin, handler, or list of these"))
  return Effect.map(Layer.buildWithScope(value.layer as Layer.Layer<never>, scope), (services) =>
    value.handlers.map((handler) => provided(handler, services as Context.Context<never>)))
}

const load = (url: string): Effect.Effect<ReadonlyArray<AnyHandler>, { readonly url: string; readonly reason: string }> =>
  Effect.tryPromise({ try: () => import(url) as Promise<{ readonly default?: unknown }>, catch: (cause) => cause instanceof Error ? cause : new Error(String(cause)) }).pipe(
    Effect.flatMap((module) => handlersOf(module.default)),
    Effect.catchCause((cause) => Effect.fail({ url, reason: described(cause) }))
  )

const describe = (handler: AnyHandler): Description => {
  const { run: _, ...description } = handler
  return description
}

const program = Effect.gen(function*() {
  const native = yield* Effect.orDie(loadFrom(library))
  const modules = yield* Effect.forEach(urls, load)
  say({ type: "loaded", modules: modules.map((list) => list.map(describe)) })
  const all = modules.flat()
  let consumer: Consumer | undefined
  port.on("message", (message: ToThread) => {
    if (message.type === "serve") {
      const handlers: Array<AnyHandler | undefined> = []
      message.places.forEach((place, index) => handlers[place] = all[index])
      consumer = new Consumer({
        native,
        ring: message.ring,
        lane: RV_RING.LANE_MODULES,
        bell: message.bell,
        handlers: Array.from(handlers),
        numbers: message.numbers,
        services: Context.empty(),
        dedicated: true,
        failed: (failure) => say({ type: "failed", failure })
      })
    } else {
      consumer?.stop()
      Effect.runFork(Effect.ensuring(Scope.close(scope, Exit.void), Effect.sync(() => port.close())))
    }
  })
}).pipe(Effect.catch(({ reason, url }) => Effect.sync(() => say({ type: "unloadable", url, reason }))))

Effect.runFork(program)
