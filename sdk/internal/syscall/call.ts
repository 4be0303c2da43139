/**
 * The arguments of one call as an object: `args.flags`, `args.filename.read`. One class per call is made when the call is first
 * seen; its getters decode registers when they are asked, so that an argument nobody reads costs nothing.
 */
import type { Address } from "../../GuestMemory.ts"
import type { SyscallName } from "../syscalls.ts"
import { codecOf, constPointer, type Memory, pointer } from "./pointee.ts"
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

const value = (list: ReadonlyArray<Argument>, argument: Argument, { registers, memory, reach }: Held): unknown => {
  const register = registers[argument.index]!
  if (argument.kind === "scalar") return scalar(register, argument.code)
  const codec = codecOf(argument.pointee, (name) => {
    const other = list.find((a) => a.name === name)!
    return other.kind === "pointer" ? registers[other.index]! : BigInt(scalar(registers[other.index]!, other.code))
  })
  if (codec === undefined) return { address: register, isNull: register === 0n }
  const readable = reach !== "write"
  const writable = reach !== "read" && argument.direction !== "in"
  if (readable && writable) return pointer(memory, register, codec)
  if (readable) return constPointer(memory, register, codec)
  if (!writable) return { address: register, isNull: register === 0n }
  const { address, isNull, write } = pointer(memory, register, codec)
  return { address, isNull, write }
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
    Object.defineProperty(Arguments.prototype, argument.name, {
      enumerable: true,
      get(this: Arguments) {
        return value(list, argument, this[held])
      }
    })
  }
  classes.set(name, Arguments)
  return Arguments
}

export const argumentsOf = (name: SyscallName, registers: BigUint64Array, memory: Memory, reach: Reach): object =>
  new (classOf(name))({ registers, memory, reach })
