/**
 * Memory of the guest, seen from a handler: typed pointers over a small service.
 *
 * A pointer is an address that the guest passed together with what the kernel would read or write there. Making one touches
 * nothing. `read` copies the object out of the guest, `write` copies one in; either fails with `GuestFault` where the memory is
 * not mapped, the calling thread is gone, or the object would not fit. What was read is a copy: the guest may change the original
 * at any moment, also between two reads (docs/handlers.md says what follows for verdicts). And what a handler can find out of
 * the guest's descriptors.
 */
import { Context, Effect, Schema } from "effect"
import { type ErrnoName, name as errnoName } from "./Errno.ts"

/** Access to guest memory failed. A handler that fails with it answers the call with `errno`. */
export class GuestFault extends Schema.TaggedError<GuestFault>()("GuestFault", {
  access: Schema.Literals(["read", "write"]),
  address: Schema.BigInt,
  /** Bytes that were wanted. */
  length: Schema.Number,
  /**
   * `unmapped`: the guest has no such memory, or may not access it so. `gone`: the call is no longer waiting (its thread died or
   * was interrupted); whatever is answered reaches nobody. `bounds`: the value does not fit into the buffer that the guest
   * passed. `tooLong`: more than a handler may read at once, or text without an end. `lookup`: there is no such descriptor, or a path
   * leads nowhere; `address` is the descriptor, or where the path lies.
   */
  reason: Schema.Literals(["unmapped", "gone", "bounds", "tooLong", "lookup"]),
  /** What a lookup failed with, as a number. */
  code: Schema.optional(Schema.Number)
}) {
  /** What the kernel answers in this place: `EFAULT`, `ENAMETOOLONG` for text without an end, or what a lookup failed with. */
  get errno(): ErrnoName {
    if (this.code !== undefined) return errnoName(this.code) ?? "EIO"
    return this.reason === "tooLong" ? "ENAMETOOLONG" : "EFAULT"
  }
  override get message(): string {
    if (this.reason === "lookup") return `lookup of ${this.address} of the guest: ${this.errno}`
    const why = { unmapped: "not mapped", gone: "the call is gone", bounds: "does not fit the guest's buffer", tooLong: "too long" }[this.reason]
    return `${this.access} of ${this.length} bytes at 0x${this.address.toString(16)} of the guest: ${why}`
  }
}

/** What is open at a descriptor of the guest, when it was looked at: the guest can put something else there at any moment. */
export interface Descriptor {
  /**
   * Absolute and without symbolic links; empty for what has no name in the guest (a pipe, a socket, a removed file, a file of the host). Of a memory file that a handler gave
   * with `Verdict.fd(bytes, { path })`: that path.
   */
  readonly path: string
  /**
   * True for such a memory file, which stands for the path and is not what is there. The guest can make one that looks the same: go by it to
   * answer for that path, never to grant anything.
   */
  readonly standsFor: boolean
  readonly type: "file" | "directory" | "link" | "pipe" | "socket" | "character" | "block" | "other"
  /** As of fstat(2): type and permissions, device, inode, size in bytes. */
  readonly mode: number
  readonly device: bigint
  readonly inode: bigint
  readonly size: bigint
  /** Where the next read or write begins; `undefined` for what has no position, and for the working directory. */
  readonly position: bigint | undefined
  /** How it was opened: `Syscall.OpenFlags` */
  readonly flags: number
  /** Bytes of a regular file from where it stands, which moves it on as read(2) does, also for the guest. At most 6,144 at once. */
  readonly take: (length: number) => Effect.Effect<Uint8Array, GuestFault>
}

/** Memory of one thread of the guest. The backend provides it with each call; an address is only meaningful there. */
export class GuestMemory extends Context.Service<GuestMemory, {
  /** Exactly `length` bytes, or a fault. */
  readonly read: (address: bigint, length: number) => Effect.Effect<Uint8Array, GuestFault>
  /** All of the bytes, or a fault (after which a part may have been written, as with process_vm_writev(2)). */
  readonly write: (address: bigint, bytes: Uint8Array) => Effect.Effect<void, GuestFault>
  /** Bytes up to a NUL, which is not among them. `tooLong` if none is within `max` bytes. */
  readonly readCString: (address: bigint, max: number) => Effect.Effect<Uint8Array, GuestFault>
}>()("rvisor/GuestMemory") {}

/** Text that ends with a NUL. Bytes that are not UTF-8 survive reading and writing: U+DC80…U+DCFF stand for them. */
export type CString = string

/** An address of the guest, of which nothing is known but the number. */
export interface Address {
  readonly address: bigint
  readonly isNull: boolean
}

/** What the guest lets the kernel read. */
export interface ConstPointer<out A> extends Address {
  /** A copy. A null pointer is `unmapped`. */
  readonly read: Effect.Effect<A, GuestFault>
  /** `length` raw bytes at `offset` from the address, whatever the type. */
  readonly bytes: (length: number, offset?: number) => Effect.Effect<Uint8Array, GuestFault>
}

/** What the guest lets the kernel write (and, for some, read first). Before the kernel has run, what lies there may be anything. */
export interface Pointer<in out A> extends ConstPointer<A> {
  readonly write: (value: A) => Effect.Effect<void, GuestFault>
}

/** The most bytes of one object that are read at once: 16 MiB. Longer buffers are read in pieces with `bytes`. */
export const maxRead = 16 * 1024 * 1024

/** Longest text that is read, with its NUL: `PATH_MAX`. */
export const maxText = 4096
