/**
 * The registers of a call in words, without a look at the guest's memory: flags by name, descriptors and lengths as numbers,
 * pointers as addresses.
 */
import type { SyscallName } from "../syscalls.ts"
import type { FlagSet } from "./flagSet.ts"
import * as flags from "./generated/flags.ts"
import { integer } from "./layout.ts"
import { type Argument, syscallInfo } from "./table.ts"

const AT_FDCWD = -100

const sets = flags as unknown as Readonly<Record<string, FlagSet<string> | undefined>>

const formatArgument = (argument: Argument, register: bigint): string => {
  if (argument.kind === "pointer") return register === 0n ? "NULL" : `0x${register.toString(16)}`
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, BigInt.asUintN(64, register), true)
  const layout = integer(argument.code)
  const value = layout.decode(view, 0)
  if (argument.flags !== undefined) return sets[argument.flags]?.format(value) ?? `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`
  if (argument.descriptor === "directory" && value === AT_FDCWD) return "AT_FDCWD"
  return String(value)
}

/** Each argument's name and text, in order. */
export const formatRegisters = (name: SyscallName, registers: ReadonlyArray<bigint>): ReadonlyArray<{ readonly name: string; readonly text: string }> =>
  syscallInfo(name).arguments.map((argument) => ({ name: argument.name, text: formatArgument(argument, registers[argument.index] ?? 0n) }))
