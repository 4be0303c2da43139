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
 * What comes while the guest is being started waits for it; the same signal twice does then what it does to any program. SIGKILL to
 * rvisor ends everything at any time.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { SandboxError } from "../sdk/errors.ts"
import type { Sandbox } from "../sdk/Sandbox.ts"

const taken: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTSTP", "SIGCONT"]

/** A second Ctrl-C within this time kills. Milliseconds. */
const ESCALATION = 2000

export interface Hooks {
  /** Signals that are answered in another way. */
  readonly instead?: Partial<Record<NodeJS.Signals, () => void>>
  /** Before rvisor stops, and after it goes on. */
  readonly beforeStop?: () => void
  readonly afterStop?: () => void
  /** The second Ctrl-C. */
  readonly onEscalate?: () => void
}

/** Takes the signals until the scope closes. The result, given a sandbox and hooks, starts forwarding. */
export const take: Effect.Effect<(sandbox: Sandbox, hooks?: Hooks) => void, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      let deliver: ((signal: NodeJS.Signals) => void) | undefined
      const early = new Set<NodeJS.Signals>()
      const listen = (signal: NodeJS.Signals): void => {
        if (deliver !== undefined) deliver(signal)
        else if (!early.has(signal)) early.add(signal)
        else {
          for (const name of taken) process.off(name, listen)
          process.kill(process.pid, signal)
        }
      }
      for (const name of taken) process.on(name, listen)
      const start = (sandbox: Sandbox, hooks: Hooks = {}): void => {
        deliver = deliverer(sandbox, hooks)
        for (const signal of early) deliver(signal)
      }
      return { listen, start }
    }),
    ({ listen }) =>
      Effect.sync(() => {
        for (const name of taken) process.off(name, listen)
      })
  ),
  ({ start }) => start
)

/** What each signal does to a running sandbox. */
const deliverer = (sandbox: Sandbox, hooks: Hooks): (signal: NodeJS.Signals) => void => {
  // A guest that has just ended cannot be signalled; its exit is on its way and says all there is to say.
  const send = (effect: Effect.Effect<void, SandboxError>, then: () => void = () => {}): void => void Effect.runFork(Effect.ignore(effect)).addObserver(then)
  let interrupted = Number.NEGATIVE_INFINITY
  let stopping = false
  return (signal) => {
    if (hooks.instead?.[signal] !== undefined) return hooks.instead[signal]()
    switch (signal) {
      case "SIGTSTP": {
        hooks.beforeStop?.()
        stopping = true
        return send(sandbox.kill("SIGSTOP", { scope: "all" }), () => {
          if (stopping) process.kill(process.pid, "SIGSTOP")
        })
      }
      case "SIGCONT": {
        stopping = false // it may have overtaken the stop
        hooks.afterStop?.()
        return send(sandbox.kill("SIGCONT", { scope: "all" }))
      }
      case "SIGINT": {
        const now = performance.now()
        const again = now - interrupted < ESCALATION
        interrupted = now
        if (!again) return send(sandbox.kill("SIGINT", { scope: "group" }))
        hooks.onEscalate?.()
        return send(sandbox.kill())
      }
      default: return send(sandbox.kill(signal, { scope: "group" }))
    }
  }
}
