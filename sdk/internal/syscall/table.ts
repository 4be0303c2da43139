/**
 * The call table at run time. It is one text (generated/arguments.ts), cut into lines when it is first asked, and a line is read
 * when its call is: importing costs nothing.
 */
import { type SyscallName, syscallNumbers } from "../syscalls.ts"
import { calls } from "./generated/arguments.ts"
import type { IntegerCode } from "./layout.ts"

export interface ScalarArgument {
  readonly kind: "scalar"
  readonly name: string
  /** Register, 0 to 5, in the order of the call. */
  readonly index: number
  /** What the kernel takes of the register: width in bytes and signedness. */
  readonly code: IntegerCode
  /** A file descriptor; `directory`: one that stands for a directory, or `AT_FDCWD`. */
  readonly descriptor: "file" | "directory" | undefined
  /** Name of the flag set (generated/flags.ts) that the value is of. */
  readonly flags: string | undefined
}

export interface PointerArgument {
  readonly kind: "pointer"
  readonly name: string
  readonly index: number
  readonly direction: "in" | "out" | "inout"
  /** In the notation of the table: `str`, `Stat`, `bytes[count]`, … */
  readonly pointee: string
}

export type Argument = ScalarArgument | PointerArgument

export interface SyscallInfo {
  readonly name: SyscallName
  readonly number: number
  /** False for calls that no current kernel has (they answer `ENOSYS`). */
  readonly implemented: boolean
  readonly arguments: ReadonlyArray<Argument>
}

const directions = { "<": "in", ">": "out", "=": "inout" } as const

const parseArgument = (text: string, index: number): Argument => {
  const colon = text.indexOf(":")
  const name = text.slice(0, colon)
  const spec = text.slice(colon + 1)
  const direction = directions[spec[0] as keyof typeof directions]
  if (direction !== undefined) return { kind: "pointer", name, index, direction, pointee: spec.slice(1) }
  if (spec === "fd" || spec === "dfd") {
    return { kind: "scalar", name, index, code: "i4", descriptor: spec === "fd" ? "file" : "directory", flags: undefined }
  }
  const [code, flags] = spec.split("%")
  return { kind: "scalar", name, index, code: code as IntegerCode, descriptor: undefined, flags }
}

let lines: ReadonlyMap<string, ReadonlyArray<string>> | undefined
const parsed = new Map<string, SyscallInfo>()

export const isSyscallName = (name: string): name is SyscallName => Object.hasOwn(syscallNumbers, name)

export const syscallInfo = (name: SyscallName): SyscallInfo => {
  const known = parsed.get(name)
  if (known !== undefined) return known
  lines ??= new Map(calls.split("\n").map((line) => {
    const words = line.split(" ")
    return [words[0]!.replace("!", ""), words]
  }))
  const words = lines.get(name)!
  const info: SyscallInfo = { name, number: syscallNumbers[name], implemented: !words[0]!.endsWith("!"), arguments: words.slice(1).map(parseArgument) }
  parsed.set(name, info)
  return info
}

let names: ReadonlyMap<number, SyscallName> | undefined

/** Name of a call number of x86-64; `undefined` for numbers that are none (x32's, -1, newer kernels'). */
export const syscallName = (number: number): SyscallName | undefined => {
  names ??= new Map(Object.entries(syscallNumbers).map(([name, n]) => [n, name as SyscallName]))
  return names.get(number)
}
