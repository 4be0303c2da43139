/**
 * Structures as strace writes them: `{tv_sec=1, tv_nsec=0}`. Most need no word of their own: members in their order, numbers decimal.
 * What differs is said in `members` (which are shown, how, and which only in full) or is a function of its own.
 */
import { decodeSockaddr, type Sockaddr } from "../syscall/sockaddr.ts"
import * as structs from "../syscall/generated/structs.ts"
import type { Struct } from "../syscall/layout.ts"
import { encodeText } from "../syscall/text.ts"
import type { Look, Reading } from "./look.ts"
import { address, device, hex, quoted, timeRemark } from "./text.ts"
import { clock, constant, descriptor, flags, limit, mode, signal, signalSet } from "./values.ts"

type Fields = Readonly<Record<string, unknown>>

/** How a member is shown, by the word behind its colon. A word that is none of these is the name of a flag set. */
const kinds: Readonly<Record<string, (value: never, look: Look) => string>> = {
  ptr: (value: bigint) => address(BigInt(value)),
  hex: (value: bigint | number) => hex(value),
  text: (value: string, look) => quoted(encodeText(value), look.options.strings),
  limit: (value: bigint) => limit(value),
  mode: (value: number) => mode(value),
  dev: (value: bigint) => device(value),
  fd: (value: number, look) => descriptor(look, Number(value)),
  signal: (value: number) => signal(Number(value)),
  sigset: (value: bigint) => signalSet(value),
  handler: (value: bigint) => value === 0n ? "SIG_DFL" : value === 1n ? "SIG_IGN" : hex(value),
  clock: (value: number) => clock(value),
  fsid: (value: { readonly val: ReadonlyArray<number> }) => `{val=[${value.val.map((word) => hex(word >>> 0)).join(", ")}]}`
}

/** `name:kind` of the members that are shown; those behind `|` only where all are wanted. */
const members: Readonly<Record<string, string>> = {
  Rlimit: "rlim_cur:limit rlim_max:limit",
  Rlimit64: "rlim_cur:limit rlim_max:limit",
  Rusage: "ru_utime ru_stime | ru_maxrss ru_ixrss ru_idrss ru_isrss ru_minflt ru_majflt ru_nswap ru_inblock ru_oublock ru_msgsnd ru_msgrcv ru_nsignals ru_nvcsw ru_nivcsw",
  Utsname: "sysname:text nodename:text | release:text version:text machine:text domainname:text",
  Statfs: "f_type:FileSystem f_bsize f_blocks f_bfree f_bavail f_files f_ffree f_fsid:fsid f_namelen f_frsize f_flags:StatfsFlags",
  Sigaltstack: "ss_sp:ptr ss_flags:SigaltstackFlags ss_size",
  Sembuf: "sem_num sem_op sem_flg:SemFlags",
  Msghdr: "msg_name:ptr msg_namelen msg_iov:ptr msg_iovlen msg_control:ptr msg_controllen msg_flags:MsgFlags",
  CloneArgs: "flags:CloneArgsFlags pidfd:ptr child_tid:ptr parent_tid:ptr exit_signal:signal stack:ptr stack_size:hex tls:ptr set_tid:ptr set_tid_size cgroup:fd",
  LandlockRulesetAttr: "handled_access_fs:LandlockAccessFs handled_access_net:LandlockAccessNet",
  Mmsghdr: "msg_hdr msg_len",
  MountAttr: "attr_set:MountAttrFlags attr_clr:MountAttrFlags propagation:MountFlags userns_fd:fd",
  IoUringParams: "flags:IoUringSetupFlags sq_thread_cpu sq_thread_idle | sq_entries cq_entries features:hex wq_fd sq_off cq_off",
  PerfEventAttr: "type size config:hex sample_period sample_type:hex read_format:hex | disabled inherit pinned exclusive exclude_user exclude_kernel exclude_hv",
  FutexWaitv: "val uaddr:ptr flags:Futex2Flags"
}

const simple = (value: unknown, look: Look): string => {
  if (typeof value === "string") return quoted(encodeText(value), look.options.strings)
  if (value instanceof Uint8Array) return quoted(value, look.options.strings)
  if (Array.isArray(value)) return `[${value.map((one) => simple(one, look)).join(", ")}]`
  if (typeof value === "object" && value !== null) return `{${Object.entries(value).map(([name, member]) => `${name}=${simple(member, look)}`).join(", ")}}`
  return String(value)
}

const byMembers = (text: string, value: Fields, look: Look): string => {
  const [first, rest] = text.split(" | ")
  const show = (spec: string): string => {
    const [name, kind] = spec.split(":")
    const member = value[name!]
    const shown = kind === undefined ? simple(member, look) : kinds[kind] !== undefined ? kinds[kind](member as never, look) :
      /Type$|System$/.test(kind) ? constant(kind, member as bigint) : flags(kind, member as bigint)
    return `${name}=${shown}`
  }
  const shown = [...first!.split(" "), ...rest !== undefined && look.options.verbose ? rest.split(" ") : []].map(show)
  return `{${[...shown, ...rest !== undefined && !look.options.verbose ? ["..."] : []].join(", ")}}`
}

const stat = (s: structs.Stat, { options }: Look): string => {
  const special = (s.st_mode & 0o170000) === 0o20000 || (s.st_mode & 0o170000) === 0o60000
  const size = special ? `st_rdev=${device(s.st_rdev)}` : `st_size=${s.st_size}`
  if (!options.verbose) return `{st_mode=${mode(s.st_mode)}, ${size}, ...}`
  const at = (name: "atime" | "mtime" | "ctime"): string =>
    `st_${name}=${s[`st_${name}`]}${timeRemark(s[`st_${name}`], s[`st_${name}_nsec`], 9)}, st_${name}_nsec=${s[`st_${name}_nsec`]}`
  return `{st_dev=${device(s.st_dev)}, st_ino=${s.st_ino}, st_mode=${mode(s.st_mode)}, st_nlink=${s.st_nlink}, st_uid=${s.st_uid}, st_gid=${s.st_gid}, ` +
    `st_blksize=${s.st_blksize}, st_blocks=${s.st_blocks}, ${size}, ${at("atime")}, ${at("mtime")}, ${at("ctime")}}`
}

export const statxMask = (mask: number): string => {
  const all = 0xfff
  const basic = 0x7ff
  const [name, rest] = (mask & all) === all ? ["STATX_ALL", mask & ~all] : (mask & basic) === basic ? ["STATX_BASIC_STATS", mask & ~basic] : ["", mask]
  return name === "" ? flags("StatxMask", mask >>> 0) : rest === 0 ? name! : `${name}|${flags("StatxMask", rest as number >>> 0)}`
}

const statx = (s: structs.Statx, { options }: Look): string => {
  const time = (name: string, { tv_nsec, tv_sec }: structs.StatxTimestamp): string => `${name}={tv_sec=${tv_sec}, tv_nsec=${tv_nsec}}${timeRemark(tv_sec, BigInt(tv_nsec), 9)}`
  const head = `stx_mask=${statxMask(s.stx_mask)}, `
  const what = `stx_mode=${mode(s.stx_mode)}, `
  if (!options.verbose) return `{${head}stx_attributes=${flags("StatxAttributes", s.stx_attributes)}, ${what}stx_size=${s.stx_size}, ...}`
  return `{${head}stx_blksize=${s.stx_blksize}, stx_attributes=${flags("StatxAttributes", s.stx_attributes)}, stx_nlink=${s.stx_nlink}, stx_uid=${s.stx_uid}, ` +
    `stx_gid=${s.stx_gid}, ${what}stx_ino=${s.stx_ino}, stx_size=${s.stx_size}, stx_blocks=${s.stx_blocks}, ` +
    `stx_attributes_mask=${flags("StatxAttributes", s.stx_attributes_mask)}, ${time("stx_atime", s.stx_atime)}, ${time("stx_btime", s.stx_btime)}, ` +
    `${time("stx_ctime", s.stx_ctime)}, ${time("stx_mtime", s.stx_mtime)}, stx_rdev_major=${s.stx_rdev_major}, stx_rdev_minor=${s.stx_rdev_minor}, ` +
    `stx_dev_major=${s.stx_dev_major}, stx_dev_minor=${s.stx_dev_minor}, stx_mnt_id=${hex(s.stx_mnt_id)}}`
}

const SA_RESTORER = 0x400_0000n

const sigaction = (s: structs.Sigaction): string =>
  `{sa_handler=${kinds["handler"]!(s.sa_handler as never, undefined as never)}, sa_mask=${signalSet(s.sa_mask)}, sa_flags=${flags("SigactionFlags", s.sa_flags)}` +
  `${(s.sa_flags & SA_RESTORER) === 0n ? "" : `, sa_restorer=${hex(s.sa_restorer)}`}}`

const termios = (t: structs.Termios, { options }: Look): string => {
  const modes = (set: string, bits: number): string => bits === 0 ? "" : flags(set, bits)
  const head = `c_iflag=${modes("TermiosInput", t.c_iflag)}, c_oflag=${flags("TermiosDelay", t.c_oflag)}, c_cflag=${flags("TermiosControl", t.c_cflag)}, c_lflag=${modes("TermiosLocal", t.c_lflag)}`
  if (!options.verbose) return `{${head}, ...}`
  return `{${head}, c_line=${t.c_line}, c_cc=[${Array.from(t.c_cc, hex).join(", ")}]}`
}

const capabilities = (bits: number): string => {
  const there = Array.from({ length: 32 }, (_, i) => i).filter((i) => (bits >>> i) & 1)
  return there.length === 0 ? "0" : there.map((i) => `1<<${constant("Capabilities", i)}`).join("|")
}

/** Both words of each of the three sets at once. */
export const capabilitySets = (data: ReadonlyArray<structs.CapUserData>): string => {
  const [low, high] = data
  const set = (name: keyof structs.CapUserData): string => {
    const upper = Array.from({ length: 32 }, (_, i) => i).filter((i) => ((high?.[name] ?? 0) >>> i) & 1).map((i) => `1<<${constant("Capabilities", i + 32)}`)
    const lower = capabilities(low?.[name] ?? 0)
    return `${name}=${[...lower === "0" ? [] : [lower], ...upper].join("|") || "0"}`
  }
  return `{${set("effective")}, ${set("permitted")}, ${set("inheritable")}}`
}

const own: Readonly<Record<string, (value: never, look: Look) => string>> = {
  Stat: stat,
  Statx: statx,
  Sigaction: sigaction,
  Termios: termios,
  Pollfd: (p: structs.Pollfd, look) => `{fd=${descriptor(look, p.fd)}${p.fd < 0 ? "" : `, events=${flags("PollEvents", p.events & 0xffff)}`}}`,
  EpollEvent: (e: structs.EpollEvent) => `{events=${flags("EpollEvents", e.events)}, data={u32=${BigInt.asUintN(32, e.data)}, u64=${e.data}}}`,
  Flock: (f: structs.Flock) => `{l_type=${constant("LockType", f.l_type)}, l_whence=${constant("Whence", f.l_whence)}, l_start=${f.l_start}, l_len=${f.l_len}}`,
  Utimbuf: (t: structs.Utimbuf) => `{actime=${t.actime}${timeRemark(t.actime)}, modtime=${t.modtime}${timeRemark(t.modtime)}}`,
  SchedParam: (p: structs.SchedParam) => `[${p.sched_priority}]`,
  CapUserHeader: (h: structs.CapUserHeader) => `{version=${constant("CapabilityVersion", h.version)}, pid=${h.pid}}`,
  OpenHow: (h: structs.OpenHow) => `{flags=${flags("OpenFlags", h.flags)}${(h.flags & 0o100n) !== 0n || (h.flags & 0x410000n) === 0x410000n ? `, mode=${mode(Number(h.mode))}` : ""}, resolve=${flags("ResolveFlags", h.resolve)}}`,
  Sigevent: (e: structs.Sigevent) => `{sigev_value={sival_int=${BigInt.asIntN(32, e.sigev_value)}, sival_ptr=${address(e.sigev_value)}}, sigev_signo=${signal(e.sigev_signo)}, sigev_notify=${constant("SigevNotify", e.sigev_notify)}}`,
  CloneArgs: (c: structs.CloneArgs) => {
    const rest: Array<string> = []
    const has = (bit: bigint): boolean => (c.flags & bit) !== 0n
    if (has(0x1000n)) rest.push(`pidfd=${address(c.pidfd)}`)
    if (has(0x1200000n)) rest.push(`child_tid=${address(c.child_tid)}`)
    if (has(0x100000n)) rest.push(`parent_tid=${address(c.parent_tid)}`)
    rest.push(`exit_signal=${signal(Number(c.exit_signal))}`, `stack=${address(c.stack)}`, `stack_size=${hex(c.stack_size)}`)
    if (has(0x80000n)) rest.push(`tls=${address(c.tls)}`)
    if (c.set_tid_size !== 0n) rest.push(`set_tid=${address(c.set_tid)}, set_tid_size=${c.set_tid_size}`)
    if (has(0x2_0000_0000n)) rest.push(`cgroup=${c.cgroup}`)
    return `{flags=${flags("CloneArgsFlags", c.flags)}, ${rest.join(", ")}}`
  }
}

/** A structure that was read. */
export const showStruct = (name: string, value: unknown, look: Look): string =>
  own[name] !== undefined ? own[name](value as never, look) : members[name] !== undefined ? byMembers(members[name], value as Fields, look) : simple(value, look)

export const structOf = (name: string): Struct<unknown> | undefined => (structs as unknown as Readonly<Record<string, Struct<unknown>>>)[name]

/** The structure at an address. */
export const readStruct = function*(look: Look, name: string, at: bigint): Reading<unknown> {
  const struct = structOf(name)!
  return struct.fromBytes(yield* look.memory.read(at, struct.size))
}

export const structAt = function*(look: Look, name: string, at: bigint): Reading<string> {
  return showStruct(name, yield* readStruct(look, name, at), look)
}

/** `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}` */
export const showSockaddr = (bytes: Uint8Array, look: Look): string => {
  const value: Sockaddr = decodeSockaddr(bytes)
  switch (value.family) {
    case "AF_INET":
      return `{sa_family=AF_INET, sin_port=htons(${value.port}), sin_addr=inet_addr("${value.address}")}`
    case "AF_INET6":
      return `{sa_family=AF_INET6, sin6_port=htons(${value.port}), sin6_flowinfo=htonl(${value.flow}), inet_pton(AF_INET6, "${value.address}", &sin6_addr), sin6_scope_id=${value.scope}}`
    case "AF_NETLINK":
      return `{sa_family=AF_NETLINK, nl_pid=${value.pid}, nl_groups=${value.groups === 0 ? "00000000" : hex(value.groups)}}`
    case "AF_UNIX":
      return "unnamed" in value ? "{sa_family=AF_UNIX}" : `{sa_family=AF_UNIX, sun_path=${"path" in value ? quoted(encodeText(value.path), 108) : `@${quoted(value.abstract, 108)}`}}`
    case "other":
      return bytes.length < 2 ? hex(0) : `{sa_family=${constant("AddressFamily", value.number)}, sa_data=${quoted(value.data, look.options.strings)}}`
  }
}

