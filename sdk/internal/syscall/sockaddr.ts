/**
 * Socket addresses (sockaddr(3type)) as values, by family. What a family does not define, or is cut short, is `unspec` or `other`
 * with its raw bytes, so that every address the kernel might take can be told and written back.
 */
import { decodeText, encodeText } from "./text.ts"

export type Sockaddr =
  /** ip(7). `address` in dotted form. */
  | { readonly family: "AF_INET"; readonly address: string; readonly port: number }
  /** ipv6(7). `address` as RFC 5952 writes it; `scope` is an interface index. */
  | { readonly family: "AF_INET6"; readonly address: string; readonly port: number; readonly flow: number; readonly scope: number }
  /** unix(7). Exactly one form: a path, a name in the abstract name space (its leading NUL not included), or neither (unnamed). */
  | { readonly family: "AF_UNIX"; readonly path: string }
  | { readonly family: "AF_UNIX"; readonly abstract: Uint8Array }
  | { readonly family: "AF_UNIX"; readonly unnamed: true }
  /** netlink(7). */
  | { readonly family: "AF_NETLINK"; readonly pid: number; readonly groups: number }
  /** Everything else, and what is too short for its family. `number` is the family's number, `data` what follows it. */
  | { readonly family: "other"; readonly number: number; readonly data: Uint8Array }

const number = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 } as const

/** Sixteen bytes to the text of RFC 5952: longest run of zero groups shortened, mapped IPv4 in dotted form. */
const formatIpv6 = (bytes: Uint8Array): string => {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!)
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff) return `::ffff:${bytes.subarray(12).join(".")}`
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && groups[i + run] === 0) run++
    if (run > length) {
      start = i
      length = run
    }
  }
  const hex = (part: ReadonlyArray<number>) => part.map((g) => g.toString(16)).join(":")
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}

const parseIpv4 = (text: string): Uint8Array => {
  const parts = text.split(".")
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) throw new RangeError(`${text} is no IPv4 address`)
  return Uint8Array.from(parts, Number)
}

const parseIpv6 = (text: string): Uint8Array => {
  const wrong = () => new RangeError(`${text} is no IPv6 address`)
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const tail = dotted === null ? undefined : parseIpv4(dotted[2]!)
  const hexadecimal = tail === undefined ? text : `${dotted![1]}${((tail[0]! << 8) | tail[1]!).toString(16)}:${((tail[2]! << 8) | tail[3]!).toString(16)}`
  const halves = hexadecimal.split("::")
  const groups = halves.map((half) => half === "" ? [] : half.split(":"))
  const given = groups.flat()
  if (halves.length > 2 || !given.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) throw wrong()
  if (halves.length === 2 ? given.length > 7 : given.length !== 8) throw wrong()
  const filled = halves.length === 2 ? [...groups[0]!, ...Array<string>(8 - given.length).fill("0"), ...groups[1]!] : given
  return Uint8Array.from(filled.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]))
}

export const decodeSockaddr = (bytes: Uint8Array): Sockaddr => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 2) return { family: "other", number: 0, data: bytes.slice() }
  const family = view.getUint16(0, true)
  if (family === number.AF_INET && bytes.length >= 16) {
    return { family: "AF_INET", address: bytes.subarray(4, 8).join("."), port: view.getUint16(2) }
  }
  if (family === number.AF_INET6 && bytes.length >= 28) {
    return { family: "AF_INET6", address: formatIpv6(bytes.subarray(8, 24)), port: view.getUint16(2), flow: view.getUint32(4), scope: view.getUint32(24, true) }
  }
  if (family === number.AF_NETLINK && bytes.length >= 12) {
    return { family: "AF_NETLINK", pid: view.getUint32(4, true), groups: view.getUint32(8, true) }
  }
  if (family === number.AF_UNIX) {
    const name = bytes.subarray(2)
    if (name.length === 0) return { family: "AF_UNIX", unnamed: true }
    if (name[0] === 0) return { family: "AF_UNIX", abstract: name.slice(1) }
    const end = name.indexOf(0)
    return { family: "AF_UNIX", path: decodeText(end < 0 ? name : name.subarray(0, end)) }
  }
  return { family: "other", number: family, data: bytes.slice(2) }
}

export const encodeSockaddr = (value: Sockaddr): Uint8Array => {
  const start = (family: number, length: number) => {
    const bytes = new Uint8Array(length)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, family, true)
    return { bytes, view }
  }
  switch (value.family) {
    case "AF_INET": {
      const { bytes, view } = start(number.AF_INET, 16)
      view.setUint16(2, value.port)
      bytes.set(parseIpv4(value.address), 4)
      return bytes
    }
    case "AF_INET6": {
      const { bytes, view } = start(number.AF_INET6, 28)
      view.setUint16(2, value.port)
      view.setUint32(4, value.flow)
      bytes.set(parseIpv6(value.address), 8)
      view.setUint32(24, value.scope, true)
      return bytes
    }
    case "AF_NETLINK": {
      const { bytes, view } = start(number.AF_NETLINK, 12)
      view.setUint32(4, value.pid, true)
      view.setUint32(8, value.groups, true)
      return bytes
    }
    case "AF_UNIX": {
      if ("unnamed" in value) return start(number.AF_UNIX, 2).bytes
      const name = "path" in value ? Buffer.concat([encodeText(value.path), Buffer.alloc(1)]) : Buffer.concat([Buffer.alloc(1), value.abstract])
      if (name.length > 108) throw new RangeError(`an AF_UNIX name of ${name.length} bytes does not fit into 108`)
      const { bytes } = start(number.AF_UNIX, 2 + name.length)
      bytes.set(name, 2)
      return bytes
    }
    case "other": {
      const { bytes } = start(value.number, 2 + value.data.length)
      bytes.set(value.data, 2)
      return bytes
    }
  }
}
