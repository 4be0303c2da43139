/**
 * How a C structure lies in memory, and its translation to a plain object and back. x86-64: little-endian. Layouts are generated
 * (generated/structs.ts); their field lists are read when a layout is first used.
 *
 * Integers up to 32 bits are numbers, 64-bit ones (and addresses) bigints, `char[n]` strings, other byte arrays `Uint8Array`s.
 * Integers are stored modulo their width, as C does; text that does not fit with its NUL is a `RangeError`.
 */
import { decodeText, encodeText } from "./text.ts"

export interface Layout<in out A> {
  readonly name: string
  /** In bytes. */
  readonly size: number
  readonly decode: (view: DataView, offset: number) => A
  /** Writes all fields; padding and reserved fields keep what was there. */
  readonly encode: (view: DataView, offset: number, value: A) => void
}

export interface Field {
  readonly name: string
  readonly offset: number
  /** `u4`, `i8`, `c65` (text), `b16` (bytes), the name of another structure; `code*n` for an array; `u8:bit:width` for a bit field. */
  readonly code: string
}

export interface Struct<in out A> extends Layout<A> {
  readonly fields: ReadonlyArray<Field>
  /** A value with the given fields; the others are zero or empty. */
  readonly make: (fields?: Partial<A>) => A
  /** The value in bytes, padding zero. */
  readonly toBytes: (value: A) => Uint8Array
  /** Of the first `size` bytes. */
  readonly fromBytes: (bytes: Uint8Array) => A
}

interface Access {
  readonly name: string
  readonly get: (view: DataView, at: number) => unknown
  readonly set: (view: DataView, at: number, value: never) => void
  readonly zero: () => unknown
}

type View = DataView

const integers = {
  u1: { size: 1, zero: 0, get: (v: View, at: number) => v.getUint8(at), set: (v: View, at: number, x: number) => v.setUint8(at, x) },
  i1: { size: 1, zero: 0, get: (v: View, at: number) => v.getInt8(at), set: (v: View, at: number, x: number) => v.setInt8(at, x) },
  u2: { size: 2, zero: 0, get: (v: View, at: number) => v.getUint16(at, true), set: (v: View, at: number, x: number) => v.setUint16(at, x, true) },
  i2: { size: 2, zero: 0, get: (v: View, at: number) => v.getInt16(at, true), set: (v: View, at: number, x: number) => v.setInt16(at, x, true) },
  u4: { size: 4, zero: 0, get: (v: View, at: number) => v.getUint32(at, true), set: (v: View, at: number, x: number) => v.setUint32(at, x, true) },
  i4: { size: 4, zero: 0, get: (v: View, at: number) => v.getInt32(at, true), set: (v: View, at: number, x: number) => v.setInt32(at, x, true) },
  u8: { size: 8, zero: 0n, get: (v: View, at: number) => v.getBigUint64(at, true), set: (v: View, at: number, x: bigint) => v.setBigUint64(at, x, true) },
  i8: { size: 8, zero: 0n, get: (v: View, at: number) => v.getBigInt64(at, true), set: (v: View, at: number, x: bigint) => v.setBigInt64(at, x, true) }
} as const

export type IntegerCode = keyof typeof integers

/** A bare integer of a width, as a layout. `sigset` and descriptors' arrays are made of these. */
export const integer = (code: IntegerCode): Layout<number> | Layout<bigint> => {
  const { size, get, set } = integers[code]
  return { name: code, size, decode: get, encode: set } as Layout<number> | Layout<bigint>
}

const bytesAt = (view: DataView, at: number, length: number): Uint8Array => new Uint8Array(view.buffer, view.byteOffset + at, length)

/** What most names are, without a buffer made for it. False, with anything in the field, for other text and for what does not fit. */
const setAscii = (view: DataView, at: number, size: number, text: string): boolean => {
  const { length } = text
  if (length >= size) return false
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0 || code > 0x7f) return false
    view.setUint8(at + i, code)
  }
  for (let i = length; i < size; i++) view.setUint8(at + i, 0)
  return true
}

const bitField = (code: IntegerCode, bit: number, width: number): Omit<Access, "name"> => {
  const { zero } = integers[code]
  const wide = typeof zero === "bigint"
  const mask = (1n << BigInt(width)) - 1n
  const whole = integers[code.endsWith("8") ? "u8" : code.endsWith("4") ? "u4" : code.endsWith("2") ? "u2" : "u1"]
  const load = (view: DataView, at: number): bigint => BigInt(whole.get(view, at))
  return {
    zero: () => zero,
    get: (view, at) => {
      const raw = (load(view, at) >> BigInt(bit)) & mask
      const value = code.startsWith("i") ? BigInt.asIntN(width, raw) : raw
      return wide ? value : Number(value)
    },
    set: (view, at, value: number | bigint) => {
      const next = (load(view, at) & ~(mask << BigInt(bit))) | ((BigInt(value) & mask) << BigInt(bit))
      whole.set(view, at, (wide ? next : Number(next)) as never)
    }
  }
}

const access = (code: string, inner: Readonly<Record<string, Struct<never>>>): Omit<Access, "name"> & { readonly size: number } => {
  const [, element, count] = /^([^*]+)(?:\*(\d+))?$/.exec(code)!
  if (count !== undefined) {
    const one = access(element!, inner)
    const length = Number(count)
    return {
      size: one.size * length,
      zero: () => Array.from({ length }, one.zero),
      get: (view, at) => Array.from({ length }, (_, i) => one.get(view, at + i * one.size)),
      set: (view, at, values: ReadonlyArray<never>) => {
        if (values.length !== length) throw new RangeError(`an array of ${length} elements was given ${values.length}`)
        values.forEach((value, i) => one.set(view, at + i * one.size, value))
      }
    }
  }
  const [base, bit, width] = element!.split(":")
  if (width !== undefined) return { size: 0, ...bitField(base as IntegerCode, Number(bit), Number(width)) }
  const struct = inner[base!]
  if (struct !== undefined) return { size: struct.size, zero: () => struct.make(), get: struct.decode, set: struct.encode }
  const size = Number(base!.slice(1))
  switch (base![0]) {
    case "c":
      return {
        size,
        zero: () => "",
        get: (view, at) => {
          const bytes = bytesAt(view, at, size)
          const end = bytes.indexOf(0)
          return decodeText(end < 0 ? bytes : bytes.subarray(0, end))
        },
        set: (view, at, text: string) => {
          if (setAscii(view, at, size, text)) return
          const bytes = encodeText(text)
          if (bytes.length >= size) throw new RangeError(`text of ${bytes.length} bytes does not fit into char[${size}]`)
          if (bytes.includes(0)) throw new RangeError("text with a NUL in it cannot be stored in a C string")
          const room = bytesAt(view, at, size)
          room.fill(0)
          room.set(bytes)
        }
      }
    case "b":
      return {
        size,
        zero: () => new Uint8Array(size),
        get: (view, at) => bytesAt(view, at, size).slice(),
        set: (view, at, bytes: Uint8Array) => {
          if (bytes.length !== size) throw new RangeError(`${size} bytes are wanted, ${bytes.length} were given`)
          bytesAt(view, at, size).set(bytes)
        }
      }
    default: {
      const { zero, ...rest } = integers[base as IntegerCode]
      return { zero: () => zero, ...rest }
    }
  }
}

class StructLayout<A> implements Struct<A> {
  readonly name: string
  readonly size: number
  private readonly text: string
  private readonly inner: () => Readonly<Record<string, Struct<never>>>
  private accesses: ReadonlyArray<Access & { readonly offset: number }> | undefined

  constructor(name: string, size: number, text: string, inner: () => Readonly<Record<string, Struct<never>>>) {
    this.name = name
    this.size = size
    this.text = text
    this.inner = inner
  }

  get fields(): ReadonlyArray<Field> {
    return this.text.split(" ").map((field) => {
      const [, name, offset, code] = /^(\w+)@(\d+)=(.+)$/.exec(field)!
      return { name: name!, offset: Number(offset), code: code! }
    })
  }

  private get members(): ReadonlyArray<Access & { readonly offset: number }> {
    if (this.accesses === undefined) {
      const inner = this.inner()
      this.accesses = this.fields.map(({ name, offset, code }) => ({ ...access(code, inner), name, offset }))
    }
    return this.accesses
  }

  readonly decode = (view: DataView, offset: number): A => {
    const value: Record<string, unknown> = {}
    for (const member of this.members) value[member.name] = member.get(view, offset + member.offset)
    return value as A
  }

  readonly encode = (view: DataView, offset: number, value: A): void => {
    const fields = value as Record<string, unknown>
    for (const member of this.members) member.set(view, offset + member.offset, fields[member.name] as never)
  }

  readonly make = (fields: Partial<A> = {}): A => {
    const value: Record<string, unknown> = {}
    for (const member of this.members) value[member.name] = member.zero()
    for (const [name, given] of Object.entries(fields)) {
      if (!(name in value)) throw new TypeError(`${this.name} has no field ${name}`)
      value[name] = given
    }
    return value as A
  }

  readonly toBytes = (value: A): Uint8Array => {
    const bytes = new Uint8Array(this.size)
    this.encode(new DataView(bytes.buffer), 0, value)
    return bytes
  }

  readonly fromBytes = (bytes: Uint8Array): A => this.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0)
}

export const struct = <A>(name: string, size: number, fields: string, inner: () => object = () => ({})): Struct<A> =>
  new StructLayout<A>(name, size, fields, inner as () => Readonly<Record<string, Struct<never>>>)
