/**
 * The arguments of one call as an object: `args.flags`, `args.filename.read`. One class per call is made when the call is first
 * seen; its getters decode registers when they are asked, so that an argument nobody reads costs nothing.
 */
import type { Address } from "../../GuestMemory.ts"
import type { SyscallName } from "../syscalls.ts"
import { codecFor, constPointer, type Memory, pointer } from "./pointee.ts"
import { type Argument, type ScalarArgument, syscallInfo } from "./table.ts"

export type ArgumentValues = Readonly<Record<string, number | bigint | Address | undefined>>

/** What pointers are good for: everything their direction allows, reading only, or writing only. */
export type Reach = "all" | "read" | "write"

const scalar = (register: bigint, code: ScalarArgument["code"]): number | bigint => {
  switch (code) {
    case "u8":
      return register
    case "i8":
      return BigInt.asIntN(64, register)
    default: {
      const bits = Number(code[1]) * 8
      return Number(code[0] === "i" ? BigInt.asIntN(bits, register) : BigInt.asUintN(bits, register))
    }
  }
}

interface Held {
  readonly registers: BigUint64Array
  readonly memory: Memory
  readonly reach: Reach
}

const held = Symbol("call")

/** How one argument is decoded; what does not depend on the call is worked out here, once. */
const decoder = (list: ReadonlyArray<Argument>, argument: Argument): (call: Held) => unknown => {
  const { index } = argument
  if (argument.kind === "scalar") {
    const { code } = argument
    return (call) => scalar(call.registers[index]!, code)
  }
  const bare = ({ registers }: Held): Address => ({ address: registers[index]!, isNull: registers[index] === 0n })
  const codec = codecFor(argument.pointee)
  if (codec === undefined) return bare
  const others = new Map(list.map((other) => [other.name, other]))
  return (call) => {
    const { registers, memory, reach } = call
    const readable = reach !== "write"
    const writable = reach !== "read" && argument.direction !== "in"
    if (!readable && !writable) return bare(call)
    const extent = (name: string): bigint => {
      const other = others.get(name)!
      return other.kind === "pointer" ? registers[other.index]! : BigInt(scalar(registers[other.index]!, other.code))
    }
    if (readable && !writable) return constPointer(memory, registers[index]!, codec(extent))
    const both = pointer(memory, registers[index]!, codec(extent))
    return readable ? both : { ...bare(call), write: both.write.bind(both) }
  }
}

const classes = new Map<SyscallName, new(call: Held) => object>()

const classOf = (name: SyscallName): new(call: Held) => object => {
  const known = classes.get(name)
  if (known !== undefined) return known
  const list = syscallInfo(name).arguments
  class Arguments {
    readonly [held]: Held
    constructor(call: Held) {
      this[held] = call
    }
  }
  for (const argument of list) {
    const decode = decoder(list, argument)
    Object.defineProperty(Arguments.prototype, argument.name, {
      enumerable: true,
      get(this: Arguments) {
        return decode(this[held])
      }
    })
  }
  classes.set(name, Arguments)
  return Arguments
}

export const argumentsOf = (name: SyscallName, registers: BigUint64Array, memory: Memory, reach: Reach): object =>
  new (classOf(name))({ registers, memory, reach })

/** What a call that a handler may read carries, for code of this package that shows it. */
export const memoryOfCall: unique symbol = Symbol("rvisor/memory")

export const guestMemory = (call: object): Memory | undefined => (call as { readonly [memoryOfCall]?: Memory })[memoryOfCall]
