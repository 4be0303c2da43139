/**
 * A sandbox's modules of handlers, on a thread of their own: from the host program's side. The thread imports the modules, says
 * which handlers they have, and then sits on the ring. Where it ends on its own, its handlers count as having thrown.
 */
import type { Worker } from "node:worker_threads"
import { Cause, Context, Effect, type Scope } from "effect"
import { LoadError } from "../../errors.ts"
import * as EventHandler from "../../EventHandler.ts"
import type { AnyHandler } from "../anyHandler.ts"
import type * as SyscallHandler from "../../SyscallHandler.ts"
import { clientLibrary, moduleWorker } from "../assets.ts"
import type { Native } from "../native.ts"
import { Consumer, type FailureNote } from "./consumer.ts"
import { RV_RING } from "./format.ts"

/** A handler without its function: what the plan has to know of it. */
export type Description = Omit<SyscallHandler.Any, "run"> | Omit<EventHandler.Any, "run">

/** To the thread. `serve`: the places of its handlers, in the order in which it described them, and the numbers of all places. */
export type ToThread =
  | { readonly type: "serve"; readonly ring: number; readonly bell: number; readonly places: ReadonlyArray<number>; readonly numbers: ReadonlyArray<number> }
  | { readonly type: "stop" }

export type FromThread =
  | { readonly type: "loaded"; readonly modules: ReadonlyArray<ReadonlyArray<Description>> }
  | { readonly type: "unloadable"; readonly url: string; readonly reason: string }
  | { readonly type: "failed"; readonly failure: FailureNote }

export interface ThreadData {
  readonly library: string
  readonly urls: ReadonlyArray<string>
}

/** Milliseconds that a thread gets to put its things in order. */
const PATIENCE = 2000

export class ModuleThread {
  /** By module, in the order of the list. They cannot be run here. */
  readonly handlers: ReadonlyArray<ReadonlyArray<AnyHandler>>
  readonly #worker: Worker
  readonly #ended: Promise<void>
  #substitute: Consumer | undefined
  #stopping = false

  constructor(worker: Worker, modules: ReadonlyArray<ReadonlyArray<Description>>) {
    this.#worker = worker
    let why = ""
    this.handlers = modules.map((list) => list.map((one) => ({ ...one, run: () => Effect.die(new Error(`the thread of its module has ended${why}`)) }) as AnyHandler))
    this.#ended = new Promise((resolve) => worker.once("exit", () => resolve()))
    worker.on("error", (error: unknown) => why = `: ${error instanceof Error ? error.message : String(error)}`)
    worker.unref()
  }

  /** `bell` is the thread's from here on. `own`: which handlers of the plan are its; `numbers`: of all of them. */
  serve(native: Native, ring: number, bell: number, own: ReadonlyArray<boolean>, numbers: ReadonlyArray<number>, failed: (failure: FailureNote) => void): void {
    const spare = native.duplicate(bell)
    const mine = own.flatMap((is, place) => is ? [place] : [])
    const handlers = this.handlers.flat()
    this.#worker.on("message", (message: FromThread) => {
      if (message.type === "failed") failed(message.failure)
    })
    void this.#ended.then(() => {
      if (this.#stopping || spare < 0) return void (spare >= 0 && native.close(spare))
      const places: Array<AnyHandler | undefined> = own.map(() => undefined)
      mine.forEach((place, index) => places[place] = handlers[index])
      this.#substitute = new Consumer({ native, ring, lane: RV_RING.LANE_MODULES, bell: spare, handlers: places, numbers, services: Context.empty(), dedicated: false, successor: true, failed })
    })
    this.#worker.postMessage({ type: "serve", ring, bell, places: mine, numbers } satisfies ToThread)
  }

  /** Closes the modules' layers, and ends the thread whether they close or not. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.#stopping = true
    this.#substitute?.stop()
    this.#worker.ref()
    this.#worker.postMessage({ type: "stop" } satisfies ToThread)
    return Effect.promise(() => this.#ended).pipe(
      Effect.timeoutOption(PATIENCE),
      Effect.flatMap((end) => end._tag === "Some" ? Effect.void : Effect.promise(() => this.#worker.terminate())),
      Effect.asVoid
    )
  })
}

/** Starts a thread that imports the modules; it ends with the scope. Fails where one cannot be loaded. */
export const startModules = (urls: ReadonlyArray<string>): Effect.Effect<ModuleThread, LoadError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ModuleThread, LoadError>((resume) => {
      // Loaded when it is wanted: it is a part of every start otherwise.
      const { Worker } = process.getBuiltinModule("node:worker_threads")
      const worker = new Worker(moduleWorker(), { workerData: { library: clientLibrary(), urls } satisfies ThreadData })
      const failing = (object: string, reason: string): void =>
        resume(Effect.fail(new LoadError({ object, reason, remedy: "its default export must be a plugin (Plugin.make), a handler, or a list of these, and all that they require must be provided by the plugin's layer" })))
      const died = (error: unknown): void => failing(urls.join(", "), error instanceof Error ? error.message : String(error))
      const ended = (): void => failing(urls.join(", "), "the thread ended while it was loading")
      worker.once("error", died)
      worker.once("exit", ended)
      worker.once("message", (message: FromThread) => {
        worker.off("error", died)
        worker.off("exit", ended)
        if (message.type === "loaded") return resume(Effect.succeed(new ModuleThread(worker, message.modules)))
        void worker.terminate()
        if (message.type === "unloadable") failing(message.url, message.reason)
      })
      return Effect.promise(() => worker.terminate())
    }),
    (thread) => thread.stop
  )

/** One line of what went wrong. */
export const described = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!
}
