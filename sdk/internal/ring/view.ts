/**
 * Memory of the guest as one call's handlers see it: what init copied when the call came, then what it copies when it is asked. Reading
 * the same twice gives the same bytes for calls that are carried out from these copies. Writes are kept and go along with
 * the answer, where init carries them out; a read after a write sees what was written.
 *
 * Nothing here waits long: a request to init is waited for two milliseconds on the spot, then from time to time.
 */
import { Effect } from "effect"
import { type Descriptor, GuestFault, type GuestMemory } from "../../GuestMemory.ts"
import type { Incoming, Look, Tracee } from "../../SyscallHandler.ts"
import { EAGAIN, type Native } from "../native.ts"
import type { SyscallName } from "../syscalls.ts"
import { records as core } from "../decision/format.ts"
import { decodeText } from "../syscall/text.ts"
import { records, RV_RING } from "./format.ts"

const call = records.ring_call
const reply = records.ring_reply
const WRITE_HEADER = records.ring_write.SIZE
const REGISTERS = call.call.at + core.call.args.at
const PATIENCE = 2
const EFAULT = 14
const ESRCH = 3
const found = records.ring_descriptor

/** By the upper bits of a mode: S_IFMT of inode(7). */
const types: Readonly<Record<number, Descriptor["type"]>> = { 1: "pipe", 2: "character", 4: "directory", 6: "block", 8: "file", 10: "link", 12: "socket" }

interface Piece {
  readonly address: bigint
  readonly bytes: Uint8Array
}

const padded = (size: number): number => (size + 7) & ~7

/** Bytes of `pieces` that fall into the range, laid over `into`. */
const layOver = (pieces: ReadonlyArray<Piece>, address: bigint, into: Uint8Array): void => {
  for (const piece of pieces) {
    const shift = Number(piece.address - address)
    const begin = Math.max(shift, 0)
    const end = Math.min(shift + piece.bytes.length, into.length)
    if (begin < end) into.set(piece.bytes.subarray(begin - shift, end - shift), begin)
  }
}

const none: ReadonlyArray<Piece> = []

/** A copy that costs no allocation of its own (Node and Bun cut small ones from a common one), for bytes that stay in here. */
const kept = (bytes: Uint8Array): Uint8Array => {
  const copy = Buffer.allocUnsafe(bytes.length)
  copy.set(bytes)
  return copy
}

/** Messages to init that are not in use: six kilobytes each, which are dear to allocate. */
const messages: Array<DataView> = []
const SPARE_MESSAGES = 16
const release = (message: DataView): void => {
  if (messages.length < SPARE_MESSAGES) messages.push(message)
}

/** Where calls of one lane come from. */
export interface Source {
  readonly native: Native
  readonly ring: number
  readonly lane: number
}

/**
 * One for each call, so nothing is made that a handler may not want. It is the call's memory and its `Incoming` at once.
 */
export class GuestView implements Incoming {
  slot: number
  generation: number
  readonly tid: number
  readonly handlers: number
  readonly name: SyscallName
  /** Small enough to lie among the objects: an ArrayBuffer of its own would cost more than all the rest of a call. */
  readonly registers = new BigUint64Array(6)
  readonly #source: Source
  readonly #traced: boolean
  #pieces: ReadonlyArray<Piece>
  #writes: Array<Piece> = []
  #pending = 0
  #asked = 0
  #busy = false
  #open = true
  #pid: number | undefined

  /** `taken`: a `struct rv_ring_call`, of which only what is used is looked at, now. `handlers`: the lower half of the set, and the upper. */
  constructor(source: Source, slot: number, name: SyscallName, taken: DataView) {
    this.#source = source
    this.slot = slot
    this.name = name
    this.generation = taken.getUint32(call.generation.at, true)
    this.tid = taken.getUint32(call.tid.at, true)
    this.handlers = taken.getUint32(call.handlers.at, true) + taken.getUint32(call.handlers.at + 4, true) * 2 ** 32
    for (let i = 0; i < 6; i++) this.registers[i] = taken.getBigUint64(REGISTERS + 8 * i, true)
    this.#traced = taken.getUint32(call.traced.at, true) === 1
    const count = taken.getUint32(call.pieces.at, true)
    if (count === 0) {
      this.#pieces = none
      return
    }
    const data = kept(new Uint8Array(taken.buffer, call.data.at, taken.getUint32(call.used.at, true)))
    this.#pieces = Array.from({ length: count }, (_, i) => {
      const at = call.piece.at + i * records.ring_piece.SIZE
      const from = taken.getUint32(at + records.ring_piece.at.at, true)
      return { address: taken.getBigUint64(at, true), bytes: data.subarray(from, from + taken.getUint32(at + records.ring_piece.size.at, true)) }
    })
  }

  get memory(): GuestMemory["Service"] {
    return this
  }

  get look(): Look {
    return this
  }

  /** The process of the calling thread; 0 where it is gone. Asked for once. */
  get pid(): number {
    if (this.#pid === undefined) {
      const message = this.#message(RV_RING.PROCESS)
      let result = this.#request(message, 100, false)
      if (result === -EAGAIN) result = this.#request(message, 100, true)
      release(message)
      this.#pid = Math.max(result, 0)
    }
    return this.#pid
  }

  /** What came along first: of an event, the event. */
  get firstPiece(): Uint8Array {
    return this.#pieces[0]?.bytes ?? new Uint8Array(0)
  }

  /** The thread, where it stands at a trace point. */
  get tracee(): Tracee | undefined {
    return this.#traced ? { inject: (number, registers) => this.#inject(number, registers), scratch: (bytes) => this.#scratch(bytes) } : undefined
  }

  /** The call has been made and stands at its return: a new slot, and memory as it is now. */
  reopen(slot: number, generation: number): void {
    this.slot = slot
    this.generation = generation
    this.#pieces = none
    this.#writes = []
    this.#pending = 0
    this.#asked = 0
    this.#busy = false
    this.#open = true
  }

  #inject(number: number, registers: BigUint64Array): Effect.Effect<bigint, GuestFault> {
    return Effect.andThen(Effect.suspend(() => this.#flush()), this.#steer(() => {
      const message = this.#message(RV_RING.INJECT)
      message.setBigUint64(reply.address.at, BigInt(number), true)
      registers.forEach((value, index) => message.setBigUint64(reply.registers.at + 8 * index, value, true))
      return message
    }))
  }

  #scratch(bytes: Uint8Array): Effect.Effect<bigint, GuestFault> {
    if (bytes.length > RV_RING.REPLY_DATA) return Effect.fail(new GuestFault({ access: "write", address: 0n, length: bytes.length, reason: "tooLong" }))
    return Effect.map(this.#steer(() => {
      const message = this.#message(RV_RING.SCRATCH)
      message.setUint32(reply.used.at, bytes.length, true)
      new Uint8Array(message.buffer).set(bytes, reply.data.at)
      return message
    }), (address) => BigInt.asUintN(64, address))
  }

  /** A request whose result is 64 bits. */
  #steer(fill: () => DataView): Effect.Effect<bigint, GuestFault> {
    let message!: DataView
    return Effect.flatMap(
      this.#ask(() => {
        message = fill()
        message.setUint32(reply.size.at, 8, true)
        return message
      }),
      (result) => result === 8 ? Effect.succeed(message.getBigInt64(reply.data.at, true)) : this.#fault("write", 0n, 0, -result)
    )
  }

  /** Puts the writes that are still to be carried out into the data of an answer; gives the number of bytes. */
  takeWrites(data: Uint8Array, view = new DataView(data.buffer, data.byteOffset, data.byteLength)): number {
    let at = 0
    for (const { address, bytes } of this.#writes) {
      view.setBigUint64(at, address, true)
      view.setUint32(at + 8, bytes.length, true)
      data.set(bytes, at + WRITE_HEADER)
      at += WRITE_HEADER + padded(bytes.length)
    }
    return at
  }

  /** The call is answered: whoever still holds its memory finds it gone. */
  close(): void {
    this.#open = false
  }

  #message(kind: number): DataView {
    const message = messages.pop() ?? new DataView(new ArrayBuffer(reply.SIZE))
    message.setUint32(reply.generation.at, this.generation, true)
    message.setUint32(reply.kind.at, kind, true)
    message.setUint32(reply.used.at, 0, true)
    message.setUint32(reply.asked.at, (this.#asked = (this.#asked + 1) >>> 0) || (this.#asked = 1), true)
    return message
  }

  #request(message: DataView, patience: number, again: boolean): number {
    return this.#open ? this.#source.native.ringRequest(this.#source.ring, this.#source.lane, this.slot, new Uint8Array(message.buffer), patience, again ? 1 : 0) : -3
  }

  /** Has init do something for this call. A number, or a negated errno. */
  #ask(message: () => DataView): Effect.Effect<number> {
    return Effect.suspend(() => {
      if (this.#busy) return Effect.andThen(Effect.sleep(1), this.#ask(message))
      const made = message()
      this.#busy = true
      const settle = (again: boolean): Effect.Effect<number> =>
        Effect.suspend(() => {
          const result = this.#request(made, again ? 0 : PATIENCE, again)
          if (result === -EAGAIN) return Effect.andThen(Effect.sleep(1), settle(true))
          this.#busy = false
          return Effect.succeed(result)
        })
      return settle(false)
    })
  }

  #fault(access: "read" | "write", address: bigint, length: number, errno: number) {
    return Effect.fail(new GuestFault({ access, address, length, reason: errno === EFAULT ? "unmapped" : "gone" }))
  }

  /** What init finds out of the guest in words: bytes, at most as many as go with a reply. */
  #lookUp(kind: number, address: bigint, size: number = RV_RING.REPLY_DATA): Effect.Effect<Uint8Array, GuestFault> {
    return Effect.suspend(() => {
      if (!this.#open) return this.#fault("read", address, size, 0)
      let message!: DataView
      return Effect.flatMap(
        this.#ask(() => {
          message = this.#message(kind)
          message.setBigUint64(reply.address.at, BigInt.asUintN(64, address), true)
          message.setUint32(reply.size.at, size, true)
          return message
        }),
        (got) => got < 0
          ? Effect.fail(new GuestFault(got === -ESRCH ? { access: "read", address, length: size, reason: "gone" } : { access: "read", address, length: size, reason: "lookup", code: -got }))
          : Effect.succeed(new Uint8Array(message.buffer, reply.data.at, got))
      )
    })
  }

  descriptor(fd: number): Effect.Effect<Descriptor, GuestFault> {
    return Effect.map(this.#lookUp(RV_RING.DESCRIPTOR, BigInt(fd)), (bytes): Descriptor => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const mode = view.getUint32(found.mode.at, true)
      const position = view.getBigInt64(found.position.at, true)
      return {
        path: decodeText(bytes.subarray(found.SIZE, found.SIZE + view.getUint32(found.path.at, true))),
        standsFor: view.getUint32(found.stands.at, true) === 1,
        type: types[mode >> 12] ?? "other",
        mode,
        device: view.getBigUint64(found.device.at, true),
        inode: view.getBigUint64(found.inode.at, true),
        size: view.getBigInt64(found.size.at, true),
        position: position < 0n ? undefined : position,
        flags: view.getUint32(found.flags.at, true),
        take: (length) => Effect.map(this.#lookUp(RV_RING.TAKE, BigInt(fd), Math.min(length, RV_RING.REPLY_DATA)), (taken) => taken.slice())
      }
    })
  }

  get executable(): Effect.Effect<string, GuestFault> {
    return Effect.map(this.descriptor(RV_RING.EXECUTABLE | 0), ({ path }) => path)
  }

  resolve(register: number): Effect.Effect<string, GuestFault> {
    return Effect.map(this.#lookUp(RV_RING.PATH, BigInt(register)), decodeText)
  }

  read(address: bigint, length: number): Effect.Effect<Uint8Array, GuestFault> {
    return Effect.suspend(() => {
      if (!this.#open) return this.#fault("read", address, length, 0)
      const bytes = new Uint8Array(length)
      const known = this.#pieces.find((piece) => address >= piece.address && address + BigInt(length) <= piece.address + BigInt(piece.bytes.length))
      if (known !== undefined) {
        const from = Number(address - known.address)
        bytes.set(known.bytes.subarray(from, from + length))
        layOver(this.#writes, address, bytes)
        return Effect.succeed(bytes)
      }
      return this.#fetch(address, bytes, 0)
    })
  }

  /** Fills `bytes` from `done` on. */
  #fetch(address: bigint, bytes: Uint8Array, done: number): Effect.Effect<Uint8Array, GuestFault> {
    if (done === bytes.length) {
      layOver(this.#writes, address, bytes)
      return Effect.succeed(bytes)
    }
    const size = Math.min(bytes.length - done, RV_RING.REPLY_DATA)
    let message!: DataView
    return Effect.flatMap(
      this.#ask(() => {
        message = this.#message(RV_RING.READ)
        message.setBigUint64(reply.address.at, BigInt.asUintN(64, address + BigInt(done)), true)
        message.setUint32(reply.size.at, size, true)
        return message
      }),
      (got) => {
        if (got === size) bytes.set(new Uint8Array(message.buffer, reply.data.at, size), done)
        release(message)
        if (got !== size) return this.#fault("read", address, bytes.length, got < 0 ? -got : EFAULT)
        return this.#fetch(address, bytes, done + size)
      }
    )
  }

  readCString(address: bigint, max: number): Effect.Effect<Uint8Array, GuestFault> {
    return Effect.suspend(() => {
      const known = this.#writes.length > 0 ? undefined : this.#pieces.find((piece) => address >= piece.address && address < piece.address + BigInt(piece.bytes.length))
      if (known !== undefined) {
        const text = known.bytes.subarray(Number(address - known.address))
        const end = text.indexOf(0)
        if (end >= 0 && end < max) return Effect.succeed(text.slice(0, end))
      }
      return this.#collect(address, max, [], 0)
    })
  }

  #collect(address: bigint, max: number, found: Array<Uint8Array>, length: number): Effect.Effect<Uint8Array, GuestFault> {
    if (length >= max) return Effect.fail(new GuestFault({ access: "read", address, length: max, reason: "tooLong" }))
    // Never over a page's end before the NUL is known not to be on it.
    const at = address + BigInt(length)
    return Effect.flatMap(this.read(at, Math.min(4096 - Number(at & 4095n), max - length)), (chunk) => {
      const end = chunk.indexOf(0)
      found.push(end < 0 ? chunk : chunk.subarray(0, end))
      return end < 0 ? this.#collect(address, max, found, length + chunk.length) : Effect.succeed(Buffer.concat(found))
    })
  }

  write(address: bigint, bytes: Uint8Array): Effect.Effect<void, GuestFault> {
    return Effect.suspend(() => {
      if (!this.#open) return this.#fault("write", address, bytes.length, 0)
      const size = WRITE_HEADER + padded(bytes.length)
      if (this.#pending + size <= RV_RING.REPLY_DATA) {
        this.#writes.push({ address, bytes: kept(bytes) })
        this.#pending += size
        return Effect.void
      }
      // Too much for an answer: what was kept goes first, so that the order stays.
      return Effect.andThen(this.#flush(), this.#writeNow(address, bytes))
    })
  }

  #flush(): Effect.Effect<void, GuestFault> {
    if (this.#writes.length === 0) return Effect.void
    const [first] = this.#writes
    return this.#carryOut(first!.address, first!.bytes.length, (data) => this.takeWrites(data), () => {
      for (const write of this.#writes) for (const piece of this.#pieces) layOver([write], piece.address, piece.bytes)
      this.#writes = []
      this.#pending = 0
    })
  }

  #writeNow(address: bigint, bytes: Uint8Array): Effect.Effect<void, GuestFault> {
    if (bytes.length === 0) return Effect.void
    const chunk = bytes.subarray(0, RV_RING.REPLY_DATA - WRITE_HEADER)
    return Effect.andThen(
      this.#carryOut(address, bytes.length, (data) => {
        const view = new DataView(data.buffer, data.byteOffset)
        view.setBigUint64(0, address, true)
        view.setUint32(8, chunk.length, true)
        data.set(chunk, WRITE_HEADER)
        return WRITE_HEADER + chunk.length
      }, () => this.#pieces.forEach((piece) => layOver([{ address, bytes: chunk }], piece.address, piece.bytes))),
      Effect.suspend(() => this.#writeNow(address + BigInt(chunk.length), bytes.subarray(chunk.length)))
    )
  }

  #carryOut(address: bigint, length: number, fill: (data: Uint8Array) => number, done: () => void): Effect.Effect<void, GuestFault> {
    return Effect.flatMap(
      this.#ask(() => {
        const message = this.#message(RV_RING.WRITE)
        message.setUint32(reply.used.at, fill(new Uint8Array(message.buffer, reply.data.at)), true)
        return message
      }),
      (result) => result < 0 ? this.#fault("write", address, length, -result) : Effect.sync(done)
    )
  }
}
