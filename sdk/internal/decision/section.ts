/**
 * One section of a program while it is written: records appended field by field, at the offsets of `format.ts`.
 */
import type { Field } from "./format.ts"

export interface Layout {
  readonly SIZE: number
}

/** Values of a record's fields; what is not given is zero. */
export type Values<L> = { readonly [K in Exclude<keyof L, "SIZE">]?: number | bigint | Uint8Array }

export class Section<L extends Layout> {
  #bytes = new Uint8Array(1024)
  #view = new DataView(this.#bytes.buffer)
  #length = 0
  readonly #layout: L

  constructor(layout: L) {
    this.#layout = layout
  }

  /** Records so far. */
  get count(): number {
    return this.#length / this.#layout.SIZE
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Appends a record; its index. */
  add(values: Values<L>): number {
    const index = this.count
    const base = this.#grow(this.#layout.SIZE)
    for (const name in values) {
      const field = this.#layout[name as keyof L] as Field
      const value = values[name as keyof Values<L>]!
      if (typeof value === "bigint") this.#view.setBigUint64(base + field.at, value, true)
      else if (typeof value !== "number") this.#bytes.set(value, base + field.at)
      else if (field.bytes === 4) this.#view.setUint32(base + field.at, value, true)
      else if (field.bytes === 2) this.#view.setUint16(base + field.at, value, true)
      else this.#view.setUint8(base + field.at, value)
    }
    return index
  }

  /** Appends raw bytes; where they start. */
  append(bytes: Uint8Array): number {
    const base = this.#grow(bytes.length)
    this.#bytes.set(bytes, base)
    return base
  }

  #grow(by: number): number {
    const base = this.#length
    this.#length += by
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return base
  }
}
