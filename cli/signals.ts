/**
 * Signals on their way from rvisor to the guest.
 *
 * | rvisor gets | the guest gets |
 * |-------------|----------------|
 * | SIGINT SIGTERM SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGWINCH | the same, in the process group of its main process |
 * | SIGINT again within 2 seconds | its end: all of it is killed. A guest cannot hold who pressed Ctrl-C twice |
 * | SIGTSTP     | SIGSTOP, all of it; then rvisor stops too (a guest is alone in its session, where the kernel ignores SIGTSTP) |
 * | SIGCONT     | SIGCONT, all of it |
 *
 * Before the guest runs and after it ended signals do to rvisor what they do to any program. SIGKILL to rvisor ends everything.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Sandbox } from "../sdk/Sandbox.ts"

const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const

/** A second Ctrl-C within this time kills. Milliseconds. */
const ESCALATION = 2000

export interface Hooks {
  /** Signals that somebody else answers. */
  readonly except?: ReadonlyArray<string>
  /** Before rvisor stops, and after it goes on. */
  readonly beforeStop?: () => void
  readonly afterStop?: () => void
  /** The second Ctrl-C. */
  readonly onEscalate?: () => void
}

/** Forwards signals to the guest until the scope closes. */
export const forward = (sandbox: Sandbox, hooks: Hooks = {}): Effect.Effect<void, never, Scope.Scope> => {
  // A guest that has just ended cannot be signalled; its exit is on its way and says all there is to say.
  const send = (effect: ReturnType<Sandbox["kill"]>, then: () => void = () => {}): void => void Effect.runFork(Effect.ignore(effect)).addObserver(then)
  let interrupted = Number.NEGATIVE_INFINITY
  const handlers: Record<string, () => void> = {
    SIGTSTP: () => {
      hooks.beforeStop?.()
      send(sandbox.kill("SIGSTOP", { scope: "all" }), () => process.kill(process.pid, "SIGSTOP"))
    },
    SIGCONT: () => {
      hooks.afterStop?.()
      send(sandbox.kill("SIGCONT", { scope: "all" }))
    }
  }
  for (const signal of forwarded) handlers[signal] = () => send(sandbox.kill(signal, { scope: "group" }))
  handlers["SIGINT"] = () => {
    const now = performance.now()
    const again = now - interrupted < ESCALATION
    interrupted = now
    if (again) hooks.onEscalate?.()
    send(again ? sandbox.kill() : sandbox.kill("SIGINT", { scope: "group" }))
  }
  for (const signal of hooks.except ?? []) delete handlers[signal]
  return Effect.acquireRelease(
    Effect.sync(() => {
      for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
    }),
    () =>
      Effect.sync(() => {
        for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
      })
  )
}
