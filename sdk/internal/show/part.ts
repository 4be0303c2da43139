/**
 * The arguments of a call as parts of its line. What the kernel reads is shown as the call is made, what it fills in when it has
 * returned. A part that has both (`{flags=…} => {parent_tid=[7]}`) shows the second behind the first.
 */
import * as Effect from "effect/Effect"
import type { Argument, PointerArgument } from "../syscall/table.ts"
import { decodeDirents } from "../syscall/dirent.ts"
import { Siginfo } from "../syscall/siginfo.ts"
import { type IntegerCode, integer } from "../syscall/layout.ts"
import type { Look, Reading, Show, Shown } from "./look.ts"
import { text } from "./look.ts"
import { showSiginfo } from "./siginfo.ts"
import { readStruct, showSockaddr, showStruct, structOf } from "./structs.ts"
import { address, hex, octal, quoted } from "./text.ts"
import { clock, descriptor, directory, flags, i32, identity, signal, signalSet } from "./values.ts"

export interface Part {
  readonly name: string
  /** Register, 0 to 5. */
  readonly index: number
  /** Before the call. */
  readonly show?: Show
  /** After it: in place of `show`, or behind what that gave. */
  readonly later?: Show
  /** Before the call: what `later` has to know of what the kernel replaces. */
  readonly before?: (look: Look, value: bigint) => Reading<void>
}

/** The address where what it points to cannot be read. */
export const orAddress = (show: Show): Show =>
  function*(look, value) {
    if (value === 0n) return "NULL"
    return yield* Effect.gen(() => text(show(look, value))).pipe(Effect.catch(() => Effect.succeed(hex(value))))
  }

export const failed = (look: Look): boolean => look.result !== undefined && look.result < 0n && look.result >= -4095n

/** What the kernel has filled in, or where it would have. */
export const outcome = (show: Show): Show => {
  const reads = orAddress(show)
  return (look, value) => failed(look) ? address(value) : reads(look, value)
}

const maxPath = 4096

/** A path is shown whole. */
export const path: Show = function*(look, at) {
  const bytes = yield* look.memory.readCString(at, maxPath).pipe(Effect.catch((fault) => fault.reason === "tooLong" ? Effect.succeed(undefined) : Effect.fail(fault)))
  return bytes === undefined ? quoted(yield* look.memory.read(at, maxPath), maxPath, true) : quoted(bytes, maxPath)
}

/** Any other string is cut. Read in pieces that end where pages do, as it may stand before a hole. */
export const cstring: Show = function*(look, at) {
  const limit = look.options.strings
  const chunks: Array<Uint8Array> = []
  for (let length = 0; length <= limit;) {
    const here = at + BigInt(length)
    const chunk: Uint8Array = yield* look.memory.read(here, Math.min(limit + 1 - length, 4096 - Number(here & 4095n)))
    const end = chunk.indexOf(0)
    chunks.push(end < 0 ? chunk : chunk.subarray(0, end))
    if (end >= 0) break
    length += chunk.length
  }
  return quoted(Buffer.concat(chunks), limit)
}

/** `length` bytes, cut. */
export const bytes = function*(look: Look, at: bigint, length: bigint, quote = quoted): Reading<string> {
  const limit = look.options.strings
  if (length <= 0n) return "\"\""
  const shown = length > BigInt(limit) ? limit : Number(length)
  return quote(shown === 0 ? new Uint8Array(0) : yield* look.memory.read(at, shown), limit, length > BigInt(shown))
}

const MOST_AHEAD = 64 * 1024

/** The same look, with memory that is read at once where it can be: each question to the sandbox takes its time. */
export const ahead = function*(look: Look, at: bigint, length: number): Reading<Look> {
  if (length <= 0 || length > MOST_AHEAD) return look
  const { memory } = look
  const bytes = yield* memory.read(at, length).pipe(Effect.catch(() => Effect.succeed(undefined)))
  if (bytes === undefined) return look
  return {
    ...look,
    memory: {
      read: (address, size) => {
        const from = Number(address - at)
        return from >= 0 && from + size <= length ? Effect.succeed(bytes.slice(from, from + size)) : memory.read(address, size)
      },
      readCString: (address, most) => memory.readCString(address, most),
      write: (address, written) => memory.write(address, written)
    }
  }
}

/** `[a, b, ...]` of `count` elements of `size` bytes; `show` gets the place of each. */
export const list = function*(look: Look, at: bigint, count: bigint, size: number, show: (look: Look, at: bigint) => Shown): Reading<string> {
  const limit = look.options.verbose ? 4096 : look.options.strings
  const places = count < 0n ? 0 : count > BigInt(limit) ? limit : Number(count)
  const inner = yield* ahead(look, at, places * size)
  const shown: Array<string> = []
  for (let i = 0; i < places; i++) shown.push(yield* text(show(inner, at + BigInt(i * size))))
  return `[${[...shown, ...count > BigInt(places) ? ["..."] : []].join(", ")}]`
}

export const number = function*(look: Look, at: bigint, code: IntegerCode): Reading<bigint> {
  const layout = integer(code)
  const read: Uint8Array = yield* look.memory.read(at, layout.size)
  return BigInt(layout.decode(new DataView(read.buffer, read.byteOffset, read.byteLength), 0))
}

/** The pointers of a list that ends with a null pointer, `most` of them. */
const pointers = function*(look: Look, at: bigint, most: number): Reading<ReadonlyArray<bigint>> {
  const found: Array<bigint> = []
  let inner = look
  for (let place = at; found.length < most; place += 8n) {
    // As far as the page goes.
    if (place === at || (place & 4095n) === 0n) inner = yield* ahead(look, place, Math.min(4096 - Number(place & 4095n), (most - found.length) * 8) & ~7)
    const pointer = yield* number(inner, place, "u8")
    if (pointer === 0n) break
    found.push(pointer)
  }
  return found
}

/** Names of the arguments and of the environment: `["ls", "-l"]`. */
export const strings: Show = function*(look, at) {
  const limit = look.options.verbose ? 4096 : look.options.strings
  const shown: Array<string> = []
  const all = yield* pointers(look, at, limit + 1)
  for (const pointer of all.slice(0, limit)) shown.push(yield* text(orAddress(cstring)(look, pointer)))
  return `[${[...shown, ...all.length > limit ? ["..."] : []].join(", ")}]`
}

/** `0x7ffc… /* 12 vars *\/` */
export const environment: Show = function*(look, at) {
  if (look.options.verbose) return yield* text(strings(look, at))
  const { length } = yield* pointers(look, at, 65536)
  return `${hex(at)} /* ${length} var${length === 1 ? "" : "s"} */`
}

export const sockaddr = (length: bigint): Show =>
  function*(look, at) {
    const size = length < 0n ? 0 : length > 128n ? 128 : Number(length)
    return size === 0 ? hex(at) : showSockaddr(yield* look.memory.read(at, size), look)
  }

/** `[3 5]` of an `fd_set` with so many places. */
export const descriptorsOf = function*(look: Look, at: bigint, count: number): Reading<ReadonlyArray<number>> {
  const places = Math.min(Math.max(count, 0), 1024)
  const read: Uint8Array = places === 0 ? new Uint8Array(0) : yield* look.memory.read(at, Math.ceil(places / 64) * 8)
  return Array.from({ length: places }, (_, fd) => fd).filter((fd) => (read[fd >> 3]! >> (fd & 7)) & 1)
}

export const iovecs = function*(look: Look, at: bigint, count: bigint, available?: bigint): Reading<string> {
  let left = available
  return yield* list(look, at, count > 1024n ? 1024n : count, 16, function*(inner: Look, place: bigint): Reading<string> {
    const base = yield* number(inner, place, "u8")
    const length = yield* number(inner, place + 8n, "u8")
    const filled: bigint = left === undefined || length < left ? length : left
    if (left !== undefined) left -= filled
    return `{iov_base=${yield* text(orAddress((_, value) => bytes(look, value, filled))(look, base))}, iov_len=${length}}`
  })
}

export const directoryEntries: Show = function*(look, at) {
  const read = Number(look.result ?? 0n)
  const entries = read === 0 ? [] : decodeDirents(yield* look.memory.read(at, Math.min(read, 1 << 20)))
  if (!look.options.verbose) return `${hex(at)} /* ${entries.length} entries */`
  return `[${entries.map((e) => `{d_ino=${e.ino}, d_off=${e.off}, d_reclen=${(19 + Buffer.byteLength(e.name) + 1 + 7) & ~7}, d_type=${e.type}, d_name=${quoted(Buffer.from(e.name), 256)}}`).join(", ")}]`
}

/** The number of the call's argument that a table's extent names. */
type Extent = (look: Look) => bigint

const extent = (size: string, args: ReadonlyArray<Argument>): Extent => {
  if (/^\d+$/.test(size)) return () => BigInt(size)
  const other = args.find((a) => a.name === size)!
  return ({ registers }) => other.kind === "scalar" && other.code === "i4" ? BigInt.asIntN(32, registers[other.index]!) : other.kind === "scalar" && other.code === "u4" ? BigInt.asUintN(32, registers[other.index]!) : registers[other.index]!
}

const paths = new Set(["filename", "pathname", "path", "oldname", "newname", "dir_name", "dev_name", "new_root", "put_old", "specialfile", "special", "from_pathname", "to_pathname", "u_name", "library"])

const pointee = (argument: PointerArgument, args: ReadonlyArray<Argument>): Show => {
  const [, base, star, size] = /^(\w+)(?:\[(\*)?(\w+)\])?$/.exec(argument.pointee)!
  switch (base) {
    case "str":
      return paths.has(argument.name) ? path : cstring
    case "strv":
      return strings
    case "bytes": {
      if (star !== undefined) return (_, value) => hex(value)
      const room = extent(size!, args)
      return (look, at) => {
        const whole = room(look)
        return bytes(look, at, look.result !== undefined && look.result < whole ? look.result : whole)
      }
    }
    case "sockaddr": {
      if (star !== undefined) return (_, value) => hex(value)
      const length = extent(size!, args)
      return (look, at) => sockaddr(BigInt.asIntN(32, length(look)))(look, at)
    }
    case "fdset":
    case "any":
      return (_, value) => hex(value)
    case "sigset":
      return function*(look, at) {
        return signalSet(yield* number(look, at, "u8"))
      }
    case "Siginfo":
      return function*(look, at) {
        const read: Uint8Array = yield* look.memory.read(at, 128)
        return showSiginfo(Siginfo.decode(new DataView(read.buffer, read.byteOffset, read.byteLength), 0))
      }
  }
  const integral = /^[iu][1248]$/.test(base!)
  const one: Show = integral
    ? function*(look, at) {
      return String(yield* number(look, at, base as IntegerCode))
    }
    : function*(look, at) {
      return showStruct(base!, yield* readStruct(look, base!, at), look)
    }
  if (size === undefined) {
    return integral ? function*(look, at) { return `[${yield* text(one(look, at))}]` } : one
  }
  const count = extent(size, args)
  const width = integral ? Number(base![1]) : structOf(base!)!.size
  return (look, at) => list(look, at, count(look), width, one)
}

const identities = /^(user|group|[re]?s?[ug]id|[res][ug]id)$/

/** How a register is shown that the table says nothing special of. */
const scalar = (argument: Argument & { readonly kind: "scalar" }): Show => {
  const { code, name } = argument
  const wide = code.endsWith("8")
  if (argument.descriptor === "directory") return (look, value) => directory(look, i32(value))
  if (argument.descriptor === "file") return (look, value) => descriptor(look, i32(value))
  switch (argument.flags) {
    case undefined:
      break
    case "Signals":
      return (_, value) => signal(i32(value))
    case "Mode":
      return (_, value) => octal(Number(value & 0xffffn))
    case "ClockId":
      return (_, value) => clock(i32(value))
    default: {
      const set = argument.flags
      return wide ? (_, value) => flags(set, value) : (_, value) => flags(set, BigInt.asUintN(32, value))
    }
  }
  if (identities.test(name)) return (_, value) => identity(Number(BigInt.asUintN(32, value)))
  const bits = Number(code[1]) * 8
  return code[0] === "i" ? (_, value) => String(BigInt.asIntN(bits, value)) : (_, value) => String(BigInt.asUintN(bits, value))
}

/** Words that a line of the table of calls may use for an argument. */
export const kinds: Readonly<Record<string, Show>> = {
  ptr: (_, value) => address(value),
  hex: (_, value) => hex(value),
  x4: (_, value) => hex(BigInt.asUintN(32, value)),
  path: orAddress(path),
  string: orAddress(cstring),
  strings: orAddress(strings),
  vars: orAddress(environment)
}

/** By the generated table: what the kernel reads is shown before, what it writes (or reads and writes) after. */
export const partOf = (argument: Argument, args: ReadonlyArray<Argument>): Part => {
  const { index, name } = argument
  if (argument.kind === "scalar") return { name, index, show: scalar(argument) }
  const show = pointee(argument, args)
  return argument.direction === "in" ? { name, index, show: orAddress(show) } : { name, index, later: outcome(show) }
}
