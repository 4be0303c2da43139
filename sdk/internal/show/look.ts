/**
 * What everything that shows a part of a call is given: the registers, the guest's memory, how much is wanted, and after the call its
 * result. A part that has to read memory is a generator of effects; one that has not is a plain text.
 */
import type { Effect } from "effect"
import type { GuestFault } from "../../GuestMemory.ts"
import type { Memory } from "../syscall/pointee.ts"

/** How calls are shown. */
export interface ShowOptions {
  /** Bytes of a string, and elements of a list, that are shown. */
  readonly strings: number
  /** Structures with all their members, environments and directory entries in full. */
  readonly verbose: boolean
  /** What is written behind a descriptor in angle brackets, if anything. */
  readonly descriptor: ((fd: number) => string | undefined) | undefined
}

export interface Look {
  readonly memory: Memory
  readonly registers: BigUint64Array
  readonly options: ShowOptions
  /** The result once the call has returned, negative for an error. */
  readonly result: bigint | undefined
}

/** A computation that reads the guest's memory. */
export type Reading<A> = Generator<Effect.Effect<any, GuestFault>, A, any>

/** A text, at once or after reading. */
export type Shown = string | Reading<string>

/** Shows one value: a register, or a number of a structure. */
export type Show = (look: Look, value: bigint) => Shown

export const text = function*(shown: Shown): Reading<string> {
  return typeof shown === "string" ? shown : yield* shown
}
