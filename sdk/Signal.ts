/**
 * Signals of Linux by name and back (signal(7)). Real-time signals are `SIGRTMIN` (34, as the C libraries count) to `SIGRTMAX` (64),
 * written `SIGRTMIN+n`.
 */
import { Signals } from "./internal/syscall/generated/flags.ts"

type NameOf<S> = S extends { readonly value: (name: infer N) => number } ? N : never

export type SignalName = NameOf<typeof Signals>

const firstRealtime = 34
const lastRealtime = 64

/** `Signal.number("SIGKILL")` is 9. */
export const number = (name: SignalName): number => Signals.value(name)

/** `Signal.name(9)` is `SIGKILL`, `Signal.name(35)` is `SIGRTMIN+1`; `undefined` where there is no such signal. */
export const name = (value: number): SignalName | `SIGRTMIN+${number}` | "SIGRTMIN" | undefined => {
  if (value >= firstRealtime && value <= lastRealtime) return value === firstRealtime ? "SIGRTMIN" : `SIGRTMIN+${value - firstRealtime}`
  return Signals.entries.find((entry) => entry.value === value)?.name
}

/** Every name, by number. */
export const all = (): ReadonlyArray<readonly [SignalName, number]> => Signals.entries.map((entry) => [entry.name, entry.value] as const)
