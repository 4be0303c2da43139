/**
 * The system calls of x86-64 Linux as data and types: names, numbers, arguments, flag sets, structures. Generated from the kernel's
 * own sources (scripts/syscalls/generate.mjs says from which and how).
 *
 * `Syscall.info("openat").arguments`, `Syscall.OpenFlags.has(flags, "O_CREAT")`, `Syscall.Utsname.make({ nodename: "box" })`.
 */
import { type SyscallName, syscallNumbers } from "./internal/syscalls.ts"
import type { SyscallArguments } from "./internal/syscall/generated/arguments.ts"
import { addressArgument, isTraceOnly, type PathArgument, pathArguments, returnsDescriptor, safetyClass, type SafetyClass } from "./internal/syscall/classes.ts"
import { isSyscallName, syscallInfo, type SyscallInfo, syscallName } from "./internal/syscall/table.ts"

export * from "./internal/syscall/generated/flags.ts"
export * from "./internal/syscall/generated/structs.ts"
export type { FlagSet } from "./internal/syscall/flagSet.ts"
export type { Layout, Struct } from "./internal/syscall/layout.ts"
export { decodeDirents, type Dirent, encodeDirents } from "./internal/syscall/dirent.ts"
export { Siginfo } from "./internal/syscall/siginfo.ts"
export { decodeSockaddr, encodeSockaddr, type Sockaddr } from "./internal/syscall/sockaddr.ts"
export type { Argument, PointerArgument, ScalarArgument, SyscallInfo } from "./internal/syscall/table.ts"
export type { PathArgument, SafetyClass } from "./internal/syscall/classes.ts"
export type { SyscallArguments, SyscallName }

/** Every call of x86-64, by number. */
export const names: ReadonlyArray<SyscallName> = Object.keys(syscallNumbers) as ReadonlyArray<SyscallName>

/** Arguments, number, and whether any current kernel has it. */
export const info = (name: SyscallName): SyscallInfo => syscallInfo(name)

/** Name of a number; `undefined` for x32's, -1, and calls newer than the table. */
export const nameOf = (number: number): SyscallName | undefined => syscallName(number)

export const isName = (text: string): text is SyscallName => isSyscallName(text)

/** What a call names and what a handler may say to it: docs/handlers.md explains the classes. */
export interface Classification {
  readonly safety: SafetyClass
  /** Handled at trace points only (power `observe` or `steer`). */
  readonly traceOnly: boolean
  readonly paths: ReadonlyArray<PathArgument>
  /** The argument with a socket address or a message that may hold one. */
  readonly address: string | undefined
  readonly returnsDescriptor: boolean
}

export const classify = (name: SyscallName): Classification => ({
  safety: safetyClass(name),
  traceOnly: isTraceOnly(name),
  paths: pathArguments(name),
  address: addressArgument(name),
  returnsDescriptor: returnsDescriptor(name)
})
