/**
 * Sizes and spans as people write them. A size is a whole number of bytes or a text such as `"512 MiB"`; a span is a whole
 * number of milliseconds or a text such as `"1.5 seconds"`. Decoded, both are plain numbers (bytes, milliseconds).
 *
 * | size                          | factor  | span                                      | factor     |
 * |-------------------------------|---------|-------------------------------------------|------------|
 * | `B`, `bytes`                  | 1       | `ms`, `millis`, `milliseconds`            | 1          |
 * | `k`, `K`, `KiB`               | 1024    | `s`, `sec`, `seconds`                     | 1000       |
 * | `M`, `MiB`                    | 1024²   | `m`, `min`, `minutes`                     | 60 000     |
 * | `G`, `GiB`                    | 1024³   | `h`, `hours`                              | 3 600 000  |
 * | `T`, `TiB`                    | 1024⁴   | `d`, `days`                               | 86 400 000 |
 * | `kB`, `KB`, `MB`, `GB`, `TB`  | powers of 1000 |                                    |            |
 *
 * A single letter is binary, as in `ulimit`, `dd` and Docker. Fractions are allowed (`"1.5 GiB"`) and rounded to a whole
 * number of bytes or milliseconds.
 */
import { Effect, Option, Schema, SchemaIssue, SchemaTransformation } from "effect"

const KiB = 1024, MiB = KiB * 1024, GiB = MiB * 1024, TiB = GiB * 1024

const sizeUnits: Readonly<Record<string, number>> = {
  "": 1, b: 1, byte: 1, bytes: 1,
  k: KiB, kib: KiB, m: MiB, mib: MiB, g: GiB, gib: GiB, t: TiB, tib: TiB,
  kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12
}

const spanUnits: Readonly<Record<string, number>> = {
  "": 1, ms: 1, milli: 1, millis: 1, millisecond: 1, milliseconds: 1,
  s: 1e3, sec: 1e3, secs: 1e3, second: 1e3, seconds: 1e3,
  m: 6e4, min: 6e4, mins: 6e4, minute: 6e4, minutes: 6e4,
  h: 36e5, hour: 36e5, hours: 36e5,
  d: 864e5, day: 864e5, days: 864e5
}

const quantity = /^(\d+(?:\.\d+)?|\.\d+)[ \t]*([A-Za-z]*)$/

const parse = (units: Readonly<Record<string, number>>) => (text: string): Option.Option<number> => {
  const match = quantity.exec(text.trim())
  if (match === null) return Option.none()
  const unit = match[2]!.toLowerCase()
  if (!Object.hasOwn(units, unit)) return Option.none()
  const value = Math.round(Number(match[1]) * units[unit]!)
  return Number.isSafeInteger(value) ? Option.some(value) : Option.none()
}

/** `"512 MiB"` → 536870912; none where the text is not a size. */
export const parseByteSize: (text: string) => Option.Option<number> = parse(sizeUnits)

/** `"30 seconds"` → 30000; none where the text is not a span of time. */
export const parseTimeSpan: (text: string) => Option.Option<number> = parse(spanUnits)

/** The shortest text with the same value: 536870912 → `"512 MiB"`. What is no whole number of KiB is given in bytes. */
export const formatByteSize = (bytes: number): string => {
  for (const [name, factor] of [["TiB", TiB], ["GiB", GiB], ["MiB", MiB], ["KiB", KiB]] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor} ${name}`
  }
  return `${bytes} bytes`
}

/** The shortest text with the same value: 30000 → `"30 seconds"`. */
export const formatTimeSpan = (milliseconds: number): string => {
  for (const [name, factor] of [["hour", 36e5], ["minute", 6e4], ["second", 1e3]] as const) {
    if (milliseconds >= factor && milliseconds % factor === 0) {
      const count = milliseconds / factor
      return `${count} ${name}${count === 1 ? "" : "s"}`
    }
  }
  return `${milliseconds} ms`
}

const whole = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

const unit = (options: {
  readonly expected: string
  readonly pattern: string
  readonly parse: (text: string) => Option.Option<number>
  readonly format: (value: number) => string
}) =>
  Schema.Union([
    whole.annotate({ expected: options.expected }),
    Schema.String.check(Schema.isPattern(new RegExp(options.pattern, "u"))).annotate({ expected: options.expected })
  ]).pipe(Schema.decodeTo(whole, SchemaTransformation.transformEffect({
    decode: (value, parseOptions) =>
      typeof value === "number"
        ? Effect.succeed(value)
        : Option.match(options.parse(value), {
          onNone: () => Effect.fail(new SchemaIssue.InvalidValue({ expected: options.expected }, value, parseOptions)),
          onSome: (n) => Effect.succeed(n)
        }),
    encode: (value) => Effect.succeed<number | string>(options.format(value))
  })))

/** Bytes. Encoded: a whole number or a text such as `"512 MiB"`. */
export const ByteSize = unit({
  expected: 'a size: a whole number of bytes or a text such as "512 MiB"',
  pattern: "^\\s*(\\d+(\\.\\d+)?|\\.\\d+)[ \\t]*([kKmMgGtT](i?[bB])?|[bB]|bytes?)?\\s*$",
  parse: parseByteSize,
  format: formatByteSize
})

/** Milliseconds. Encoded: a whole number or a text such as `"30 seconds"`. */
export const TimeSpan = unit({
  expected: 'a span of time: a whole number of milliseconds or a text such as "30 seconds"',
  pattern: "^\\s*(\\d+(\\.\\d+)?|\\.\\d+)[ \\t]*(ms|millis(econds?)?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)?\\s*$",
  parse: parseTimeSpan,
  format: formatTimeSpan
})
