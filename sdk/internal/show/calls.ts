/**
 * How each call is shown: by the generated table, with what strace does otherwise. `lines` changes how single arguments and results
 * are written; `special` makes the parts of calls whose arguments depend on one another; `remarks` says what stands behind a result.
 */
import { syscallInfo } from "../syscall/table.ts"
import type { SyscallName } from "../syscalls.ts"
import { controlMessages } from "./control.ts"
import { ioctlParts } from "./ioctl.ts"
import type { Look, Reading, Show, Shown } from "./look.ts"
import { text } from "./look.ts"
import { ahead, bytes, directoryEntries, descriptorsOf, failed, iovecs, kinds, list, number, orAddress, outcome, type Part, partOf, sockaddr } from "./part.ts"
import { prctlParts, prctlResult } from "./prctl.ts"
import { optionParts } from "./sockopt.ts"
import { capabilitySets, readStruct, showStruct, statxMask, structAt } from "./structs.ts"
import { address, hex, hexQuoted, octal, timeRemark, time } from "./text.ts"
import { constant, descriptor, flags, i32, mode, signal, u32, waitStatus } from "./values.ts"

/** `call argument:kind … => kind of the result`. */
const lines = `
mmap addr:ptr off:hex => hex
munmap addr:ptr
mprotect start:ptr
pkey_mprotect start:ptr
mremap addr:ptr new_addr:ptr => hex
msync start:ptr
mincore start:ptr
madvise start:ptr
mlock start:ptr
munlock start:ptr
mlock2 start:ptr
mbind start:ptr
remap_file_pages start:ptr
mseal start:ptr
brk brk:ptr => hex
shmat shmaddr:ptr => hex
shmdt shmaddr:ptr
process_vm_readv flags:hex
set_tid_address tidptr:ptr
set_robust_list head:ptr
rseq rseq:ptr rseq_len:x4 sig:x4
umask => octal
execve filename:path argv:strings envp:vars
execveat filename:path argv:strings envp:vars
ptrace addr:ptr data:ptr
kcmp idx1:hex idx2:hex
io_destroy ctx:ptr
io_setup ctxp:ptr
membarrier => membarrier
mount data:string
reboot magic1:x4 magic2:x4 arg:ptr
get_mempolicy nmask:ptr addr:ptr
seccomp uargs:ptr
bpf uattr:ptr
`

const shows = new Map<string, { readonly args: ReadonlyMap<string, Show>; readonly result: string | undefined }>()
for (const line of lines.trim().split("\n")) {
  const [head, result] = line.split(" => ")
  const [name, ...words] = head!.split(" ")
  shows.set(name!, { args: new Map(words.map((word) => word.split(":") as [string, string]).map(([argument, kind]) => [argument, kinds[kind]!])), result })
}

// ----------------------------------------------------------------------------------------------- parts of single calls

type Registers = BigUint64Array
type Make = (registers: Registers, parts: ReadonlyArray<Part>) => ReadonlyArray<Part>

const withShow = (part: Part, show: Show): Part => ({ name: part.name, index: part.index, show })
const withLater = (part: Part, later: Show): Part => ({ name: part.name, index: part.index, later })

const plain = (render: (value: bigint) => string): Show => (_, value) => render(value)

/** open(2) reads a mode only where it makes a file. */
const opening = (at: number): Make => (registers, parts) => {
  const given = Number(BigInt.asUintN(32, registers[at]!))
  return (given & 0o100) !== 0 || (given & 0x410000) === 0x410000 ? parts : parts.slice(0, at + 1)
}

/** mknod(2) reads a device only for devices. */
const nodes = (at: number): Make => (registers, parts) => {
  const type = Number(registers[at]!) & 0o170000
  const shown = parts.map((part) => part.index === at ? withShow(part, plain((value) => mode(Number(value & 0xffffn)))) : part)
  return type === 0o20000 || type === 0o60000
    ? shown.map((part) => part.index === at + 1 ? withShow(part, plain((value) => `makedev(${hex(Number((value >> 8n) & 0xfffn))}, ${hex(Number(value & 0xffn | (value >> 12n) & 0xfff00n))})`)) : part)
    : shown.slice(0, at + 1)
}

const ipcFlags = (at: number): Make => (_, parts) => parts.map((part) => part.index === at
  ? withShow(part, plain((value) => {
    const bits = u32(value)
    const names = bits & ~0o777
    return names === 0 ? octal(bits & 0o777) : `${flags("IpcFlags", names >>> 0)}|${octal(bits & 0o777)}`
  }))
  : part.index === 0 ? withShow(part, plain((value) => u32(value) === 0 ? "IPC_PRIVATE" : hex(u32(value)))) : part)

/** A length that the kernel reads, and replaces by what there was: `[128 => 16]`. */
const lengths = (addressAt: number, lengthAt: number): Make => (_, parts) => {
  let given: bigint | undefined
  return parts.map((part) => {
    if (part.index === addressAt) {
      return withLater(part, outcome(function*(look, at) {
        const length = yield* number(look, look.registers[lengthAt]!, "i4")
        return yield* text(sockaddr(given !== undefined && given < length ? given : length)(look, at))
      }))
    }
    if (part.index !== lengthAt) return part
    return {
      name: part.name,
      index: part.index,
      before: function*(look, at) {
        given = yield* number(look, at, "i4")
      },
      later: orAddress(function*(look, at) {
        if (failed(look)) return given === undefined ? hex(at) : `[${given}]`
        const length = yield* number(look, at, "i4")
        return given === undefined || given === length ? `[${length}]` : `[${given} => ${length}]`
      })
    }
  })
}

/** An offset that the kernel moves: `[0] => [100]`. */
const offset = (part: Part): Part => ({
  name: part.name,
  index: part.index,
  show: orAddress(function*(look, at) {
    return `[${yield* number(look, at, "i8")}]`
  }),
  later: function*(look, at) {
    return at === 0n || failed(look) ? "" : ` => [${yield* number(look, at, "i8")}]`
  }
})
const offsets = (...indices: ReadonlyArray<number>): Make => (_, parts) => parts.map((part) => indices.includes(part.index) ? offset(part) : part)

const FUTEX_PRIVATE = 0x80
const FUTEX_REALTIME = 0x100
const futexCommands = ["WAIT", "WAKE", "FD", "REQUEUE", "CMP_REQUEUE", "WAKE_OP", "LOCK_PI", "UNLOCK_PI", "TRYLOCK_PI", "WAIT_BITSET", "WAKE_BITSET", "WAIT_REQUEUE_PI", "CMP_REQUEUE_PI", "LOCK_PI2"]

const futexOperation = (value: bigint): string => {
  const operation = u32(value)
  const name = futexCommands[operation & ~(FUTEX_PRIVATE | FUTEX_REALTIME)]
  if (name === undefined) return `${hex(operation)} /* FUTEX_??? */`
  return `FUTEX_${name}${(operation & FUTEX_PRIVATE) === 0 ? "" : "_PRIVATE"}${(operation & FUTEX_REALTIME) === 0 ? "" : "|FUTEX_CLOCK_REALTIME"}`
}

const futex: Make = (registers, parts) => {
  const [uaddr, op, val, timeout, uaddr2, val3] = parts as [Part, Part, Part, Part, Part, Part]
  const first = [{ ...withShow(uaddr, plain(address)) }, withShow(op, plain(futexOperation))]
  const count = withShow(val, plain((value) => String(BigInt.asIntN(32, value))))
  const raw = withShow(val, plain((value) => String(u32(value))))
  const val2 = withShow(timeout, plain((value) => String(u32(value))))
  const second = withShow(uaddr2, plain(address))
  const third = withShow(val3, plain((value) => String(u32(value))))
  const bits = withShow(val3, plain((value) => u32(value) === 0xffff_ffff ? "FUTEX_BITSET_MATCH_ANY" : hex(u32(value))))
  switch (u32(registers[1]!) & ~(FUTEX_PRIVATE | FUTEX_REALTIME)) {
    case 0:
      return [...first, raw, timeout]
    case 1:
      return [...first, count]
    case 2:
      return [...first, count]
    case 3:
      return [...first, count, val2, second]
    case 4:
    case 12:
      return [...first, count, val2, second, third]
    case 5:
      return [...first, count, val2, second, withShow(val3, plain((value) => hex(u32(value))))]
    case 6:
    case 13:
      return [...first, timeout]
    case 7:
    case 8:
      return first
    case 9:
      return [...first, raw, timeout, bits]
    case 10:
      return [...first, count, bits]
    case 11:
      return [...first, raw, timeout, second]
    default:
      return [...first, raw, withShow(timeout, plain(address)), second, withShow(val3, plain((value) => u32(value) === 0 ? "0" : hex(u32(value))))]
  }
}

const CLONE_PARENT_SETTID = 0x100000n
const CLONE_CHILD_TID = 0x1200000n
const CLONE_SETTLS = 0x80000n
const CLONE_PIDFD = 0x1000n

const clone: Make = (registers, parts) => {
  const [cloneFlags, stack, parent, child, tls] = parts as [Part, Part, Part, Part, Part]
  const given = registers[0]!
  const pointer = (part: Part, label: string): Part => withLater(part, plain((value) => `${label}=${address(value)}`))
  const written: Show = function*(look, at) {
    return failed(look) || at === 0n ? `parent_tid=${address(at)}` : `parent_tid=[${yield* number(look, at, "i4")}]`
  }
  return [
    withShow(stack, plain((value) => `child_stack=${address(value)}`)),
    {
      ...withShow(cloneFlags, plain((value) => {
        const exit = Number(value & 0xffn)
        const rest = BigInt.asUintN(32, value & ~0xffn)
        return `flags=${[...rest === 0n ? [] : [flags("CloneFlags", rest)], ...exit === 0 && rest !== 0n ? [] : [exit === 0 ? "0" : signal(exit)]].join("|")}`
      })),
      // What follows is shown when the call has returned.
      later: () => ""
    },
    ...(given & (CLONE_PARENT_SETTID | CLONE_PIDFD)) !== 0n ? [withLater(parent, written)] : [],
    ...(given & CLONE_SETTLS) !== 0n ? [pointer(tls, "tls")] : [],
    ...(given & CLONE_CHILD_TID) !== 0n ? [pointer(child, "child_tidptr")] : []
  ]
}

const clone3: Make = (_, parts) => {
  const [args, size] = parts as [Part, Part]
  return [{
    name: args.name,
    index: args.index,
    show: orAddress((look, at) => structAt(look, "CloneArgs", at)),
    later: function*(look, at) {
      if (failed(look) || at === 0n) return ""
      const { flags, parent_tid } = (yield* readStruct(look, "CloneArgs", at)) as { readonly flags: bigint; readonly parent_tid: bigint }
      return (flags & CLONE_PARENT_SETTID) === 0n ? "" : ` => {parent_tid=[${yield* number(look, parent_tid, "i4")}]}`
    }
  }, size]
}

const F = { DUPFD: 0, GETFD: 1, SETFD: 2, GETFL: 3, SETFL: 4, GETLK: 5, SETLK: 6, SETLKW: 7, GETOWN: 9, SETSIG: 10, GETSIG: 11, SETOWN_EX: 15, GETOWN_EX: 16, OFD_GETLK: 36, OFD_SETLK: 37, OFD_SETLKW: 38, SETLEASE: 1024, GETLEASE: 1025, NOTIFY: 1026, DUPFD_CLOEXEC: 1030, GETPIPE_SZ: 1032, ADD_SEALS: 1033, GET_SEALS: 1034 } as const

const fcntl: Make = (registers, parts) => {
  const [fd, cmd, arg] = parts as [Part, Part, Part]
  const first = [fd, cmd]
  const then = (render: (value: bigint) => string): ReadonlyArray<Part> => [...first, withShow(arg, plain(render))]
  switch (u32(registers[1]!)) {
    case F.GETFD:
    case F.GETFL:
    case F.GETOWN:
    case F.GETSIG:
    case F.GETLEASE:
    case F.GETPIPE_SZ:
    case F.GET_SEALS:
      return first
    case F.SETFD:
      return then((value) => flags("DescriptorFlags", u32(value)))
    case F.SETFL:
      return then((value) => flags("OpenFlags", u32(value)))
    case F.SETSIG:
      return then((value) => signal(i32(value)))
    case F.SETLEASE:
      return then((value) => constant("LockType", u32(value)))
    case F.ADD_SEALS:
      return then((value) => flags("SealFlags", u32(value)))
    case F.SETLK:
    case F.SETLKW:
    case F.OFD_SETLK:
    case F.OFD_SETLKW:
      return [...first, withShow(arg, orAddress((look, at) => structAt(look, "Flock", at)))]
    case F.GETLK:
    case F.OFD_GETLK:
      return [...first, withLater(arg, outcome(function*(look, at) {
        const lock = (yield* readStruct(look, "Flock", at)) as { readonly l_pid: number }
        return showStruct("Flock", lock, look).replace(/\}$/, `, l_pid=${lock.l_pid}}`)
      }))]
    case F.SETOWN_EX:
      return [...first, withShow(arg, orAddress((look, at) => structAt(look, "FOwnerEx", at)))]
    case F.GETOWN_EX:
      return [...first, withLater(arg, outcome((look, at) => structAt(look, "FOwnerEx", at)))]
    default:
      return u32(registers[1]!) in commandNames() ? then((value) => String(i32(value))) : then(hex)
  }
}
let commands: Readonly<Record<number, true>> | undefined
const commandNames = (): Readonly<Record<number, true>> =>
  (commands ??= Object.fromEntries([F.DUPFD, F.DUPFD_CLOEXEC, 8, 1027, 1028, 1029, 1031].map((n) => [n, true])))

const protocols: Make = (registers, parts) => {
  const [family, type, protocol, ...rest] = parts as [Part, Part, Part, ...Array<Part>]
  const render = (value: bigint): string => {
    switch (u32(registers[0]!)) {
      case 2:
      case 10:
        return constant("IpProtocol", i32(value))
      case 16:
        return constant("NetlinkProtocol", u32(value))
      case 17:
        return `htons(${constant("EtherProtocol", ((u32(value) & 0xff) << 8) | ((u32(value) >> 8) & 0xff))})`
      default:
        return String(i32(value))
    }
  }
  return [family, type, withShow(protocol, plain(render)), ...rest]
}

const archPrctl: Make = (registers, parts) => {
  const [option, arg] = parts as [Part, Part]
  const code = i32(registers[0]!)
  return [option, code === 0x1003 || code === 0x1004
    ? withLater(arg, outcome(function*(look, at) {
      return `[${address(yield* number(look, at, "u8"))}]`
    }))
    : withShow(arg, plain(code === 0x1011 ? String : hex))]
}

const pollSet = (at: number, countAt: number): Make => (_, parts) => parts.map((part) =>
  part.index === at
    ? withShow(part, (look, value) => {
      const count = BigInt.asUintN(32, look.registers[countAt]!)
      return count === 0n ? "[]" : orAddress((inner, place) => list(inner, place, count, 8, (each, one) => structAt(each, "Pollfd", one)))(look, value)
    })
    : part)

const ready = function*(look: Look): Reading<string> {
  const count = Math.min(Number(BigInt.asUintN(32, look.registers[1]!)), 1024)
  const inner = yield* ahead(look, look.registers[0]!, count * 8)
  const shown: Array<string> = []
  for (let i = 0; i < count && shown.length < look.options.strings; i++) {
    const { fd, revents } = (yield* readStruct(inner, "Pollfd", look.registers[0]! + BigInt(8 * i))) as { readonly fd: number; readonly revents: number }
    if (revents !== 0) shown.push(`{fd=${descriptor(look, fd)}, revents=${flags("PollEvents", revents & 0xffff)}}`)
  }
  return `[${shown.join(", ")}]`
}

const selecting: Make = (_, parts) => parts.map((part) => {
  if (part.index < 1 || part.index > 3) return part.index === 4 && part.later !== undefined ? withShow(part, orAddress((look, at) => structAt(look, "Timespec", at))) : part
  return withShow(part, orAddress(function*(look, at) {
    return `[${(yield* descriptorsOf(look, at, i32(look.registers[0]!))).join(" ")}]`
  }))
})

const selected = (struct: string) => function*(look: Look): Reading<string> {
  const words: Array<string> = []
  for (const [i, label] of ["in", "out", "except"].entries()) {
    const at = look.registers[i + 1]!
    if (at === 0n) continue
    const fds = yield* descriptorsOf(look, at, i32(look.registers[0]!))
    if (fds.length > 0) words.push(`${label} [${fds.join(" ")}]`)
  }
  if (look.registers[4]! !== 0n) words.push(`left ${yield* structAt(look, struct, look.registers[4]!)}`)
  return words.join(", ")
}

/** What waits for descriptors says which are ready, or that time is up. */
const waiting = (what: (look: Look) => Reading<string>) => function*(look: Look): Reading<string> {
  if (look.result === 0n) return " (Timeout)"
  const words = yield* what(look)
  return words === "" ? "" : ` (${words})`
}

const events: Make = (_, parts) => parts.map((part) => part.index !== 1 ? part : withLater(part, outcome((look, at) => {
  const count = look.result ?? 0n
  return count === 0n ? "[]" : list(look, at, count, 12, (each, one) => structAt(each, "EpollEvent", one))
})))

const waitStatusOf = (at: number): Make => (_, parts) => parts.map((part) =>
  part.index === at
    ? withLater(part, outcome(function*(look, value) {
      return look.result === 0n ? hex(value) : `[${waitStatus(Number(yield* number(look, value, "i4")))}]`
    }))
    : part.index === 2 ? part : part.later !== undefined ? withLater(part, outcome((look, value) => look.result === 0n ? hex(value) : structAt(look, "Rusage", value))) : part)

const waitid: Make = (_, parts) => parts

/** What the kernel writes only when a signal cut the sleep short. */
const remainder = (at: number): Make => (_, parts) => parts.map((part) =>
  part.index === at
    ? withLater(part, function*(look, value) {
      const cut = look.result === -4n || look.result === -516n || look.result === -514n
      return value === 0n ? "NULL" : cut && look.result !== -514n ? yield* text(orAddress((inner, place) => structAt(inner, "Timespec", place))(look, value)) : hex(value)
    })
    : part)

const processors = (at: number, written: boolean): Make => (_, parts) => parts.map((part) => {
  if (part.index !== at) return part
  const show: Show = function*(look, value) {
    const size = Math.min(Number(look.result !== undefined && written ? look.result : BigInt.asUintN(32, look.registers[1]!)), 1024)
    const mask: Uint8Array = size <= 0 ? new Uint8Array(0) : yield* look.memory.read(value, size)
    return `[${Array.from({ length: mask.length * 8 }, (__, i) => i).filter((i) => (mask[i >> 3]! >> (i & 7)) & 1).join(" ")}]`
  }
  return written ? withLater(part, outcome(show)) : withShow(part, orAddress(show))
})

const vectors = (at: number, written: boolean): Make => (registers, parts) => {
  const count = (look: Look): bigint => look.registers[at + 1]!
  const shown = parts.map((part) => part.index !== at ? part
    : written ? withLater(part, outcome((look, value) => iovecs(look, value, count(look), look.result)))
    : withShow(part, orAddress((look, value) => iovecs(look, value, count(look)))))
  // The halves of a position are one number.
  const low = shown.findIndex((part) => part.name === "pos_l")
  if (low < 0) return shown
  return [...shown.slice(0, low), withShow(shown[low]!, plain((value) => String(BigInt.asIntN(64, value | registers[4]! << 32n)))), ...shown.slice(low + 2)]
}

const message = function*(look: Look, at: bigint, length: bigint | undefined): Reading<string> {
  const header = (yield* readStruct(look, "Msghdr", at)) as { readonly [K in "msg_name" | "msg_iov" | "msg_iovlen" | "msg_control" | "msg_controllen"]: bigint } & { readonly msg_namelen: number; readonly msg_flags: number }
  const name = yield* text(orAddress(sockaddr(BigInt(header.msg_namelen)))(look, header.msg_name))
  const iov = yield* text(orAddress((inner, place) => iovecs(inner, place, header.msg_iovlen, length))(look, header.msg_iov))
  const control = header.msg_control === 0n || header.msg_controllen === 0n ? "" : `msg_control=${yield* text(orAddress((inner, place) => controlMessages(inner, place, header.msg_controllen))(look, header.msg_control))}, `
  return `{msg_name=${name}, msg_namelen=${header.msg_namelen}, msg_iov=${iov}, msg_iovlen=${header.msg_iovlen}, ${control}msg_controllen=${header.msg_controllen}, msg_flags=${flags("MsgFlags", header.msg_flags >>> 0)}}`
}

const messages = (many: boolean, written: boolean): Make => (_, parts) => parts.map((part) => {
  if (part.index !== 1) return part
  const one = (look: Look, at: bigint): Reading<string> => message(look, at, written && !many ? look.result : undefined)
  const show: Show = many
    ? (look, at) => list(look, at, look.result ?? BigInt.asUintN(32, look.registers[2]!), 64, function*(each: Look, place: bigint): Reading<string> {
      const header = yield* message(each, place, written ? yield* number(each, place + 56n, "u4") : undefined)
      return `{msg_hdr=${header}${each.result === undefined ? "" : `, msg_len=${yield* number(each, place + 56n, "u4")}`}}`
    })
    : one
  return written || many ? withLater(part, outcome(show)) : withShow(part, orAddress(show))
})

const times = (struct: "Timespec" | "Timeval", at: number): Make => (_, parts) => parts.map((part) => part.index !== at ? part : withShow(part, orAddress((look, place) =>
  list(look, place, 2n, 16, function*(each: Look, one: bigint): Reading<string> {
    const seconds = yield* number(each, one, "i8")
    const rest = yield* number(each, one + 8n, "i8")
    if (struct === "Timespec" && rest === 0x3fffffffn) return "UTIME_NOW"
    if (struct === "Timespec" && rest === 0x3ffffffen) return "UTIME_OMIT"
    return `{tv_sec=${seconds}, tv_${struct === "Timespec" ? "nsec" : "usec"}=${rest}}${timeRemark(seconds, rest, struct === "Timespec" ? 9 : 6)}`
  }))))

/** The size of a huge page, as a power of two, stands in the upper bits of the flags. */
const hugePages = (at: number, set: string, shift: string): Make => (_, parts) => parts.map((part) => part.index !== at ? part
  : withShow(part, plain((value) => {
    const size = (u32(value) >>> 26) & 0x3f
    const rest = u32(value) & 0x3ffffff
    return [...rest === 0 && size !== 0 ? [] : [flags(set, rest)], ...size === 0 ? [] : [`${size}<<${shift}`]].join("|")
  })))

const special: Partial<Record<SyscallName, Make>> = {
  open: opening(1),
  openat: opening(2),
  mmap: hugePages(3, "MmapFlags", "MAP_HUGE_SHIFT"),
  memfd_create: hugePages(1, "MemfdFlags", "MFD_HUGE_SHIFT"),
  mq_open: (registers, parts) => (Number(registers[1]!) & 0o100) !== 0 ? parts : parts.slice(0, 2),
  mknod: nodes(1),
  mknodat: nodes(2),
  mremap: (registers, parts) => (registers[3]! & 6n) !== 0n ? parts : parts.slice(0, 4),
  umask: (_, parts) => [withShow(parts[0]!, plain((value) => octal(Number(value & 0o7777n))))],
  shmget: ipcFlags(2),
  semget: ipcFlags(2),
  msgget: ipcFlags(1),
  semctl: (_, parts) => [...parts.slice(0, 3), withShow(parts[3]!, plain(address))],
  futex,
  clone,
  clone3,
  fcntl,
  ioctl: ioctlParts,
  prctl: prctlParts,
  setsockopt: optionParts(false),
  getsockopt: optionParts(true),
  socket: protocols,
  socketpair: protocols,
  arch_prctl: archPrctl,
  accept: lengths(1, 2),
  accept4: lengths(1, 2),
  getsockname: lengths(1, 2),
  getpeername: lengths(1, 2),
  recvfrom: lengths(4, 5),
  sendfile: offsets(2),
  copy_file_range: offsets(1, 3),
  splice: offsets(1, 3),
  poll: pollSet(0, 1),
  ppoll: (registers, parts) => pollSet(0, 1)(registers, parts).map((part) => part.index === 2 ? withShow(part, orAddress((look, at) => structAt(look, "Timespec", at))) : part),
  select: (registers, parts) => selecting(registers, parts).map((part) => part.index === 4 ? withShow(part, orAddress((look, at) => structAt(look, "Timeval", at))) : part),
  pselect6: (registers, parts) => selecting(registers, parts).map((part) => part.index === 5
    ? withShow(part, orAddress(function*(look, at) {
      const set = yield* number(look, at, "u8")
      const shown = set === 0n ? "NULL" : yield* text(signalSetAt(look, set))
      return `{sigmask=${shown}, sigsetsize=${yield* number(look, at + 8n, "u8")}}`
    }))
    : part),
  epoll_wait: events,
  epoll_pwait: events,
  epoll_pwait2: events,
  wait4: waitStatusOf(1),
  waitid,
  nanosleep: remainder(1),
  clock_nanosleep: remainder(3),
  sched_getaffinity: processors(2, true),
  sched_setaffinity: processors(2, false),
  readv: vectors(1, true),
  writev: vectors(1, false),
  preadv: vectors(1, true),
  pwritev: vectors(1, false),
  preadv2: vectors(1, true),
  pwritev2: vectors(1, false),
  vmsplice: vectors(1, false),
  sendmsg: messages(false, false),
  recvmsg: messages(false, true),
  sendmmsg: messages(true, false),
  recvmmsg: messages(true, true),
  utimensat: times("Timespec", 2),
  utimes: times("Timeval", 1),
  futimesat: times("Timeval", 2),
  getdents64: (_, parts) => [parts[0]!, withLater(parts[1]!, outcome(directoryEntries)), parts[2]!],
  getdents: (_, parts) => [parts[0]!, withLater(parts[1]!, outcome((__, value) => hex(value))), parts[2]!],
  getrandom: (_, parts) => [withLater(parts[0]!, outcome((look, at) => bytes(look, at, look.result ?? 0n, hexQuoted))), ...parts.slice(1)],
  // The result counts the NUL behind the path.
  getcwd: (_, parts) => [withLater(parts[0]!, outcome((look, at) => bytes({ ...look, options: { ...look.options, strings: 4096 } }, at, (look.result ?? 0n) - 1n))), parts[1]!],
  readlink: (_, parts) => [parts[0]!, withLater(parts[1]!, outcome((look, at) => bytes({ ...look, options: { ...look.options, strings: 4096 } }, at, look.result ?? 0n))), parts[2]!],
  readlinkat: (_, parts) => [...parts.slice(0, 2), withLater(parts[2]!, outcome((look, at) => bytes({ ...look, options: { ...look.options, strings: 4096 } }, at, look.result ?? 0n))), parts[3]!],
  statx: (_, parts) => parts.map((part) => part.index === 2
    ? withShow(part, plain((value) => {
      const bits = u32(value)
      const rest = bits & ~0x6000
      return (bits & 0x6000) !== 0 ? flags("AtFlags", bits) : rest === 0 ? "AT_STATX_SYNC_AS_STAT" : `AT_STATX_SYNC_AS_STAT|${flags("AtFlags", rest >>> 0)}`
    }))
    : part.index === 3 ? withShow(part, plain((value) => statxMask(u32(value) | 0))) : part),
  capget: (_, parts) => [withShow(parts[0]!, orAddress((look, at) => structAt(look, "CapUserHeader", at))), withLater(parts[1]!, outcome((look, at) => capabilities(look, at)))],
  capset: (_, parts) => [withShow(parts[0]!, orAddress((look, at) => structAt(look, "CapUserHeader", at))), withShow(parts[1]!, orAddress((look, at) => capabilities(look, at)))],
  personality: (_, parts) => [withShow(parts[0]!, plain((value) => u32(value) === 0xffff_ffff ? "0xffffffff" : flags("Personality", u32(value))))],
  membarrier: (registers, parts) => registers[1] === 0n ? parts.slice(0, 2) : parts,
  get_robust_list: (_, parts) => parts.map((part) => part.index !== 1 ? part : withLater(part, outcome(function*(look, at) {
    return `[${address(yield* number(look, at, "u8"))}]`
  }))),
  getcpu: (_, parts) => parts.map((part) => part.index === 2 ? withShow(part, plain(address)) : part)
} as Partial<Record<SyscallName, Make>>

const signalSetAt: Show = function*(look, at) {
  return yield* text(partOf({ kind: "pointer", name: "set", index: 0, direction: "in", pointee: "sigset" }, []).show!(look, at))
}

const capabilities = function*(look: Look, at: bigint): Reading<string> {
  const low = yield* readStruct(look, "CapUserData", at)
  const version = yield* number(look, look.registers[0]!, "u4")
  return capabilitySets([low, ...version === 0x19980330n ? [] : [yield* readStruct(look, "CapUserData", at + 12n)]] as Parameters<typeof capabilitySets>[0])
}

// ------------------------------------------------------------------------------------------------------------ results

/** What stands in place of a result that is no error, where that is not its number. */
const results: Readonly<Record<string, (value: bigint) => string>> = {
  hex,
  octal: (value) => octal(Number(value)),
  membarrier: (value) => value === 0n ? "0" : `${hex(value)} (${flags("MembarrierCommand", value)})`
}

/** What stands behind a result that is no error. */
const remarks: Partial<Record<SyscallName, (look: Look) => Shown>> = {
  poll: waiting(ready),
  ppoll: waiting(function*(look: Look): Reading<string> {
    const left = look.registers[2]! === 0n ? "" : `, left ${yield* structAt(look, "Timespec", look.registers[2]!)}`
    return `${yield* ready(look)}${left}`
  }),
  select: waiting(selected("Timeval")),
  pselect6: waiting(selected("Timespec")),
  personality: ({ result }) => ` (${u32(result!) === 0 ? "PER_LINUX" : flags("Personality", u32(result!))})`,
  time: ({ result }) => ` (${time(result!)})`
}

/** Some results of fcntl(2) are flags. */
const fcntlResult = (look: Look): string => {
  const value = u32(look.result!)
  switch (u32(look.registers[1]!)) {
    case F.GETFD:
      return value === 0 ? "0" : `${hex(value)} (flags ${flags("DescriptorFlags", value)})`
    case F.GETFL:
      return `${hex(value)} (flags ${flags("OpenFlags", value)})`
    case F.GET_SEALS:
      return value === 0 ? "0" : `${hex(value)} (seals ${flags("SealFlags", value)})`
    case F.DUPFD:
    case F.DUPFD_CLOEXEC:
      return descriptor(look, i32(look.result!))
    case F.GETSIG:
      return signal(value) === "0" ? "0" : `${value} (${signal(value)})`
    case F.GETLEASE:
      return `${value} (${constant("LockType", value)})`
    default:
      return String(look.result)
  }
}

const defaults = new Map<SyscallName, ReadonlyArray<Part>>()

/** The parts of a call, in the order in which they are shown. */
export const partsOf = (name: SyscallName, registers: Registers): ReadonlyArray<Part> => {
  let parts = defaults.get(name)
  if (parts === undefined) {
    const args = syscallInfo(name).arguments
    const changed = shows.get(name)?.args
    parts = args.map((argument) => {
      const show = changed?.get(argument.name)
      return show === undefined ? partOf(argument, args) : { name: argument.name, index: argument.index, show }
    })
    defaults.set(name, parts)
  }
  return special[name]?.(registers, parts) ?? parts
}

/** The result of a call that did not fail. */
export const showResult = function*(name: SyscallName, look: Look, isDescriptor: boolean): Reading<string> {
  const value = look.result!
  if (name === "fcntl") return fcntlResult(look)
  if (name === "prctl") return prctlResult(look)
  const kind = shows.get(name)?.result
  const shown = kind !== undefined ? results[kind]!(value) : isDescriptor ? descriptor(look, i32(value)) : String(value)
  const remark = remarks[name]
  return remark === undefined ? shown : shown + (yield* text(remark(look)))
}
