/**
 * Random models of the decision core and questions to ask of them, drawn so that rules and questions meet often: few names, few
 * numbers, questions made from the rules' own parts.
 */
import fc from "fast-check"
import type { Action, AddressRule, CallRule, Condition, Model, PathRule, Pointers, Subject } from "../../sdk/internal/decision/model.ts"
import type { Call } from "../../sdk/internal/decision/reference.ts"
import { RV } from "../../sdk/internal/decision/format.ts"

const id = fc.integer({ min: 0, max: 40 })
const rights = fc.oneof(fc.constantFrom(1, 2, 3, 4, 0x1000, 0x2000, 0x4000, RV.RIGHT_ALL), fc.integer({ min: 1, max: RV.RIGHT_ALL }))
const handler = fc.constantFrom(0, 1, 2, 31, 32, 63)

const subject: fc.Arbitrary<Subject> = fc.oneof(
  fc.record({ kind: fc.constantFrom("grant" as const, "grant" as const, "deny" as const), id, rights }),
  fc.record({ kind: fc.constant("filter" as const), handler, rights })
)

// ---------------------------------------------------------------------------------------------------------- calls

/** Edges of every width, and numbers between. */
const words = [0n, 1n, 2n, 3n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x100000001n, 0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn]
const word = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...words) }, { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }) })

/** A constant within the range of the condition's width and signedness. */
const constant = (narrow: boolean, signed: boolean): fc.Arbitrary<bigint> =>
  word.map((bits) => signed ? BigInt.asIntN(narrow ? 32 : 64, bits) : BigInt.asUintN(narrow ? 32 : 64, bits))

const condition: fc.Arbitrary<Condition> = fc.record({
  argument: fc.integer({ min: 0, max: 5 }),
  narrow: fc.boolean(),
  signed: fc.boolean(),
  mask: fc.option(word, { nil: undefined })
}).chain(({ argument, mask, narrow, signed }) => {
  const ordered = { argument, narrow, signed, ...(mask === undefined || signed ? {} : { mask }) }
  const equal = { argument, narrow, ...(mask === undefined ? {} : { mask }) }
  return fc.oneof(
    fc.record({ op: fc.constantFrom("eq" as const, "ne" as const), value: constant(narrow, false) }).map((rest) => ({ ...equal, ...rest })),
    fc.record({ op: fc.constantFrom("lt" as const, "le" as const, "gt" as const, "ge" as const), value: constant(narrow, signed) })
      .map((rest) => ({ ...ordered, ...rest })),
    fc.tuple(constant(narrow, signed), constant(narrow, signed))
      .map(([a, b]) => ({ ...ordered, op: "range" as const, low: a < b ? a : b, high: a < b ? b : a })),
    fc.record({ op: fc.constantFrom("in" as const, "notIn" as const), values: fc.array(constant(narrow, false), { minLength: 1, maxLength: 9 }) })
      .map((rest) => ({ ...equal, ...rest }))
  )
})

const argumentsOf = fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 2 })
const pointers: fc.Arbitrary<Pointers> = fc.record({ paths: argumentsOf, addresses: argumentsOf }, { requiredKeys: [] })
const errno = fc.constantFrom(1, 13, 38, RV.MAX_ERRNO)

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ type: fc.constantFrom("allow" as const, "kill" as const) }),
  fc.record({ type: fc.constant("errno" as const), errno }),
  fc.tuple(fc.constantFrom("notify" as const, "trace" as const), pointers).map(([type, rest]) => ({ type, ...rest })),
  fc.tuple(handler, fc.boolean(), pointers).map(([number, override, rest]) => ({ type: "handler" as const, handler: number, override, ...rest }))
)

const callRule: fc.Arbitrary<CallRule> = fc.record({
  id,
  nr: fc.constantFrom(0, 1, 2, 59, RV.MAX_SYSCALLS - 1),
  when: fc.array(condition, { maxLength: 2 }),
  action
})

export const call: fc.Arbitrary<Call> = fc.record({
  nr: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(0, 1, 2, 59, RV.MAX_SYSCALLS - 1) },
    { weight: 1, arbitrary: fc.constantFrom(RV.MAX_SYSCALLS, 0xffffffff, 0x40000001, 3) }
  ),
  arch: fc.oneof({ weight: 20, arbitrary: fc.constant(RV.ARCH_X86_64) }, { weight: 1, arbitrary: fc.constantFrom(0x40000003, 0, 0xffffffff) }),
  args: fc.array(word, { minLength: 6, maxLength: 6 })
})

// ---------------------------------------------------------------------------------------------------------- paths

const name = fc.constantFrom("a", "b", "ab", "aa", "abc", ".a", "a.b", "é", "éa", "…", "😀", "-", "]", "*", "..." )
const strayName = fc.constantFrom([0x80], [0xc3], [0xc3, 0x61], [0xe2, 0x80], [0xf0, 0x9f, 0x98], [0xff, 0x61], [0xed, 0xa0, 0x80]).map((bytes) => Uint8Array.from(bytes))

const join = (names: ReadonlyArray<string | Uint8Array>): Uint8Array =>
  names.length === 0 ? Buffer.from("/") : Buffer.concat(names.flatMap((each) => [Buffer.from("/"), Buffer.from(each)]))

const resolved = fc.array(fc.oneof({ weight: 9, arbitrary: name }, { weight: 1, arbitrary: strayName }), { maxLength: 5 }).map(join)

const piece = fc.constantFrom("*", "*", "?", "[a-c]", "[!a]", "[]x]", "[^]b-]", "[a\\]]", "a", "b", "é", "\\*", "\\{", "ab", ".", "{a,b}", "{b,{a,é},}", "{a}", "-")
const wild = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(""))
  .filter((text) => !/^[.{}ab,é]*$/.test(text) || !text.includes("{"))
  .map((text) => text === "." || text === ".." ? "x" : text)
const globName = fc.oneof(
  { weight: 3, arbitrary: name.map((text) => text.replace(/[*\]]/g, "\\$&")) },
  { weight: 3, arbitrary: wild },
  { weight: 2, arbitrary: fc.constant("**") }
)
const glob = fc.array(globName, { minLength: 1, maxLength: 5 }).map((names) => `/${names.join("/")}`)

const pathRule: fc.Arbitrary<PathRule> = fc.tuple(
  subject,
  fc.constantFrom("exact" as const, "subtree" as const),
  fc.oneof(
    fc.array(name, { maxLength: 4 }).map((names) => ({ path: `/${names.join("/")}` })),
    resolved.map((path) => ({ path })),
    glob.map((text) => ({ glob: text }))
  )
).map(([about, scope, what]) => ({ ...about, scope, ...what }))

/** Mostly resolved paths, sometimes bytes that only look like one. */
export const path: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 100, arbitrary: resolved },
  { weight: 5, arbitrary: fc.constantFrom("", "a", "//", "/a/", "/a//b", "/.", "/a/..", "/a/./b", "/a\0b", "/..a", "/...").map((text) => Buffer.from(text)) },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom(254, 255, 256).map((length) => Buffer.from(`/${"a".repeat(length)}`)) },
  { weight: 1, arbitrary: fc.constantFrom(4094, 4095, 4096).map((length) => Buffer.from(`/${"a".repeat(63)}`.repeat(65).slice(0, length))) }
)

export const question: fc.Arbitrary<number> = fc.oneof(
  { weight: 20, arbitrary: rights },
  { weight: 1, arbitrary: fc.constantFrom(0, RV.RIGHT_ALL + 1, 0x80000001) }
)

// ------------------------------------------------------------------------------------------------------ addresses

const addresses4 = ["10.0.0.0", "10.0.0.1", "10.128.0.0", "127.0.0.1", "0.0.0.0", "169.254.169.254", "255.255.255.255"]
const addresses6 = ["::", "::1", "2001:db8::", "2001:db8::1", "fe80::1", "64:ff9b::a00:1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::fffe:a00:1"]

const mask = (bytes: Uint8Array, prefix: number): Uint8Array =>
  bytes.map((byte, index) => byte & ~(0xff >> Math.min(8, Math.max(0, prefix - 8 * index))))

const bytes4 = (text: string): Uint8Array => Uint8Array.from(text.split(".").map(Number))
const text4 = (bytes: Uint8Array): string => bytes.join(".")
const bytes6 = (text: string): Uint8Array => {
  const [head = "", tail] = text.split("::")
  const groups = (part: string) => part === "" ? [] : part.split(":")
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const all = tail === undefined ? before : [...before, ...Array<string>(8 - before.length - after.length).fill("0"), ...after]
  return Uint8Array.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]))
}
const text6 = (bytes: Uint8Array): string => Array.from({ length: 8 }, (_, index) => (bytes[2 * index]! << 8 | bytes[2 * index + 1]!).toString(16)).join(":")

const mapped = (bytes: Uint8Array): Uint8Array => Uint8Array.from([...Array<number>(10).fill(0), 0xff, 0xff, ...bytes])

const cidr = fc.oneof(
  fc.tuple(fc.constantFrom(...addresses4), fc.constantFrom(0, 1, 8, 9, 24, 31, 32)).map(([text, prefix]) => `${text4(mask(bytes4(text), prefix))}/${prefix}`),
  fc.tuple(fc.constantFrom(...addresses6), fc.constantFrom(0, 1, 32, 64, 65, 95, 127, 128)).map(([text, prefix]) => `${text6(mask(bytes6(text), prefix))}/${prefix}`),
  fc.tuple(fc.constantFrom(...addresses4), fc.constantFrom(96, 104, 120, 128)).map(([text, prefix]) => `${text6(mask(mapped(bytes4(text)), prefix))}/${prefix}`),
  fc.constantFrom(...addresses4, ...addresses6, "::ffff:10.0.0.1")
)

const ports = fc.constantFrom<[number, number]>([0, 0], [0, 65535], [80, 80], [80, 443], [1024, 65535])
const abstract = fc.array(fc.constantFrom("a", "/", "*", "?", "[!a]", "é", "{a,/}", "**"), { maxLength: 4 }).map((parts) => parts.join(""))

const addressRule: fc.Arbitrary<AddressRule> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(subject, fc.record({ cidr, ports, protocols: fc.integer({ min: 1, max: 15 }) }, { requiredKeys: ["cidr"] })).map(([about, what]) => ({ ...about, ...what })) },
  { weight: 1, arbitrary: fc.tuple(subject, abstract).map(([about, text]) => ({ ...about, abstract: text })) }
)

const word16 = (value: number): ReadonlyArray<number> => [value >> 8, value & 0xff]
const port = fc.constantFrom(0, 79, 80, 443, 444, 1023, 1024, 65535)
const scope = fc.constantFrom<ReadonlyArray<number>>([], [0, 0, 0, 0], [2, 0, 0, 1], [1, 2])

export const sockaddr: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(...addresses4), port).map(([text, number]) => [2, 0, ...word16(number), ...bytes4(text), ...Array<number>(8).fill(0)]) },
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(...addresses6), port, scope).map(([text, number, tail]) => [10, 0, ...word16(number), 0, 0, 0, 0, ...bytes6(text), ...tail]) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...addresses4), port, scope).map(([text, number, tail]) => [10, 0, ...word16(number), 0, 0, 0, 0, ...mapped(bytes4(text)), ...tail]) },
  { weight: 3, arbitrary: fc.tuple(path, fc.boolean()).map(([bytes, terminated]) => [1, 0, ...bytes.subarray(0, 108), ...(terminated && bytes.length < 107 ? [0, 7] : [])]) },
  { weight: 3, arbitrary: fc.array(fc.constantFrom(0x61, 0x2f, 0xc3, 0xa9, 0), { maxLength: 5 }).map((bytes) => [1, 0, 0, ...bytes]) },
  { weight: 1, arbitrary: fc.constantFrom<ReadonlyArray<number>>([], [2], [1, 0], [0, 0], [16, 0], [2, 1], Array<number>(128).fill(1), [10, 0, ...Array<number>(126).fill(9)], [2, 0, ...Array<number>(127).fill(9)]) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(1, 2, 10), fc.uint8Array({ maxLength: 130 })).map(([family, rest]) => [family, 0, ...rest]) }
).map((bytes) => Uint8Array.from(bytes))

export const protocol: fc.Arbitrary<number> = fc.oneof({ weight: 20, arbitrary: fc.constantFrom(1, 2, 4, 8) }, { weight: 1, arbitrary: fc.constantFrom(0, 3, 16, 0x80000000) })

// ---------------------------------------------------------------------------------------------------------- model

export const model: fc.Arbitrary<Model> = fc.record({
  default: fc.oneof(
    fc.record({ type: fc.constantFrom("allow" as const, "notify" as const, "trace" as const, "kill" as const) }),
    fc.record({ type: fc.constant("errno" as const), errno })
  ),
  foreign: fc.oneof(fc.constant({ type: "kill" as const }), fc.record({ type: fc.constant("errno" as const), errno })),
  calls: fc.array(callRule, { maxLength: 20 }),
  paths: fc.array(pathRule, { maxLength: 16 }),
  addresses: fc.array(addressRule, { maxLength: 16 })
})
