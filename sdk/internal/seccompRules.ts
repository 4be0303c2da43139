/**
 * The system call filter of each preset: an allow-list over every call of x86-64, with a reason for each that is refused.
 *
 * A call without a rule fails with EPERM, and so do calls of the foreign ABIs (i386, x32). ENOSYS, "this kernel has no such
 * call", is the answer where programs have a fallback for it: `clone3` (its flags lie in memory, which no filter can look
 * into; libc then uses `clone`, whose flags are in a register), io_uring, and all numbers newer than our table.
 *
 * Conditions look at registers only, never at memory, and at the low 32 bits where the kernel's parameter is an `int`: a
 * condition on all 64 bits would be passed by setting a bit that the kernel ignores.
 */
import type { SeccompArg, SeccompRule } from "./protocol.ts"
import { lastSyscall, syscallNumbers, type SyscallName } from "./syscalls.ts"

export type Preset = "default" | "strict" | "trusted"

type Arg = typeof SeccompArg.Type

export const EPERM = 1
export const ENOSYS = 38

const low32 = 0xffffffff

/** `(args[index] & mask) == value`. */
export const masked = (index: number, mask: number, value: number): Arg => ({ index, op: "masked_eq", mask: String(mask >>> 0), value: String(value >>> 0) })

const isInt = (index: number, value: number): Arg => masked(index, low32, value)

/**
 * Conditions, of which one holds exactly when the low 32 bits of an argument are none of `values`. BPF has no "and not" over
 * several rules, so: wherever all values agree on a bit, the opposite bit is enough; over the few bits on which they differ,
 * every other combination is listed.
 */
export const noneOf = (index: number, values: ReadonlyArray<number>): ReadonlyArray<Arg> => {
  const differ = values.reduce((bits, value) => (bits | (value ^ values[0]!)) >>> 0, 0)
  const conditions: Array<Arg> = []
  for (let bit = 0; bit < 32; bit++) {
    const mask = (1 << bit) >>> 0
    if ((differ & mask) === 0) conditions.push(masked(index, mask, ~values[0]! & mask))
  }
  const taken = new Set(values.map((value) => (value & differ) >>> 0))
  // All subsets of `differ`, by the usual carry trick.
  for (let subset = differ; differ !== 0; subset = (subset - 1) & differ) {
    if (!taken.has(subset >>> 0)) conditions.push(masked(index, differ, subset))
    if (subset === 0) break
  }
  return conditions
}

const CLONE_NEW = 0x7e020080 // NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET, and NEWTIME
const TIOCSTI = 0x5412, TIOCLINUX = 0x541c
const AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, NETLINK_ROUTE = 0

/** A call that is allowed for some arguments only. `rules`: each a list of conditions that must all hold. */
interface Condition {
  readonly rules: ReadonlyArray<ReadonlyArray<Arg>>
  readonly allowed: string
  readonly why: string
}

const personalities = [0, 0x8, 0x20000, 0x20008, 0x40000, 0xffffffff]

const conditions: Partial<Record<SyscallName, Condition>> = {
  clone: {
    rules: [[masked(0, CLONE_NEW, 0)]],
    allowed: "processes and threads; no `CLONE_NEW*` flag",
    why: "new namespaces, user namespaces above all, open kernel code that is meant for root"
  },
  unshare: {
    rules: [[masked(0, CLONE_NEW, 0)]],
    allowed: "`CLONE_FS`, `CLONE_FILES`, `CLONE_SYSVSEM`; no `CLONE_NEW*` flag",
    why: "as for clone"
  },
  ioctl: {
    rules: noneOf(1, [TIOCSTI, TIOCLINUX]).map((arg) => [arg]),
    allowed: "every request but `TIOCSTI` and `TIOCLINUX`",
    why: "both put input into a terminal that the guest shares with the caller, who would run it"
  },
  personality: {
    rules: personalities.map((value) => [isInt(0, value)]),
    allowed: "asking (0xffffffff), `PER_LINUX`, `PER_LINUX32`, `UNAME26`, `ADDR_NO_RANDOMIZE`",
    why: "the others (a mapped page zero, executable data) make kernel and program bugs easier to use"
  },
  prlimit64: {
    rules: [[isInt(0, 0)], [{ index: 2, op: "eq", value: "0" }]],
    allowed: "the caller's own limits (process 0); asking for those of others",
    why: "the sandbox's init has the guest's uid: with its limits lowered it could start no further command"
  },
  socket: {
    rules: [[isInt(0, AF_UNIX)], [isInt(0, AF_INET)], [isInt(0, AF_INET6)], [isInt(0, AF_NETLINK), isInt(2, NETLINK_ROUTE)]],
    allowed: "`AF_UNIX`, `AF_INET`, `AF_INET6`, `AF_NETLINK` with `NETLINK_ROUTE`",
    why: "`AF_VSOCK` reaches the hypervisor past every network namespace; `AF_ALG`, `AF_PACKET`, Bluetooth and the rest are attack surface"
  },
  socketpair: {
    rules: [[isInt(0, AF_UNIX)]],
    allowed: "`AF_UNIX`",
    why: "the only family with pairs that programs use; others would be created before they are refused"
  }
}

const strictConditions: Partial<Record<SyscallName, Condition>> = {
  personality: {
    rules: [[isInt(0, 0)], [isInt(0, 0xffffffff)]],
    allowed: "asking (0xffffffff) and `PER_LINUX`",
    why: "nothing that only computes needs another"
  },
  socket: { rules: [[isInt(0, AF_UNIX)]], allowed: "`AF_UNIX`", why: "no network, so no families that would reach one" }
}

/** Calls that are refused, and why. `presets`: who refuses them; all, where it is absent. */
export interface Refusal {
  readonly title: string
  readonly why: string
  readonly calls: ReadonlyArray<SyscallName>
  readonly errno?: typeof ENOSYS
  readonly presets?: ReadonlyArray<Preset>
}

export const refusals: ReadonlyArray<Refusal> = [
  {
    title: "io_uring",
    why: "does I/O in the kernel without making system calls, past every filter; a long line of kernel vulnerabilities. Libraries fall back.",
    calls: ["io_uring_setup", "io_uring_enter", "io_uring_register"],
    errno: ENOSYS
  },
  {
    title: "clone with flags in memory",
    why: "a filter cannot see the flags, so it cannot refuse new namespaces. libc falls back to `clone`.",
    calls: ["clone3"],
    errno: ENOSYS
  },
  {
    title: "kernel programs and events",
    why: "run code in the kernel, or stop it at a moment of the guest's choosing: the usual tools of kernel exploits.",
    calls: ["bpf", "perf_event_open", "userfaultfd", "fanotify_init", "fanotify_mark", "lookup_dcookie"]
  },
  {
    title: "kernel code and restart",
    why: "replace or extend the running kernel.",
    calls: ["kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms", "reboot"]
  },
  {
    title: "keys",
    why: "the kernel's keyrings are not separated by namespaces and may hold the host's secrets.",
    calls: ["add_key", "request_key", "keyctl"]
  },
  {
    title: "mounts",
    why: "the view is final: nothing is mounted, unmounted or moved from inside.",
    calls: ["mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "swapon", "swapoff"]
  },
  {
    title: "mount tables",
    why: "tell more about the host's mounts than /proc does. Libraries fall back to /proc/self/mountinfo.",
    calls: ["statmount", "listmount"],
    errno: ENOSYS
  },
  { title: "namespaces of others", why: "entering a namespace is leaving the sandbox.", calls: ["setns"] },
  {
    title: "files by handle",
    why: "a handle reaches a file of the file system without its path: past the view.",
    calls: ["open_by_handle_at"]
  },
  {
    title: "making handles",
    why: "of use with `open_by_handle_at` only, which is refused; tells inode numbers of the host.",
    calls: ["name_to_handle_at"],
    presets: ["default", "strict"]
  },
  {
    title: "other processes' memory",
    why: "the way to take over another process of the guest; debuggers and tracers need it (`trusted`).",
    calls: ["ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "move_pages", "migrate_pages"],
    presets: ["default", "strict"]
  },
  {
    title: "the machine's clock",
    why: "belongs to the host.",
    calls: ["settimeofday", "clock_settime", "clock_adjtime", "adjtimex"]
  },
  {
    title: "the machine",
    why: "names, terminals, kernel log, accounting and quotas of the host.",
    calls: ["sethostname", "setdomainname", "syslog", "acct", "quotactl", "quotactl_fd", "vhangup", "lsm_set_self_attr"]
  },
  {
    title: "I/O ports",
    why: "hardware is driven by the kernel.",
    calls: ["iopl", "ioperm"]
  },
  { title: "segment descriptors", why: "16-bit code, and kernel vulnerabilities more than once; Wine needs it (`trusted`).", calls: ["modify_ldt"], presets: ["default", "strict"] },
  {
    title: "calls that no kernel carries out any more",
    why: "reserved or removed numbers.",
    calls: ["_sysctl", "uselib", "ustat", "sysfs", "nfsservctl", "getpmsg", "putpmsg", "afs_syscall", "tuxcall", "security", "vserver", "epoll_ctl_old", "epoll_wait_old", "set_thread_area", "get_thread_area"],
    errno: ENOSYS
  },
  {
    title: "sharing between processes beyond pipes and files",
    why: "System V and POSIX queues, semaphores and segments.",
    calls: ["shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr"],
    errno: ENOSYS,
    presets: ["strict"]
  },
  {
    title: "asynchronous and zero-copy I/O",
    why: "little used, much attacked; programs fall back to read and write.",
    calls: ["io_setup", "io_destroy", "io_submit", "io_cancel", "io_getevents", "io_pgetevents", "vmsplice", "tee", "remap_file_pages"],
    errno: ENOSYS,
    presets: ["strict"]
  },
  {
    title: "memory placement",
    why: "NUMA policies and secret memory.",
    calls: ["mbind", "set_mempolicy", "get_mempolicy", "set_mempolicy_home_node", "memfd_secret"],
    errno: ENOSYS,
    presets: ["strict"]
  },
  {
    title: "owners, devices and attributes of files",
    why: "a program that computes gives no files away and makes no nodes.",
    calls: ["mknod", "mknodat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "file_setattr"],
    presets: ["strict"]
  },
  {
    title: "priorities",
    why: "scheduling belongs to the limits of the policy.",
    calls: ["sched_setscheduler", "sched_setattr", "sched_setparam", "ioprio_set", "setpriority"],
    presets: ["strict"]
  }
]

const refusedBy = (preset: Preset): ReadonlyMap<SyscallName, Refusal> =>
  new Map(refusals.filter((r) => r.presets === undefined || r.presets.includes(preset)).flatMap((r) => r.calls.map((call) => [call, r] as const)))

/** Calls allowed for some arguments only. */
export const conditionsOf = (preset: Preset, network = false): Partial<Record<SyscallName, Condition>> => {
  if (network) return { ...conditionsOf(preset), ...(preset === "strict" ? strictNetwork : networkConditions) }
  if (preset === "strict") return { ...conditions, ...strictConditions }
  if (preset === "default") return conditions
  const { personality: _, prlimit64: __, ...rest } = conditions
  return rest
}

const SOCK_STREAM = 1, SOCK_DGRAM = 2, IPPROTO_TCP = 6, IPPROTO_UDP = 17

const internet = [AF_INET, AF_INET6].flatMap((family) =>
  ([[SOCK_STREAM, IPPROTO_TCP], [SOCK_DGRAM, IPPROTO_UDP]] as const).flatMap(([type, protocol]) =>
    [0, protocol].map((number) => [isInt(0, family), masked(1, 0xf, type), isInt(2, number)])
  )
)

/**
 * Further conditions where a policy decides on socket addresses: sockets whose addresses it can decide on, and no option that
 * sends what is meant for one host through another.
 */
const networkConditions = {
  socket: {
    rules: [[isInt(0, AF_UNIX)], ...internet],
    allowed: "TCP and UDP over `AF_INET` and `AF_INET6`, and `AF_UNIX`",
    why: "`network` has rules: SCTP and MPTCP take addresses where nothing is decided, raw sockets and netlink have others"
  },
  setsockopt: {
    // IP_OPTIONS; IPV6_2292PKTOPTIONS, IPV6_FLOWLABEL_MGR, IPV6_RTHDR
    rules: [...noneOf(1, [0, 41]).map((arg) => [arg]), ...noneOf(2, [4]).map((arg) => [isInt(1, 0), arg]), ...noneOf(2, [6, 32, 57]).map((arg) => [isInt(1, 41), arg])],
    allowed: "every option but `IP_OPTIONS`, `IPV6_RTHDR`, `IPV6_2292PKTOPTIONS` and `IPV6_FLOWLABEL_MGR`",
    why: "they route what is sent to a granted address through others"
  }
} satisfies Partial<Record<SyscallName, Condition>>

const strictNetwork: Partial<Record<SyscallName, Condition>> = { ...networkConditions, socket: strictConditions.socket! }

/** The conditions of a preset's filter where `network` has rules, as rules by number. */
export const conditionsFor = (preset: Preset): ReadonlyMap<number, ReadonlyArray<SeccompRule>> =>
  new Map(Object.entries(preset === "strict" ? strictNetwork : networkConditions).map(([name, { rules }]) => {
    const nr = syscallNumbers[name as SyscallName]
    return [nr, rules.map((args) => ({ nr, action: "allow" as const, args }))]
  }))

/** How many numbers above our table answer ENOSYS: some six years of kernels. */
const fresh = 32

const build = (preset: Preset): ReadonlyMap<number, ReadonlyArray<SeccompRule>> => {
  const refused = refusedBy(preset)
  const conditional = conditionsOf(preset)
  const table = new Map<number, ReadonlyArray<SeccompRule>>()
  for (const [name, nr] of Object.entries(syscallNumbers) as ReadonlyArray<[SyscallName, number]>) {
    const refusal = refused.get(name)
    if (refusal !== undefined) {
      if (refusal.errno !== undefined) table.set(nr, [{ nr, action: "errno", errno: refusal.errno }])
    } else {
      const condition = conditional[name]
      table.set(nr, condition === undefined ? [{ nr, action: "allow" }] : condition.rules.map((args) => ({ nr, action: "allow", args })))
    }
  }
  for (let nr = lastSyscall + 1; nr <= lastSyscall + fresh; nr++) table.set(nr, [{ nr, action: "errno", errno: ENOSYS }])
  return table
}

const lazily = <K, V>(make: (key: K) => V): (key: K) => V => {
  const made = new Map<K, V>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const value = make(key)
    made.set(key, value)
    return value
  }
}

const tableOf = lazily(build)
const rulesOf = lazily((preset: Preset) => [...tableOf(preset).values()].flat())

/** Changes of a policy to its preset's filter. kill beats deny beats allow. */
export interface Changes {
  readonly allow?: ReadonlyArray<string>
  readonly deny?: ReadonlyArray<string>
  readonly kill?: ReadonlyArray<string>
}

/** The rules of a plan. Names are known to be system calls: the policy's schema has seen to it. */
export const seccompRules = (preset: Preset, changes: Changes | undefined): ReadonlyArray<SeccompRule> => {
  if (changes === undefined) return rulesOf(preset)
  const table = new Map(tableOf(preset))
  const number = (name: string): number => syscallNumbers[name as SyscallName]
  for (const name of changes.allow ?? []) table.set(number(name), [{ nr: number(name), action: "allow" }])
  for (const name of changes.deny ?? []) table.delete(number(name))
  for (const name of changes.kill ?? []) table.set(number(name), [{ nr: number(name), action: "kill" }])
  return [...table.values()].flat()
}
