/**
 * The terminal: whether there is one, and the joint between the user's and the guest's own.
 *
 * The guest gets a terminal of the sandbox's private devpts, never the user's: it cannot push input into it, read its screen or
 * change its modes. rvisor puts the user's terminal into raw mode, carries bytes both ways as fast as the slower side reads, and
 * passes the window's size on. Job control, echo and Ctrl-C are the inner terminal's. Pressing Ctrl-] three times within a
 * second kills the sandbox, whatever the guest does with its terminal.
 *
 * The user's terminal gets its modes back when the guest ends, when rvisor is ended by a signal, and when rvisor fails. SIGKILL
 * gives no time for that: `stty sane` does (an interactive shell does it by itself).
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import type { TerminalSize } from "../sdk/Command.ts"
import { SandboxError } from "../sdk/errors.ts"
import { load } from "../sdk/internal/native.ts"
import type { Sandbox } from "../sdk/Sandbox.ts"
import type { Hooks } from "./signals.ts"

/**
 * Whether rvisor is in the foreground of its terminal, or has none that could put it into the background. A job in the background
 * must neither read the terminal nor change its modes.
 */
export const inForeground = (): boolean => {
  // The command's name, in parentheses, may hold anything: fields are counted from behind it.
  const fields = readFileSync("/proc/self/stat", "utf8").replace(/^.*\)/s, "").trim().split(" ")
  const [, , group, , , foreground] = fields
  return foreground === "-1" || group === foreground
}

/** Size of the user's window; 80 by 24 where stdout is no terminal. */
export const size = (): TerminalSize => {
  const { columns, rows } = process.stdout
  return { columns: columns || 80, rows: rows || 24 }
}

const ESCAPE = 0x1d // Ctrl-]

/** Sees Ctrl-] three times within a second. */
const escapeDetector = () => {
  let times: Array<number> = []
  return (chunk: Uint8Array): boolean => {
    for (const byte of chunk) {
      times = byte === ESCAPE ? [...times.slice(-2), performance.now()] : []
      if (times.length === 3 && times[2]! - times[0]! < 1000) return true
    }
    return false
  }
}

/** The modes of the user's terminal: raw, until the scope closes or rvisor ends. Node's own raw mode changes output on its way. */
const takeOver = Effect.gen(function*() {
  const native = yield* load
  const saved = new Uint8Array(64)
  let taken = false
  const modes = {
    raw: () => {
      if (!taken && process.stdin.isTTY) taken = native.terminalRaw(0, saved) === 0
    },
    restore: () => {
      if (taken) native.terminalRestore(0, saved)
      taken = false
    }
  }
  return yield* Effect.acquireRelease(
    Effect.sync(() => {
      process.on("exit", modes.restore)
      modes.raw()
      return modes
    }),
    () =>
      Effect.sync(() => {
        modes.restore()
        process.off("exit", modes.restore)
      })
  )
})

/** Writes to the user's terminal and waits until it took the bytes. */
const toUser = (chunk: Uint8Array): Effect.Effect<void> =>
  Effect.callback<void>((resume) => void process.stdout.write(chunk, () => resume(Effect.void)))

/**
 * Joins the user's terminal to the guest's. The fiber ends when all that the guest wrote is on the screen. Signals are forwarded
 * as signals.ts says, except that the window's size goes to the terminal, and that a terminal which hangs up ends the
 * sandbox a second after the guest got its SIGHUP.
 */
export const attach = Effect.fnUntraced(function*(sandbox: Sandbox, forward: (sandbox: Sandbox, hooks?: Hooks) => void) {
  const modes = yield* takeOver
  // A user's terminal that is gone (EIO, EPIPE) takes no more output; the guest hears of it by SIGHUP.
  const deaf = () => {}
  process.stdout.on("error", deaf)
  const kill = () => void Effect.runFork(Effect.ignore(sandbox.kill()))
  const resize = () => {
    const { columns, rows } = size()
    if (sandbox.pty !== undefined) Effect.runFork(Effect.ignore(sandbox.pty.resize(columns, rows)))
  }
  process.stdout.on("resize", resize)
  yield* Effect.addFinalizer(() => Effect.sync(() => void process.stdout.off("resize", resize)))
  forward(sandbox, {
    instead: {
      SIGWINCH: () => {}, // Node measures the window at this signal, and then says "resize"
      SIGHUP: () => void Effect.runFork(sandbox.kill("SIGHUP", { scope: "group" }).pipe(Effect.ignore, Effect.andThen(Effect.sleep(1000)), Effect.andThen(Effect.sync(kill))))
    },
    beforeStop: modes.restore,
    afterStop: () => {
      modes.restore()
      modes.raw()
      resize()
    }
  })
  const escaped = escapeDetector()
  yield* Stream.fromAsyncIterable(process.stdin as AsyncIterable<Uint8Array>, (cause) => new SandboxError({ kind: "io", operation: "stdin", reason: String(cause), remedy: "" })).pipe(
    Stream.tap((chunk) =>
      Effect.sync(() => {
        if (process.stdin.isTTY && escaped(chunk)) kill()
      })
    ),
    Stream.run(sandbox.stdin),
    Effect.ignore,
    Effect.forkScoped
  )
  return yield* sandbox.stdout.pipe(Stream.runForEach(toUser), Effect.ignore, Effect.forkScoped)
})
