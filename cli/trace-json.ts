/**
 * A trace as JSON, one object a line (docs/cli.md has the keys). A call is told when it has returned, or as it is made where it does
 * not return.
 */
import { name as errnoName } from "../sdk/Errno.ts"
import { line } from "../sdk/SyscallFormat.ts"
import type { Selection } from "./trace-filter.ts"
import type { Reporter } from "./trace-report.ts"
import type { Sink } from "./trace-sink.ts"

const seconds = (ms: number): number => Math.round(ms * 1000) / 1e6

export const json = (sink: Sink, status: Selection["status"]): Reporter => {
  const tell = (value: object): void => sink.write(`${JSON.stringify(value)}\n`)
  return {
    began: () => {},
    made: ({ at, entry, name, tid }, final) => {
      if (!final || status === "failed") return
      const args = Object.fromEntries(entry!.known.map((argument) => [argument.name, argument.text]))
      tell({ type: "call", time: seconds(at), thread: tid, call: name, arguments: args })
    },
    returned: ({ at: from, entry, name, tid }, at, raw, returned) => {
      const failed = raw < 0n && raw >= -4095n
      if (status !== undefined && failed !== (status === "failed")) return
      tell({
        type: "call",
        time: seconds(from),
        thread: tid,
        call: name,
        arguments: Object.fromEntries(returned!.arguments.map((argument) => [argument.name, argument.text])),
        ...failed ? { error: errnoName(Number(-raw)) ?? String(-raw) } : { result: Number.isSafeInteger(Number(raw)) ? Number(raw) : String(raw) },
        duration: seconds(at - from),
        text: line(entry!, returned!).replace(/ {2,}= /, " = ")
      })
    },
    superseded: (former, thread, at) => tell({ type: "superseded", time: seconds(at), thread, former }),
    attached: (thread, at) => tell({ type: "attached", time: seconds(at), thread }),
    signalled: (thread, at, signal, text) => tell({ type: "signal", time: seconds(at), thread, signal, text }),
    ended: (thread, at, text) => tell({ type: "ended", time: seconds(at), thread, text }),
    close: sink.flush
  }
}
