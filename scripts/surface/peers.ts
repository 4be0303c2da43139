/**
 * What others let a guest reach, as facts: names of system calls, values of arguments, with the version that they are of. Both are the
 * lists for x86-64.
 */

export interface Peer {
  readonly name: string
  readonly source: string
  readonly allowed: ReadonlySet<string>
  /** Calls that are allowed for some arguments only, and for which. */
  readonly conditional: Readonly<Record<string, string>>
  readonly errno: string
}

const words = (text: string): ReadonlyArray<string> => text.trim().split(/\s+/)

/** Calls without a condition in the profile; those of other architectures and of 32-bit programs are left out. */
const dockerAlways = words(`
  accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown clock_adjtime clock_getres clock_gettime clock_nanosleep close close_range
  connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2
  execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr
  flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents
  getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit get_robust_list
  getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch
  io_cancel ioctl io_destroy io_getevents io_pgetevents ioprio_get ioprio_set io_setup io_submit kill landlock_add_rule landlock_create_ruleset landlock_restrict_self
  lchown lgetxattr link linkat listen listmount listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat madvise map_shadow_stack membarrier memfd_create
  memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap
  mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe
  pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pwrite64 pwritev pwritev2 read readahead
  readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
  rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
  sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
  seccomp select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto setfsgid setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid
  setresuid setreuid setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address setuid setxattr setxattrat shmat shmctl shmdt shmget shutdown
  sigaltstack signalfd signalfd4 socketpair splice stat statfs statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create
  timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat uretprobe
  utime utimensat utimes vfork vmsplice wait4 waitid write writev
  process_vm_readv process_vm_writev ptrace arch_prctl modify_ldt chroot
`)

export const docker: Peer = {
  name: "Docker",
  source: "the default profile of Docker (moby/profiles, `seccomp/default.json` at 02e898b137ae), for x86-64, a kernel from 4.8 on and a container's default capabilities (of those that the profile asks for, `CAP_SYS_CHROOT`)",
  errno: "EPERM",
  allowed: new Set([...dockerAlways, "clone", "socket", "personality"]),
  conditional: {
    clone: "no `CLONE_NEW*` flag (0x7e020000; `CLONE_NEWTIME` is not looked at)",
    socket: "families 0 to 11, 13 to 18, 21, 22, 24, 26 to 33, 35, 36, 39, 41 to 45",
    personality: "`PER_LINUX`, `PER_LINUX32`, `UNAME26` with each, asking"
  }
}

/** Families that the profile names: all below 12 and these. */
export const dockerFamilies: ReadonlyArray<number> = [...Array.from({ length: 12 }, (_, family) => family), 13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45]

const gvisorSentry = words(`
  clock_gettime close dup dup3 epoll_create1 epoll_ctl epoll_pwait eventfd2 exit exit_group fallocate fchmod fcntl fstat fsync fdatasync ftruncate futex getcpu getpid
  getrandom getsockopt gettid gettimeofday ioctl io_setup io_destroy io_getevents io_submit lseek madvise membarrier memfd_create mincore mlock mmap mprotect munlock
  munmap nanosleep ppoll prctl pread64 preadv preadv2 pwrite64 pwritev pwritev2 read recvmsg recvmmsg sendmmsg restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn
  sched_yield sendmsg setitimer shutdown sigaltstack statx sync_file_range tee timer_create timer_delete timer_settime utimensat write writev
`)
const gvisorControl = words("accept4 listen tgkill")
const gvisorFiles = words(`
  fchownat fchmodat unlinkat getdents64 openat linkat mkdirat mknodat symlinkat fstatfs readlinkat renameat2 newfstatat fgetxattr flistxattr fremovexattr fsetxattr
`)
const gvisorSystrap = words("ptrace wait4 setpriority")

export const gvisor: Peer = {
  name: "gVisor",
  source: "the filter of gVisor's sentry (google/gvisor, `runsc/boot/filter/config/config_main.go` at 15a005afd06a, with directfs; platform systrap, `pkg/sentry/platform/systrap/filters.go` at 0ace28961b3b)",
  errno: "the sentry is ended",
  allowed: new Set([...gvisorSentry, ...gvisorControl, ...gvisorFiles, ...gvisorSystrap]),
  conditional: {
    dup3: "`O_CLOEXEC`", epoll_pwait: "without a mask", eventfd2: "0", fcntl: "`F_GETFL`, `F_SETFL`, `F_GETFD`", futex: "`WAIT`, `WAKE`", getcpu: "without the other two arguments",
    getsockopt: "five options of `SOL_SOCKET`, and `SO_PEERCRED`", ioctl: "`FIONREAD`, termios, window size, `SIOCGIFTXQLEN`", membarrier: "`GLOBAL`", memfd_create: "no flags",
    mmap: "eight combinations of flags", prctl: "`PR_SET_VMA` names", recvmsg: "`DONTWAIT` and `TRUNC`", recvmmsg: "`DONTWAIT`", sendmmsg: "`DONTWAIT`", sendmsg: "`DONTWAIT` and `NOSIGNAL`",
    statx: "of a descriptor", tee: "one byte", timer_create: "of the thread's CPU time", timer_settime: "relative", utimensat: "of a descriptor", accept4: "one descriptor", listen: "one descriptor",
    tgkill: "itself, and its stubs", openat: "beneath a descriptor, with `O_NOFOLLOW`", ptrace: "ten requests", setpriority: "one value"
  }
}
