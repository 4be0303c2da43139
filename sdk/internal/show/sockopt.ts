/** Socket options: names by level, values as numbers or structures where they are such. */
import type { Look, Reading, Show } from "./look.ts"
import { level } from "./control.ts"
import { bytes, failed, number, orAddress, type Part } from "./part.ts"
import { structAt, structOf } from "./structs.ts"
import { constant, i32, setOf } from "./values.ts"

const names: Readonly<Record<number, string>> = { 0: "IpOption", 1: "SocketOption", 6: "TcpOption", 17: "UdpOption", 41: "Ipv6Option" }

/** Options that are no number, by level and option. `text`: bytes. */
const forms: Readonly<Record<string, string>> = {
  "1.13": "Linger", "1.17": "Ucred", "1.20": "Timeval", "1.21": "Timeval", "1.25": "text", "1.28": "text", "1.31": "text", "1.55": "text", "6.13": "text", "6.31": "text", "6.11": "TcpInfo"
}

const value = function*(look: Look, at: bigint, length: bigint): Reading<string> {
  const form = forms[`${i32(look.registers[1]!)}.${i32(look.registers[2]!)}`]
  const struct = form === undefined ? undefined : structOf(form)
  if (struct !== undefined && length >= BigInt(struct.size)) return yield* structAt(look, form!, at)
  if (form === undefined && length === 4n && names[i32(look.registers[1]!)] !== undefined) return `[${yield* number(look, at, "i4")}]`
  return yield* bytes(look, at, length)
}

/** `get`: the value and its length come back. */
export const optionParts = (get: boolean) => (registers: BigUint64Array, parts: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const [fd, lvl, option, content, length] = parts as [Part, Part, Part, Part, Part]
  const given = i32(registers[1]!)
  const set = names[given]
  const show = (part: Part, render: (v: bigint) => string): Part => ({ name: part.name, index: part.index, show: (_, v) => render(v) })
  const first = [fd, show(lvl, (v) => level(i32(v))), show(option, (v) =>
    set !== undefined && setOf(set).entries.some((entry) => entry.value === i32(v)) ? constant(set, i32(v)) : String(i32(v)))]
  if (!get) return [...first, { name: content.name, index: content.index, show: orAddress((look, at) => value(look, at, BigInt.asIntN(32, look.registers[4]!))) }, length]
  let room: bigint | undefined
  const filled: Show = function*(look, at) {
    return yield* value(look, at, yield* number(look, look.registers[4]!, "i4"))
  }
  return [
    ...first,
    { name: content.name, index: content.index, later: (look, at) => failed(look) ? orAddress((_, place) => `0x${place.toString(16)}`)(look, at) : orAddress(filled)(look, at) },
    {
      name: length.name,
      index: length.index,
      before: function*(look, at) {
        room = yield* number(look, at, "i4")
      },
      later: orAddress(function*(look, at) {
        if (failed(look)) return room === undefined ? `0x${at.toString(16)}` : `[${room}]`
        const now = yield* number(look, at, "i4")
        return room === undefined || room === now ? `[${now}]` : `[${room} => ${now}]`
      })
    }
  ]
}
