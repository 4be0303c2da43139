import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { runC } from "../../../test/support/childMemory.ts"
import { decodeDirents, type Dirent, encodeDirents } from "./dirent.ts"
import * as flags from "./generated/flags.ts"
import * as structs from "./generated/structs.ts"
import type { FlagSet } from "./flagSet.ts"
import { integer, type IntegerCode, type Struct, struct } from "./layout.ts"
import { Siginfo } from "./siginfo.ts"
import { decodeSockaddr, encodeSockaddr, type Sockaddr } from "./sockaddr.ts"
import { decodeText, encodeText } from "./text.ts"

const all = Object.values(structs) as unknown as ReadonlyArray<Struct<unknown>>

/** Values that a field of this code can hold. */
const values = (code: string): fc.Arbitrary<unknown> => {
  const [, element, count] = /^([^*]+)(?:\*(\d+))?$/.exec(code)!
  if (count !== undefined) return fc.array(values(element!), { minLength: Number(count), maxLength: Number(count) })
  const [base, , width] = element!.split(":")
  const size = Number(base!.slice(1))
  if (/^[iu][1248]$/.test(base!)) {
    const bits = width === undefined ? size * 8 : Number(width)
    const signed = base!.startsWith("i")
    const low = signed ? -(1n << BigInt(bits - 1)) : 0n
    const high = (1n << BigInt(signed ? bits - 1 : bits)) - 1n
    const integers = fc.bigInt(low, high)
    return size === 8 ? integers : integers.map(Number)
  }
  if (/^c\d+$/.test(base!)) return fc.uint8Array({ maxLength: size - 1 }).map((bytes) => decodeText(bytes.map((b) => (b === 0 ? 1 : b))))
  if (/^b\d+$/.test(base!)) return fc.uint8Array({ minLength: size, maxLength: size })
  return valuesOf((structs as unknown as Readonly<Record<string, Struct<unknown>>>)[base!]!)
}
const valuesOf = (layout: Struct<unknown>): fc.Arbitrary<unknown> => fc.record(Object.fromEntries(layout.fields.map((field) => [field.name, values(field.code)])))

const sizeOf = (code: string): number => {
  const [, element, count] = /^([^*]+)(?:\*(\d+))?$/.exec(code)!
  const base = element!.split(":")[0]!
  const size = /^[iucb]\d+$/.test(base) ? Number(base.slice(1)) : (structs as unknown as Readonly<Record<string, Struct<unknown>>>)[base]!.size
  return size * (count === undefined ? 1 : Number(count))
}

describe("structure layouts", () => {
  it.each(all.map((layout) => [layout.name, layout] as const))("%s: every value comes back from its bytes", (_, layout) => {
    fc.assert(
      fc.property(valuesOf(layout), (value) => {
        expect(layout.fromBytes(layout.toBytes(value))).toEqual(value)
      }),
      { numRuns: 20 }
    )
  })

  it.each(all.map((layout) => [layout.name, layout] as const))("%s: fields lie within it and do not overlap", (_, layout) => {
    let end = 0
    for (const field of layout.fields.toSorted((a, b) => a.offset - b.offset)) {
      const isBits = field.code.includes(":")
      if (!isBits) expect(field.offset).toBeGreaterThanOrEqual(end)
      end = Math.max(end, field.offset + sizeOf(field.code))
      expect(end).toBeLessThanOrEqual(layout.size)
    }
  })

  it("decodes at an offset and leaves what lies around", () => {
    const bytes = new Uint8Array(48).fill(0xaa)
    structs.Timespec.encode(new DataView(bytes.buffer, 8), 8, { tv_sec: -1n, tv_nsec: 5n })
    expect([...bytes.subarray(0, 16), ...bytes.subarray(32)].every((b) => b === 0xaa)).toBe(true)
    expect(structs.Timespec.decode(new DataView(bytes.buffer, 8), 8)).toEqual({ tv_sec: -1n, tv_nsec: 5n })
  })

  it("make fills in zeros and refuses what is no field", () => {
    expect(structs.Itimerspec.make({ it_value: { tv_sec: 1n, tv_nsec: 0n } })).toEqual({
      it_interval: { tv_sec: 0n, tv_nsec: 0n },
      it_value: { tv_sec: 1n, tv_nsec: 0n }
    })
    expect(structs.Utsname.make()).toMatchObject({ sysname: "", nodename: "" })
    expect(() => structs.Utsname.make({ nodname: "x" } as never)).toThrow("Utsname has no field nodname")
  })

  it("text that does not fit, or holds a NUL, is refused whole", () => {
    expect(() => structs.Utsname.toBytes(structs.Utsname.make({ nodename: "x".repeat(65) }))).toThrow(RangeError)
    expect(() => structs.Utsname.toBytes(structs.Utsname.make({ nodename: "a\0b" }))).toThrow(RangeError)
    expect(structs.Utsname.fromBytes(structs.Utsname.toBytes(structs.Utsname.make({ nodename: "x".repeat(64) }))).nodename).toHaveLength(64)
  })

  it("bit fields share their unit", () => {
    const bits = struct<{ a: bigint; b: bigint; c: bigint }>("Bits", 8, "a@0=u8:0:1 b@0=u8:1:3 c@0=i8:60:4")
    const bytes = bits.toBytes({ a: 1n, b: 5n, c: -2n })
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(0xe00000000000000bn)
    expect(bits.fromBytes(bytes)).toEqual({ a: 1n, b: 5n, c: -2n })
  })

  it("integers wrap as in C", () => {
    const view = new DataView(new ArrayBuffer(8))
    for (const [code, given, taken] of [["u1", 257, 1], ["i1", 255, -1], ["u4", -1, 0xffffffff], ["u8", -1n, 0xffffffffffffffffn]] as unknown as ReadonlyArray<[IntegerCode, never, unknown]>) {
      const layout = integer(code)
      layout.encode(view, 0, given)
      expect(layout.decode(view, 0)).toBe(taken)
    }
  })
})

describe("layouts against the C compiler and the headers of this machine", () => {
  // Structures that have not changed for years, by the headers that programs are compiled with.
  const groups: ReadonlyArray<readonly [string, Readonly<Record<string, string>>]> = [
    ["#include <asm/stat.h>\n#include <asm/statfs.h>\n#include <asm/termbits.h>\n#include <asm/signal.h>\n#include <linux/utsname.h>\n#include <linux/uio.h>\n#include <linux/time_types.h>\n" +
      "#include <linux/resource.h>\n#include <linux/sysinfo.h>\n#include <linux/poll.h>\n#include <linux/eventpoll.h>\n#include <linux/openat2.h>\n#include <linux/aio_abi.h>\n#include <linux/futex.h>\n" +
      "#include <linux/mqueue.h>\n#include <linux/capability.h>\n#include <linux/timex.h>\n#include <linux/signalfd.h>\n#include <linux/utime.h>\n#include <linux/sched.h>\n#include <linux/times.h>\n" +
      "#include <asm/shmbuf.h>\n#include <linux/filter.h>\n#include <linux/seccomp.h>\n#include <linux/inotify.h>\n#include <linux/fs.h>\n", {
      Stat: "struct stat",
      Statfs: "struct statfs",
      Termios: "struct termios",
      Sigaction: "struct sigaction",
      Sigaltstack: "stack_t",
      Utsname: "struct new_utsname",
      Iovec: "struct iovec",
      Timespec: "struct __kernel_timespec",
      Itimerspec: "struct __kernel_itimerspec",
      Timeval: "struct __kernel_old_timeval",
      Rusage: "struct rusage",
      Rlimit64: "struct rlimit64",
      Sysinfo: "struct sysinfo",
      Pollfd: "struct pollfd",
      EpollEvent: "struct epoll_event",
      OpenHow: "struct open_how",
      Iocb: "struct iocb",
      IoEvent: "struct io_event",
      FutexWaitv: "struct futex_waitv",
      MqAttr: "struct mq_attr",
      CapUserHeader: "struct __user_cap_header_struct",
      Timex: "struct __kernel_timex",
      SignalfdSiginfo: "struct signalfd_siginfo",
      Utimbuf: "struct utimbuf",
      CloneArgs: "struct clone_args",
      Tms: "struct tms",
      ShmidDs: "struct shmid64_ds",
      SockFprog: "struct sock_fprog",
      SeccompData: "struct seccomp_data",
      InotifyEvent: "struct inotify_event",
      Fsxattr: "struct fsxattr"
    }],
    ["#define _GNU_SOURCE\n#include <sys/socket.h>\n#include <sys/ioctl.h>\n#include <sched.h>\n#include <netinet/in.h>\n", {
      // The kernel's names, the C library's layout.
      Msghdr: "struct msghdr",
      Mmsghdr: "struct mmsghdr",
      Cmsghdr: "struct cmsghdr",
      Ucred: "struct ucred",
      Linger: "struct linger",
      Winsize: "struct winsize",
      InPktinfo: "struct in_pktinfo",
      IpMreqn: "struct ip_mreqn"
    }]
  ]
  it.each(groups)("group %#", (headers, types) => {
    const byName = structs as unknown as Readonly<Record<string, Struct<unknown>>>
    const expressions = Object.entries(types).flatMap(([name, type]) => [
      `printf("${name} %zu\\n", sizeof(${type}));`,
      ...byName[name]!.fields.map((field) => `printf("${name}.${field.name} %zu\\n", __builtin_offsetof(${type}, ${field.name}));`)
    ])
    const said = runC(`${headers}\nint printf(const char *, ...);\nint main(void) {\n${expressions.join("\n")}\n}\n`)
    const ours = Object.keys(types).flatMap((name) => [`${name} ${byName[name]!.size}`, ...byName[name]!.fields.map((field) => `${name}.${field.name} ${field.offset}`)])
    expect(said.trim().split("\n")).toEqual(ours)
  })
})

describe("text", () => {
  it("every sequence of bytes comes back", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => { expect([...encodeText(decodeText(bytes))]).toEqual([...bytes]) }), { numRuns: 500 })
  })
  it("every well-formed string comes back", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => { expect(decodeText(encodeText(text))).toBe(text) }))
  })
  it.each([
    ["plain", [0x61], "a"],
    ["two bytes", [0xc3, 0xa9], "é"],
    ["a byte of Latin-1", [0x61, 0xe9, 0x62], "a\udce9b"],
    ["an overlong slash", [0xc0, 0xaf], "\udcc0\udcaf"],
    ["a surrogate in UTF-8", [0xed, 0xb2, 0x80], "\udced\udcb2\udc80"],
    ["a sequence cut short", [0xe2, 0x82], "\udce2\udc82"],
    ["a byte-order mark", [0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
    ["beyond Unicode", [0xf4, 0x90, 0x80, 0x80], "\udcf4\udc90\udc80\udc80"]
  ])("%s", (_, bytes, text) => {
    expect(decodeText(Uint8Array.from(bytes))).toBe(text)
    expect([...encodeText(text)]).toEqual(bytes)
  })
})

describe("socket addresses", () => {
  const address = fc.oneof<fc.Arbitrary<Sockaddr>[]>(
    fc.record({ family: fc.constant("AF_INET" as const), address: fc.ipV4(), port: fc.nat(65535) }),
    fc.record({ family: fc.constant("AF_NETLINK" as const), pid: fc.nat(), groups: fc.nat() }),
    fc.record({ family: fc.constant("AF_UNIX" as const), abstract: fc.uint8Array({ maxLength: 107 }) }),
    fc.record({ family: fc.constant("AF_UNIX" as const), path: fc.string({ minLength: 1, maxLength: 30 }).filter((s) => !s.includes("\0")) }),
    fc.record({ family: fc.constant("AF_UNIX" as const), unnamed: fc.constant(true as const) }),
    fc.record({ family: fc.constant("other" as const), number: fc.constantFrom(17, 40), data: fc.uint8Array({ maxLength: 60 }) })
  )
  it("come back from their bytes", () => {
    fc.assert(fc.property(address, (value) => { expect(decodeSockaddr(encodeSockaddr(value))).toEqual(value) }))
  })
  it("IPv6 comes back from its bytes, and as the C library writes it", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(65535), fc.nat(), (bytes, port, scope) => {
      const raw = encodeSockaddr({ family: "AF_INET6", address: "::", port, flow: 7, scope })
      raw.set(bytes, 8)
      expect(encodeSockaddr(decodeSockaddr(raw))).toEqual(raw)
    }))
    for (const text of ["::", "::1", "2001:db8::1", "fe80::1:0:0:1", "1:2:3:4:5:6:7:8", "1::", "0:1::", "2001:db8:0:1:1:1:1:1", "::ffff:10.0.0.1"]) {
      const value = { family: "AF_INET6", address: text, port: 1, flow: 0, scope: 0 } as const
      expect(decodeSockaddr(encodeSockaddr(value))).toEqual(value)
    }
  })
  it.each(["1:2", ":::", "1::2::3", "12345::", "g::", "1:2:3:4:5:6:7:8:9", "::1.2.3"])("%s is no IPv6 address", (text) => {
    expect(() => encodeSockaddr({ family: "AF_INET6", address: text, port: 0, flow: 0, scope: 0 })).toThrow(RangeError)
  })
  it("what is cut short keeps its bytes", () => {
    const short = Uint8Array.of(2, 0, 0, 80, 1, 2)
    expect(decodeSockaddr(short)).toEqual({ family: "other", number: 2, data: short.slice(2) })
    expect(encodeSockaddr(decodeSockaddr(short))).toEqual(short)
    expect(decodeSockaddr(new Uint8Array(1)).family).toBe("other")
  })
  it("an AF_UNIX path ends at its NUL, and has room for one", () => {
    expect(decodeSockaddr(Uint8Array.of(1, 0, 0x2f, 0x61, 0, 0x62))).toEqual({ family: "AF_UNIX", path: "/a" })
    expect(() => encodeSockaddr({ family: "AF_UNIX", path: "x".repeat(108) })).toThrow(RangeError)
  })
})

describe("directory entries", () => {
  it("come back, those that fit", () => {
    const entry: fc.Arbitrary<Dirent> = fc.record({
      ino: fc.bigInt(0n, 2n ** 64n - 1n),
      off: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      type: fc.constantFrom("DT_REG", "DT_DIR", "DT_LNK", "DT_UNKNOWN"),
      name: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => decodeText(bytes.map((b) => (b === 0 || b === 0x2f ? 1 : b))))
    })
    fc.assert(fc.property(fc.array(entry, { maxLength: 8 }), fc.nat(400), (entries, room) => {
      const { bytes, count } = encodeDirents(entries, room)
      expect(bytes.length).toBeLessThanOrEqual(room)
      expect(bytes.length % 8).toBe(0)
      expect(decodeDirents(bytes)).toEqual(entries.slice(0, count))
      if (count < entries.length) expect(encodeDirents(entries, 1 << 20).bytes.length).toBeGreaterThan(room)
    }))
  })
  it("of the kernel: what getdents64 really gives for /proc/self", () => {
    const said = runC(`#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/syscall.h>
int main(void) { static unsigned char b[32768]; long n = syscall(SYS_getdents64, open("/proc/self", O_RDONLY), b, sizeof b); for (long i = 0; i < n; i++) printf("%02x", b[i]); }`)
    const bytes = Buffer.from(said, "hex")
    const entries = decodeDirents(bytes)
    expect(entries.find((e) => e.name === "exe")?.type).toBe("DT_LNK")
    expect(entries.find((e) => e.name === "fd")?.type).toBe("DT_DIR")
    expect(Buffer.from(encodeDirents(entries, 1 << 20).bytes)).toHaveLength(bytes.length)
    expect(decodeDirents(encodeDirents(entries, 1 << 20).bytes)).toEqual(entries)
  })
  it("garbage ends the list", () => {
    expect(decodeDirents(new Uint8Array(64))).toEqual([])
    expect(decodeDirents(new Uint8Array(64).fill(0xff))).toEqual([])
    expect(() => encodeDirents([{ ino: 1n, off: 0n, type: "DT_REG", name: "a/b" }], 100)).toThrow(RangeError)
  })
})

describe("siginfo", () => {
  const head = { signo: 0, errno: 0, code: 0 }
  it.each<Siginfo>([
    { ...head, kind: "kill", signo: 15, pid: 7, uid: 1000 },
    { ...head, kind: "queue", signo: 34, code: -1, pid: 7, uid: 1000, value: 0x1122334455667788n },
    { ...head, kind: "timer", signo: 14, code: -2, timer: 3, overrun: 2, value: 9n },
    { ...head, kind: "child", signo: 17, code: 1, pid: 9, uid: 0, status: 3, utime: 10n, stime: 20n },
    { ...head, kind: "fault", signo: 11, code: 1, address: 0xdeadbeefn },
    { ...head, kind: "poll", signo: 29, code: 1, band: 65n, fd: 4 },
    { ...head, kind: "syscall", signo: 31, code: 1, address: 4096n, number: 59, arch: 0xc000003e },
    { ...head, kind: "other", signo: 10, code: 0x80, data: new Uint8Array(116).fill(3) }
  ])("$kind comes back", (value) => {
    const view = new DataView(new ArrayBuffer(130))
    Siginfo.encode(view, 2, value)
    expect(Siginfo.decode(view, 2)).toEqual(value)
  })
  it("lies as the C library says", () => {
    const said = runC("#include <signal.h>\n#include <stdio.h>\n#include <stddef.h>\nint main(void) { printf(\"%zu %zu %zu %zu %zu %zu %zu %zu\", sizeof(siginfo_t), offsetof(siginfo_t, si_pid), offsetof(siginfo_t, si_uid), " +
      "offsetof(siginfo_t, si_status), offsetof(siginfo_t, si_utime), offsetof(siginfo_t, si_value), offsetof(siginfo_t, si_fd), offsetof(siginfo_t, si_arch)); }")
    expect(said).toBe("128 16 20 24 32 24 24 28")
  })
})

describe("flag sets", () => {
  const sets = Object.values(flags) as unknown as ReadonlyArray<FlagSet<string>>
  it.each(sets.map((set) => [set.name, set] as const))("%s: every name is in its own value, and its value is told by names", (_, set) => {
    for (const { name, value } of set.entries) {
      expect(set.has(value, name)).toBe(true)
      expect(set.value(name)).toBe(value)
      expect(set.make(...set.names(value))).toBe(value)
    }
  })
  it("any combination of bits is told without loss", () => {
    fc.assert(fc.property(fc.constantFrom(...sets), fc.integer({ min: 0, max: 0xffffffff }), (set, value) => {
      const parts = set.format(value).split("|")
      const sum = parts.reduce((total, part) => total | (/^(0x|\d)/.test(part) ? BigInt(part) : BigInt(set.value(part))), 0n)
      expect(sum).toBe(BigInt(value))
    }))
  })
  it("reads as strace writes", () => {
    expect(flags.OpenFlags.format(0)).toBe("O_RDONLY")
    expect(flags.OpenFlags.format(0o1101)).toBe("O_WRONLY|O_CREAT|O_TRUNC")
    expect(flags.OpenFlags.format(0x101000)).toBe("O_RDONLY|O_SYNC")
    expect(flags.OpenFlags.format(0x40000000n)).toBe("O_RDONLY|0x40000000")
    expect(flags.MmapFlags.format(0x22n)).toBe("MAP_PRIVATE|MAP_ANONYMOUS")
    expect(flags.SocketType.format(0x80801)).toBe("SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC")
    expect(flags.FutexOp.format(0x80 | 9)).toBe("FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG")
    expect(flags.Whence.format(7)).toBe("7")
    expect(flags.Signals.format(9)).toBe("SIGKILL")
    expect(flags.AtFlags.format(0)).toBe("0")
  })
  it("an access mode is a number, not bits", () => {
    expect(flags.OpenFlags.has(1, "O_WRONLY")).toBe(true)
    expect(flags.OpenFlags.has(2, "O_WRONLY")).toBe(false)
    expect(flags.OpenFlags.has(2, "O_RDWR")).toBe(true)
    expect(flags.OpenFlags.has(-1, "O_CREAT", "O_CLOEXEC")).toBe(true)
    expect(flags.AccessMode.has(0, "F_OK")).toBe(true)
    expect(() => flags.OpenFlags.has(0, "O_CREATE" as never)).toThrow("OpenFlags has no O_CREATE")
  })
})
