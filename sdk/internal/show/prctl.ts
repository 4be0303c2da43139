/** prctl(2): how many arguments an option has, and what they are. Those of no known option are shown as they are. */
import type { Look, Reading, Show } from "./look.ts"
import { cstring, number, orAddress, outcome, type Part } from "./part.ts"
import { hex } from "./text.ts"
import { constant, flags, i32, signal, u32 } from "./values.ts"

const decimal: Show = (_, value) => String(value)
const named = (set: string): Show => (_, value) => constant(set, u32(value))
const text = orAddress(cstring)
const pointer: Show = (_, value) => value === 0n ? "NULL" : hex(value)
const result = (show: Show): { readonly later: Show } => ({ later: outcome(show) })
const integerAt = result(function*(look, at): Reading<string> {
  return `[${yield* number(look, at, "i4")}]`
})

const PR_SET_MM = 35
const PR_SET_VMA = 0x53564d41

/** By option: what each argument behind it is. */
const options: Readonly<Record<number, ReadonlyArray<Show | { readonly later: Show }>>> = {
  1: [(_, value) => signal(i32(value))],
  2: [result(function*(look, at): Reading<string> {
    return `[${signal(Number(yield* number(look, at, "i4")))}]`
  })],
  3: [],
  4: [named("Dumpable")],
  7: [],
  8: [decimal],
  15: [text],
  16: [result(cstring)],
  21: [],
  22: [named("SeccompMode"), pointer, decimal, decimal],
  23: [named("Capabilities")],
  24: [named("Capabilities")],
  27: [],
  28: [(_, value) => flags("Securebits", u32(value))],
  29: [decimal],
  30: [],
  36: [decimal],
  37: [integerAt],
  38: [decimal, decimal, decimal, decimal],
  39: [decimal, decimal, decimal, decimal],
  40: [result(function*(look, at): Reading<string> {
    return `[${hex(yield* number(look, at, "u8"))}]`
  })],
  47: [named("AmbientOperation"), named("Capabilities"), decimal, decimal],
  [PR_SET_VMA]: [(_, value) => value === 0n ? "PR_SET_VMA_ANON_NAME" : hex(value), pointer, decimal, text]
}

export const prctlParts = (registers: BigUint64Array, parts: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const [option, ...rest] = parts as [Part, ...Array<Part>]
  const code = i32(registers[0]!)
  const shows = options[code] ?? Array<Show>(4).fill((_, value) => hex(value))
  const head = code === PR_SET_VMA ? { name: option.name, index: 0, show: () => "PR_SET_VMA" } : code === PR_SET_MM ? { name: option.name, index: 0, show: () => "PR_SET_MM" } : option
  return [head, ...shows.map((show, i): Part => ({ name: rest[i]!.name, index: i + 1, ...typeof show === "function" ? { show } : show }))]
}

/** A result that is no error: for some options an answer that has a name. */
export const prctlResult = (look: Look): string => {
  const value = u32(look.result!)
  switch (i32(look.registers[0]!)) {
    case 3:
      return `${value} (${constant("Dumpable", value)})`
    case 21:
      return `${value} (${constant("SeccompMode", value)})`
    case 27:
      return value === 0 ? "0" : `${hex(value)} (${flags("Securebits", value)})`
    default:
      return String(look.result)
  }
}
