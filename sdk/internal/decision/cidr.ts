/**
 * IP addresses and networks as written: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`, `::ffff:192.0.2.0/120`.
 */
import { isIPv4, isIPv6 } from "node:net"
import { Result } from "effect"

export interface Network {
  /** IPv4 written as IPv6 is IPv4. */
  readonly family: 4 | 6
  /** Network order: 4 or 16 bytes. */
  readonly bytes: Uint8Array
  /** Leading bits that count. */
  readonly prefix: number
}

const ipv4 = (text: string): ReadonlyArray<number> => text.split(".").map(Number)

/** The 16 bytes of an address that `isIPv6` accepts and that has no zone. */
const ipv6 = (text: string): ReadonlyArray<number> => {
  const groups = (part: string): ReadonlyArray<number> =>
    part === "" ? [] : part.split(":").flatMap((group) => {
      if (group.includes(".")) return ipv4(group)
      const value = Number.parseInt(group, 16)
      return [value >> 8, value & 0xff]
    })
  const [head = "", tail] = text.split("::")
  if (tail === undefined) return groups(head)
  const before = groups(head)
  const after = groups(tail)
  return [...before, ...Array<number>(16 - before.length - after.length).fill(0), ...after]
}

const isMapped = (bytes: Uint8Array): boolean => bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff

/** A network, or in words why the text is none. */
export const parseCidr = (text: string): Result.Result<Network, string> => {
  const [address = "", bits, ...more] = text.split("/")
  const written = JSON.stringify(text)
  const width = isIPv4(address) ? 32 : isIPv6(address) && !address.includes("%") ? 128 : undefined
  if (width === undefined || more.length > 0) return Result.fail(`${written} is not an IP address or network`)
  if (bits !== undefined && !(/^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= width)) {
    return Result.fail(`${written} has a prefix that is not 0 to ${width}`)
  }
  const bytes = Uint8Array.from(width === 32 ? ipv4(address) : ipv6(address))
  const prefix = bits === undefined ? width : Number(bits)
  if (bytes.some((byte, index) => byte & (0xff >> Math.min(8, Math.max(0, prefix - 8 * index))))) {
    return Result.fail(`${written} has bits beyond its prefix`)
  }
  return Result.succeed(
    width === 128 && prefix >= 96 && isMapped(bytes)
      ? { family: 4, bytes: bytes.slice(12), prefix: prefix - 96 }
      : { family: width === 32 ? 4 : 6, bytes, prefix }
  )
}
