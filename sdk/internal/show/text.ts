/**
 * Text of system calls as strace writes it: quoted bytes, addresses, octal modes, times. Nothing of the guest's passes unescaped, so
 * that no string of it can drive a terminal.
 */

const short: Readonly<Record<number, string>> = { 0x09: "\\t", 0x0a: "\\n", 0x0b: "\\v", 0x0c: "\\f", 0x0d: "\\r", 0x22: "\\\"", 0x5c: "\\\\" }

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

/** Without quotes: printable ASCII as it is, the rest as C escapes, octal as short as the next byte allows. */
export const escaped = (bytes: Uint8Array): string => {
  let text = ""
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (short[byte] !== undefined) text += short[byte]
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte)
    else text += `\\${byte.toString(8).padStart(isDigit(bytes[i + 1]) ? 3 : 1, "0")}`
  }
  return text
}

/** `"text"`, or `"tex"...` where `bytes` is longer than `limit` or `more` follows. */
export const quoted = (bytes: Uint8Array, limit: number, more = false): string =>
  `"${escaped(bytes.subarray(0, limit))}"${more || bytes.length > limit ? "..." : ""}`

/** Random bytes are nobody's text: `"\x3f\x00"`. */
export const hexQuoted = (bytes: Uint8Array, limit: number, more = false): string =>
  `"${Array.from(bytes.subarray(0, limit), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}"${more || bytes.length > limit ? "..." : ""}`

export const hex = (value: bigint | number): string => value === 0n || value === 0 ? "0" : `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`

export const address = (value: bigint): string => value === 0n ? "NULL" : hex(value)

/** `0644`; at least three digits. */
export const octal = (value: number): string => `${value === 0 ? "" : "0"}${value.toString(8)}`.padStart(3, "0")

const two = (n: number): string => String(n).padStart(2, "0")

/** `2026-11-24T20:02:49+0000`, with a fraction where `unit` (units of a second) and `part` say so. In the local time zone. */
export const time = (seconds: bigint, part = 0n, unit = 0): string => {
  const date = new Date(Number(seconds) * 1000)
  if (Number.isNaN(date.getTime())) return "?"
  const offset = -date.getTimezoneOffset()
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  const fraction = part > 0n ? `.${part.toString().padStart(unit, "0")}` : ""
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${fraction}${zone}`
}

/** ` /* 2026-… *\/` behind a number of seconds; nothing for zero. */
export const timeRemark = (seconds: bigint, part = 0n, unit = 0): string => seconds === 0n && part === 0n ? "" : ` /* ${time(seconds, part, unit)} */`

/** `makedev(0x8, 0x1)` of a device number as stat(2) gives it. */
export const device = (value: bigint): string =>
  madeOf(Number((value >> 8n) & 0xfffn | (value >> 32n) & ~0xfffn), Number(value & 0xffn | (value >> 12n) & 0xffffff00n))

export const madeOf = (major: number, minor: number): string => `makedev(${hex(major)}, ${hex(minor)})`
