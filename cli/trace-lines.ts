/**
 * A trace as lines, as strace writes them. A call is written as it is made, and its result behind it; where another thread has
 * something to say meanwhile, the line ends with `<unfinished ...>` and goes on later as `<... read resumed>`.
 */
import { begun } from "../sdk/SyscallFormat.ts"
import type { Selection } from "./trace-filter.ts"
import type { Made, Reporter } from "./trace-report.ts"
import type { Sink } from "./trace-sink.ts"

export interface LineOptions {
  readonly sink: Sink
  /** Written to a file: every line has its thread's number, and nobody is told of new ones. */
  readonly file: boolean
  /** More than the first process is shown. */
  readonly follow: boolean
  /** What stands before a line: nothing, the time of day, with microseconds, seconds since 1970, seconds since the line before. */
  readonly clock: "none" | "seconds" | "micros" | "epoch" | "relative"
  /** Whether the time that a call took stands behind it. */
  readonly durations: boolean
  readonly status: Selection["status"]
  readonly quiet: boolean
}

const COLUMN = 39

const two = (n: number): string => String(n).padStart(2, "0")
const micros = (ms: number): string => String(Math.floor((ms % 1000) * 1000)).padStart(6, "0")

export const lines = ({ clock, durations, file, follow, quiet, sink, status }: LineOptions): Reporter => {
  const alive = new Set<number>()
  const underWay = new Map<number, Made>()
  let column = 0
  /** The thread whose call stands on the last line, without its result. */
  let open: number | undefined
  let last: number | undefined

  const put = (text: string): void => {
    column += text.length
    sink.write(text)
  }
  const end = (): void => {
    sink.write("\n")
    column = 0
    open = undefined
  }
  const time = (at: number): string => {
    const date = new Date(at)
    const day = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
    switch (clock) {
      case "none":
        return ""
      case "seconds":
        return `${day} `
      case "micros":
        return `${day}.${micros(at)} `
      case "epoch":
        return `${Math.floor(at / 1000)}.${micros(at)} `
      case "relative": {
        const passed = last === undefined ? 0 : Math.max(at - last, 0)
        last = at
        return `${String(Math.floor(passed / 1000)).padStart(6)}.${micros(passed)} `
      }
    }
  }
  const breakOff = (): void => {
    if (open === undefined) return
    sink.write(" <unfinished ...>")
    end()
  }
  const start = (tid: number, at: number): void => {
    breakOff()
    const who = file ? follow ? `${String(tid).padEnd(5)} ` : "" : alive.size > 1 ? `[pid ${String(tid).padStart(5)}] ` : ""
    put(who + time(at))
  }
  const finish = (text: string, result: string, took?: number): void => {
    put(text)
    put(`${" ".repeat(Math.max(COLUMN - column, 0))} = ${result}`)
    if (durations && took !== undefined) put(` <${(took / 1000).toFixed(6)}>`)
    end()
  }

  return {
    began: (tid) => void alive.add(tid),
    made: (call, final) => {
      underWay.set(call.tid, call)
      if (status !== undefined) return
      start(call.tid, call.at)
      put(begun(call.entry!))
      open = call.tid
      if (!final) return
      finish(")", "?")
      underWay.delete(call.tid)
    },
    returned: (call, at, raw, returned) => {
      underWay.delete(call.tid)
      const failed = raw < 0n && raw >= -4095n
      const { rest, result } = returned!
      if (status !== undefined) {
        if (failed !== (status === "failed")) return
        start(call.tid, call.at)
        put(begun(call.entry!))
      } else if (open !== call.tid) {
        start(call.tid, at)
        put(`<... ${call.name} resumed>`)
      }
      finish(`${rest})`, result, at - call.at)
    },
    superseded: (former, tid, at) => {
      const call = underWay.get(former)
      start(tid, at)
      put(`+++ superseded by execve in pid ${former} +++`)
      end()
      if (call !== undefined) underWay.set(tid, call)
      underWay.delete(former)
      alive.delete(former)
    },
    attached: (tid) => {
      alive.add(tid)
      if (file || quiet) return
      breakOff()
      sink.write(`rvisor trace: Process ${tid} attached\n`)
    },
    signalled: (tid, at, _, text) => {
      start(tid, at)
      put(`--- ${text} ---`)
      end()
    },
    ended: (tid, at, text) => {
      const call = underWay.get(tid)
      if (call !== undefined && status === undefined) {
        if (open !== tid) {
          start(tid, at)
          put(`<... ${call.name} resumed>`)
        }
        finish(")", "?")
      }
      underWay.delete(tid)
      if (!quiet) {
        start(tid, at)
        put(`+++ ${text} +++`)
        end()
      }
      alive.delete(tid)
    },
    close: () => {
      breakOff()
      sink.flush()
    }
  }
}
