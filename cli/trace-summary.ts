/** How often each call was made, how long it took by the clock on the wall, and how often it failed: strace's table. */
import type { SyscallName } from "../sdk/internal/syscalls.ts"
import type { Reporter } from "./trace-report.ts"
import type { Sink } from "./trace-sink.ts"

interface Count {
  calls: number
  errors: number
  /** Milliseconds. */
  time: number
}

const row = (share: string, seconds: string, each: string, calls: string, errors: string, name: string): string =>
  `${share.padStart(6)} ${seconds.padStart(11)} ${each.padStart(11)} ${calls.padStart(9)} ${errors.padStart(9)} ${name}\n`

const rule = row("-".repeat(6), "-".repeat(11), "-".repeat(11), "-".repeat(9), "-".repeat(9), "-".repeat(16))

export const table = (counts: ReadonlyMap<string, Count>): string => {
  const sorted = [...counts].sort(([, a], [, b]) => b.time - a.time || b.calls - a.calls)
  const total = sorted.reduce((sum, [, one]) => ({ calls: sum.calls + one.calls, errors: sum.errors + one.errors, time: sum.time + one.time }), { calls: 0, errors: 0, time: 0 })
  const line = (name: string, { calls, errors, time }: Count): string =>
    row((total.time === 0 ? 0 : time / total.time * 100).toFixed(2), (time / 1000).toFixed(6), String(calls === 0 ? 0 : Math.floor(time * 1000 / calls)), String(calls), errors === 0 ? "" : String(errors), name)
  return row("% time", "seconds", "usecs/call", "calls", "errors", "syscall") + rule + sorted.map(([name, count]) => line(name, count)).join("") + rule + line("total", total)
}

export const summary = (sink: Sink): Reporter => {
  const counts = new Map<SyscallName, Count>()
  const of = (name: SyscallName): Count => {
    let count = counts.get(name)
    if (count === undefined) counts.set(name, count = { calls: 0, errors: 0, time: 0 })
    return count
  }
  const nothing = (): void => {}
  return {
    began: nothing,
    made: nothing,
    returned: ({ at: from, name }, at, raw) => {
      const count = of(name)
      count.calls++
      count.time += Math.max(at - from, 0)
      if (raw < 0n && raw >= -4095n) count.errors++
    },
    superseded: nothing,
    attached: nothing,
    signalled: nothing,
    ended: nothing,
    close: () => {
      if (counts.size > 0) sink.write(table(counts))
      sink.flush()
    }
  }
}
