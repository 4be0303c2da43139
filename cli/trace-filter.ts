/**
 * What `rvisor trace -e` selects, in strace's words: `openat,read`, `trace=!futex`, `%file`, `/^sched_`, `?newer`, `signal=!SIGCHLD`,
 * `status=failed`. Of several for one subject the last counts, as there. What would change calls (`inject`, `fault`) is no business of
 * a command that shows them: handlers do it.
 */
import { safetyClass } from "../sdk/internal/syscall/classes.ts"
import { isSyscallName } from "../sdk/internal/syscall/table.ts"
import type { SyscallName } from "../sdk/internal/syscalls.ts"
import * as Effect from "effect/Effect"
import * as Signal from "../sdk/Signal.ts"
import { allCalls, callsOf, nearest } from "./trace-classes.ts"
import { UsageError } from "./usage-error.ts"

export interface Selection {
  /** In the order of their numbers. */
  readonly calls: ReadonlyArray<SyscallName>
  /** Whether a signal is shown. */
  readonly signal: (number: number) => boolean
  /** Which calls are shown when they have returned; `undefined`: all of them, and while they are under way. */
  readonly status: "successful" | "failed" | undefined
}

/** Calls of the kernel's own, at which no handler stands. */
export const untraceable = (name: SyscallName): boolean => safetyClass(name) === "fixed"

const words = (text: string): { readonly inverted: boolean; readonly words: ReadonlyArray<string> } => {
  const inverted = text.startsWith("!")
  return { inverted, words: (inverted ? text.slice(1) : text).split(",").filter((word) => word !== "") }
}

const callsNamed = (word: string): Effect.Effect<ReadonlyArray<SyscallName>, UsageError> => {
  const optional = word.startsWith("?")
  const name = (optional ? word.slice(1) : word).replace(/@(64|32|x32)$/, "")
  if (name === "all") return Effect.succeed(allCalls)
  if (name === "none") return Effect.succeed([])
  if (name.startsWith("/")) {
    return Effect.try({
      try: () => {
        const pattern = new RegExp(name.slice(1))
        return allCalls.filter((call) => pattern.test(call))
      },
      catch: (cause) => new UsageError({ reason: `-e ${word}: ${(cause as Error).message}`, remedy: "" })
    }).pipe(Effect.filterOrFail((found) => found.length > 0 || optional, () => new UsageError({ reason: `-e ${word}: no system call matches`, remedy: "" })))
  }
  const found = name.startsWith("%") ? callsOf(name.slice(1)) : isSyscallName(name) ? [name] : callsOf(name)
  if (found !== undefined) return Effect.succeed(found)
  if (optional) return Effect.succeed([])
  const near = nearest(name)
  return new UsageError({ reason: `-e ${word}: no system call of x86-64 has that name`, remedy: near ?? "" })
}

const selectCalls = Effect.fnUntraced(function*(text: string) {
  const { inverted, words: names } = words(text)
  const named = new Set((yield* Effect.forEach(names, callsNamed)).flat())
  return allCalls.filter((call) => named.has(call) !== inverted)
})

const selectSignals = Effect.fnUntraced(function*(text: string) {
  const { inverted, words: names } = words(text)
  const numbers = new Set<number>()
  for (const name of names) {
    if (name === "all") for (let n = 1; n <= 64; n++) numbers.add(n)
    else if (/^\d+$/.test(name)) numbers.add(Number(name))
    else if (name !== "none") {
      const full = name.toUpperCase().startsWith("SIG") ? name.toUpperCase() : `SIG${name.toUpperCase()}`
      const found = Signal.all().find(([one]) => one === full)
      if (found === undefined) return yield* new UsageError({ reason: `-e signal=${name}: no such signal`, remedy: "" })
      numbers.add(found[1])
    }
  }
  return (number: number) => numbers.has(number) !== inverted
})

const refused: Readonly<Record<string, string>> = {
  inject: "a handler changes calls: --handler of `rvisor run`, and docs/handlers.md (Verdict.errno, call.rewrite, call.after)",
  fault: "a handler makes calls fail: --handler of `rvisor run`, and docs/handlers.md (Verdict.errno)",
  read: "-s says how much of the data is shown",
  write: "-s says how much of the data is shown",
  abbrev: "-v shows structures in full",
  verbose: "-v shows structures in full",
  raw: "--json has what was decoded; handlers have the registers",
  quiet: "-q leaves the remarks out",
  "decode-fds": "-y shows what descriptors stand for",
  kvm: "rvisor does not trace virtual machines"
}
const aliases: Readonly<Record<string, string>> = { t: "trace", s: "signal", signals: "signal", q: "quiet", a: "abbrev", v: "verbose", x: "raw", reads: "read", writes: "write" }

/** `successful`, `failed`: of `-z` and `-Z`. */
export const select = Effect.fnUntraced(function*(expressions: ReadonlyArray<string>, status: Selection["status"]): Effect.fn.Return<Selection, UsageError> {
  let calls: ReadonlyArray<SyscallName> = allCalls
  let signal: Selection["signal"] = () => true
  let wanted = status
  for (const expression of expressions) {
    const at = expression.search(/=/)
    const word = at < 0 ? "trace" : expression.slice(0, at)
    const subject = aliases[word] ?? word
    const text = expression.slice(at + 1)
    switch (subject) {
      case "trace":
        calls = yield* selectCalls(text)
        break
      case "signal":
        signal = yield* selectSignals(text)
        break
      case "status":
        if (text === "successful" || text === "failed") wanted = text
        else if (text === "all") wanted = undefined
        else return yield* new UsageError({ reason: `-e status=${text}: not known here`, remedy: "successful, failed or all" })
        break
      default:
        return yield* new UsageError({ reason: `-e ${expression}: ${refused[subject] === undefined ? `${word} is no subject` : `${subject} is not done here`}`, remedy: refused[subject] ?? "trace, signal or status" })
    }
  }
  return { calls: calls.filter((call) => !untraceable(call)), signal, status: wanted }
})
