/** What a policy's list holds in the end: handlers of calls, and of events. */
import { type Context, Effect, Exit } from "effect"
import * as EventHandler from "../EventHandler.ts"
import type * as SyscallHandler from "../SyscallHandler.ts"

export type AnyHandler = SyscallHandler.Any | EventHandler.Any

/** With what its plugin provides. */
export const provided = (handler: AnyHandler, services: Context.Context<never>): AnyHandler => {
  const all = services as Context.Context<unknown>
  return EventHandler.isEventHandler(handler)
    ? { ...handler, run: (event: EventHandler.AnyEvent) => Effect.provideContext(handler.run(event), all) }
    : {
      ...handler,
      run: (incoming: SyscallHandler.Incoming) => {
        const effect = handler.run(incoming)
        return Exit.isExit(effect) ? effect : Effect.provideContext(effect, all)
      }
    }
}

/** The call it stands at, or the kind of event. */
export const subject = (handler: AnyHandler): string => EventHandler.isEventHandler(handler) ? handler.kind : handler.name
