/**
 * Text of the guest: bytes without a NUL, by custom UTF-8 but bound to nothing. Bytes that are not UTF-8 become lone surrogates
 * U+DC80…U+DCFF and turn back into the same bytes (as in Python's `surrogateescape`), so that two different names never become
 * one string, and a name that was read can be written again.
 */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Length of the well-formed UTF-8 sequence at `at` (Unicode 3.9, table 3-7), 0 if there is none. */
const sequence = (bytes: Uint8Array, at: number): number => {
  const lead = bytes[at]!
  if (lead < 0x80) return 1
  const length = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0
  if (length === 0 || at + length > bytes.length) return 0
  const second = bytes[at + 1]!
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = at + 2; i < at + length; i++) if ((bytes[i]! & 0xc0) !== 0x80) return 0
  return length
}

export const decodeText = (bytes: Uint8Array): string => {
  try {
    return strict.decode(bytes)
  } catch {
    let text = ""
    let start = 0
    let at = 0
    const flush = () => {
      if (at > start) text += strict.decode(bytes.subarray(start, at))
    }
    while (at < bytes.length) {
      const length = sequence(bytes, at)
      if (length === 0) {
        flush()
        text += String.fromCharCode(0xdc00 + bytes[at]!)
        start = ++at
      } else {
        at += length
      }
    }
    flush()
    return text
  }
}

/** The inverse. Other lone surrogates have no bytes; they become U+FFFD, as everywhere in JavaScript. */
export const encodeText = (text: string): Uint8Array => {
  if (text.isWellFormed()) return encoder.encode(text)
  const parts: Array<Uint8Array> = []
  let rest = 0
  for (const { 0: escaped, index } of text.matchAll(/(?<![\uD800-\uDBFF])[\uDC80-\uDCFF]/g)) {
    parts.push(encoder.encode(text.slice(rest, index)), Uint8Array.of(escaped.charCodeAt(0) - 0xdc00))
    rest = index + 1
  }
  parts.push(encoder.encode(text.slice(rest)))
  return Buffer.concat(parts)
}
