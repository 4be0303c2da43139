/**
 * What a handler may safely say to each system call, and what the calls name: paths, socket addresses, descriptors.
 *
 * The question behind the classes: when a handler has read memory of the guest and then lets the call run, does the kernel see what
 * the handler saw? Another thread of the guest (or another process that maps the same memory) may write there in between. So every
 * call is in exactly one class:
 *
 * - `registers`: the kernel takes its input from registers alone (it may write to memory). Nothing to race.
 * - `behalf`: the input lies in memory, but the sentry can carry the call out itself, from the copy that the handler saw
 *   (native/sentry/behalf.cc has the same list, and a test compares them). `continue` means that.
 * - `memory`: the input lies in memory (or hides behind an integer, as in ioctl(2)), and only the guest's own call can run. A handler
 *   that has read memory cannot then let it run.
 * - `fixed`: part of the kernel's own control flow. No handler stands here.
 *
 * A descriptor is a register, but what it stands for is in a table that sibling threads share: a decision by descriptor number
 * holds for the number, not for the file.
 */
import type { SyscallName } from "../syscalls.ts"

const registers = [
  "read", "close", "fstat", "lseek", "mmap", "mprotect", "munmap", "brk", "pread64", "pipe", "sched_yield", "mremap", "msync", "mincore",
  "madvise", "shmget", "shmat", "dup", "dup2", "pause", "getitimer", "alarm", "getpid", "socket", "shutdown", "socketpair",
  "clone", "fork", "vfork", "exit", "wait4", "kill", "uname", "semget", "shmdt", "msgget", "msgrcv", "flock", "fsync", "fdatasync",
  "ftruncate", "getdents", "getcwd", "fchdir", "fchmod", "fchown", "umask", "gettimeofday", "getrlimit", "getrusage", "sysinfo", "times",
  "getuid", "syslog", "getgid", "setuid", "setgid", "geteuid", "getegid", "setpgid", "getppid", "getpgrp", "setsid", "setreuid",
  "setregid", "getgroups", "setresuid", "getresuid", "setresgid", "getresgid", "getpgid", "setfsuid", "setfsgid", "getsid",
  "rt_sigpending", "uselib", "personality", "ustat", "fstatfs", "getpriority", "setpriority", "sched_getparam", "sched_getscheduler",
  "sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval", "mlock", "munlock", "mlockall", "munlockall", "vhangup",
  "_sysctl", "sync", "iopl", "ioperm", "create_module", "get_kernel_syms", "query_module", "nfsservctl", "getpmsg", "putpmsg",
  "afs_syscall", "tuxcall", "security", "gettid", "readahead", "flistxattr", "tkill", "time", "sched_getaffinity", "set_thread_area",
  "io_setup", "io_destroy", "get_thread_area", "lookup_dcookie", "epoll_create", "epoll_ctl_old", "epoll_wait_old", "remap_file_pages",
  "getdents64", "set_tid_address", "fadvise64", "timer_gettime", "timer_getoverrun", "timer_delete", "clock_gettime", "clock_getres",
  "exit_group", "epoll_wait", "tgkill", "vserver", "get_mempolicy", "waitid", "ioprio_set", "ioprio_get", "inotify_init",
  "inotify_rm_watch", "unshare", "get_robust_list", "tee", "sync_file_range", "timerfd_create", "eventfd", "fallocate", "timerfd_gettime",
  "eventfd2", "epoll_create1", "dup3", "pipe2", "inotify_init1", "fanotify_init", "syncfs", "setns", "getcpu", "kcmp", "sched_getattr",
  "getrandom", "userfaultfd", "membarrier", "mlock2", "pkey_mprotect", "pkey_alloc", "pkey_free", "fsmount", "pidfd_open", "close_range",
  "pidfd_getfd", "landlock_restrict_self", "memfd_secret", "process_mrelease", "set_mempolicy_home_node", "map_shadow_stack", "mseal"
] as const

const behalf = [
  "open", "creat", "openat", "openat2", "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink",
  "readlinkat", "statfs", "mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "rmdir", "unlink", "unlinkat", "link", "linkat",
  "rename", "renameat", "renameat2", "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat",
  "utimensat", "truncate", "setxattr", "lsetxattr", "getxattr", "lgetxattr", "listxattr", "llistxattr", "removexattr", "lremovexattr",
  "inotify_add_watch", "connect", "bind", "listen", "sendto", "sendmsg", "sendmmsg"
] as const

const memory = [
  "write", "poll", "rt_sigaction", "rt_sigprocmask", "ioctl", "pwrite64", "readv", "writev", "select", "shmctl", "nanosleep", "setitimer",
  "sendfile", "accept", "recvfrom", "recvmsg", "getsockname", "getpeername", "setsockopt", "getsockopt", "execve",
  "semop", "semctl", "msgsnd", "msgctl", "fcntl", "chdir", "ptrace", "setgroups", "capget", "capset", "rt_sigtimedwait",
  "rt_sigqueueinfo", "rt_sigsuspend", "sigaltstack", "sysfs", "sched_setparam", "sched_setscheduler", "modify_ldt", "pivot_root", "prctl",
  "arch_prctl", "adjtimex", "setrlimit", "chroot", "acct", "settimeofday", "mount", "umount2", "swapon", "swapoff", "reboot",
  "sethostname", "setdomainname", "init_module", "delete_module", "quotactl", "fsetxattr", "fgetxattr", "fremovexattr", "futex",
  "sched_setaffinity", "io_getevents", "io_submit", "io_cancel", "semtimedop", "timer_create", "timer_settime", "clock_settime",
  "clock_nanosleep", "epoll_ctl", "mbind", "set_mempolicy", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify",
  "mq_getsetattr", "kexec_load", "add_key", "request_key", "keyctl", "migrate_pages", "pselect6", "ppoll", "set_robust_list", "splice",
  "vmsplice", "move_pages", "epoll_pwait", "signalfd", "timerfd_settime", "accept4", "signalfd4", "preadv", "pwritev",
  "rt_tgsigqueueinfo", "perf_event_open", "recvmmsg", "fanotify_mark", "prlimit64", "name_to_handle_at", "open_by_handle_at",
  "clock_adjtime", "process_vm_readv", "process_vm_writev", "finit_module", "sched_setattr", "seccomp", "memfd_create",
  "kexec_file_load", "bpf", "execveat", "copy_file_range", "preadv2", "pwritev2", "io_pgetevents", "rseq", "pidfd_send_signal",
  "io_uring_setup", "io_uring_enter", "io_uring_register", "open_tree", "move_mount", "fsopen", "fsconfig", "fspick", "clone3",
  "process_madvise", "epoll_pwait2", "mount_setattr", "quotactl_fd", "landlock_create_ruleset", "landlock_add_rule", "futex_waitv",
  "cachestat", "futex_wake", "futex_wait", "futex_requeue", "statmount", "listmount", "lsm_get_self_attr", "lsm_set_self_attr",
  "lsm_list_modules", "setxattrat", "getxattrat", "listxattrat", "removexattrat", "open_tree_attr", "file_getattr", "file_setattr"
] as const

const fixed = ["rt_sigreturn", "restart_syscall", "uretprobe", "uprobe"] as const

/**
 * A signal that arrives before the sentry has taken a notification makes the call fail with `EINTR`, which callers of these do not
 * expect; and `exit` has nobody to answer to. They are handled at trace points only: by handlers of power `observe` or `steer`.
 */
const traceOnly = ["close", "fork", "vfork", "clone", "clone3", "wait4", "waitid", "exit", "exit_group"] as const

/** Calls whose result is a new descriptor, which a handler may choose (`Verdict.fd`). */
const descriptors = [
  "open", "openat", "openat2", "creat", "open_by_handle_at", "socket", "accept", "accept4", "dup", "epoll_create", "epoll_create1",
  "eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "inotify_init", "inotify_init1", "fanotify_init", "memfd_create",
  "memfd_secret", "pidfd_open", "pidfd_getfd", "perf_event_open", "userfaultfd", "io_uring_setup", "mq_open", "fsopen", "fsmount",
  "fspick", "open_tree", "open_tree_attr", "landlock_create_ruleset"
] as const

export type RegisterSyscall = (typeof registers)[number]
export type BehalfSyscall = (typeof behalf)[number]
export type MemorySyscall = (typeof memory)[number]
export type FixedSyscall = (typeof fixed)[number]
export type TraceOnlySyscall = (typeof traceOnly)[number]
export type DescriptorSyscall = (typeof descriptors)[number]

/** Calls that init can carry out in a guest's place. */
export const behalfCalls: ReadonlyArray<BehalfSyscall> = behalf

export type SafetyClass = "registers" | "behalf" | "memory" | "fixed"

/**
 * Arguments that name a file, as `argument@dirfd follow` (several separated by `; `). Without a directory the path starts from the
 * working directory. `follow` says whether a symbolic link as last component is followed: `always`, `never`, `unless FLAG` or `only
 * FLAG`, where FLAG is `argument.NAME`. `empty FLAG`: an empty path means the directory's own descriptor.
 */
const paths = {
  open: "filename unless flags.O_NOFOLLOW",
  creat: "pathname always",
  openat: "filename@dfd unless flags.O_NOFOLLOW",
  openat2: "filename@dfd unless how.flags.O_NOFOLLOW",
  stat: "filename always",
  lstat: "filename never",
  newfstatat: "filename@dfd unless flag.AT_SYMLINK_NOFOLLOW empty flag.AT_EMPTY_PATH",
  statx: "filename@dfd unless flags.AT_SYMLINK_NOFOLLOW empty flags.AT_EMPTY_PATH",
  access: "filename always",
  faccessat: "filename@dfd always",
  faccessat2: "filename@dfd unless flags.AT_SYMLINK_NOFOLLOW empty flags.AT_EMPTY_PATH",
  readlink: "path never",
  readlinkat: "pathname@dfd never",
  statfs: "pathname always",
  truncate: "path always",
  chdir: "filename always",
  chroot: "filename always",
  mkdir: "pathname never",
  mkdirat: "pathname@dfd never",
  mknod: "filename never",
  mknodat: "filename@dfd never",
  rmdir: "pathname never",
  unlink: "pathname never",
  unlinkat: "pathname@dfd never",
  symlink: "newname never",
  symlinkat: "newname@newdfd never",
  link: "oldname never; newname never",
  linkat: "oldname@olddfd only flags.AT_SYMLINK_FOLLOW empty flags.AT_EMPTY_PATH; newname@newdfd never",
  rename: "oldname never; newname never",
  renameat: "oldname@olddfd never; newname@newdfd never",
  renameat2: "oldname@olddfd never; newname@newdfd never",
  chmod: "filename always",
  fchmodat: "filename@dfd always",
  fchmodat2: "filename@dfd unless flags.AT_SYMLINK_NOFOLLOW empty flags.AT_EMPTY_PATH",
  chown: "filename always",
  lchown: "filename never",
  fchownat: "filename@dfd unless flag.AT_SYMLINK_NOFOLLOW empty flag.AT_EMPTY_PATH",
  utime: "filename always",
  utimes: "filename always",
  futimesat: "filename@dfd always",
  utimensat: "filename@dfd unless flags.AT_SYMLINK_NOFOLLOW empty flags.AT_EMPTY_PATH",
  setxattr: "pathname always",
  lsetxattr: "pathname never",
  getxattr: "pathname always",
  lgetxattr: "pathname never",
  listxattr: "pathname always",
  llistxattr: "pathname never",
  removexattr: "pathname always",
  lremovexattr: "pathname never",
  setxattrat: "pathname@dfd unless at_flags.AT_SYMLINK_NOFOLLOW empty at_flags.AT_EMPTY_PATH",
  getxattrat: "pathname@dfd unless at_flags.AT_SYMLINK_NOFOLLOW empty at_flags.AT_EMPTY_PATH",
  listxattrat: "pathname@dfd unless at_flags.AT_SYMLINK_NOFOLLOW empty at_flags.AT_EMPTY_PATH",
  removexattrat: "pathname@dfd unless at_flags.AT_SYMLINK_NOFOLLOW empty at_flags.AT_EMPTY_PATH",
  file_getattr: "filename@dfd unless at_flags.AT_SYMLINK_NOFOLLOW empty at_flags.AT_EMPTY_PATH",
  file_setattr: "filename@dfd unless at_flags.AT_SYMLINK_NOFOLLOW empty at_flags.AT_EMPTY_PATH",
  execve: "filename always",
  execveat: "filename@fd unless flags.AT_SYMLINK_NOFOLLOW empty flags.AT_EMPTY_PATH",
  inotify_add_watch: "pathname unless mask.IN_DONT_FOLLOW",
  fanotify_mark: "pathname@dfd unless flags.FAN_MARK_DONT_FOLLOW",
  name_to_handle_at: "name@dfd only flag.AT_SYMLINK_FOLLOW empty flag.AT_EMPTY_PATH",
  mount: "dev_name always; dir_name always",
  umount2: "name unless flags.UMOUNT_NOFOLLOW",
  pivot_root: "new_root always; put_old always",
  swapon: "specialfile always",
  swapoff: "specialfile always",
  acct: "name always",
  quotactl: "special always",
  open_tree: "filename@dfd unless flags.AT_SYMLINK_NOFOLLOW empty flags.AT_EMPTY_PATH",
  open_tree_attr: "filename@dfd unless flags.AT_SYMLINK_NOFOLLOW empty flags.AT_EMPTY_PATH",
  move_mount: "from_pathname@from_dfd only flags.MOVE_MOUNT_F_SYMLINKS empty flags.MOVE_MOUNT_F_EMPTY_PATH; to_pathname@to_dfd only flags.MOVE_MOUNT_T_SYMLINKS empty flags.MOVE_MOUNT_T_EMPTY_PATH",
  mount_setattr: "path@dfd unless flags.AT_SYMLINK_NOFOLLOW empty flags.AT_EMPTY_PATH",
  fspick: "path@dfd unless flags.FSPICK_SYMLINK_NOFOLLOW empty flags.FSPICK_EMPTY_PATH"
} as const satisfies Partial<Record<SyscallName, string>>

/** Arguments that hold a socket address, or a message that may. */
const addresses = {
  connect: "uservaddr",
  bind: "umyaddr",
  sendto: "addr",
  sendmsg: "msg",
  sendmmsg: "mmsg"
} as const satisfies Partial<Record<SyscallName, string>>

export type PathSyscall = keyof typeof paths
type Before<S, Mark extends string> = S extends `${infer A}${Mark}${string}` ? A : S
type PathNames<S> = S extends `${infer First}; ${infer Rest}` ? PathNames<First> | PathNames<Rest> : Before<Before<S, " ">, "@">
/** The arguments of a call that name a file. */
export type PathNameOf<Name extends PathSyscall> = PathNames<(typeof paths)[Name]>
export type AddressSyscall = keyof typeof addresses

/** One flag of one argument; `how.flags` is the member of a structure. */
export interface FlagOf {
  readonly argument: string
  readonly flag: string
}

export interface PathArgument {
  readonly argument: string
  /** The argument with the directory that a relative path starts from; `undefined`: the working directory. */
  readonly directory: string | undefined
  readonly follow: "always" | "never" | { readonly unless: FlagOf } | { readonly only: FlagOf }
  /** With this flag an empty path means what the directory's descriptor stands for. */
  readonly empty: FlagOf | undefined
}

const flagOf = (text: string): FlagOf => {
  const dot = text.lastIndexOf(".")
  return { argument: text.slice(0, dot), flag: text.slice(dot + 1) }
}

const parsePath = (text: string): PathArgument => {
  const [name, ...words] = text.split(" ")
  const [argument, directory] = name!.split("@")
  const empty = words.indexOf("empty")
  const follow = words[0] as "always" | "never" | "unless" | "only"
  return {
    argument: argument!,
    directory,
    follow: follow === "unless" ? { unless: flagOf(words[1]!) } : follow === "only" ? { only: flagOf(words[1]!) } : follow,
    empty: empty < 0 ? undefined : flagOf(words[empty + 1]!)
  }
}

const sets: ReadonlyArray<readonly [SafetyClass, ReadonlyArray<string>]> = [["registers", registers], ["behalf", behalf], ["memory", memory], ["fixed", fixed]]
let classes: ReadonlyMap<string, SafetyClass> | undefined

export const safetyClass = (name: SyscallName): SafetyClass => {
  classes ??= new Map(sets.flatMap(([label, names]) => names.map((n) => [n, label] as const)))
  return classes.get(name)!
}

export const pathArguments = (name: SyscallName): ReadonlyArray<PathArgument> => {
  const text = (paths as Partial<Record<SyscallName, string>>)[name]
  return text === undefined ? [] : text.split("; ").map(parsePath)
}

export const addressArgument = (name: SyscallName): string | undefined => (addresses as Partial<Record<SyscallName, string>>)[name]

export const isTraceOnly = (name: SyscallName): boolean => (traceOnly as ReadonlyArray<string>).includes(name)

export const returnsDescriptor = (name: SyscallName): boolean => (descriptors as ReadonlyArray<string>).includes(name)
