/**
 * `siginfo_t` (sigaction(2)): 128 bytes whose second part depends on signal and code. Read and written as a value of one of the
 * forms below; what the kernel does not define is `other` with its raw bytes.
 */
import type { Layout } from "./layout.ts"

interface Head {
  readonly signo: number
  readonly errno: number
  /** `SI_USER` (0), `SI_QUEUE` (-1), `CLD_EXITED` (1), … */
  readonly code: number
}

export type Siginfo =
  /** From kill(2) and tgkill(2). */
  | Head & { readonly kind: "kill"; readonly pid: number; readonly uid: number }
  /** From sigqueue(3), message queues and asynchronous I/O. `value` is the union sigval. */
  | Head & { readonly kind: "queue"; readonly pid: number; readonly uid: number; readonly value: bigint }
  /** From a POSIX timer. */
  | Head & { readonly kind: "timer"; readonly timer: number; readonly overrun: number; readonly value: bigint }
  /** SIGCHLD. `status` is an exit status or a signal number, by the code. Times in clock ticks. */
  | Head & { readonly kind: "child"; readonly pid: number; readonly uid: number; readonly status: number; readonly utime: bigint; readonly stime: bigint }
  /** SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP: the address that faulted. */
  | Head & { readonly kind: "fault"; readonly address: bigint }
  /** SIGPOLL. */
  | Head & { readonly kind: "poll"; readonly band: bigint; readonly fd: number }
  /** SIGSYS from seccomp. */
  | Head & { readonly kind: "syscall"; readonly address: bigint; readonly number: number; readonly arch: number }
  | Head & { readonly kind: "other"; readonly data: Uint8Array }

const SIGCHLD = 17
const SIGPOLL = 29
const SIGSYS = 31
const faults = new Set([4, 5, 7, 8, 11])
const TIMER = -2
const negativeWithoutValue = new Set([-6 /* SI_TKILL */, -5 /* SI_SIGIO */])

const kindOf = (signo: number, code: number): Siginfo["kind"] => {
  if (code === 0 || code === -6) return "kill"
  if (code === TIMER) return "timer"
  if (code < 0) return negativeWithoutValue.has(code) ? "other" : "queue"
  if (code >= 0x80) return "other"
  if (signo === SIGCHLD) return "child"
  if (faults.has(signo)) return "fault"
  if (signo === SIGPOLL) return "poll"
  return signo === SIGSYS ? "syscall" : "other"
}

const decode = (view: DataView, at: number): Siginfo => {
  const head = { signo: view.getInt32(at, true), errno: view.getInt32(at + 4, true), code: view.getInt32(at + 8, true) }
  const i4 = (offset: number) => view.getInt32(at + offset, true)
  const u4 = (offset: number) => view.getUint32(at + offset, true)
  const u8 = (offset: number) => view.getBigUint64(at + offset, true)
  const i8 = (offset: number) => view.getBigInt64(at + offset, true)
  const kind = kindOf(head.signo, head.code)
  switch (kind) {
    case "kill":
      return { ...head, kind, pid: i4(16), uid: u4(20) }
    case "queue":
      return { ...head, kind, pid: i4(16), uid: u4(20), value: u8(24) }
    case "timer":
      return { ...head, kind, timer: i4(16), overrun: i4(20), value: u8(24) }
    case "child":
      return { ...head, kind, pid: i4(16), uid: u4(20), status: i4(24), utime: i8(32), stime: i8(40) }
    case "fault":
      return { ...head, kind, address: u8(16) }
    case "poll":
      return { ...head, kind, band: i8(16), fd: i4(24) }
    case "syscall":
      return { ...head, kind, address: u8(16), number: i4(24), arch: u4(28) }
    case "other":
      return { ...head, kind, data: new Uint8Array(view.buffer, view.byteOffset + at + 12, 116).slice() }
  }
}

const encode = (view: DataView, at: number, value: Siginfo): void => {
  new Uint8Array(view.buffer, view.byteOffset + at, 128).fill(0)
  view.setInt32(at, value.signo, true)
  view.setInt32(at + 4, value.errno, true)
  view.setInt32(at + 8, value.code, true)
  const i4 = (offset: number, x: number) => view.setInt32(at + offset, x, true)
  const u8 = (offset: number, x: bigint) => view.setBigUint64(at + offset, x, true)
  switch (value.kind) {
    case "kill":
    case "queue":
    case "child":
      i4(16, value.pid)
      i4(20, value.uid)
      if (value.kind === "queue") u8(24, value.value)
      if (value.kind === "child") {
        i4(24, value.status)
        u8(32, value.utime)
        u8(40, value.stime)
      }
      break
    case "timer":
      i4(16, value.timer)
      i4(20, value.overrun)
      u8(24, value.value)
      break
    case "fault":
      u8(16, value.address)
      break
    case "poll":
      u8(16, value.band)
      i4(24, value.fd)
      break
    case "syscall":
      u8(16, value.address)
      i4(24, value.number)
      i4(28, value.arch)
      break
    case "other":
      new Uint8Array(view.buffer, view.byteOffset + at + 12, 116).set(value.data.subarray(0, 116))
  }
}

export const Siginfo: Layout<Siginfo> = { name: "Siginfo", size: 128, decode, encode }
