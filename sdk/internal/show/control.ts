/** Control messages of sendmsg(2) and recvmsg(2): descriptors and credentials by what they are, the rest as bytes. */
import { ControlType } from "./constants.ts"
import type { Look, Reading } from "./look.ts"
import { hex, quoted } from "./text.ts"
import { constant, descriptor, setOf } from "./values.ts"

const HEADER = 16
const MOST = 4096

export const level = (value: number): string => value === 1 ? "SOL_SOCKET" : value === 0 ? "SOL_IP" : setOf("SocketLevel").entries.some((entry) => entry.value === value) ? constant("SocketLevel", value) : `${hex(value)} /* SOL_?? */`

export const controlMessages = function*(look: Look, at: bigint, length: bigint): Reading<string> {
  const size = Number(length > BigInt(MOST) ? BigInt(MOST) : length)
  const bytes: Uint8Array = yield* look.memory.read(at, size)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shown: Array<string> = []
  for (let i = 0; i + HEADER <= size && shown.length < look.options.strings;) {
    const whole = Number(view.getBigUint64(i, true))
    if (whole < HEADER) break
    const [lvl, type] = [view.getInt32(i + 8, true), view.getInt32(i + 12, true)]
    const data = bytes.subarray(i + HEADER, Math.min(i + whole, size))
    const words = (): ReadonlyArray<number> => Array.from({ length: Math.floor(data.length / 4) }, (_, n) => view.getInt32(i + HEADER + 4 * n, true))
    const name = lvl === 1 ? ControlType.entries.find((entry) => entry.value === type)?.name : undefined
    const content = name === "SCM_RIGHTS" || name === "SCM_PIDFD" ? `[${words().map((fd) => descriptor(look, fd)).join(", ")}]`
      : name === "SCM_CREDENTIALS" && data.length >= 12 ? `{pid=${words()[0]}, uid=${words()[1]}, gid=${words()[2]}}`
      : quoted(data, look.options.strings)
    shown.push(`{cmsg_len=${whole}, cmsg_level=${level(lvl)}, cmsg_type=${name ?? hex(type)}, cmsg_data=${content}}`)
    i += (whole + 7) & ~7
  }
  return `[${shown.join(", ")}]`
}
