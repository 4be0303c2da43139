/**
 * What a handler answers. Which verdicts a handler may give depends on the call and on the handler's power: the compiler knows, and
 * `SyscallHandler.check` says the same of a handler that was written without types.
 *
 * `rewrite` and `after` are made by methods of a `steer` handler's call, since what they may hold depends on the call.
 */
import type { Effect } from "effect"
import * as Errors from "./Errno.ts"
import type { GuestFault } from "./GuestMemory.ts"
import type { SyscallName } from "./internal/syscalls.ts"
import { encodeText } from "./internal/syscall/text.ts"

/** Nothing is changed: the next handler is asked, and after the last the policy's own rules decide and the call is made. */
export interface Continue {
  readonly _tag: "Continue"
}

/** The call is not made; the guest sees this result. */
export interface Value {
  readonly _tag: "Value"
  readonly value: bigint
}

/** The call is not made; the guest sees this error. */
export interface Errno {
  readonly _tag: "Errno"
  readonly errno: number
}

/** The call is not made; the guest gets a new descriptor, whose number is the result. */
export interface Fd {
  readonly _tag: "Fd"
  /** A descriptor of the host program (which keeps its own), or bytes that become a sealed, read-only memory file. */
  readonly source: number | Uint8Array
  /** Whether it is closed on exec. */
  readonly cloexec: boolean
  /** Of bytes: what the memory file stands for, and whether the guest may read it. */
  readonly path: string | undefined
  readonly readable: boolean
}

/** The whole guest is killed. */
export interface Kill {
  readonly _tag: "Kill"
  readonly reason: string
}

/** Registers are changed, then as `Continue`. */
export interface Rewrite<out Name extends SyscallName> {
  readonly _tag: "Rewrite"
  readonly name: Name
  /** New values by register, 0 to 5. */
  readonly registers: ReadonlyMap<number, bigint>
}

/** What the kernel answered. */
export interface Result {
  /** The result, -1 for an error. */
  readonly value: bigint
  readonly errno: Errors.ErrnoName | undefined
  /** The register as it is: negative error numbers for errors, also those that have no name. */
  readonly raw: bigint
}

/** Registers may be changed, the call is made, and the hook sees (and may replace) the result. */
export interface After<out Name extends SyscallName, out R> {
  readonly _tag: "After"
  readonly name: Name
  readonly registers: ReadonlyMap<number, bigint>
  /** `Continue`: the result stands. */
  readonly hook: (result: Result) => Effect.Effect<Continue | Value | Errno, GuestFault, R>
}

export type Verdict<Name extends SyscallName = SyscallName, R = never> = Continue | Value | Errno | Fd | Kill | Rewrite<Name> | After<Name, R>

const proceed: Continue = { _tag: "Continue" }
export { proceed as continue }

/** `Verdict.value(0)`. Taken modulo 2^64. */
export const value = (result: number | bigint): Value => ({ _tag: "Value", value: BigInt.asIntN(64, BigInt(result)) })

/** `Verdict.errno("ENOSPC")`, or a number from 1 to 4095. */
export const errno = (error: Errors.ErrnoName | number): Errno => {
  const number = typeof error === "number" ? error : Errors.number(error)
  if (!Number.isInteger(number) || number < 1 || number > 4095) throw new RangeError(`${error} is no error number`)
  return { _tag: "Errno", errno: number }
}

/** Longest path that a memory file can stand for, in bytes. */
export const maxPath = 249

/**
 * `Verdict.fd(socket)`, `Verdict.fd(new TextEncoder().encode("text"))`. Without `cloexec` the descriptor stays open on exec, so give
 * what the guest asked for: `{ cloexec: OpenFlags.has(call.args.flags, "O_CLOEXEC") }`.
 *
 * Bytes can stand for a `path` (absolute, at most `maxPath` bytes), also one where nothing is: what the guest then names relative to the
 * descriptor is relative to that path for filters and `call.resolve`, and `call.descriptor` knows it again, through dup(2) and fork(2). This is
 * how a handler gives a directory. With `readable: false` the guest can only hold it and seek in it; handlers read on with `take`.
 */
export const fd: {
  (source: number, options?: { readonly cloexec?: boolean }): Fd
  (source: Uint8Array, options?: { readonly cloexec?: boolean; readonly path?: string; readonly readable?: boolean }): Fd
} = (source: number | Uint8Array, options: { readonly cloexec?: boolean; readonly path?: string; readonly readable?: boolean } = {}): Fd => {
  const { cloexec = false, path, readable = true } = options
  if (typeof source === "number" && !(Number.isInteger(source) && source >= 0)) throw new RangeError(`${source} is no descriptor`)
  if (path !== undefined && !(path.startsWith("/") && !path.includes("\0") && encodeText(path).length <= maxPath)) {
    throw new RangeError(`${JSON.stringify(path)} is no absolute path of at most ${maxPath} bytes`)
  }
  return { _tag: "Fd", source, cloexec, path, readable }
}

/** `reason` is for the host program: it is reported with the guest's end. */
export const kill = (reason: string): Kill => ({ _tag: "Kill", reason })
