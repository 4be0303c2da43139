/**
 * Calls in words, over memory that is laid out here. That the words are strace's own is tested with strace: cli/trace.test.ts.
 */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { type Descriptor, GuestFault, type GuestMemory } from "./GuestMemory.ts"
import { errnoText } from "./internal/show/errnoText.ts"
import { load } from "./internal/native.ts"
import { type SyscallName, syscallNumbers } from "./internal/syscalls.ts"
import * as Errno from "./Errno.ts"
import * as Syscall from "./Syscall.ts"
import * as SyscallFormat from "./SyscallFormat.ts"
import * as SyscallHandler from "./SyscallHandler.ts"
import * as Verdict from "./Verdict.ts"

type Memory = GuestMemory["Service"]

/** Memory in which everything that is placed stands alone, and nothing else is mapped. */
const layout = () => {
  const regions: Array<{ readonly at: bigint; bytes: Uint8Array }> = []
  let next = 0x10000n
  const find = (at: bigint, length: number) => regions.find((one) => at >= one.at && at + BigInt(length) <= one.at + BigInt(one.bytes.length))
  const fault = (access: "read" | "write", address: bigint, length: number, reason: GuestFault["reason"] = "unmapped") => Effect.fail(new GuestFault({ access, address, length, reason }))
  const memory: Memory = {
    read: (at, length) => {
      const region = find(at, length)
      return region === undefined ? fault("read", at, length) : Effect.succeed(region.bytes.slice(Number(at - region.at), Number(at - region.at) + length))
    },
    readCString: (at, max) => {
      const region = find(at, 1)
      if (region === undefined) return fault("read", at, 1)
      const from = region.bytes.subarray(Number(at - region.at))
      const end = from.indexOf(0)
      return end < 0 || end >= max ? fault("read", at, max, end < 0 && from.length < max ? "unmapped" : "tooLong") : Effect.succeed(from.slice(0, end))
    },
    write: (at, bytes) => {
      const region = find(at, bytes.length)
      if (region === undefined) return fault("write", at, bytes.length)
      region.bytes.set(bytes, Number(at - region.at))
      return Effect.void
    }
  }
  /** On pages of its own, with a hole behind them. */
  const place = (content: string | Uint8Array): bigint => {
    const at = next
    const given = typeof content === "string" ? Buffer.from(`${content}\0`, "latin1") : content
    const bytes = new Uint8Array(Math.ceil(given.length / 4096) * 4096)
    bytes.set(given)
    regions.push({ at, bytes })
    next += BigInt(bytes.length + 4096)
    return at
  }
  const words = (...values: ReadonlyArray<bigint | number>): bigint => place(new Uint8Array(BigUint64Array.from(values.map((value) => BigInt.asUintN(64, BigInt(value)))).buffer))
  const ints = (...values: ReadonlyArray<number>): bigint => place(new Uint8Array(Int32Array.from(values).buffer))
  return { memory, place, words, ints }
}

const callOf = (name: SyscallName, registers: ReadonlyArray<bigint | number>, memory: Memory): SyscallHandler.Incoming => {
  const words = new BigUint64Array(6)
  registers.forEach((register, i) => (words[i] = BigInt.asUintN(64, BigInt(register))))
  return { name, tid: 7, pid: 7, registers: words, memory, tracee: { inject: () => Effect.succeed(0n), scratch: () => Effect.succeed(0n) } }
}

/** What a handler sees: the text as the call is made, and the whole line. `between`: what the kernel does. */
const shown = (name: SyscallName, registers: ReadonlyArray<bigint | number>, result: bigint | number, memory: Memory = layout().memory, options: SyscallFormat.Options = {}, between: Effect.Effect<void, GuestFault> = Effect.void) => {
  let begun = ""
  let line = ""
  const handler = SyscallHandler.make(name as "read", { power: "steer", memory: "racy" }, (call) =>
    Effect.map(SyscallFormat.entry(call, options), (entry) => {
      begun = SyscallFormat.begun(entry)
      return call.after((back) => Effect.map(entry.returned(back), (returned) => {
        line = SyscallFormat.line(entry, returned).replace(/ +(?== )/, " ")
        return Verdict.continue
      }))
    }))
  Effect.runSync(SyscallHandler.answer([handler], callOf(name, registers, memory)).pipe(
    Effect.tap(() => between),
    Effect.flatMap(({ after }) => after!(BigInt(result))),
    Effect.orDie
  ))
  return { begun, line }
}
const line = (...args: Parameters<typeof shown>): string => shown(...args).line

const AT_FDCWD = -100
const EBADF = -9
const ENOENT = -2

describe("registers", () => {
  it.each<[string, SyscallName, ReadonlyArray<bigint | number>, bigint | number]>([
    ["close(3) = 0", "close", [3], 0],
    ["close(-1) = -1 EBADF (Bad file descriptor)", "close", [0xffff_ffff_ffffn], EBADF],
    ["getpid() = 12", "getpid", [], 12],
    ["brk(NULL) = 0x55d0c0de0000", "brk", [0], 0x55d0c0de0000n],
    ["mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000001000", "mmap", [0, 8192, 3, 0x22, -1, 0], 0x7f0000001000n],
    ["mmap(0x7f0000000000, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE, 3, 0x26000) = 0x7f0000000000", "mmap", [0x7f0000000000n, 4096, 5, 0x812, 3, 0x26000], 0x7f0000000000n],
    ["mmap(NULL, 0, PROT_NONE, MAP_SHARED|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, 5, 0x1000) = -1 EBADF (Bad file descriptor)", "mmap", [0, 0, 0, 1 | (21 << 26) | 0x40000, 5, 0x1000], EBADF],
    ["mremap(0x2000, 1, 0, MREMAP_MAYMOVE) = -1 EINVAL (Invalid argument)", "mremap", [0x2000, 1, 0, 1, 9], -22],
    ["umask(022) = 022", "umask", [0o22], 0o22],
    ["lseek(3, -5, SEEK_END) = 4294967280", "lseek", [3, -5, 2], 4294967280n],
    ["lseek(3, 0, 0x9 /* SEEK_??? */) = -1 EINVAL (Invalid argument)", "lseek", [3, 0, 9], -22],
    ["kill(-1, SIGRT_3) = -1 ESRCH (No such process)", "kill", [-1, 35], -3],
    ["socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_TCP) = 3", "socket", [2, 0o2004001, 6], 3],
    ["socket(AF_UNIX, SOCK_DGRAM, 0) = 4", "socket", [1, 2, 0], 4],
    ["socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT) = 5", "socket", [16, 3, 15], 5],
    ["fcntl(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)", "fcntl", [3, 1], 1],
    ["fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)", "fcntl", [3, 3], 0x8002],
    ["fcntl(3, F_SETFL, O_RDONLY|O_NONBLOCK) = 0", "fcntl", [3, 4, 0o4000], 0],
    ["fcntl(3, F_DUPFD_CLOEXEC, 10) = 10", "fcntl", [3, 1030, 10], 10],
    ["fcntl(3, 0x4d /* F_??? */, 0x5) = -1 EINVAL (Invalid argument)", "fcntl", [3, 77, 5], -22],
    ["futex(0x7f00, FUTEX_WAKE_PRIVATE, 1) = 0", "futex", [0x7f00, 129, 1, 9, 9, 9], 0],
    ["futex(0x7f00, FUTEX_WAIT_BITSET|FUTEX_CLOCK_REALTIME, 8, NULL, FUTEX_BITSET_MATCH_ANY) = 0", "futex", [0x7f00, 0x109, 8, 0, 0, 0xffff_ffff], 0],
    ["ioctl(3, FIOCLEX) = 0", "ioctl", [3, 0x5451], 0],
    ["ioctl(3, _IOC(_IOC_READ|_IOC_WRITE, 0x54, 0x99, 0x4), 0x5) = -1 ENOTTY (Inappropriate ioctl for device)", "ioctl", [3, 0xc0045499, 5], -25],
    ["prctl(PR_GET_DUMPABLE) = 1 (SUID_DUMP_USER)", "prctl", [3], 1],
    ["prctl(0x3e7 /* PR_??? */, 0x1, 0x2, 0x3, 0x4) = -1 EINVAL (Invalid argument)", "prctl", [999, 1, 2, 3, 4], -22],
    ["arch_prctl(ARCH_SET_FS, 0x7f0000000740) = 0", "arch_prctl", [0x1002, 0x7f0000000740n], 0],
    ["shmget(IPC_PRIVATE, 1, IPC_CREAT|0644) = 1", "shmget", [0, 1, 0o1644], 1],
    ["setuid(-1) = -1 EINVAL (Invalid argument)", "setuid", [0xffff_ffff], -22],
    ["personality(0xffffffff) = 0 (PER_LINUX)", "personality", [0xffff_ffff], 0],
    ["preadv2(3, NULL, 0, 4294967296, RWF_HIPRI) = 0", "preadv2", [3, 0, 0, 0, 1, 1], 0],
    ["exit_group(3) = 0", "exit_group", [3], 0],
    ["pause() = ? ERESTARTNOHAND (To be restarted if no handler)", "pause", [], -514],
    ["getuid() = -1 ERRNO_577 (Unknown error 577)", "getuid", [], -577]
  ])("%s", (text, name, registers, result) => expect(line(name, registers, result)).toBe(text))

  it("every call is shown, whatever its registers hold, by one line of printable characters", () => {
    const wild = [0n, 1n, 7n, 0xffff_ffff_ffff_ffffn, 0x8000_0000n, 0x7fff_ffff_ffff_f000n]
    for (const name of Object.keys(syscallNumbers) as ReadonlyArray<SyscallName>) {
      if (Syscall.classify(name).safety === "fixed") continue
      for (let turn = 0; turn < wild.length; turn++) {
        const registers = wild.map((_, i) => wild[(i + turn) % wild.length]!)
        for (const result of [0n, 5n, -1n, -512n, 0x7f0000000000n]) expect(line(name, registers, result)).toMatch(new RegExp(`^${name}\\([ -~]*\\) = [ -~]+$`))
      }
    }
  })
})

describe("what the kernel reads", () => {
  it("paths whole, other strings and data cut", () => {
    const { memory, place } = layout()
    const long = "/".padEnd(100, "a")
    expect(line("open", [place(long), 0], ENOENT, memory)).toBe(`open("${long}", O_RDONLY) = -1 ENOENT (No such file or directory)`)
    expect(line("lsetxattr", [place("/x"), place("user.".padEnd(60, "a")), place("v"), 1, 0], ENOENT, memory)).toBe(`lsetxattr("/x", "user.${"a".repeat(27)}"..., "v", 1, 0) = -1 ENOENT (No such file or directory)`)
    expect(line("write", [1, place("0123456789".repeat(4)), 40], 40, memory)).toBe(`write(1, "01234567890123456789012345678901"..., 40) = 40`)
    expect(line("write", [1, place("0123456789"), 10], 10, memory, { strings: 4 })).toBe(`write(1, "0123"..., 10) = 10`)
    expect(line("write", [1, place("x"), 0], 0, memory)).toBe(`write(1, "", 0) = 0`)
  })

  it("control characters, quotes and bytes that are no text only as escapes", () => {
    const { memory, place } = layout()
    expect(line("write", [-1, place("a\0b\u00001\x7f\x80\"\\\n\r\t\v\f\x1b[31m"), 20], EBADF, memory)).toBe(`write(-1, "a\\0b\\0001\\177\\200\\"\\\\\\n\\r\\t\\v\\f\\33[31m\\0", 20) = -1 EBADF (Bad file descriptor)`)
    expect(line("open", [place("/\x1b]0;evil\x07\x9b2J\xff\n"), 0], ENOENT, memory)).toBe(`open("/\\33]0;evil\\7\\2332J\\377\\n", O_RDONLY) = -1 ENOENT (No such file or directory)`)
  })

  it("an address where there is no such memory, NULL where there is none", () => {
    expect(line("open", [0, 0], -14)).toBe("open(NULL, O_RDONLY) = -1 EFAULT (Bad address)")
    expect(line("open", [9, 0], -14)).toBe("open(0x9, O_RDONLY) = -1 EFAULT (Bad address)")
    expect(line("write", [1, 5, 3], -14)).toBe("write(1, 0x5, 3) = -1 EFAULT (Bad address)")
    expect(line("execve", [5, 6, 7], -14)).toBe("execve(0x5, 0x6, 0x7) = -1 EFAULT (Bad address)")
  })

  it("a mode only where a file is made", () => {
    const { memory, place } = layout()
    const path = place("/x")
    expect(line("openat", [AT_FDCWD, path, 0o2200000, 0o644], 3, memory)).toBe(`openat(AT_FDCWD, "/x", O_RDONLY|O_CLOEXEC|O_DIRECTORY) = 3`)
    expect(line("openat", [AT_FDCWD, path, 0o1101, 0o644], 3, memory)).toBe(`openat(AT_FDCWD, "/x", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 3`)
    expect(line("mknod", [path, 0o20644, 0x801], 0, memory)).toBe(`mknod("/x", S_IFCHR|0644, makedev(0x8, 0x1)) = 0`)
    expect(line("mknod", [path, 0o10600, 0x801], 0, memory)).toBe(`mknod("/x", S_IFIFO|0600) = 0`)
  })

  it("programs with their arguments; the environment counted, or in full", () => {
    const { memory, place, words } = layout()
    const argv = words(place("ls"), place("-l"), 0)
    const envp = words(place("A=1"), place("B=2"), 0)
    expect(line("execve", [place("/bin/ls"), argv, envp], 0, memory)).toBe(`execve("/bin/ls", ["ls", "-l"], 0x${envp.toString(16)} /* 2 vars */) = 0`)
    expect(line("execve", [place("/bin/ls"), argv, envp], 0, memory, { verbose: true })).toBe(`execve("/bin/ls", ["ls", "-l"], ["A=1", "B=2"]) = 0`)
    const many = words(...Array.from({ length: 40 }, (_, i) => place(String(i))), 0)
    expect(line("execve", [place("/bin/ls"), many, words(0)], 0, memory)).toMatch(/"30", "31", \.\.\.\], 0x[0-9a-f]+ \/\* 0 vars \*\/\) = 0$/)
    // A list without an end ends where memory does.
    const endless = place(new Uint8Array(BigUint64Array.from({ length: 512 }, () => 8n).buffer)) + 4096n - 160n
    expect(line("execve", [place("/bin/ls"), endless, endless], 0, memory)).toBe(`execve("/bin/ls", 0x${endless.toString(16)}, 0x${endless.toString(16)}) = 0`)
  })

  it("socket addresses", () => {
    const { memory, place } = layout()
    const of = (address: Syscall.Sockaddr): string => {
      const bytes = Syscall.encodeSockaddr(address)
      return line("connect", [3, place(bytes), bytes.length], 0, memory)
    }
    expect(of({ family: "AF_INET", address: "127.0.0.1", port: 80 })).toBe(`connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0`)
    expect(of({ family: "AF_INET6", address: "::1", port: 80, flow: 0, scope: 0 })).toBe(`connect(3, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0`)
    expect(of({ family: "AF_UNIX", path: "/run/x\n" })).toBe(`connect(3, {sa_family=AF_UNIX, sun_path="/run/x\\n"}, 10) = 0`)
    expect(of({ family: "AF_UNIX", abstract: Buffer.from("a\0b") })).toBe(`connect(3, {sa_family=AF_UNIX, sun_path=@"a\\0b"}, 6) = 0`)
  })

  it("signals, their sets and actions", () => {
    const { memory, place, words } = layout()
    const action = place(Syscall.Sigaction.toBytes(Syscall.Sigaction.make({ sa_handler: 0x401000n, sa_flags: 0x14000000n, sa_restorer: 0x402000n, sa_mask: 0x10002n })))
    expect(line("rt_sigaction", [2, action, 0, 8], 0, memory)).toBe("rt_sigaction(SIGINT, {sa_handler=0x401000, sa_mask=[INT CHLD], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=0x402000}, NULL, 8) = 0")
    expect(line("rt_sigaction", [2, place(Syscall.Sigaction.toBytes(Syscall.Sigaction.make())), 0, 8], 0, memory)).toBe("rt_sigaction(SIGINT, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, NULL, 8) = 0")
    expect(line("rt_sigprocmask", [0, words(~6n), 0, 8], 0, memory)).toBe("rt_sigprocmask(SIG_BLOCK, ~[INT QUIT], NULL, 8) = 0")
  })

  it("pieces, times, limits, events", () => {
    const { memory, place, words, ints } = layout()
    expect(line("writev", [1, words(place("abc"), 3, place("defg"), 4), 2], 7, memory)).toBe(`writev(1, [{iov_base="abc", iov_len=3}, {iov_base="defg", iov_len=4}], 2) = 7`)
    // However many a guest claims, no more is read than is shown.
    expect(line("writev", [1, words(...Array.from({ length: 80 }, () => 0)), 1n << 40n], -22, memory)).toMatch(/^writev\(1, \[(\{iov_base=NULL, iov_len=0\}, ){32}\.\.\.\], 1099511627776\) = -1 EINVAL/)
    expect(line("nanosleep", [words(1, 5), 0], 0, memory)).toBe("nanosleep({tv_sec=1, tv_nsec=5}, NULL) = 0")
    expect(line("utimensat", [AT_FDCWD, place("x"), words(0, 0x3fffffff, 0, 0x3ffffffe), 0], 0, memory)).toBe(`utimensat(AT_FDCWD, "x", [UTIME_NOW, UTIME_OMIT], 0) = 0`)
    expect(line("prlimit64", [0, 3, words(8 << 20, -1), 0], 0, memory)).toBe("prlimit64(0, RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}, NULL) = 0")
    expect(line("epoll_ctl", [4, 1, 3, place(Syscall.EpollEvent.toBytes({ events: 1, data: 3n }))], 0, memory)).toBe("epoll_ctl(4, EPOLL_CTL_ADD, 3, {events=EPOLLIN, data={u32=3, u64=3}}) = 0")
    expect(line("setsockopt", [3, 1, 2, ints(1), 4], 0, memory)).toBe("setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0")
    expect(line("setsockopt", [3, 6, 1, ints(1), 4], 0, memory)).toBe("setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0")
    expect(line("setsockopt", [3, 1, 13, ints(1, 2), 8], 0, memory)).toBe("setsockopt(3, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=2}, 8) = 0")
  })
})

describe("what the kernel fills in", () => {
  const filled = (name: SyscallName, registers: ReadonlyArray<bigint | number>, result: bigint | number, room: ReturnType<typeof layout>, writes: ReadonlyArray<readonly [bigint, Uint8Array]>, options?: SyscallFormat.Options) =>
    shown(name, registers, result, room.memory, options, Effect.forEach(writes, ([at, bytes]) => room.memory.write(at, bytes), { discard: true }))
  const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer)

  it("is shown when the call has returned, and what stands behind it too", () => {
    const room = layout()
    const buffer = room.place(new Uint8Array(64))
    expect(filled("read", [3, buffer, 64], 3, room, [[buffer, Buffer.from("go\n")]])).toEqual({ begun: "read(3, ", line: `read(3, "go\\n", 64) = 3` })
    expect(shown("read", [3, buffer, 64], EBADF, room.memory)).toEqual({ begun: "read(3, ", line: `read(3, 0x${buffer.toString(16)}, 64) = -1 EBADF (Bad file descriptor)` })
    expect(shown("read", [3, buffer, 64], -512, room.memory).line).toBe(`read(3, 0x${buffer.toString(16)}, 64) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)`)
  })

  it("as far as the kernel has filled it", () => {
    const room = layout()
    const [a, b] = [room.place("xxxx"), room.place("yyyy")]
    expect(filled("readv", [0, room.words(a, 4, b, 4), 2], 5, room, [[a, Buffer.from("abcd")], [b, Buffer.from("e")]]).line).toBe(`readv(0, [{iov_base="abcd", iov_len=4}, {iov_base="e", iov_len=4}], 2) = 5`)
    expect(filled("getrandom", [a, 4, 1], 2, room, [[a, Uint8Array.of(0x0a, 0x41)]]).line).toBe(`getrandom("\\x0a\\x41", 4, GRND_NONBLOCK) = 2`)
    expect(filled("getcwd", [a, 4], 3, room, [[a, Buffer.from("/t\0")]]).line).toBe(`getcwd("/t", 4) = 3`)
  })

  it("files' status, short and in full", () => {
    const room = layout()
    const at = room.place(new Uint8Array(144))
    const stat = (fields: Partial<Syscall.Stat>): readonly [bigint, Uint8Array] => [at, Syscall.Stat.toBytes(Syscall.Stat.make(fields))]
    expect(filled("fstat", [3, at], 0, room, [stat({ st_mode: 0o100644, st_size: 5n })]).line).toBe("fstat(3, {st_mode=S_IFREG|0644, st_size=5, ...}) = 0")
    expect(filled("fstat", [3, at], 0, room, [stat({ st_mode: 0o20620, st_rdev: 0x8801n })]).line).toBe("fstat(3, {st_mode=S_IFCHR|0620, st_rdev=makedev(0x88, 0x1), ...}) = 0")
    const full = filled("fstat", [3, at], 0, room, [stat({ st_dev: 0xfe00n, st_ino: 7n, st_mode: 0o100644, st_nlink: 1n, st_size: 5n, st_blksize: 4096n, st_mtime: 1700000000n, st_mtime_nsec: 5n })], { verbose: true }).line
    expect(full).toMatch(/^fstat\(3, \{st_dev=makedev\(0xfe, 0\), st_ino=7, st_mode=S_IFREG\|0644, st_nlink=1, st_uid=0, st_gid=0, st_blksize=4096, st_blocks=0, st_size=5, st_atime=0, st_atime_nsec=0, st_mtime=1700000000 \/\* 2023-11-1\dT\d\d:\d\d:20\.000000005[+-]\d{4} \*\/, st_mtime_nsec=5, st_ctime=0, st_ctime_nsec=0\}\) = 0$/)
  })

  it("ends of processes, readiness, what was left of a time", () => {
    const room = layout()
    const status = room.ints(0)
    const waited = (value: number): string => filled("wait4", [-1, status, 0, 0], 12, room, [[status, int(value)]]).line
    expect(waited(0)).toBe("wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 12")
    expect(waited(9)).toBe("wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], 0, NULL) = 12")
    expect(waited(0x8b)).toBe("wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0, NULL) = 12")
    expect(waited(0x137f)).toBe("wait4(-1, [{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}], 0, NULL) = 12")
    expect(line("wait4", [-1, status, 1, 0], 0, room.memory)).toBe(`wait4(-1, 0x${status.toString(16)}, WNOHANG, NULL) = 0`)
    const polled = room.place(Buffer.concat([Syscall.Pollfd.toBytes({ fd: 3, events: 1, revents: 0 }), Syscall.Pollfd.toBytes({ fd: -1, events: 1, revents: 0 })]))
    expect(filled("poll", [polled, 2, -1], 1, room, [[polled, Syscall.Pollfd.toBytes({ fd: 3, events: 1, revents: 1 })]]).line).toBe("poll([{fd=3, events=POLLIN}, {fd=-1}], 2, -1) = 1 ([{fd=3, revents=POLLIN}])")
    expect(line("poll", [0, 0, 5], 0)).toBe("poll([], 0, 5) = 0 (Timeout)")
    const [set, time] = [room.words(8), room.words(1, 0)]
    expect(filled("select", [4, set, 0, 0, time], 1, room, [[time, new Uint8Array(BigUint64Array.of(0n, 9n).buffer)]]).line).toBe("select(4, [3], NULL, NULL, {tv_sec=1, tv_usec=0}) = 1 (in [3], left {tv_sec=0, tv_usec=9})")
  })

  it("lengths and offsets before and after", () => {
    const room = layout()
    const [address, length, at] = [room.place(new Uint8Array(28)), room.ints(28), room.words(5)]
    const loopback = Syscall.encodeSockaddr({ family: "AF_INET", address: "127.0.0.1", port: 80 })
    expect(filled("accept", [3, address, length], 4, room, [[address, loopback], [length, int(16)]]).line).toBe(`accept(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, [28 => 16]) = 4`)
    expect(line("accept", [3, 0, 0], 4)).toBe("accept(3, NULL, NULL) = 4")
    expect(filled("sendfile", [4, 3, at, 100], 100, room, [[at, new Uint8Array(BigUint64Array.of(105n).buffer)]])).toEqual({ begun: "sendfile(4, 3, [5]", line: "sendfile(4, 3, [5] => [105], 100) = 100" })
  })

  it("new threads", () => {
    const room = layout()
    const parent = room.ints(0)
    const args = room.place(Syscall.CloneArgs.toBytes(Syscall.CloneArgs.make({ flags: 0x100000n, parent_tid: parent, exit_signal: 17n })))
    expect(filled("clone3", [args, 88], 9, room, [[parent, int(9)]])).toEqual({
      begun: `clone3({flags=CLONE_PARENT_SETTID, parent_tid=0x${parent.toString(16)}, exit_signal=SIGCHLD, stack=NULL, stack_size=0}`,
      line: `clone3({flags=CLONE_PARENT_SETTID, parent_tid=0x${parent.toString(16)}, exit_signal=SIGCHLD, stack=NULL, stack_size=0} => {parent_tid=[9]}, 88) = 9`
    })
    expect(shown("clone", [0x1200011, 0, 0, 0x7f00, 0], 9)).toEqual({
      begun: "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD",
      line: "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f00) = 9"
    })
  })

  it("directory entries counted, or in full", () => {
    const room = layout()
    const { bytes } = Syscall.encodeDirents([{ ino: 1n, off: 1n, type: "DT_DIR", name: "." }, { ino: 2n, off: 2n, type: "DT_REG", name: "x\x1b" }], 4096)
    const at = room.place(bytes)
    expect(line("getdents64", [3, at, 4096], bytes.length, room.memory)).toBe(`getdents64(3, 0x${at.toString(16)} /* 2 entries */, 4096) = ${bytes.length}`)
    expect(line("getdents64", [3, at, 4096], bytes.length, room.memory, { verbose: true })).toBe(`getdents64(3, [{d_ino=1, d_off=1, d_reclen=24, d_type=DT_DIR, d_name="."}, {d_ino=2, d_off=2, d_reclen=24, d_type=DT_REG, d_name="x\\33"}], 4096) = 48`)
  })

  it("messages with descriptors", () => {
    const room = layout()
    const control = room.place(Buffer.concat([new Uint8Array(BigUint64Array.of(20n).buffer), int(1), int(1), int(5), int(0)]))
    const header = room.place(Syscall.Msghdr.toBytes(Syscall.Msghdr.make({ msg_iov: room.words(room.place("hi"), 2), msg_iovlen: 1n, msg_control: control, msg_controllen: 24n })))
    expect(line("sendmsg", [3, header, 0], 2, room.memory)).toBe(`sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="hi", iov_len=2}], msg_iovlen=1, msg_control=[{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5]}], msg_controllen=24, msg_flags=0}, 0) = 2`)
  })
})

describe("options and shape", () => {
  it("descriptors with what they stand for, where the sandbox knows", () => {
    const file = { standsFor: false, type: "file", mode: 0o100644, device: 1n, inode: 9n, size: 0n, position: 0n, flags: 0, take: () => Effect.die("not asked for") } as const
    const found = new Map<number, Descriptor>([[3, { ...file, path: "/etc/\x1bpasswd" }], [5, { ...file, path: "", type: "pipe" }], [-100, { ...file, path: "/tmp", type: "directory" }], [6, { ...file, path: "/tmp/x" }]])
    const named = (name: SyscallName, registers: ReadonlyArray<bigint | number>, result: number): string => {
      const incoming = { ...callOf(name, registers, layout().memory), look: {
        descriptor: (fd: number) => found.has(fd) ? Effect.succeed(found.get(fd)!) : Effect.fail(new GuestFault({ access: "read", address: 0n, length: 0, reason: "gone" })),
        resolve: () => Effect.die("not asked for"),
        executable: Effect.die("not asked for")
      } }
      let text = ""
      const handler = SyscallHandler.make(name as "read", { power: "steer", memory: "racy" }, (call) =>
        Effect.map(SyscallFormat.entry(call, { descriptors: true }), (entry) => call.after((back) => Effect.map(entry.returned(back), (returned) => {
          text = SyscallFormat.line(entry, returned).replace(/ +(?== )/, " ")
          return Verdict.continue
        }))))
      Effect.runSync(Effect.flatMap(SyscallHandler.answer([handler], incoming), ({ after }) => after!(BigInt(result))))
      return text
    }
    expect(named("close", [3], 0)).toBe("close(3</etc/\\33passwd>) = 0")
    expect(named("dup", [5], 6)).toBe("dup(5<pipe:[9]>) = 6</tmp/x>")
    expect(named("close", [7], -9)).toBe("close(7) = -1 EBADF (Bad file descriptor)")
    expect(named("openat", [AT_FDCWD, 0, 0], 6)).toBe("openat(AT_FDCWD</tmp>, NULL, O_RDONLY) = 6</tmp/x>")
    expect(named("fcntl", [5, 1030, 0], 6)).toBe("fcntl(5<pipe:[9]>, F_DUPFD_CLOEXEC, 0) = 6</tmp/x>")
  })

  it("results stand beneath one another", () => {
    expect(SyscallFormat.aligned("close(3)", "0")).toBe("close(3)                                = 0")
    expect(SyscallFormat.aligned("x".repeat(50), "0")).toBe(`${"x".repeat(50)} = 0`)
  })

  it("an argument's own text, by the kernel's name", () => {
    const { memory, place } = layout()
    let names: unknown
    const handler = SyscallHandler.make("openat", { power: "observe" }, (call) => Effect.map(SyscallFormat.entry(call), ({ known }) => {
      names = known
      return Verdict.continue
    }))
    Effect.runSync(SyscallHandler.answer([handler], callOf("openat", [AT_FDCWD, place("/x"), 0], memory)))
    expect(names).toEqual([{ name: "dfd", text: "AT_FDCWD" }, { name: "filename", text: "\"/x\"" }, { name: "flags", text: "O_RDONLY" }])
  })

  it("a handler that may not read has addresses", () => {
    const { memory, place } = layout()
    const at = place("/x")
    let text = ""
    const handler = SyscallHandler.make("openat", { memory: "none" }, (call) => Effect.map(SyscallFormat.entry(call), (entry) => {
      text = SyscallFormat.begun(entry)
      return Verdict.continue
    }))
    Effect.runSync(SyscallHandler.answer([handler], callOf("openat", [AT_FDCWD, at, 0], memory)))
    expect(text).toBe(`openat(AT_FDCWD, 0x${at.toString(16)}, O_RDONLY`)
  })

  it("errors in the words of the C library", async () => {
    const native = await Effect.runPromise(load)
    for (const [, number] of Errno.all()) expect(errnoText(number)).toBe(native.errnoText(number))
  })
})
