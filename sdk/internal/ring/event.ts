/** Events as the ring has them: `struct rv_ring_event`, in the first piece of memory of a call. */
import type { AnyEvent } from "../../EventHandler.ts"
import * as Signal from "../../Signal.ts"
import { Siginfo } from "../syscall/siginfo.ts"
import { decodeText } from "../syscall/text.ts"
import { records, RV_RING } from "./format.ts"

const record = records.ring_event
const NO_FLAGS = 0xffff_ffff_ffff_ffffn

/** `undefined` for what is no event. */
export const eventOf = (tid: number, bytes: Uint8Array): AnyEvent | undefined => {
  if (bytes.length < record.SIZE) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const of = (field: { readonly at: number }): number => view.getUint32(field.at, true)
  const pid = of(record.process)
  const number = of(record.number)
  switch (of(record.kind)) {
    case RV_RING.SIGNAL:
      return { kind: "signal", tid, pid, signal: number, name: Signal.name(number) ?? `SIGRTMIN+${number}`, info: Siginfo.decode(view, record.info.at) }
    case RV_RING.EXEC:
      return { kind: "exec", tid, pid, path: decodeText(bytes.subarray(record.SIZE)), formerTid: number }
    case RV_RING.EXITED: {
      const signal = number & 0x7f
      return { kind: "exit", tid, pid, code: signal === 0 ? number >> 8 & 0xff : undefined, signal: signal === 0 ? undefined : Signal.name(signal), coreDumped: signal !== 0 && (number & 0x80) !== 0, last: of(record.detail) === 1 }
    }
    case RV_RING.CLONE: {
      const flags = view.getBigUint64(record.flags.at, true)
      const how = of(record.detail) === RV_RING.THREAD ? "thread" : of(record.detail) === RV_RING.VFORK ? "vfork" : "fork"
      return { kind: "clone", tid, pid, childTid: number, how, flags: flags === NO_FLAGS ? undefined : flags }
    }
  }
  return undefined
}
