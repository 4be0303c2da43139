import { Option, Result, Schema } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ByteSize, formatByteSize, formatTimeSpan, parseByteSize, parseTimeSpan, TimeSpan } from "./Units.ts"

const bytes = Schema.decodeUnknownResult(ByteSize)
const span = Schema.decodeUnknownResult(TimeSpan)

describe("sizes", () => {
  it.each([
    [0, 0], [1024, 1024], ["0", 0], ["512", 512], ["1 byte", 1], ["7 bytes", 7], ["3B", 3],
    ["64k", 65536], ["64K", 65536], ["64 KiB", 65536], ["512 MiB", 536870912], ["512MiB", 536870912], ["512m", 536870912],
    ["1.5 GiB", 1610612736], ["1.5 GB", 1_500_000_000], ["1kB", 1000], ["1KB", 1000], ["2 TiB", 2199023255552], ["2TB", 2e12], [".5k", 512], [" 1 k ", 1024]
  ])("%j is %d bytes", (text, value) => expect(Result.getOrThrow(bytes(text))).toBe(value))

  it.each([-1, 1.5, NaN, Infinity, "", "k", "-1k", "1 x", "1 2", "1kk", "12 parsecs", "1e3", "0x10", "9007199254740993", "99999999 TiB", null, true, [], {}])(
    "refuses %j",
    (value) => expect(Result.isFailure(bytes(value))).toBe(true)
  )
})

describe("spans of time", () => {
  it.each([
    [0, 0], [1500, 1500], ["250", 250], ["250 ms", 250], ["30 seconds", 30_000], ["1 second", 1000], ["1.5s", 1500], ["2 minutes", 120_000],
    ["2m", 120_000], ["1h", 3_600_000], ["1 day", 86_400_000]
  ])("%j is %d ms", (text, value) => expect(Result.getOrThrow(span(text))).toBe(value))

  it.each([-1, 0.5, "", "s", "soon", "1 fortnight", "1:30", null])("refuses %j", (value) => expect(Result.isFailure(span(value))).toBe(true))
})

describe("formatting", () => {
  it("is shortest and exact", () => {
    expect(formatByteSize(536870912)).toBe("512 MiB")
    expect(formatByteSize(1025)).toBe("1025 bytes")
    expect(formatTimeSpan(30_000)).toBe("30 seconds")
    expect(formatTimeSpan(60_000)).toBe("1 minute")
    expect(formatTimeSpan(1500)).toBe("1500 ms")
  })

  it("reads back what it wrote, for every value", () => {
    fc.assert(fc.property(fc.maxSafeNat(), (n) => {
      expect(parseByteSize(formatByteSize(n))).toEqual(Option.some(n))
      expect(parseTimeSpan(formatTimeSpan(n))).toEqual(Option.some(n))
    }))
  })
})
