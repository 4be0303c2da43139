/**
 * Classes of system calls as strace's `-e` names them: `%file`, `%network`, … What the call table says (which calls take paths, which
 * take or make descriptors) is asked there; the rest are lists.
 */
import { suggest } from "../sdk/internal/faults.ts"
import { pathArguments, returnsDescriptor } from "../sdk/internal/syscall/classes.ts"
import { syscallInfo } from "../sdk/internal/syscall/table.ts"
import { type SyscallName, syscallNumbers } from "../sdk/internal/syscalls.ts"

const all = Object.keys(syscallNumbers) as ReadonlyArray<SyscallName>

const lists = {
  process: "clone clone3 execve execveat exit exit_group fork kill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal tgkill tkill vfork wait4 waitid",
  network: "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto setsockopt shutdown socket socketpair sendfile",
  signal: "kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd signalfd4 tgkill tkill",
  ipc: "msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget",
  memory: "brk get_mempolicy madvise map_shadow_stack mbind migrate_pages mincore mlock mlock2 mlockall mmap move_pages mprotect mremap mseal msync munlock munlockall munmap pkey_mprotect process_madvise remap_file_pages set_mempolicy set_mempolicy_home_node shmat shmdt",
  clock: "adjtimex clock_adjtime clock_getres clock_gettime clock_settime gettimeofday settimeofday time",
  pure: "getegid geteuid getgid getpgrp getpid getppid gettid getuid",
  creds: "capget capset getegid geteuid getgid getgroups getresgid getresuid getuid prctl setfsgid setfsuid setgid setgroups setregid setresgid setresuid setreuid setuid",
  stat: "stat",
  lstat: "lstat",
  fstat: "fstat newfstatat",
  "%stat": "stat lstat fstat newfstatat statx",
  statfs: "statfs",
  fstatfs: "fstatfs",
  "%statfs": "statfs fstatfs ustat"
} as const

/** Calls about descriptors whose arguments do not say so. */
const moreDescriptors = new Set("dup2 dup3 epoll_wait io_uring_setup memfd_create mmap pipe pipe2 poll ppoll pselect6 select socketpair".split(" "))
const moreFiles = new Set(["getcwd", "execve", "execveat", "mq_open", "mq_unlink"])

/** The calls of a class (without its `%`), or `undefined` where there is none of that name. */
export const callsOf = (name: string): ReadonlyArray<SyscallName> | undefined => {
  if (name === "file") return all.filter((call) => pathArguments(call).length > 0 || moreFiles.has(call))
  if (name === "desc") {
    return all.filter((call) => returnsDescriptor(call) || moreDescriptors.has(call) || syscallInfo(call).arguments.some((argument) => argument.kind === "scalar" && argument.descriptor !== undefined))
  }
  return Object.hasOwn(lists, name) ? lists[name as keyof typeof lists].split(" ") as ReadonlyArray<SyscallName> : undefined
}

export const classNames: ReadonlyArray<string> = ["file", "desc", ...Object.keys(lists)]

/** A name that is near a misspelt one. */
export const nearest = (name: string): string | undefined =>
  name.startsWith("%") ? suggest(name, classNames.map((one) => `%${one}`)) : suggest(name, all)

export { all as allCalls }
