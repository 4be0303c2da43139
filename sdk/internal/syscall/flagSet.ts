/**
 * A set of named bits or constants of the kernel: `OpenFlags.has(flags, "O_CREAT")`. Some names are no bits but numbers in a part
 * of the value (the access mode of open(2), the domain of a constant set as a whole): for them `has` compares that part.
 *
 * Values may be given as number or bigint, signed or not; they are taken modulo 2^64, and names as 32-bit values match both.
 */
export interface FlagSet<in out Name extends string> {
  readonly name: string
  /** The value of one name, unsigned. */
  readonly value: (name: Name) => number
  /** The values or-ed, as an unsigned number. */
  readonly make: (...names: ReadonlyArray<Name>) => number
  /** True if the value has every one of the names. */
  readonly has: (value: number | bigint, ...names: ReadonlyArray<Name>) => boolean
  /** The names that make up the value, without those that others contain; what has no name is left out. */
  readonly names: (value: number | bigint) => ReadonlyArray<Name>
  /** `O_WRONLY|O_CREAT|0x40000000`, `SEEK_END`, `0x7`: as strace writes it. */
  readonly format: (value: number | bigint) => string
  /** All names with the bits they stand in (`mask`). */
  readonly entries: ReadonlyArray<{ readonly name: Name; readonly value: number; readonly mask: bigint }>
}

interface Entry<Name extends string> {
  readonly name: Name
  readonly bits: bigint
  readonly mask: bigint
}

const all = 0xffff_ffff_ffff_ffffn
const word = 0xffff_ffffn

class Flags<Name extends string> implements FlagSet<Name> {
  readonly name: string
  private readonly text: string
  private parsed: ReadonlyArray<Entry<Name>> | undefined
  private byName: ReadonlyMap<string, Entry<Name>> | undefined

  constructor(name: string, text: string) {
    this.name = name
    this.text = text
  }

  private get table(): ReadonlyArray<Entry<Name>> {
    return (this.parsed ??= this.text.split(" ").map((entry) => {
      const [, name, value, slash, mask] = /^(\w+)=(\w+)(\/)?(\w+)?$/.exec(entry)!
      const bits = BigInt(value!)
      return { name: name as Name, bits, mask: mask !== undefined ? BigInt(mask) : slash !== undefined ? all : bits }
    }))
  }

  private find(name: Name): Entry<Name> {
    const entry = (this.byName ??= new Map(this.table.map((e) => [e.name, e]))).get(name)
    if (entry === undefined) throw new TypeError(`${this.name} has no ${name}`)
    return entry
  }

  /** A negative 32-bit constant (CLOCK_…, AT_FDCWD) is kept as its 32 bits: so is the value, where its high half is all sign. */
  private normal(value: number | bigint): bigint {
    const bits = BigInt(value) & all
    return bits >> 31n === 0x1_ffff_ffffn ? bits & word : bits
  }

  get entries() {
    return this.table.map(({ name, bits, mask }) => ({ name, value: Number(bits), mask }))
  }

  readonly value = (name: Name): number => Number(this.find(name).bits)

  readonly make = (...names: ReadonlyArray<Name>): number => Number(names.reduce((sum, name) => sum | this.find(name).bits, 0n))

  readonly has = (value: number | bigint, ...names: ReadonlyArray<Name>): boolean => {
    const bits = this.normal(value)
    return names.every((name) => {
      const entry = this.find(name)
      return entry.mask === 0n ? bits === 0n : (bits & entry.mask) === entry.bits
    })
  }

  private take(value: number | bigint): { readonly names: ReadonlyArray<Name>; readonly rest: bigint } {
    const bits = this.normal(value)
    const fields: Array<Name> = []
    const found: Array<Entry<Name>> = []
    let rest = bits
    let known = 0n
    for (const entry of this.table) {
      if (entry.mask === entry.bits) continue
      if ((bits & entry.mask) !== entry.bits || (known & entry.mask) !== 0n) continue
      fields.push(entry.name)
      known |= entry.mask
      rest &= ~entry.mask
    }
    // Names of several bits first, so that O_SYNC is not called O_DSYNC.
    for (const entry of this.table.toReversed()) {
      if (entry.mask !== entry.bits || entry.bits === 0n || (rest & entry.bits) !== entry.bits) continue
      found.push(entry)
      rest &= ~entry.bits
    }
    if (bits === 0n && fields.length === 0) {
      const zero = this.table.find((entry) => entry.bits === 0n)
      if (zero !== undefined) fields.push(zero.name)
    }
    return { names: [...fields, ...found.reverse().map((entry) => entry.name)], rest }
  }

  readonly names = (value: number | bigint): ReadonlyArray<Name> => this.take(value).names

  readonly format = (value: number | bigint): string => {
    const { names, rest } = this.take(value)
    const parts: Array<string> = [...names]
    if (rest !== 0n || parts.length === 0) parts.push(rest < 10n ? String(rest) : `0x${rest.toString(16)}`)
    return parts.join("|")
  }
}

export const flagSet = <Name extends string>(name: string, entries: string): FlagSet<Name> => new Flags<Name>(name, entries)
