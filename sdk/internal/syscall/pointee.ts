/**
 * What lies behind a pointer argument: from the notation of the call table (`Stat`, `bytes[count]`, `sockaddr[*len]`, …) and the
 * registers of one call to a codec over guest memory. Extents come from the registers; values longer than the guest's buffer are
 * refused, never written past its end.
 */
import { Effect } from "effect"
import { type ConstPointer, GuestFault, type GuestMemory, maxRead, maxText, type Pointer } from "../../GuestMemory.ts"
import * as structs from "./generated/structs.ts"
import { integer, type IntegerCode, type Layout } from "./layout.ts"
import { Siginfo } from "./siginfo.ts"
import { decodeSockaddr, encodeSockaddr, type Sockaddr } from "./sockaddr.ts"
import { decodeText, encodeText } from "./text.ts"

export type Memory = GuestMemory["Service"]

export interface Codec<in out A> {
  readonly read: (memory: Memory, address: bigint) => Effect.Effect<A, GuestFault>
  readonly write: (memory: Memory, address: bigint, value: A) => Effect.Effect<void, GuestFault>
}

/** Value of an integer argument of the call, by name: zero or more, as an extent. */
export type Extent = (argument: string) => bigint

const fault = (access: "read" | "write", address: bigint, length: number, reason: GuestFault["reason"]) =>
  Effect.fail(new GuestFault({ access, address, length, reason }))

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** One object of a layout. Written whole: padding and reserved fields become zero, as when the kernel writes it. */
export const objectCodec = <A>(layout: Layout<A>): Codec<A> => ({
  read: (memory, address) => Effect.map(memory.read(address, layout.size), (bytes) => layout.decode(viewOf(bytes), 0)),
  write: (memory, address, value) => {
    const bytes = Buffer.allocUnsafe(layout.size).fill(0) // cut from a common buffer: `write` copies it
    layout.encode(viewOf(bytes), 0, value)
    return memory.write(address, bytes)
  }
})

const elements = (size: number, count: bigint): number | undefined => {
  const length = count < 0n ? 0n : count * BigInt(size)
  return length > BigInt(maxRead) ? undefined : Number(length)
}

const arrayCodec = <A>(layout: Layout<A>, count: bigint): Codec<ReadonlyArray<A>> => ({
  read: (memory, address) => {
    const length = elements(layout.size, count)
    if (length === undefined) return fault("read", address, maxRead, "tooLong")
    if (length === 0) return Effect.succeed([])
    return Effect.map(memory.read(address, length), (bytes) => {
      const view = viewOf(bytes)
      return Array.from({ length: length / layout.size }, (_, i) => layout.decode(view, i * layout.size))
    })
  },
  write: (memory, address, values) => {
    const length = values.length * layout.size
    if (BigInt(values.length) > (count < 0n ? 0n : count)) return fault("write", address, length, "bounds")
    if (length === 0) return Effect.void
    const bytes = new Uint8Array(length)
    const view = viewOf(bytes)
    values.forEach((value, i) => layout.encode(view, i * layout.size, value))
    return memory.write(address, bytes)
  }
})

const bytesCodec = (room: bigint): Codec<Uint8Array> => ({
  read: (memory, address) => {
    const length = elements(1, room)
    if (length === undefined) return fault("read", address, maxRead, "tooLong")
    return length === 0 ? Effect.succeed(new Uint8Array(0)) : memory.read(address, length)
  },
  write: (memory, address, bytes) =>
    BigInt(bytes.length) > (room < 0n ? 0n : room) ? fault("write", address, bytes.length, "bounds") : bytes.length === 0 ? Effect.void : memory.write(address, bytes)
})

const text: Codec<string> = {
  read: (memory, address) => Effect.map(memory.readCString(address, maxText), decodeText),
  write: (memory, address, value) => {
    const bytes = encodeText(value)
    if (bytes.includes(0)) return Effect.die(new RangeError("text with a NUL in it cannot be written as a C string"))
    return memory.write(address, Buffer.concat([bytes, Buffer.alloc(1)]))
  }
}

/** Limits of execve(2): one string (MAX_ARG_STRLEN), and all of them (a quarter of the usual 8 MiB stack). */
const maxArgument = 128 * 1024
const maxArguments = 2 * 1024 * 1024

/** A null-terminated array of strings, as execve(2) takes it. Cannot be written: its strings lie anywhere. */
const textVector: Codec<ReadonlyArray<string>> = {
  read: Effect.fnUntraced(function*(memory: Memory, address: bigint) {
    const values: Array<string> = []
    let total = 0
    for (let at = address; ; at += 8n) {
      const pointer = viewOf(yield* memory.read(at, 8)).getBigUint64(0, true)
      if (pointer === 0n) return values
      const bytes = yield* memory.readCString(pointer, maxArgument)
      total += bytes.length + 9
      if (total > maxArguments) return yield* fault("read", address, total, "tooLong")
      values.push(decodeText(bytes))
    }
  }),
  write: () => Effect.die(new TypeError("a vector of strings cannot be written in place"))
}

const wordBits = 64

/** `fd_set` of select(2): the descriptors below `count` whose bits are set. */
const descriptorSet = (count: bigint): Codec<ReadonlyArray<number>> => {
  const limit = Math.min(Math.max(Number(BigInt.asIntN(32, count)), 0), 1 << 20)
  const size = Math.ceil(limit / wordBits) * 8
  return {
    read: (memory, address) =>
      size === 0 ? Effect.succeed([]) : Effect.map(memory.read(address, size), (bytes) =>
        Array.from({ length: limit }, (_, fd) => fd).filter((fd) => (bytes[fd >> 3]! >> (fd & 7)) & 1)),
    write: (memory, address, fds) => {
      const bytes = new Uint8Array(size)
      for (const fd of fds) {
        if (fd < 0 || fd >= limit) return fault("write", address, size, "bounds")
        bytes[fd >> 3]! |= 1 << (fd & 7)
      }
      return size === 0 ? Effect.void : memory.write(address, bytes)
    }
  }
}

const maxSockaddr = 128n

const sockaddr = (length: bigint): Codec<Sockaddr> => ({
  read: (memory, address) =>
    length < 0n || length > maxSockaddr
      ? fault("read", address, Number(BigInt.asIntN(32, length)), "bounds")
      : Effect.map(memory.read(address, Number(length)), decodeSockaddr),
  write: (memory, address, value) => {
    const bytes = encodeSockaddr(value)
    return BigInt(bytes.length) > length ? fault("write", address, bytes.length, "bounds") : memory.write(address, bytes)
  }
})

/**
 * A buffer whose length lies behind another pointer, which the kernel reads before and sets after (accept(2), getsockopt(2)). As
 * there, what does not fit is cut off and the full length is stored.
 */
const measured = <A>(lengthAt: bigint, decode: (bytes: Uint8Array) => A, encode: (value: A) => Uint8Array): Codec<A> => {
  const length = (memory: Memory) => Effect.map(memory.read(lengthAt, 4), (bytes) => Math.max(viewOf(bytes).getInt32(0, true), 0))
  return {
    read: Effect.fnUntraced(function*(memory: Memory, address: bigint) {
      const room = yield* length(memory)
      if (room > maxRead) return yield* fault("read", address, room, "tooLong")
      return decode(room === 0 ? new Uint8Array(0) : yield* memory.read(address, room))
    }),
    write: Effect.fnUntraced(function*(memory: Memory, address: bigint, value: A) {
      const room = yield* length(memory)
      const bytes = encode(value)
      const fitting = bytes.subarray(0, room)
      if (fitting.length > 0) yield* memory.write(address, fitting)
      const full = new Uint8Array(4)
      viewOf(full).setUint32(0, bytes.length, true)
      yield* memory.write(lengthAt, full)
    })
  }
}

const same = (bytes: Uint8Array): Uint8Array => bytes

const layoutOf = (name: string): Layout<unknown> =>
  (name === "Siginfo"
    ? Siginfo
    : name === "sigset"
      ? integer("u8")
      : /^[iu][1248]$/.test(name)
        ? integer(name as IntegerCode)
        : (structs as Readonly<Record<string, unknown>>)[name]) as Layout<unknown>

/**
 * How to come from a call's extents to the codec of one pointee; made once for an argument, since most pointees need no extent.
 * `undefined` for what nothing is known of.
 */
export const codecFor = (pointee: string): ((extent: Extent) => Codec<unknown>) | undefined => {
  const [, base, star, size] = /^(\w+)(?:\[(\*)?(\w+)\])?$/.exec(pointee)!
  const fixed = <A>(codec: Codec<A>) => () => codec as Codec<unknown>
  const sized = <A>(make: (extent: bigint) => Codec<A>) => {
    const constant = size !== undefined && /^\d+$/.test(size) ? BigInt(size) : undefined
    return (extent: Extent) => make(constant ?? extent(size!)) as Codec<unknown>
  }
  switch (base) {
    case "any":
      return undefined
    case "str":
      return fixed(text)
    case "strv":
      return fixed(textVector)
    case "fdset":
      return sized(descriptorSet)
    case "bytes":
      return star === undefined ? sized(bytesCodec) : sized((at) => measured(at, same, same))
    case "sockaddr":
      return star === undefined ? sized(sockaddr) : sized((at) => measured(at, decodeSockaddr, encodeSockaddr))
    default: {
      const layout = layoutOf(base!)
      return size === undefined ? fixed(objectCodec(layout)) : sized((count) => arrayCodec(layout, count))
    }
  }
}

/** What of a pointee has an extent that is known when the call is made: text, or `size` bytes, times the argument `count`. */
export type Copied = { readonly kind: "text" } | { readonly kind: "bytes"; readonly size: number; readonly count: string | undefined }

/** What goes along with a call to its handlers, of a pointee that the kernel reads. `undefined`: it is read when it is asked for. */
export const copiedOf = (pointee: string): Copied | undefined => {
  const [, base, star, count] = /^(\w+)(?:\[(\*)?(\w+)\])?$/.exec(pointee)!
  if (base === "str") return { kind: "text" }
  if (base === "any" || base === "strv" || base === "fdset" || star !== undefined) return undefined
  const size = base === "bytes" || base === "sockaddr" ? 1 : layoutOf(base!).size
  return count !== undefined && /^\d+$/.test(count) ? { kind: "bytes", size: size * Number(count), count: undefined } : { kind: "bytes", size, count }
}

class ConstHandle<A> implements ConstPointer<A> {
  readonly address: bigint
  protected readonly memory: Memory
  protected readonly codec: Codec<A>

  constructor(memory: Memory, address: bigint, codec: Codec<A>) {
    this.memory = memory
    this.address = address
    this.codec = codec
  }

  get isNull(): boolean {
    return this.address === 0n
  }

  get read(): Effect.Effect<A, GuestFault> {
    return this.isNull ? fault("read", 0n, 0, "unmapped") : this.codec.read(this.memory, this.address)
  }

  bytes(length: number, offset = 0): Effect.Effect<Uint8Array, GuestFault> {
    if (this.isNull) return fault("read", 0n, length, "unmapped")
    return length > maxRead ? fault("read", this.address, length, "tooLong") : this.memory.read(this.address + BigInt(offset), length)
  }
}

class Handle<A> extends ConstHandle<A> implements Pointer<A> {
  write(value: A): Effect.Effect<void, GuestFault> {
    return this.isNull ? fault("write", 0n, 0, "unmapped") : Effect.suspend(() => this.codec.write(this.memory, this.address, value))
  }
}

export const pointer = <A>(memory: Memory, address: bigint, codec: Codec<A>): Pointer<A> => new Handle(memory, address, codec)

/** Only what the kernel would read: `write` is not there. */
export const constPointer = <A>(memory: Memory, address: bigint, codec: Codec<A>): ConstPointer<A> => new ConstHandle(memory, address, codec)
