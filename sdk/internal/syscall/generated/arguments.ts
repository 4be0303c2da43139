/**
 * Every x86-64 system call: its arguments and what they point to. The interface is for the compiler, the text for the program
 * (one line a call, `!` after those no kernel implements any more; read by ../table.ts). Numbers: ../../syscalls.ts. Made by scripts/syscalls/generate.mjs from Linux 6.12.117; do not edit.
 */
import type { Address, ConstPointer, CString, Pointer } from "../../../GuestMemory.ts"
import type { Siginfo } from "../siginfo.ts"
import type { Sockaddr } from "../sockaddr.ts"
import type * as S from "./structs.ts"

export interface SyscallArguments {
  readonly read: { readonly fd: number; readonly buf: Pointer<Uint8Array>; readonly count: bigint }
  readonly write: { readonly fd: number; readonly buf: ConstPointer<Uint8Array>; readonly count: bigint }
  readonly open: { readonly filename: ConstPointer<CString>; readonly flags: number; readonly mode: number }
  readonly close: { readonly fd: number }
  readonly stat: { readonly filename: ConstPointer<CString>; readonly statbuf: Pointer<S.Stat> }
  readonly fstat: { readonly fd: number; readonly statbuf: Pointer<S.Stat> }
  readonly lstat: { readonly filename: ConstPointer<CString>; readonly statbuf: Pointer<S.Stat> }
  readonly poll: { readonly ufds: Pointer<ReadonlyArray<S.Pollfd>>; readonly nfds: number; readonly timeout_msecs: number }
  readonly lseek: { readonly fd: number; readonly offset: bigint; readonly whence: number }
  readonly mmap: { readonly addr: bigint; readonly len: bigint; readonly prot: bigint; readonly flags: bigint; readonly fd: number; readonly off: bigint }
  readonly mprotect: { readonly start: bigint; readonly len: bigint; readonly prot: bigint }
  readonly munmap: { readonly addr: bigint; readonly len: bigint }
  readonly brk: { readonly brk: bigint }
  readonly rt_sigaction: { readonly sig: number; readonly act: ConstPointer<S.Sigaction>; readonly oact: Pointer<S.Sigaction>; readonly sigsetsize: bigint }
  readonly rt_sigprocmask: { readonly how: number; readonly nset: ConstPointer<bigint>; readonly oset: Pointer<bigint>; readonly sigsetsize: bigint }
  readonly rt_sigreturn: {}
  readonly ioctl: { readonly fd: number; readonly cmd: number; readonly arg: bigint }
  readonly pread64: { readonly fd: number; readonly buf: Pointer<Uint8Array>; readonly count: bigint; readonly pos: bigint }
  readonly pwrite64: { readonly fd: number; readonly buf: ConstPointer<Uint8Array>; readonly count: bigint; readonly pos: bigint }
  readonly readv: { readonly fd: number; readonly vec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly vlen: bigint }
  readonly writev: { readonly fd: number; readonly vec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly vlen: bigint }
  readonly access: { readonly filename: ConstPointer<CString>; readonly mode: number }
  readonly pipe: { readonly fildes: Pointer<ReadonlyArray<number>> }
  readonly select: { readonly n: number; readonly inp: Pointer<ReadonlyArray<number>>; readonly outp: Pointer<ReadonlyArray<number>>; readonly exp: Pointer<ReadonlyArray<number>>; readonly tvp: Pointer<S.Timeval> }
  readonly sched_yield: {}
  readonly mremap: { readonly addr: bigint; readonly old_len: bigint; readonly new_len: bigint; readonly flags: bigint; readonly new_addr: bigint }
  readonly msync: { readonly start: bigint; readonly len: bigint; readonly flags: number }
  readonly mincore: { readonly start: bigint; readonly len: bigint; readonly vec: Address }
  readonly madvise: { readonly start: bigint; readonly len_in: bigint; readonly behavior: number }
  readonly shmget: { readonly key: number; readonly size: bigint; readonly shmflg: number }
  readonly shmat: { readonly shmid: number; readonly shmaddr: Address; readonly shmflg: number }
  readonly shmctl: { readonly shmid: number; readonly cmd: number; readonly buf: Pointer<S.ShmidDs> }
  readonly dup: { readonly fildes: number }
  readonly dup2: { readonly oldfd: number; readonly newfd: number }
  readonly pause: {}
  readonly nanosleep: { readonly rqtp: ConstPointer<S.Timespec>; readonly rmtp: Pointer<S.Timespec> }
  readonly getitimer: { readonly which: number; readonly value: Pointer<S.Itimerval> }
  readonly alarm: { readonly seconds: number }
  readonly setitimer: { readonly which: number; readonly value: ConstPointer<S.Itimerval>; readonly ovalue: Pointer<S.Itimerval> }
  readonly getpid: {}
  readonly sendfile: { readonly out_fd: number; readonly in_fd: number; readonly offset: Pointer<bigint>; readonly count: bigint }
  readonly socket: { readonly family: number; readonly type: number; readonly protocol: number }
  readonly connect: { readonly fd: number; readonly uservaddr: ConstPointer<Sockaddr>; readonly addrlen: number }
  readonly accept: { readonly fd: number; readonly upeer_sockaddr: Pointer<Sockaddr>; readonly upeer_addrlen: Pointer<number> }
  readonly sendto: { readonly fd: number; readonly buff: ConstPointer<Uint8Array>; readonly len: bigint; readonly flags: number; readonly addr: ConstPointer<Sockaddr>; readonly addr_len: number }
  readonly recvfrom: { readonly fd: number; readonly ubuf: Pointer<Uint8Array>; readonly size: bigint; readonly flags: number; readonly addr: Pointer<Sockaddr>; readonly addr_len: Pointer<number> }
  readonly sendmsg: { readonly fd: number; readonly msg: ConstPointer<S.Msghdr>; readonly flags: number }
  readonly recvmsg: { readonly fd: number; readonly msg: Pointer<S.Msghdr>; readonly flags: number }
  readonly shutdown: { readonly fd: number; readonly how: number }
  readonly bind: { readonly fd: number; readonly umyaddr: ConstPointer<Sockaddr>; readonly addrlen: number }
  readonly listen: { readonly fd: number; readonly backlog: number }
  readonly getsockname: { readonly fd: number; readonly usockaddr: Pointer<Sockaddr>; readonly usockaddr_len: Pointer<number> }
  readonly getpeername: { readonly fd: number; readonly usockaddr: Pointer<Sockaddr>; readonly usockaddr_len: Pointer<number> }
  readonly socketpair: { readonly family: number; readonly type: number; readonly protocol: number; readonly usockvec: Pointer<ReadonlyArray<number>> }
  readonly setsockopt: { readonly fd: number; readonly level: number; readonly optname: number; readonly optval: ConstPointer<Uint8Array>; readonly optlen: number }
  readonly getsockopt: { readonly fd: number; readonly level: number; readonly optname: number; readonly optval: Pointer<Uint8Array>; readonly optlen: Pointer<number> }
  readonly clone: { readonly clone_flags: bigint; readonly newsp: bigint; readonly parent_tidptr: Pointer<number>; readonly child_tidptr: Pointer<number>; readonly tls: bigint }
  readonly fork: {}
  readonly vfork: {}
  readonly execve: { readonly filename: ConstPointer<CString>; readonly argv: ConstPointer<ReadonlyArray<CString>>; readonly envp: ConstPointer<ReadonlyArray<CString>> }
  readonly exit: { readonly error_code: number }
  readonly wait4: { readonly upid: number; readonly stat_addr: Pointer<number>; readonly options: number; readonly ru: Pointer<S.Rusage> }
  readonly kill: { readonly pid: number; readonly sig: number }
  readonly uname: { readonly name: Pointer<S.Utsname> }
  readonly semget: { readonly key: number; readonly nsems: number; readonly semflg: number }
  readonly semop: { readonly semid: number; readonly tsops: ConstPointer<ReadonlyArray<S.Sembuf>>; readonly nsops: number }
  readonly semctl: { readonly semid: number; readonly semnum: number; readonly cmd: number; readonly arg: bigint }
  readonly shmdt: { readonly shmaddr: Address }
  readonly msgget: { readonly key: number; readonly msgflg: number }
  readonly msgsnd: { readonly msqid: number; readonly msgp: Address; readonly msgsz: bigint; readonly msgflg: number }
  readonly msgrcv: { readonly msqid: number; readonly msgp: Address; readonly msgsz: bigint; readonly msgtyp: bigint; readonly msgflg: number }
  readonly msgctl: { readonly msqid: number; readonly cmd: number; readonly buf: Pointer<S.MsqidDs> }
  readonly fcntl: { readonly fd: number; readonly cmd: number; readonly arg: bigint }
  readonly flock: { readonly fd: number; readonly cmd: number }
  readonly fsync: { readonly fd: number }
  readonly fdatasync: { readonly fd: number }
  readonly truncate: { readonly path: ConstPointer<CString>; readonly length: bigint }
  readonly ftruncate: { readonly fd: number; readonly length: bigint }
  readonly getdents: { readonly fd: number; readonly dirent: Pointer<Uint8Array>; readonly count: number }
  readonly getcwd: { readonly buf: Pointer<Uint8Array>; readonly size: bigint }
  readonly chdir: { readonly filename: ConstPointer<CString> }
  readonly fchdir: { readonly fd: number }
  readonly rename: { readonly oldname: ConstPointer<CString>; readonly newname: ConstPointer<CString> }
  readonly mkdir: { readonly pathname: ConstPointer<CString>; readonly mode: number }
  readonly rmdir: { readonly pathname: ConstPointer<CString> }
  readonly creat: { readonly pathname: ConstPointer<CString>; readonly mode: number }
  readonly link: { readonly oldname: ConstPointer<CString>; readonly newname: ConstPointer<CString> }
  readonly unlink: { readonly pathname: ConstPointer<CString> }
  readonly symlink: { readonly oldname: ConstPointer<CString>; readonly newname: ConstPointer<CString> }
  readonly readlink: { readonly path: ConstPointer<CString>; readonly buf: Pointer<Uint8Array>; readonly bufsiz: number }
  readonly chmod: { readonly filename: ConstPointer<CString>; readonly mode: number }
  readonly fchmod: { readonly fd: number; readonly mode: number }
  readonly chown: { readonly filename: ConstPointer<CString>; readonly user: number; readonly group: number }
  readonly fchown: { readonly fd: number; readonly user: number; readonly group: number }
  readonly lchown: { readonly filename: ConstPointer<CString>; readonly user: number; readonly group: number }
  readonly umask: { readonly mask: number }
  readonly gettimeofday: { readonly tv: Pointer<S.Timeval>; readonly tz: Pointer<S.Timezone> }
  readonly getrlimit: { readonly resource: number; readonly rlim: Pointer<S.Rlimit> }
  readonly getrusage: { readonly who: number; readonly ru: Pointer<S.Rusage> }
  readonly sysinfo: { readonly info: Pointer<S.Sysinfo> }
  readonly times: { readonly tbuf: Pointer<S.Tms> }
  readonly ptrace: { readonly request: bigint; readonly pid: bigint; readonly addr: bigint; readonly data: bigint }
  readonly getuid: {}
  readonly syslog: { readonly type: number; readonly buf: Pointer<Uint8Array>; readonly len: number }
  readonly getgid: {}
  readonly setuid: { readonly uid: number }
  readonly setgid: { readonly gid: number }
  readonly geteuid: {}
  readonly getegid: {}
  readonly setpgid: { readonly pid: number; readonly pgid: number }
  readonly getppid: {}
  readonly getpgrp: {}
  readonly setsid: {}
  readonly setreuid: { readonly ruid: number; readonly euid: number }
  readonly setregid: { readonly rgid: number; readonly egid: number }
  readonly getgroups: { readonly gidsetsize: number; readonly grouplist: Pointer<ReadonlyArray<number>> }
  readonly setgroups: { readonly gidsetsize: number; readonly grouplist: ConstPointer<ReadonlyArray<number>> }
  readonly setresuid: { readonly ruid: number; readonly euid: number; readonly suid: number }
  readonly getresuid: { readonly ruidp: Pointer<number>; readonly euidp: Pointer<number>; readonly suidp: Pointer<number> }
  readonly setresgid: { readonly rgid: number; readonly egid: number; readonly sgid: number }
  readonly getresgid: { readonly rgidp: Pointer<number>; readonly egidp: Pointer<number>; readonly sgidp: Pointer<number> }
  readonly getpgid: { readonly pid: number }
  readonly setfsuid: { readonly uid: number }
  readonly setfsgid: { readonly gid: number }
  readonly getsid: { readonly pid: number }
  readonly capget: { readonly header: Pointer<S.CapUserHeader>; readonly dataptr: Pointer<ReadonlyArray<S.CapUserData>> }
  readonly capset: { readonly header: Pointer<S.CapUserHeader>; readonly data: ConstPointer<ReadonlyArray<S.CapUserData>> }
  readonly rt_sigpending: { readonly uset: Pointer<Uint8Array>; readonly sigsetsize: bigint }
  readonly rt_sigtimedwait: { readonly uthese: ConstPointer<bigint>; readonly uinfo: Pointer<Siginfo>; readonly uts: ConstPointer<S.Timespec>; readonly sigsetsize: bigint }
  readonly rt_sigqueueinfo: { readonly pid: number; readonly sig: number; readonly uinfo: ConstPointer<Siginfo> }
  readonly rt_sigsuspend: { readonly unewset: ConstPointer<bigint>; readonly sigsetsize: bigint }
  readonly sigaltstack: { readonly uss: ConstPointer<S.Sigaltstack>; readonly uoss: Pointer<S.Sigaltstack> }
  readonly utime: { readonly filename: ConstPointer<CString>; readonly times: ConstPointer<S.Utimbuf> }
  readonly mknod: { readonly filename: ConstPointer<CString>; readonly mode: number; readonly dev: number }
  readonly uselib: {}
  readonly personality: { readonly personality: number }
  readonly ustat: { readonly dev: number; readonly ubuf: Pointer<S.Ustat> }
  readonly statfs: { readonly pathname: ConstPointer<CString>; readonly buf: Pointer<S.Statfs> }
  readonly fstatfs: { readonly fd: number; readonly buf: Pointer<S.Statfs> }
  readonly sysfs: { readonly option: number; readonly arg1: bigint; readonly arg2: bigint }
  readonly getpriority: { readonly which: number; readonly who: number }
  readonly setpriority: { readonly which: number; readonly who: number; readonly niceval: number }
  readonly sched_setparam: { readonly pid: number; readonly param: ConstPointer<S.SchedParam> }
  readonly sched_getparam: { readonly pid: number; readonly param: Pointer<S.SchedParam> }
  readonly sched_setscheduler: { readonly pid: number; readonly policy: number; readonly param: ConstPointer<S.SchedParam> }
  readonly sched_getscheduler: { readonly pid: number }
  readonly sched_get_priority_max: { readonly policy: number }
  readonly sched_get_priority_min: { readonly policy: number }
  readonly sched_rr_get_interval: { readonly pid: number; readonly interval: Pointer<S.Timespec> }
  readonly mlock: { readonly start: bigint; readonly len: bigint }
  readonly munlock: { readonly start: bigint; readonly len: bigint }
  readonly mlockall: { readonly flags: number }
  readonly munlockall: {}
  readonly vhangup: {}
  readonly modify_ldt: { readonly func: number; readonly ptr: Pointer<Uint8Array>; readonly bytecount: bigint }
  readonly pivot_root: { readonly new_root: ConstPointer<CString>; readonly put_old: ConstPointer<CString> }
  readonly _sysctl: {}
  readonly prctl: { readonly option: number; readonly arg2: bigint; readonly arg3: bigint; readonly arg4: bigint; readonly arg5: bigint }
  readonly arch_prctl: { readonly option: number; readonly arg2: bigint }
  readonly adjtimex: { readonly txc_p: Pointer<S.Timex> }
  readonly setrlimit: { readonly resource: number; readonly rlim: ConstPointer<S.Rlimit> }
  readonly chroot: { readonly filename: ConstPointer<CString> }
  readonly sync: {}
  readonly acct: { readonly name: ConstPointer<CString> }
  readonly settimeofday: { readonly tv: ConstPointer<S.Timeval>; readonly tz: ConstPointer<S.Timezone> }
  readonly mount: { readonly dev_name: ConstPointer<CString>; readonly dir_name: ConstPointer<CString>; readonly type: ConstPointer<CString>; readonly flags: bigint; readonly data: Address }
  readonly umount2: { readonly name: ConstPointer<CString>; readonly flags: number }
  readonly swapon: { readonly specialfile: ConstPointer<CString>; readonly swap_flags: number }
  readonly swapoff: { readonly specialfile: ConstPointer<CString> }
  readonly reboot: { readonly magic1: number; readonly magic2: number; readonly cmd: number; readonly arg: Address }
  readonly sethostname: { readonly name: ConstPointer<Uint8Array>; readonly len: number }
  readonly setdomainname: { readonly name: ConstPointer<Uint8Array>; readonly len: number }
  readonly iopl: { readonly level: number }
  readonly ioperm: { readonly from: bigint; readonly num: bigint; readonly turn_on: number }
  readonly create_module: {}
  readonly init_module: { readonly umod: ConstPointer<Uint8Array>; readonly len: bigint; readonly uargs: ConstPointer<CString> }
  readonly delete_module: { readonly name_user: ConstPointer<CString>; readonly flags: number }
  readonly get_kernel_syms: {}
  readonly query_module: {}
  readonly quotactl: { readonly cmd: number; readonly special: ConstPointer<CString>; readonly id: number; readonly addr: Address }
  readonly nfsservctl: {}
  readonly getpmsg: {}
  readonly putpmsg: {}
  readonly afs_syscall: {}
  readonly tuxcall: {}
  readonly security: {}
  readonly gettid: {}
  readonly readahead: { readonly fd: number; readonly offset: bigint; readonly count: bigint }
  readonly setxattr: { readonly pathname: ConstPointer<CString>; readonly name: ConstPointer<CString>; readonly value: ConstPointer<Uint8Array>; readonly size: bigint; readonly flags: number }
  readonly lsetxattr: { readonly pathname: ConstPointer<CString>; readonly name: ConstPointer<CString>; readonly value: ConstPointer<Uint8Array>; readonly size: bigint; readonly flags: number }
  readonly fsetxattr: { readonly fd: number; readonly name: ConstPointer<CString>; readonly value: ConstPointer<Uint8Array>; readonly size: bigint; readonly flags: number }
  readonly getxattr: { readonly pathname: ConstPointer<CString>; readonly name: ConstPointer<CString>; readonly value: Pointer<Uint8Array>; readonly size: bigint }
  readonly lgetxattr: { readonly pathname: ConstPointer<CString>; readonly name: ConstPointer<CString>; readonly value: Pointer<Uint8Array>; readonly size: bigint }
  readonly fgetxattr: { readonly fd: number; readonly name: ConstPointer<CString>; readonly value: Pointer<Uint8Array>; readonly size: bigint }
  readonly listxattr: { readonly pathname: ConstPointer<CString>; readonly list: Pointer<Uint8Array>; readonly size: bigint }
  readonly llistxattr: { readonly pathname: ConstPointer<CString>; readonly list: Pointer<Uint8Array>; readonly size: bigint }
  readonly flistxattr: { readonly fd: number; readonly list: Pointer<Uint8Array>; readonly size: bigint }
  readonly removexattr: { readonly pathname: ConstPointer<CString>; readonly name: ConstPointer<CString> }
  readonly lremovexattr: { readonly pathname: ConstPointer<CString>; readonly name: ConstPointer<CString> }
  readonly fremovexattr: { readonly fd: number; readonly name: ConstPointer<CString> }
  readonly tkill: { readonly pid: number; readonly sig: number }
  readonly time: { readonly tloc: Pointer<bigint> }
  readonly futex: { readonly uaddr: Pointer<number>; readonly op: number; readonly val: number; readonly utime: ConstPointer<S.Timespec>; readonly uaddr2: Pointer<number>; readonly val3: number }
  readonly sched_setaffinity: { readonly pid: number; readonly len: number; readonly user_mask_ptr: ConstPointer<Uint8Array> }
  readonly sched_getaffinity: { readonly pid: number; readonly len: number; readonly user_mask_ptr: Pointer<Uint8Array> }
  readonly set_thread_area: {}
  readonly io_setup: { readonly nr_events: number; readonly ctxp: Pointer<bigint> }
  readonly io_destroy: { readonly ctx: bigint }
  readonly io_getevents: { readonly ctx_id: bigint; readonly min_nr: bigint; readonly nr: bigint; readonly events: Pointer<ReadonlyArray<S.IoEvent>>; readonly timeout: ConstPointer<S.Timespec> }
  readonly io_submit: { readonly ctx_id: bigint; readonly nr: bigint; readonly iocbpp: ConstPointer<ReadonlyArray<bigint>> }
  readonly io_cancel: { readonly ctx_id: bigint; readonly iocb: ConstPointer<S.Iocb>; readonly result: Pointer<S.IoEvent> }
  readonly get_thread_area: {}
  readonly lookup_dcookie: {}
  readonly epoll_create: { readonly size: number }
  readonly epoll_ctl_old: {}
  readonly epoll_wait_old: {}
  readonly remap_file_pages: { readonly start: bigint; readonly size: bigint; readonly prot: bigint; readonly pgoff: bigint; readonly flags: bigint }
  readonly getdents64: { readonly fd: number; readonly dirent: Pointer<Uint8Array>; readonly count: number }
  readonly set_tid_address: { readonly tidptr: Pointer<number> }
  readonly restart_syscall: {}
  readonly semtimedop: { readonly semid: number; readonly tsops: ConstPointer<ReadonlyArray<S.Sembuf>>; readonly nsops: number; readonly timeout: ConstPointer<S.Timespec> }
  readonly fadvise64: { readonly fd: number; readonly offset: bigint; readonly len: bigint; readonly advice: number }
  readonly timer_create: { readonly which_clock: number; readonly timer_event_spec: ConstPointer<S.Sigevent>; readonly created_timer_id: Pointer<number> }
  readonly timer_settime: { readonly timer_id: number; readonly flags: number; readonly new_setting: ConstPointer<S.Itimerspec>; readonly old_setting: Pointer<S.Itimerspec> }
  readonly timer_gettime: { readonly timer_id: number; readonly setting: Pointer<S.Itimerspec> }
  readonly timer_getoverrun: { readonly timer_id: number }
  readonly timer_delete: { readonly timer_id: number }
  readonly clock_settime: { readonly which_clock: number; readonly tp: ConstPointer<S.Timespec> }
  readonly clock_gettime: { readonly which_clock: number; readonly tp: Pointer<S.Timespec> }
  readonly clock_getres: { readonly which_clock: number; readonly tp: Pointer<S.Timespec> }
  readonly clock_nanosleep: { readonly which_clock: number; readonly flags: number; readonly rqtp: ConstPointer<S.Timespec>; readonly rmtp: Pointer<S.Timespec> }
  readonly exit_group: { readonly error_code: number }
  readonly epoll_wait: { readonly epfd: number; readonly events: Pointer<ReadonlyArray<S.EpollEvent>>; readonly maxevents: number; readonly timeout: number }
  readonly epoll_ctl: { readonly epfd: number; readonly op: number; readonly fd: number; readonly event: ConstPointer<S.EpollEvent> }
  readonly tgkill: { readonly tgid: number; readonly pid: number; readonly sig: number }
  readonly utimes: { readonly filename: ConstPointer<CString>; readonly utimes: ConstPointer<ReadonlyArray<S.Timeval>> }
  readonly vserver: {}
  readonly mbind: { readonly start: bigint; readonly len: bigint; readonly mode: bigint; readonly nmask: Address; readonly maxnode: bigint; readonly flags: number }
  readonly set_mempolicy: { readonly mode: number; readonly nmask: Address; readonly maxnode: bigint }
  readonly get_mempolicy: { readonly policy: Pointer<number>; readonly nmask: Address; readonly maxnode: bigint; readonly addr: bigint; readonly flags: bigint }
  readonly mq_open: { readonly u_name: ConstPointer<CString>; readonly oflag: number; readonly mode: number; readonly u_attr: ConstPointer<S.MqAttr> }
  readonly mq_unlink: { readonly u_name: ConstPointer<CString> }
  readonly mq_timedsend: { readonly mqdes: number; readonly u_msg_ptr: ConstPointer<Uint8Array>; readonly msg_len: bigint; readonly msg_prio: number; readonly u_abs_timeout: ConstPointer<S.Timespec> }
  readonly mq_timedreceive: { readonly mqdes: number; readonly u_msg_ptr: Pointer<Uint8Array>; readonly msg_len: bigint; readonly u_msg_prio: Pointer<number>; readonly u_abs_timeout: ConstPointer<S.Timespec> }
  readonly mq_notify: { readonly mqdes: number; readonly u_notification: ConstPointer<S.Sigevent> }
  readonly mq_getsetattr: { readonly mqdes: number; readonly u_mqstat: ConstPointer<S.MqAttr>; readonly u_omqstat: Pointer<S.MqAttr> }
  readonly kexec_load: { readonly entry: bigint; readonly nr_segments: bigint; readonly segments: ConstPointer<ReadonlyArray<S.KexecSegment>>; readonly flags: bigint }
  readonly waitid: { readonly which: number; readonly upid: number; readonly infop: Pointer<Siginfo>; readonly options: number; readonly ru: Pointer<S.Rusage> }
  readonly add_key: { readonly _type: ConstPointer<CString>; readonly _description: ConstPointer<CString>; readonly _payload: ConstPointer<Uint8Array>; readonly plen: bigint; readonly ringid: number }
  readonly request_key: { readonly _type: ConstPointer<CString>; readonly _description: ConstPointer<CString>; readonly _callout_info: ConstPointer<CString>; readonly destringid: number }
  readonly keyctl: { readonly option: number; readonly arg2: bigint; readonly arg3: bigint; readonly arg4: bigint; readonly arg5: bigint }
  readonly ioprio_set: { readonly which: number; readonly who: number; readonly ioprio: number }
  readonly ioprio_get: { readonly which: number; readonly who: number }
  readonly inotify_init: {}
  readonly inotify_add_watch: { readonly fd: number; readonly pathname: ConstPointer<CString>; readonly mask: number }
  readonly inotify_rm_watch: { readonly fd: number; readonly wd: number }
  readonly migrate_pages: { readonly pid: number; readonly maxnode: bigint; readonly old_nodes: Address; readonly new_nodes: Address }
  readonly openat: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly flags: number; readonly mode: number }
  readonly mkdirat: { readonly dfd: number; readonly pathname: ConstPointer<CString>; readonly mode: number }
  readonly mknodat: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly mode: number; readonly dev: number }
  readonly fchownat: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly user: number; readonly group: number; readonly flag: number }
  readonly futimesat: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly utimes: ConstPointer<ReadonlyArray<S.Timeval>> }
  readonly newfstatat: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly statbuf: Pointer<S.Stat>; readonly flag: number }
  readonly unlinkat: { readonly dfd: number; readonly pathname: ConstPointer<CString>; readonly flag: number }
  readonly renameat: { readonly olddfd: number; readonly oldname: ConstPointer<CString>; readonly newdfd: number; readonly newname: ConstPointer<CString> }
  readonly linkat: { readonly olddfd: number; readonly oldname: ConstPointer<CString>; readonly newdfd: number; readonly newname: ConstPointer<CString>; readonly flags: number }
  readonly symlinkat: { readonly oldname: ConstPointer<CString>; readonly newdfd: number; readonly newname: ConstPointer<CString> }
  readonly readlinkat: { readonly dfd: number; readonly pathname: ConstPointer<CString>; readonly buf: Pointer<Uint8Array>; readonly bufsiz: number }
  readonly fchmodat: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly mode: number }
  readonly faccessat: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly mode: number }
  readonly pselect6: { readonly n: number; readonly inp: Pointer<ReadonlyArray<number>>; readonly outp: Pointer<ReadonlyArray<number>>; readonly exp: Pointer<ReadonlyArray<number>>; readonly tsp: Pointer<S.Timespec>; readonly sig: ConstPointer<S.SigsetArgument> }
  readonly ppoll: { readonly ufds: Pointer<ReadonlyArray<S.Pollfd>>; readonly nfds: number; readonly tsp: Pointer<S.Timespec>; readonly sigmask: ConstPointer<bigint>; readonly sigsetsize: bigint }
  readonly unshare: { readonly unshare_flags: bigint }
  readonly set_robust_list: { readonly head: ConstPointer<S.RobustListHead>; readonly len: bigint }
  readonly get_robust_list: { readonly pid: number; readonly head_ptr: Pointer<bigint>; readonly len_ptr: Pointer<bigint> }
  readonly splice: { readonly fd_in: number; readonly off_in: Pointer<bigint>; readonly fd_out: number; readonly off_out: Pointer<bigint>; readonly len: bigint; readonly flags: number }
  readonly tee: { readonly fdin: number; readonly fdout: number; readonly len: bigint; readonly flags: number }
  readonly sync_file_range: { readonly fd: number; readonly offset: bigint; readonly nbytes: bigint; readonly flags: number }
  readonly vmsplice: { readonly fd: number; readonly uiov: ConstPointer<ReadonlyArray<S.Iovec>>; readonly nr_segs: bigint; readonly flags: number }
  readonly move_pages: { readonly pid: number; readonly nr_pages: bigint; readonly pages: ConstPointer<ReadonlyArray<bigint>>; readonly nodes: ConstPointer<ReadonlyArray<number>>; readonly status: Pointer<ReadonlyArray<number>>; readonly flags: number }
  readonly utimensat: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly utimes: ConstPointer<ReadonlyArray<S.Timespec>>; readonly flags: number }
  readonly epoll_pwait: { readonly epfd: number; readonly events: Pointer<ReadonlyArray<S.EpollEvent>>; readonly maxevents: number; readonly timeout: number; readonly sigmask: ConstPointer<bigint>; readonly sigsetsize: bigint }
  readonly signalfd: { readonly ufd: number; readonly user_mask: ConstPointer<bigint>; readonly sizemask: bigint }
  readonly timerfd_create: { readonly clockid: number; readonly flags: number }
  readonly eventfd: { readonly count: number }
  readonly fallocate: { readonly fd: number; readonly mode: number; readonly offset: bigint; readonly len: bigint }
  readonly timerfd_settime: { readonly ufd: number; readonly flags: number; readonly utmr: ConstPointer<S.Itimerspec>; readonly otmr: Pointer<S.Itimerspec> }
  readonly timerfd_gettime: { readonly ufd: number; readonly otmr: Pointer<S.Itimerspec> }
  readonly accept4: { readonly fd: number; readonly upeer_sockaddr: Pointer<Sockaddr>; readonly upeer_addrlen: Pointer<number>; readonly flags: number }
  readonly signalfd4: { readonly ufd: number; readonly user_mask: ConstPointer<bigint>; readonly sizemask: bigint; readonly flags: number }
  readonly eventfd2: { readonly count: number; readonly flags: number }
  readonly epoll_create1: { readonly flags: number }
  readonly dup3: { readonly oldfd: number; readonly newfd: number; readonly flags: number }
  readonly pipe2: { readonly fildes: Pointer<ReadonlyArray<number>>; readonly flags: number }
  readonly inotify_init1: { readonly flags: number }
  readonly preadv: { readonly fd: number; readonly vec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly vlen: bigint; readonly pos_l: bigint; readonly pos_h: bigint }
  readonly pwritev: { readonly fd: number; readonly vec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly vlen: bigint; readonly pos_l: bigint; readonly pos_h: bigint }
  readonly rt_tgsigqueueinfo: { readonly tgid: number; readonly pid: number; readonly sig: number; readonly uinfo: ConstPointer<Siginfo> }
  readonly perf_event_open: { readonly attr_uptr: ConstPointer<S.PerfEventAttr>; readonly pid: number; readonly cpu: number; readonly group_fd: number; readonly flags: bigint }
  readonly recvmmsg: { readonly fd: number; readonly mmsg: Pointer<ReadonlyArray<S.Mmsghdr>>; readonly vlen: number; readonly flags: number; readonly timeout: Pointer<S.Timespec> }
  readonly fanotify_init: { readonly flags: number; readonly event_f_flags: number }
  readonly fanotify_mark: { readonly fanotify_fd: number; readonly flags: number; readonly mask: bigint; readonly dfd: number; readonly pathname: ConstPointer<CString> }
  readonly prlimit64: { readonly pid: number; readonly resource: number; readonly new_rlim: ConstPointer<S.Rlimit64>; readonly old_rlim: Pointer<S.Rlimit64> }
  readonly name_to_handle_at: { readonly dfd: number; readonly name: ConstPointer<CString>; readonly handle: Pointer<S.FileHandle>; readonly mnt_id: Address; readonly flag: number }
  readonly open_by_handle_at: { readonly mountdirfd: number; readonly handle: ConstPointer<S.FileHandle>; readonly flags: number }
  readonly clock_adjtime: { readonly which_clock: number; readonly utx: Pointer<S.Timex> }
  readonly syncfs: { readonly fd: number }
  readonly sendmmsg: { readonly fd: number; readonly mmsg: Pointer<ReadonlyArray<S.Mmsghdr>>; readonly vlen: number; readonly flags: number }
  readonly setns: { readonly fd: number; readonly flags: number }
  readonly getcpu: { readonly cpup: Pointer<number>; readonly nodep: Pointer<number>; readonly unused: Address }
  readonly process_vm_readv: { readonly pid: number; readonly lvec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly liovcnt: bigint; readonly rvec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly riovcnt: bigint; readonly flags: bigint }
  readonly process_vm_writev: { readonly pid: number; readonly lvec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly liovcnt: bigint; readonly rvec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly riovcnt: bigint; readonly flags: bigint }
  readonly kcmp: { readonly pid1: number; readonly pid2: number; readonly type: number; readonly idx1: bigint; readonly idx2: bigint }
  readonly finit_module: { readonly fd: number; readonly uargs: ConstPointer<CString>; readonly flags: number }
  readonly sched_setattr: { readonly pid: number; readonly uattr: ConstPointer<S.SchedAttr>; readonly flags: number }
  readonly sched_getattr: { readonly pid: number; readonly uattr: Pointer<S.SchedAttr>; readonly usize: number; readonly flags: number }
  readonly renameat2: { readonly olddfd: number; readonly oldname: ConstPointer<CString>; readonly newdfd: number; readonly newname: ConstPointer<CString>; readonly flags: number }
  readonly seccomp: { readonly op: number; readonly flags: number; readonly uargs: Address }
  readonly getrandom: { readonly ubuf: Pointer<Uint8Array>; readonly len: bigint; readonly flags: number }
  readonly memfd_create: { readonly uname: ConstPointer<CString>; readonly flags: number }
  readonly kexec_file_load: { readonly kernel_fd: number; readonly initrd_fd: number; readonly cmdline_len: bigint; readonly cmdline_ptr: ConstPointer<Uint8Array>; readonly flags: bigint }
  readonly bpf: { readonly cmd: number; readonly uattr: Pointer<Uint8Array>; readonly size: number }
  readonly execveat: { readonly fd: number; readonly filename: ConstPointer<CString>; readonly argv: ConstPointer<ReadonlyArray<CString>>; readonly envp: ConstPointer<ReadonlyArray<CString>>; readonly flags: number }
  readonly userfaultfd: { readonly flags: number }
  readonly membarrier: { readonly cmd: number; readonly flags: number; readonly cpu_id: number }
  readonly mlock2: { readonly start: bigint; readonly len: bigint; readonly flags: number }
  readonly copy_file_range: { readonly fd_in: number; readonly off_in: Pointer<bigint>; readonly fd_out: number; readonly off_out: Pointer<bigint>; readonly len: bigint; readonly flags: number }
  readonly preadv2: { readonly fd: number; readonly vec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly vlen: bigint; readonly pos_l: bigint; readonly pos_h: bigint; readonly flags: number }
  readonly pwritev2: { readonly fd: number; readonly vec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly vlen: bigint; readonly pos_l: bigint; readonly pos_h: bigint; readonly flags: number }
  readonly pkey_mprotect: { readonly start: bigint; readonly len: bigint; readonly prot: bigint; readonly pkey: number }
  readonly pkey_alloc: { readonly flags: bigint; readonly init_val: bigint }
  readonly pkey_free: { readonly pkey: number }
  readonly statx: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly flags: number; readonly mask: number; readonly buffer: Pointer<S.Statx> }
  readonly io_pgetevents: { readonly ctx_id: bigint; readonly min_nr: bigint; readonly nr: bigint; readonly events: Pointer<ReadonlyArray<S.IoEvent>>; readonly timeout: ConstPointer<S.Timespec>; readonly usig: ConstPointer<S.AioSigset> }
  readonly rseq: { readonly rseq: Pointer<S.Rseq>; readonly rseq_len: number; readonly flags: number; readonly sig: number }
  readonly uretprobe: {}
  readonly uprobe: {}
  readonly pidfd_send_signal: { readonly pidfd: number; readonly sig: number; readonly info: ConstPointer<Siginfo>; readonly flags: number }
  readonly io_uring_setup: { readonly entries: number; readonly params: Pointer<S.IoUringParams> }
  readonly io_uring_enter: { readonly fd: number; readonly to_submit: number; readonly min_complete: number; readonly flags: number; readonly argp: ConstPointer<Uint8Array>; readonly argsz: bigint }
  readonly io_uring_register: { readonly fd: number; readonly opcode: number; readonly arg: Address; readonly nr_args: number }
  readonly open_tree: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly flags: number }
  readonly move_mount: { readonly from_dfd: number; readonly from_pathname: ConstPointer<CString>; readonly to_dfd: number; readonly to_pathname: ConstPointer<CString>; readonly flags: number }
  readonly fsopen: { readonly _fs_name: ConstPointer<CString>; readonly flags: number }
  readonly fsconfig: { readonly fd: number; readonly cmd: number; readonly _key: ConstPointer<CString>; readonly _value: Address; readonly aux: number }
  readonly fsmount: { readonly fs_fd: number; readonly flags: number; readonly attr_flags: number }
  readonly fspick: { readonly dfd: number; readonly path: ConstPointer<CString>; readonly flags: number }
  readonly pidfd_open: { readonly pid: number; readonly flags: number }
  readonly clone3: { readonly uargs: Pointer<S.CloneArgs>; readonly size: bigint }
  readonly close_range: { readonly fd: number; readonly max_fd: number; readonly flags: number }
  readonly openat2: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly how: ConstPointer<S.OpenHow>; readonly usize: bigint }
  readonly pidfd_getfd: { readonly pidfd: number; readonly fd: number; readonly flags: number }
  readonly faccessat2: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly mode: number; readonly flags: number }
  readonly process_madvise: { readonly pidfd: number; readonly vec: ConstPointer<ReadonlyArray<S.Iovec>>; readonly vlen: bigint; readonly behavior: number; readonly flags: number }
  readonly epoll_pwait2: { readonly epfd: number; readonly events: Pointer<ReadonlyArray<S.EpollEvent>>; readonly maxevents: number; readonly timeout: ConstPointer<S.Timespec>; readonly sigmask: ConstPointer<bigint>; readonly sigsetsize: bigint }
  readonly mount_setattr: { readonly dfd: number; readonly path: ConstPointer<CString>; readonly flags: number; readonly uattr: ConstPointer<S.MountAttr>; readonly usize: bigint }
  readonly quotactl_fd: { readonly fd: number; readonly cmd: number; readonly id: number; readonly addr: Address }
  readonly landlock_create_ruleset: { readonly attr: ConstPointer<S.LandlockRulesetAttr>; readonly size: bigint; readonly flags: number }
  readonly landlock_add_rule: { readonly ruleset_fd: number; readonly rule_type: number; readonly rule_attr: Address; readonly flags: number }
  readonly landlock_restrict_self: { readonly ruleset_fd: number; readonly flags: number }
  readonly memfd_secret: { readonly flags: number }
  readonly process_mrelease: { readonly pidfd: number; readonly flags: number }
  readonly futex_waitv: { readonly waiters: ConstPointer<ReadonlyArray<S.FutexWaitv>>; readonly nr_futexes: number; readonly flags: number; readonly timeout: ConstPointer<S.Timespec>; readonly clockid: number }
  readonly set_mempolicy_home_node: { readonly start: bigint; readonly len: bigint; readonly home_node: bigint; readonly flags: bigint }
  readonly cachestat: { readonly fd: number; readonly cstat_range: ConstPointer<S.CachestatRange>; readonly cstat: Pointer<S.Cachestat>; readonly flags: number }
  readonly fchmodat2: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly mode: number; readonly flags: number }
  readonly map_shadow_stack: { readonly addr: bigint; readonly size: bigint; readonly flags: number }
  readonly futex_wake: { readonly uaddr: Pointer<number>; readonly mask: bigint; readonly nr: number; readonly flags: number }
  readonly futex_wait: { readonly uaddr: Pointer<number>; readonly val: bigint; readonly mask: bigint; readonly flags: number; readonly timeout: ConstPointer<S.Timespec>; readonly clockid: number }
  readonly futex_requeue: { readonly waiters: ConstPointer<ReadonlyArray<S.FutexWaitv>>; readonly flags: number; readonly nr_wake: number; readonly nr_requeue: number }
  readonly statmount: { readonly req: ConstPointer<S.MntIdReq>; readonly buf: Pointer<Uint8Array>; readonly bufsize: bigint; readonly flags: number }
  readonly listmount: { readonly req: ConstPointer<S.MntIdReq>; readonly mnt_ids: Pointer<ReadonlyArray<bigint>>; readonly nr_mnt_ids: bigint; readonly flags: number }
  readonly lsm_get_self_attr: { readonly attr: number; readonly ctx: Pointer<Uint8Array>; readonly size: Pointer<number>; readonly flags: number }
  readonly lsm_set_self_attr: { readonly attr: number; readonly ctx: ConstPointer<Uint8Array>; readonly size: number; readonly flags: number }
  readonly lsm_list_modules: { readonly ids: Address; readonly size: Pointer<number>; readonly flags: number }
  readonly mseal: { readonly start: bigint; readonly len: bigint; readonly flags: bigint }
  readonly setxattrat: { readonly dfd: number; readonly pathname: ConstPointer<CString>; readonly at_flags: number; readonly name: ConstPointer<CString>; readonly uargs: ConstPointer<S.XattrArgs>; readonly usize: bigint }
  readonly getxattrat: { readonly dfd: number; readonly pathname: ConstPointer<CString>; readonly at_flags: number; readonly name: ConstPointer<CString>; readonly uargs: ConstPointer<S.XattrArgs>; readonly usize: bigint }
  readonly listxattrat: { readonly dfd: number; readonly pathname: ConstPointer<CString>; readonly at_flags: number; readonly list: Pointer<Uint8Array>; readonly size: bigint }
  readonly removexattrat: { readonly dfd: number; readonly pathname: ConstPointer<CString>; readonly at_flags: number; readonly name: ConstPointer<CString> }
  readonly open_tree_attr: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly flags: number; readonly uattr: ConstPointer<S.MountAttr>; readonly usize: bigint }
  readonly file_getattr: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly ufattr: Pointer<S.FileAttr>; readonly usize: bigint; readonly at_flags: number }
  readonly file_setattr: { readonly dfd: number; readonly filename: ConstPointer<CString>; readonly ufattr: ConstPointer<S.FileAttr>; readonly usize: bigint; readonly at_flags: number }
}

export const calls = `\
read fd:fd buf:>bytes[count] count:u8
write fd:fd buf:<bytes[count] count:u8
open filename:<str flags:i4%OpenFlags mode:u2%Mode
close fd:fd
stat filename:<str statbuf:>Stat
fstat fd:fd statbuf:>Stat
lstat filename:<str statbuf:>Stat
poll ufds:=Pollfd[nfds] nfds:u4 timeout_msecs:i4
lseek fd:fd offset:i8 whence:u4%Whence
mmap addr:u8 len:u8 prot:u8%ProtFlags flags:u8%MmapFlags fd:fd off:u8
mprotect start:u8 len:u8 prot:u8%ProtFlags
munmap addr:u8 len:u8
brk brk:u8
rt_sigaction sig:i4%Signals act:<Sigaction oact:>Sigaction sigsetsize:u8
rt_sigprocmask how:i4%SigprocmaskHow nset:<sigset oset:>sigset sigsetsize:u8
rt_sigreturn
ioctl fd:fd cmd:u4 arg:u8
pread64 fd:fd buf:>bytes[count] count:u8 pos:i8
pwrite64 fd:fd buf:<bytes[count] count:u8 pos:i8
readv fd:fd vec:<Iovec[vlen] vlen:u8
writev fd:fd vec:<Iovec[vlen] vlen:u8
access filename:<str mode:i4%AccessMode
pipe fildes:>i4[2]
select n:i4 inp:=fdset[n] outp:=fdset[n] exp:=fdset[n] tvp:=Timeval
sched_yield
mremap addr:u8 old_len:u8 new_len:u8 flags:u8%MremapFlags new_addr:u8
msync start:u8 len:u8 flags:i4%MsyncFlags
mincore start:u8 len:u8 vec:>any
madvise start:u8 len_in:u8 behavior:i4%MadviseAdvice
shmget key:i4 size:u8 shmflg:i4%IpcFlags
shmat shmid:i4 shmaddr:<any shmflg:i4%ShmFlags
shmctl shmid:i4 cmd:i4%IpcCommand buf:=ShmidDs
dup fildes:fd
dup2 oldfd:fd newfd:fd
pause
nanosleep rqtp:<Timespec rmtp:>Timespec
getitimer which:i4%ItimerWhich value:>Itimerval
alarm seconds:u4
setitimer which:i4%ItimerWhich value:<Itimerval ovalue:>Itimerval
getpid
sendfile out_fd:fd in_fd:fd offset:=i8 count:u8
socket family:i4%AddressFamily type:i4%SocketType protocol:i4
connect fd:fd uservaddr:<sockaddr[addrlen] addrlen:i4
accept fd:fd upeer_sockaddr:>sockaddr[*upeer_addrlen] upeer_addrlen:=i4
sendto fd:fd buff:<bytes[len] len:u8 flags:u4%MsgFlags addr:<sockaddr[addr_len] addr_len:i4
recvfrom fd:fd ubuf:>bytes[size] size:u8 flags:u4%MsgFlags addr:>sockaddr[*addr_len] addr_len:=i4
sendmsg fd:fd msg:<Msghdr flags:u4%MsgFlags
recvmsg fd:fd msg:=Msghdr flags:u4%MsgFlags
shutdown fd:fd how:i4%ShutdownHow
bind fd:fd umyaddr:<sockaddr[addrlen] addrlen:i4
listen fd:fd backlog:i4
getsockname fd:fd usockaddr:>sockaddr[*usockaddr_len] usockaddr_len:=i4
getpeername fd:fd usockaddr:>sockaddr[*usockaddr_len] usockaddr_len:=i4
socketpair family:i4%AddressFamily type:i4%SocketType protocol:i4 usockvec:>i4[2]
setsockopt fd:fd level:i4%SocketLevel optname:i4 optval:<bytes[optlen] optlen:i4
getsockopt fd:fd level:i4%SocketLevel optname:i4 optval:>bytes[*optlen] optlen:=i4
clone clone_flags:u8%CloneFlags newsp:u8 parent_tidptr:>i4 child_tidptr:>i4 tls:u8
fork
vfork
execve filename:<str argv:<strv envp:<strv
exit error_code:i4
wait4 upid:i4 stat_addr:>i4 options:i4%WaitOptions ru:>Rusage
kill pid:i4 sig:i4%Signals
uname name:>Utsname
semget key:i4 nsems:i4 semflg:i4%IpcFlags
semop semid:i4 tsops:<Sembuf[nsops] nsops:u4
semctl semid:i4 semnum:i4 cmd:i4%SemCommand arg:u8
shmdt shmaddr:<any
msgget key:i4 msgflg:i4%IpcFlags
msgsnd msqid:i4 msgp:<any msgsz:u8 msgflg:i4%MsgIpcFlags
msgrcv msqid:i4 msgp:>any msgsz:u8 msgtyp:i8 msgflg:i4%MsgIpcFlags
msgctl msqid:i4 cmd:i4%IpcCommand buf:=MsqidDs
fcntl fd:fd cmd:u4%FcntlCommand arg:u8
flock fd:fd cmd:u4%FlockOperation
fsync fd:fd
fdatasync fd:fd
truncate path:<str length:i8
ftruncate fd:fd length:i8
getdents fd:fd dirent:>bytes[count] count:u4
getcwd buf:>bytes[size] size:u8
chdir filename:<str
fchdir fd:fd
rename oldname:<str newname:<str
mkdir pathname:<str mode:u2%Mode
rmdir pathname:<str
creat pathname:<str mode:u2%Mode
link oldname:<str newname:<str
unlink pathname:<str
symlink oldname:<str newname:<str
readlink path:<str buf:>bytes[bufsiz] bufsiz:i4
chmod filename:<str mode:u2%Mode
fchmod fd:fd mode:u2%Mode
chown filename:<str user:u4 group:u4
fchown fd:fd user:u4 group:u4
lchown filename:<str user:u4 group:u4
umask mask:i4
gettimeofday tv:>Timeval tz:>Timezone
getrlimit resource:u4%Rlimits rlim:>Rlimit
getrusage who:i4%RusageWho ru:>Rusage
sysinfo info:>Sysinfo
times tbuf:>Tms
ptrace request:i8%PtraceRequest pid:i8 addr:u8 data:u8
getuid
syslog type:i4%SyslogAction buf:>bytes[len] len:i4
getgid
setuid uid:u4
setgid gid:u4
geteuid
getegid
setpgid pid:i4 pgid:i4
getppid
getpgrp
setsid
setreuid ruid:u4 euid:u4
setregid rgid:u4 egid:u4
getgroups gidsetsize:i4 grouplist:>u4[gidsetsize]
setgroups gidsetsize:i4 grouplist:<u4[gidsetsize]
setresuid ruid:u4 euid:u4 suid:u4
getresuid ruidp:>u4 euidp:>u4 suidp:>u4
setresgid rgid:u4 egid:u4 sgid:u4
getresgid rgidp:>u4 egidp:>u4 sgidp:>u4
getpgid pid:i4
setfsuid uid:u4
setfsgid gid:u4
getsid pid:i4
capget header:=CapUserHeader dataptr:>CapUserData[2]
capset header:=CapUserHeader data:<CapUserData[2]
rt_sigpending uset:>bytes[sigsetsize] sigsetsize:u8
rt_sigtimedwait uthese:<sigset uinfo:>Siginfo uts:<Timespec sigsetsize:u8
rt_sigqueueinfo pid:i4 sig:i4%Signals uinfo:<Siginfo
rt_sigsuspend unewset:<sigset sigsetsize:u8
sigaltstack uss:<Sigaltstack uoss:>Sigaltstack
utime filename:<str times:<Utimbuf
mknod filename:<str mode:u2%Mode dev:u4
uselib!
personality personality:u4%Personality
ustat dev:u4 ubuf:>Ustat
statfs pathname:<str buf:>Statfs
fstatfs fd:fd buf:>Statfs
sysfs option:i4 arg1:u8 arg2:u8
getpriority which:i4%PriorityWhich who:i4
setpriority which:i4%PriorityWhich who:i4 niceval:i4
sched_setparam pid:i4 param:<SchedParam
sched_getparam pid:i4 param:>SchedParam
sched_setscheduler pid:i4 policy:i4%SchedPolicy param:<SchedParam
sched_getscheduler pid:i4
sched_get_priority_max policy:i4%SchedPolicy
sched_get_priority_min policy:i4%SchedPolicy
sched_rr_get_interval pid:i4 interval:>Timespec
mlock start:u8 len:u8
munlock start:u8 len:u8
mlockall flags:i4%MlockallFlags
munlockall
vhangup
modify_ldt func:i4 ptr:=bytes[bytecount] bytecount:u8
pivot_root new_root:<str put_old:<str
_sysctl
prctl option:i4%PrctlOption arg2:u8 arg3:u8 arg4:u8 arg5:u8
arch_prctl option:i4%ArchPrctlOption arg2:u8
adjtimex txc_p:=Timex
setrlimit resource:u4%Rlimits rlim:<Rlimit
chroot filename:<str
sync
acct name:<str
settimeofday tv:<Timeval tz:<Timezone
mount dev_name:<str dir_name:<str type:<str flags:u8%MountFlags data:<any
umount2 name:<str flags:i4%UmountFlags
swapon specialfile:<str swap_flags:i4%SwapFlags
swapoff specialfile:<str
reboot magic1:i4 magic2:i4 cmd:u4%RebootCommand arg:<any
sethostname name:<bytes[len] len:i4
setdomainname name:<bytes[len] len:i4
iopl level:u4
ioperm from:u8 num:u8 turn_on:i4
create_module!
init_module umod:<bytes[len] len:u8 uargs:<str
delete_module name_user:<str flags:u4%DeleteModuleFlags
get_kernel_syms!
query_module!
quotactl cmd:u4 special:<str id:u4 addr:=any
nfsservctl!
getpmsg!
putpmsg!
afs_syscall!
tuxcall!
security!
gettid
readahead fd:fd offset:i8 count:u8
setxattr pathname:<str name:<str value:<bytes[size] size:u8 flags:i4%XattrFlags
lsetxattr pathname:<str name:<str value:<bytes[size] size:u8 flags:i4%XattrFlags
fsetxattr fd:fd name:<str value:<bytes[size] size:u8 flags:i4%XattrFlags
getxattr pathname:<str name:<str value:>bytes[size] size:u8
lgetxattr pathname:<str name:<str value:>bytes[size] size:u8
fgetxattr fd:fd name:<str value:>bytes[size] size:u8
listxattr pathname:<str list:>bytes[size] size:u8
llistxattr pathname:<str list:>bytes[size] size:u8
flistxattr fd:fd list:>bytes[size] size:u8
removexattr pathname:<str name:<str
lremovexattr pathname:<str name:<str
fremovexattr fd:fd name:<str
tkill pid:i4 sig:i4%Signals
time tloc:>i8
futex uaddr:=u4 op:i4%FutexOp val:u4 utime:<Timespec uaddr2:=u4 val3:u4
sched_setaffinity pid:i4 len:u4 user_mask_ptr:<bytes[len]
sched_getaffinity pid:i4 len:u4 user_mask_ptr:>bytes[len]
set_thread_area!
io_setup nr_events:u4 ctxp:>u8
io_destroy ctx:u8
io_getevents ctx_id:u8 min_nr:i8 nr:i8 events:>IoEvent[nr] timeout:<Timespec
io_submit ctx_id:u8 nr:i8 iocbpp:<u8[nr]
io_cancel ctx_id:u8 iocb:<Iocb result:>IoEvent
get_thread_area!
lookup_dcookie!
epoll_create size:i4
epoll_ctl_old!
epoll_wait_old!
remap_file_pages start:u8 size:u8 prot:u8%ProtFlags pgoff:u8 flags:u8%MmapFlags
getdents64 fd:fd dirent:>bytes[count] count:u4
set_tid_address tidptr:>i4
restart_syscall
semtimedop semid:i4 tsops:<Sembuf[nsops] nsops:u4 timeout:<Timespec
fadvise64 fd:fd offset:i8 len:u8 advice:i4%FadviseAdvice
timer_create which_clock:i4%ClockId timer_event_spec:<Sigevent created_timer_id:>i4
timer_settime timer_id:i4 flags:i4%TimerFlags new_setting:<Itimerspec old_setting:>Itimerspec
timer_gettime timer_id:i4 setting:>Itimerspec
timer_getoverrun timer_id:i4
timer_delete timer_id:i4
clock_settime which_clock:i4%ClockId tp:<Timespec
clock_gettime which_clock:i4%ClockId tp:>Timespec
clock_getres which_clock:i4%ClockId tp:>Timespec
clock_nanosleep which_clock:i4%ClockId flags:i4%TimerFlags rqtp:<Timespec rmtp:>Timespec
exit_group error_code:i4
epoll_wait epfd:fd events:>EpollEvent[maxevents] maxevents:i4 timeout:i4
epoll_ctl epfd:fd op:i4%EpollOp fd:fd event:<EpollEvent
tgkill tgid:i4 pid:i4 sig:i4%Signals
utimes filename:<str utimes:<Timeval[2]
vserver!
mbind start:u8 len:u8 mode:u8%MpolMode nmask:<any maxnode:u8 flags:u4%MpolFlags
set_mempolicy mode:i4%MpolMode nmask:<any maxnode:u8
get_mempolicy policy:>i4 nmask:>any maxnode:u8 addr:u8 flags:u8%MpolGetFlags
mq_open u_name:<str oflag:i4%OpenFlags mode:u2%Mode u_attr:<MqAttr
mq_unlink u_name:<str
mq_timedsend mqdes:fd u_msg_ptr:<bytes[msg_len] msg_len:u8 msg_prio:u4 u_abs_timeout:<Timespec
mq_timedreceive mqdes:fd u_msg_ptr:>bytes[msg_len] msg_len:u8 u_msg_prio:>u4 u_abs_timeout:<Timespec
mq_notify mqdes:fd u_notification:<Sigevent
mq_getsetattr mqdes:fd u_mqstat:<MqAttr u_omqstat:>MqAttr
kexec_load entry:u8 nr_segments:u8 segments:<KexecSegment[nr_segments] flags:u8%KexecFlags
waitid which:i4%WaitidWhich upid:i4 infop:>Siginfo options:i4%WaitOptions ru:>Rusage
add_key _type:<str _description:<str _payload:<bytes[plen] plen:u8 ringid:i4
request_key _type:<str _description:<str _callout_info:<str destringid:i4
keyctl option:i4%KeyctlOperation arg2:u8 arg3:u8 arg4:u8 arg5:u8
ioprio_set which:i4%IoprioWhich who:i4 ioprio:i4
ioprio_get which:i4%IoprioWhich who:i4
inotify_init
inotify_add_watch fd:fd pathname:<str mask:u4%InotifyMask
inotify_rm_watch fd:fd wd:i4
migrate_pages pid:i4 maxnode:u8 old_nodes:<any new_nodes:<any
openat dfd:dfd filename:<str flags:i4%OpenFlags mode:u2%Mode
mkdirat dfd:dfd pathname:<str mode:u2%Mode
mknodat dfd:dfd filename:<str mode:u2%Mode dev:u4
fchownat dfd:dfd filename:<str user:u4 group:u4 flag:i4%AtFlags
futimesat dfd:dfd filename:<str utimes:<Timeval[2]
newfstatat dfd:dfd filename:<str statbuf:>Stat flag:i4%AtFlags
unlinkat dfd:dfd pathname:<str flag:i4%AtFlags
renameat olddfd:dfd oldname:<str newdfd:dfd newname:<str
linkat olddfd:dfd oldname:<str newdfd:dfd newname:<str flags:i4%AtFlags
symlinkat oldname:<str newdfd:dfd newname:<str
readlinkat dfd:dfd pathname:<str buf:>bytes[bufsiz] bufsiz:i4
fchmodat dfd:dfd filename:<str mode:u2%Mode
faccessat dfd:dfd filename:<str mode:i4%AccessMode
pselect6 n:i4 inp:=fdset[n] outp:=fdset[n] exp:=fdset[n] tsp:=Timespec sig:<SigsetArgument
ppoll ufds:=Pollfd[nfds] nfds:u4 tsp:=Timespec sigmask:<sigset sigsetsize:u8
unshare unshare_flags:u8%CloneFlags
set_robust_list head:<RobustListHead len:u8
get_robust_list pid:i4 head_ptr:>u8 len_ptr:>u8
splice fd_in:fd off_in:=i8 fd_out:fd off_out:=i8 len:u8 flags:u4%SpliceFlags
tee fdin:fd fdout:fd len:u8 flags:u4%SpliceFlags
sync_file_range fd:fd offset:i8 nbytes:i8 flags:u4%SyncFileRangeFlags
vmsplice fd:fd uiov:<Iovec[nr_segs] nr_segs:u8 flags:u4%SpliceFlags
move_pages pid:i4 nr_pages:u8 pages:<u8[nr_pages] nodes:<i4[nr_pages] status:>i4[nr_pages] flags:i4%MpolFlags
utimensat dfd:dfd filename:<str utimes:<Timespec[2] flags:i4%AtFlags
epoll_pwait epfd:fd events:>EpollEvent[maxevents] maxevents:i4 timeout:i4 sigmask:<sigset sigsetsize:u8
signalfd ufd:fd user_mask:<sigset sizemask:u8
timerfd_create clockid:i4%ClockId flags:i4%TimerfdFlags
eventfd count:u4
fallocate fd:fd mode:i4%FallocateMode offset:i8 len:i8
timerfd_settime ufd:fd flags:i4%TimerfdFlags utmr:<Itimerspec otmr:>Itimerspec
timerfd_gettime ufd:fd otmr:>Itimerspec
accept4 fd:fd upeer_sockaddr:>sockaddr[*upeer_addrlen] upeer_addrlen:=i4 flags:i4%SocketType
signalfd4 ufd:fd user_mask:<sigset sizemask:u8 flags:i4%SignalfdFlags
eventfd2 count:u4 flags:i4%EventfdFlags
epoll_create1 flags:i4%EpollCreateFlags
dup3 oldfd:fd newfd:fd flags:i4%CloexecFlag
pipe2 fildes:>i4[2] flags:i4%PipeFlags
inotify_init1 flags:i4%InotifyInitFlags
preadv fd:fd vec:<Iovec[vlen] vlen:u8 pos_l:u8 pos_h:u8
pwritev fd:fd vec:<Iovec[vlen] vlen:u8 pos_l:u8 pos_h:u8
rt_tgsigqueueinfo tgid:i4 pid:i4 sig:i4%Signals uinfo:<Siginfo
perf_event_open attr_uptr:<PerfEventAttr pid:i4 cpu:i4 group_fd:fd flags:u8%PerfFlags
recvmmsg fd:fd mmsg:=Mmsghdr[vlen] vlen:u4 flags:u4%MsgFlags timeout:=Timespec
fanotify_init flags:u4%FanotifyInitFlags event_f_flags:u4%OpenFlags
fanotify_mark fanotify_fd:fd flags:u4%FanotifyMarkFlags mask:u8%FanotifyMask dfd:dfd pathname:<str
prlimit64 pid:i4 resource:u4%Rlimits new_rlim:<Rlimit64 old_rlim:>Rlimit64
name_to_handle_at dfd:dfd name:<str handle:=FileHandle mnt_id:>any flag:i4%HandleFlags
open_by_handle_at mountdirfd:dfd handle:<FileHandle flags:i4%OpenFlags
clock_adjtime which_clock:i4%ClockId utx:=Timex
syncfs fd:fd
sendmmsg fd:fd mmsg:=Mmsghdr[vlen] vlen:u4 flags:u4%MsgFlags
setns fd:fd flags:i4%CloneFlags
getcpu cpup:>u4 nodep:>u4 unused:<any
process_vm_readv pid:i4 lvec:<Iovec[liovcnt] liovcnt:u8 rvec:<Iovec[riovcnt] riovcnt:u8 flags:u8
process_vm_writev pid:i4 lvec:<Iovec[liovcnt] liovcnt:u8 rvec:<Iovec[riovcnt] riovcnt:u8 flags:u8
kcmp pid1:i4 pid2:i4 type:i4%KcmpType idx1:u8 idx2:u8
finit_module fd:fd uargs:<str flags:i4%FinitModuleFlags
sched_setattr pid:i4 uattr:<SchedAttr flags:u4
sched_getattr pid:i4 uattr:>SchedAttr usize:u4 flags:u4
renameat2 olddfd:dfd oldname:<str newdfd:dfd newname:<str flags:u4%RenameFlags
seccomp op:u4%SeccompOp flags:u4%SeccompFlags uargs:=any
getrandom ubuf:>bytes[len] len:u8 flags:u4%GetrandomFlags
memfd_create uname:<str flags:u4%MemfdFlags
kexec_file_load kernel_fd:fd initrd_fd:fd cmdline_len:u8 cmdline_ptr:<bytes[cmdline_len] flags:u8%KexecFileFlags
bpf cmd:i4%BpfCommand uattr:=bytes[size] size:u4
execveat fd:fd filename:<str argv:<strv envp:<strv flags:i4%AtFlags
userfaultfd flags:i4%UserfaultfdFlags
membarrier cmd:i4%MembarrierCommand flags:u4 cpu_id:i4
mlock2 start:u8 len:u8 flags:i4%Mlock2Flags
copy_file_range fd_in:fd off_in:=i8 fd_out:fd off_out:=i8 len:u8 flags:u4
preadv2 fd:fd vec:<Iovec[vlen] vlen:u8 pos_l:u8 pos_h:u8 flags:i4%RwfFlags
pwritev2 fd:fd vec:<Iovec[vlen] vlen:u8 pos_l:u8 pos_h:u8 flags:i4%RwfFlags
pkey_mprotect start:u8 len:u8 prot:u8%ProtFlags pkey:i4
pkey_alloc flags:u8 init_val:u8%PkeyAccess
pkey_free pkey:i4
statx dfd:dfd filename:<str flags:u4%AtFlags mask:u4%StatxMask buffer:>Statx
io_pgetevents ctx_id:u8 min_nr:i8 nr:i8 events:>IoEvent[nr] timeout:<Timespec usig:<AioSigset
rseq rseq:=Rseq rseq_len:u4 flags:i4%RseqFlags sig:u4
uretprobe
uprobe
pidfd_send_signal pidfd:fd sig:i4%Signals info:<Siginfo flags:u4
io_uring_setup entries:u4 params:=IoUringParams
io_uring_enter fd:fd to_submit:u4 min_complete:u4 flags:u4%IoUringEnterFlags argp:<bytes[argsz] argsz:u8
io_uring_register fd:fd opcode:u4%IoUringRegisterOp arg:=any nr_args:u4
open_tree dfd:dfd filename:<str flags:u4%OpenTreeFlags
move_mount from_dfd:dfd from_pathname:<str to_dfd:dfd to_pathname:<str flags:u4%MoveMountFlags
fsopen _fs_name:<str flags:u4%FsopenFlags
fsconfig fd:fd cmd:u4%FsconfigCommand _key:<str _value:<any aux:i4
fsmount fs_fd:fd flags:u4%FsmountFlags attr_flags:u4%MountAttrFlags
fspick dfd:dfd path:<str flags:u4%FspickFlags
pidfd_open pid:i4 flags:u4%PidfdFlags
clone3 uargs:=CloneArgs size:u8
close_range fd:fd max_fd:fd flags:u4%CloseRangeFlags
openat2 dfd:dfd filename:<str how:<OpenHow usize:u8
pidfd_getfd pidfd:fd fd:fd flags:u4
faccessat2 dfd:dfd filename:<str mode:i4%AccessMode flags:i4%AccessFlags
process_madvise pidfd:fd vec:<Iovec[vlen] vlen:u8 behavior:i4%MadviseAdvice flags:u4
epoll_pwait2 epfd:fd events:>EpollEvent[maxevents] maxevents:i4 timeout:<Timespec sigmask:<sigset sigsetsize:u8
mount_setattr dfd:dfd path:<str flags:u4%AtFlags uattr:<MountAttr usize:u8
quotactl_fd fd:fd cmd:u4 id:u4 addr:=any
landlock_create_ruleset attr:<LandlockRulesetAttr size:u8 flags:u4%LandlockCreateFlags
landlock_add_rule ruleset_fd:fd rule_type:u4%LandlockRuleType rule_attr:<any flags:u4
landlock_restrict_self ruleset_fd:fd flags:u4
memfd_secret flags:u4%CloexecFlag
process_mrelease pidfd:fd flags:u4
futex_waitv waiters:<FutexWaitv[nr_futexes] nr_futexes:u4 flags:u4 timeout:<Timespec clockid:i4%ClockId
set_mempolicy_home_node start:u8 len:u8 home_node:u8 flags:u8
cachestat fd:fd cstat_range:<CachestatRange cstat:>Cachestat flags:u4
fchmodat2 dfd:dfd filename:<str mode:u2%Mode flags:u4%AtFlags
map_shadow_stack addr:u8 size:u8 flags:u4%ShadowStackFlags
futex_wake uaddr:=u4 mask:u8 nr:i4 flags:u4%Futex2Flags
futex_wait uaddr:=u4 val:u8 mask:u8 flags:u4%Futex2Flags timeout:<Timespec clockid:i4%ClockId
futex_requeue waiters:<FutexWaitv[2] flags:u4 nr_wake:i4 nr_requeue:i4
statmount req:<MntIdReq buf:>bytes[bufsize] bufsize:u8 flags:u4
listmount req:<MntIdReq mnt_ids:>u8[nr_mnt_ids] nr_mnt_ids:u8 flags:u4%ListmountFlags
lsm_get_self_attr attr:u4%LsmAttr ctx:>bytes[*size] size:=u4 flags:u4%LsmFlags
lsm_set_self_attr attr:u4%LsmAttr ctx:<bytes[size] size:u4 flags:u4
lsm_list_modules ids:>any size:=u4 flags:u4
mseal start:u8 len:u8 flags:u8
setxattrat dfd:dfd pathname:<str at_flags:u4%AtFlags name:<str uargs:<XattrArgs usize:u8
getxattrat dfd:dfd pathname:<str at_flags:u4%AtFlags name:<str uargs:<XattrArgs usize:u8
listxattrat dfd:dfd pathname:<str at_flags:u4%AtFlags list:>bytes[size] size:u8
removexattrat dfd:dfd pathname:<str at_flags:u4%AtFlags name:<str
open_tree_attr dfd:dfd filename:<str flags:u4%OpenTreeFlags uattr:<MountAttr usize:u8
file_getattr dfd:dfd filename:<str ufattr:>FileAttr usize:u8 at_flags:u4%AtFlags
file_setattr dfd:dfd filename:<str ufattr:<FileAttr usize:u8 at_flags:u4%AtFlags`
