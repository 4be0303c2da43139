/**
 * What a plan of the translated view has beside that of the namespace view: no namespace separates its guest from the host's processes
 * and sockets, so calls that reach these are taken away, narrowed, or decided by init, by their registers.
 *
 * Paths are decided by init at every call (decisions.ts). What programs execute, where they go, and descriptors that no notification
 * can give are taken care of at trace points.
 */
import type { PolicyFault } from "../errors.ts"
import type { PolicyFields } from "../Policy.ts"
import { fault } from "./faults.ts"
import type { Host } from "./host.ts"
import type { Plan, SeccompArg, SeccompRule } from "./protocol.ts"
import { ENOSYS, masked, noneOf } from "./seccompRules.ts"
import { syscallNumbers, type SyscallName } from "./syscalls.ts"

type Rules = Plan["seccomp"]["rules"]
type Arg = typeof SeccompArg.Type

const low32 = 0xffffffff
const isInt = (index: number, value: number): Arg => masked(index, low32, value)

/** System V's and POSIX's: names of theirs are the whole host's. */
const shared: ReadonlyArray<SyscallName> = [
  "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl",
  "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr"
]

/** They act on whatever process has a number, and the guest's own are traced already. */
const intrusive: ReadonlyArray<SyscallName> = [
  "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd", "kcmp", "move_pages", "migrate_pages", "perf_event_open"
]

/** Calls that name a process or a thread by its number, and the register with it; 0 there is the caller itself where `self` says so. */
const byNumber: ReadonlyArray<readonly [name: SyscallName, register: number, self: boolean]> = [
  ["kill", 0, false], ["tkill", 0, false], ["tgkill", 0, false], ["rt_sigqueueinfo", 0, false], ["rt_tgsigqueueinfo", 0, false],
  ["pidfd_open", 0, false], ["pidfd_send_signal", 0, false], ["getpgid", 0, true], ["getsid", 0, true], ["setpriority", 0, false],
  ["getpriority", 0, false], ["ioprio_set", 0, false], ["ioprio_get", 0, false], ["sched_setscheduler", 0, true], ["sched_getscheduler", 0, true],
  ["sched_setparam", 0, true], ["sched_getparam", 0, true], ["sched_setaffinity", 0, true], ["sched_getaffinity", 0, true],
  ["sched_setattr", 0, true], ["sched_getattr", 0, true], ["sched_rr_get_interval", 0, true], ["prlimit64", 0, true], ["get_robust_list", 0, true]
]

/** Calls that name a process by number: all but these are decided by init. */
export const processCalls: ReadonlyArray<SyscallName> = byNumber.map(([name]) => name)

/** Executed, entered, or given by a descriptor that only the kernel can make: at trace points. */
export const tracedCalls: ReadonlyArray<SyscallName> = ["execve", "execveat", "chdir"]

/** Calls without a path whose answer is one, or that change what a read-only mount would keep, or what init relies on. */
export const answeredCalls: ReadonlyArray<SyscallName> = ["getcwd", "fchmod", "fchown", "fsetxattr", "fremovexattr", "prctl", "fcntl"]

const O_PATH = 0x200000
const F_SETOWN = 8, F_SETOWN_EX = 15
const PR_SET_DUMPABLE = 4
/**
 * Requests of ioctl(2) by their lower halves, which tell them apart: input into a terminal (TIOCSTI, TIOCLINUX), whom signals of a descriptor go to (FIOSETOWN, SIOCSPGRP),
 * and attributes of a file that may be open for reading only (FS_IOC_SETFLAGS, FS_IOC_SETVERSION, FS_IOC_FSSETXATTR, FS_IOC_ENABLE_VERITY, FS_IOC_SET_ENCRYPTION_POLICY).
 */
const requests = [0x5412, 0x541c, 0x8901, 0x8902, 0x6602, 0x7602, 0x5820, 0x6685, 0x6613]
const AF_UNIX = 1

const allow = (nr: number, args?: ReadonlyArray<Arg>): SeccompRule => ({ nr, action: "allow", ...(args === undefined ? {} : { args }) })

/** Conditions of which one holds for every value whose lower half is none of these: the beginnings that they do not share. */
const outside = (index: number, values: ReadonlyArray<number>, bit = 15, prefix = 0): ReadonlyArray<Arg> =>
  values.length === 0 ? [masked(index, 0xffff & (-1 << (bit + 1)), prefix)] : bit < 0 ? [] : [0, 1].flatMap((digit) =>
    outside(index, values.filter((value) => (value >> bit & 1) === digit), bit - 1, prefix | digit << bit))

const numbersOf = (names: ReadonlyArray<SyscallName>): ReadonlyArray<number> => names.map((name) => syscallNumbers[name])

/** The filter with what reaches the host's processes, queues and sockets taken away. `network`: the guest has the host's. */
export const withoutNamespaces = (rules: Rules, network: boolean): Rules => {
  const gone = new Set(numbersOf(intrusive)), unknown = new Set(numbersOf(shared))
  const ioctl = syscallNumbers.ioctl, socket = syscallNumbers.socket
  const kept = rules.flatMap((rule): Rules => {
    if (rule.action !== "allow") return [rule]
    if (gone.has(rule.nr) || rule.nr === ioctl || (rule.nr === socket && !network)) return []
    return unknown.has(rule.nr) ? [{ nr: rule.nr, action: "errno", errno: ENOSYS }] : [rule]
  })
  const allowed = (nr: number): boolean => rules.some((rule) => rule.nr === nr && rule.action === "allow")
  return [
    ...kept,
    // Signals on a descriptor go to whomever its owner is.
    ...(allowed(ioctl) ? outside(1, requests).map((arg) => allow(ioctl, [arg])) : []),
    ...(allowed(socket) && !network ? [allow(socket, [isInt(0, AF_UNIX)])] : [])
  ]
}

/** How the filter divides the calls of a number between the kernel and init. */
export interface Split {
  readonly kernel: Rules
  readonly init: Rules
}

/** What init decides on in this view beside paths and addresses. */
export const decidedHere: ReadonlySet<number> = new Set(numbersOf([...processCalls, ...tracedCalls, ...answeredCalls]))

export const tracedHere: ReadonlySet<number> = new Set(numbersOf(tracedCalls))

/** Calls of which only some are init's: what names the caller itself stays with the kernel. */
export const splitsOf = (rules: Rules): ReadonlyMap<number, Split> => {
  const of = (nr: number): Rules => rules.filter((rule) => rule.nr === nr && rule.action === "allow")
  const splits = new Map<number, Split>()
  for (const [name, register, self] of byNumber) {
    const nr = syscallNumbers[name]
    if (!self || of(nr).some((rule) => rule.args !== undefined && name !== "prlimit64")) continue
    splits.set(nr, {
      kernel: [allow(nr, [{ index: register, op: "eq", value: "0" }])],
      init: [{ nr, action: "notify", args: [{ index: register, op: "ne", value: "0" }] }]
    })
  }
  const divide = (name: SyscallName, index: number, values: ReadonlyArray<number>): void => {
    const nr = syscallNumbers[name]
    if (of(nr).length === 0 || of(nr).some((rule) => rule.args !== undefined)) return
    splits.set(nr, {
      kernel: noneOf(index, values).map((arg) => allow(nr, [arg])),
      init: values.map((value) => ({ nr, action: "notify", args: [isInt(index, value)] }))
    })
  }
  divide("fcntl", 1, [F_SETOWN, F_SETOWN_EX])
  divide("prctl", 0, [PR_SET_DUMPABLE])
  for (const [name, index] of [["open", 1], ["openat", 2]] as const) {
    const nr = syscallNumbers[name]
    splits.set(nr, {
      kernel: [],
      init: [{ nr, action: "notify", args: [masked(index, O_PATH, 0)] }, { nr, action: "trace", args: [masked(index, O_PATH, O_PATH)] }]
    })
  }
  // Its flags are in memory, where the filter cannot see O_PATH.
  splits.set(syscallNumbers.openat2, { kernel: [], init: [{ nr: syscallNumbers.openat2, action: "trace" }] })
  return splits
}

/** What a policy asks for and only namespaces, or mounts, can give. */
export const translatedFaults = (fields: PolicyFields, host: Host): ReadonlyArray<PolicyFault> => {
  const instead = "view: \"namespace\" can, where the host permits namespaces"
  const { identity, filesystem, syscalls } = fields
  const faults: Array<PolicyFault> = []
  filesystem?.overlay?.forEach((_, index) => faults.push(fault(`filesystem.overlay[${index}]`, "the translated view cannot copy on write", instead)))
  filesystem?.tmpfs?.forEach(({ size }, index) => {
    if (size !== undefined) faults.push(fault(`filesystem.tmpfs[${index}].size`, "in the translated view a tmpfs is a directory of the host's, whose size nothing limits", `leave it out; ${instead}`))
  })
  for (const key of ["uid", "gid"] as const) {
    if (identity?.[key] !== undefined && identity[key] !== host[key]) faults.push(fault(`identity.${key}`, `in the translated view the guest has the caller's, ${host[key]}`, instead))
  }
  if (identity?.hostname !== undefined) faults.push(fault("identity.hostname", "in the translated view the guest has the host's name", instead))
  syscalls?.allow?.forEach((name, index) => {
    const never: ReadonlyArray<string> = [...shared, ...intrusive]
    if (never.includes(name)) faults.push(fault(`syscalls.allow[${index}]`, `without namespaces ${name} reaches what is not the guest's`, instead))
  })
  return faults
}
