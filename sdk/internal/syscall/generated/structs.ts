/**
 * Structures that system calls pass by pointer, as gcc lays them out on x86-64. Padding and reserved members are left out (and
 * written as zero); of a union the widest member stands. Addresses are bigints. Made by scripts/syscalls/generate.mjs from Linux 6.12.117; do not edit.
 */
import { type Struct, struct } from "../layout.ts"

/** `struct stat`, 144 bytes. */
export interface Stat {
  readonly st_dev: bigint
  readonly st_ino: bigint
  readonly st_nlink: bigint
  readonly st_mode: number
  readonly st_uid: number
  readonly st_gid: number
  readonly st_rdev: bigint
  readonly st_size: bigint
  readonly st_blksize: bigint
  readonly st_blocks: bigint
  readonly st_atime: bigint
  readonly st_atime_nsec: bigint
  readonly st_mtime: bigint
  readonly st_mtime_nsec: bigint
  readonly st_ctime: bigint
  readonly st_ctime_nsec: bigint
}
export const Stat: Struct<Stat> = struct("Stat", 144, "st_dev@0=u8 st_ino@8=u8 st_nlink@16=u8 st_mode@24=u4 st_uid@28=u4 st_gid@32=u4 st_rdev@40=u8 st_size@48=i8 st_blksize@56=i8 st_blocks@64=i8 st_atime@72=u8 st_atime_nsec@80=u8 st_mtime@88=u8 st_mtime_nsec@96=u8 st_ctime@104=u8 st_ctime_nsec@112=u8")

/** `struct statx_timestamp`, 16 bytes. */
export interface StatxTimestamp {
  readonly tv_sec: bigint
  readonly tv_nsec: number
}
export const StatxTimestamp: Struct<StatxTimestamp> = struct("StatxTimestamp", 16, "tv_sec@0=i8 tv_nsec@8=u4")

/** `struct statx`, 256 bytes. */
export interface Statx {
  readonly stx_mask: number
  readonly stx_blksize: number
  readonly stx_attributes: bigint
  readonly stx_nlink: number
  readonly stx_uid: number
  readonly stx_gid: number
  readonly stx_mode: number
  readonly stx_ino: bigint
  readonly stx_size: bigint
  readonly stx_blocks: bigint
  readonly stx_attributes_mask: bigint
  readonly stx_atime: StatxTimestamp
  readonly stx_btime: StatxTimestamp
  readonly stx_ctime: StatxTimestamp
  readonly stx_mtime: StatxTimestamp
  readonly stx_rdev_major: number
  readonly stx_rdev_minor: number
  readonly stx_dev_major: number
  readonly stx_dev_minor: number
  readonly stx_mnt_id: bigint
  readonly stx_dio_mem_align: number
  readonly stx_dio_offset_align: number
  readonly stx_subvol: bigint
  readonly stx_atomic_write_unit_min: number
  readonly stx_atomic_write_unit_max: number
  readonly stx_atomic_write_segments_max: number
}
export const Statx: Struct<Statx> = struct("Statx", 256, "stx_mask@0=u4 stx_blksize@4=u4 stx_attributes@8=u8 stx_nlink@16=u4 stx_uid@20=u4 stx_gid@24=u4 stx_mode@28=u2 stx_ino@32=u8 stx_size@40=u8 stx_blocks@48=u8 stx_attributes_mask@56=u8 stx_atime@64=StatxTimestamp stx_btime@80=StatxTimestamp stx_ctime@96=StatxTimestamp stx_mtime@112=StatxTimestamp stx_rdev_major@128=u4 stx_rdev_minor@132=u4 stx_dev_major@136=u4 stx_dev_minor@140=u4 stx_mnt_id@144=u8 stx_dio_mem_align@152=u4 stx_dio_offset_align@156=u4 stx_subvol@160=u8 stx_atomic_write_unit_min@168=u4 stx_atomic_write_unit_max@172=u4 stx_atomic_write_segments_max@176=u4", () => ({ StatxTimestamp }))

/** `struct pollfd`, 8 bytes. */
export interface Pollfd {
  readonly fd: number
  readonly events: number
  readonly revents: number
}
export const Pollfd: Struct<Pollfd> = struct("Pollfd", 8, "fd@0=i4 events@4=i2 revents@6=i2")

/** `struct sigaction`, 32 bytes. */
export interface Sigaction {
  readonly sa_handler: bigint
  readonly sa_flags: bigint
  readonly sa_restorer: bigint
  readonly sa_mask: bigint
}
export const Sigaction: Struct<Sigaction> = struct("Sigaction", 32, "sa_handler@0=u8 sa_flags@8=u8 sa_restorer@16=u8 sa_mask@24=u8")

/** `stack_t`, 24 bytes. */
export interface Sigaltstack {
  readonly ss_sp: bigint
  readonly ss_flags: number
  readonly ss_size: bigint
}
export const Sigaltstack: Struct<Sigaltstack> = struct("Sigaltstack", 24, "ss_sp@0=u8 ss_flags@8=i4 ss_size@16=u8")

/** `struct iovec`, 16 bytes. */
export interface Iovec {
  readonly iov_base: bigint
  readonly iov_len: bigint
}
export const Iovec: Struct<Iovec> = struct("Iovec", 16, "iov_base@0=u8 iov_len@8=u8")

/** `struct __kernel_old_timeval`, 16 bytes. */
export interface Timeval {
  readonly tv_sec: bigint
  readonly tv_usec: bigint
}
export const Timeval: Struct<Timeval> = struct("Timeval", 16, "tv_sec@0=i8 tv_usec@8=i8")

/** `struct __kernel_timespec`, 16 bytes. */
export interface Timespec {
  readonly tv_sec: bigint
  readonly tv_nsec: bigint
}
export const Timespec: Struct<Timespec> = struct("Timespec", 16, "tv_sec@0=i8 tv_nsec@8=i8")

/** `struct timezone`, 8 bytes. */
export interface Timezone {
  readonly tz_minuteswest: number
  readonly tz_dsttime: number
}
export const Timezone: Struct<Timezone> = struct("Timezone", 8, "tz_minuteswest@0=i4 tz_dsttime@4=i4")

/** `struct __kernel_old_itimerval`, 32 bytes. */
export interface Itimerval {
  readonly it_interval: Timeval
  readonly it_value: Timeval
}
export const Itimerval: Struct<Itimerval> = struct("Itimerval", 32, "it_interval@0=Timeval it_value@16=Timeval", () => ({ Timeval }))

/** `struct __kernel_itimerspec`, 32 bytes. */
export interface Itimerspec {
  readonly it_interval: Timespec
  readonly it_value: Timespec
}
export const Itimerspec: Struct<Itimerspec> = struct("Itimerspec", 32, "it_interval@0=Timespec it_value@16=Timespec", () => ({ Timespec }))

/** `struct ipc64_perm`, 48 bytes. */
export interface IpcPerm {
  readonly key: number
  readonly uid: number
  readonly gid: number
  readonly cuid: number
  readonly cgid: number
  readonly mode: number
  readonly seq: number
}
export const IpcPerm: Struct<IpcPerm> = struct("IpcPerm", 48, "key@0=i4 uid@4=u4 gid@8=u4 cuid@12=u4 cgid@16=u4 mode@20=u4 seq@24=u2")

/** `struct shmid64_ds`, 112 bytes. */
export interface ShmidDs {
  readonly shm_perm: IpcPerm
  readonly shm_segsz: bigint
  readonly shm_atime: bigint
  readonly shm_dtime: bigint
  readonly shm_ctime: bigint
  readonly shm_cpid: number
  readonly shm_lpid: number
  readonly shm_nattch: bigint
}
export const ShmidDs: Struct<ShmidDs> = struct("ShmidDs", 112, "shm_perm@0=IpcPerm shm_segsz@48=u8 shm_atime@56=i8 shm_dtime@64=i8 shm_ctime@72=i8 shm_cpid@80=i4 shm_lpid@84=i4 shm_nattch@88=u8", () => ({ IpcPerm }))

/** `struct msqid64_ds`, 120 bytes. */
export interface MsqidDs {
  readonly msg_perm: IpcPerm
  readonly msg_stime: bigint
  readonly msg_rtime: bigint
  readonly msg_ctime: bigint
  readonly msg_cbytes: bigint
  readonly msg_qnum: bigint
  readonly msg_qbytes: bigint
  readonly msg_lspid: number
  readonly msg_lrpid: number
}
export const MsqidDs: Struct<MsqidDs> = struct("MsqidDs", 120, "msg_perm@0=IpcPerm msg_stime@48=i8 msg_rtime@56=i8 msg_ctime@64=i8 msg_cbytes@72=u8 msg_qnum@80=u8 msg_qbytes@88=u8 msg_lspid@96=i4 msg_lrpid@100=i4", () => ({ IpcPerm }))

/** `struct semid64_ds`, 104 bytes. */
export interface SemidDs {
  readonly sem_perm: IpcPerm
  readonly sem_otime: bigint
  readonly sem_ctime: bigint
  readonly sem_nsems: bigint
}
export const SemidDs: Struct<SemidDs> = struct("SemidDs", 104, "sem_perm@0=IpcPerm sem_otime@48=i8 sem_ctime@64=i8 sem_nsems@80=u8", () => ({ IpcPerm }))

/** `struct sembuf`, 6 bytes. */
export interface Sembuf {
  readonly sem_num: number
  readonly sem_op: number
  readonly sem_flg: number
}
export const Sembuf: Struct<Sembuf> = struct("Sembuf", 6, "sem_num@0=u2 sem_op@2=i2 sem_flg@4=i2")

/** `struct rusage`, 144 bytes. */
export interface Rusage {
  readonly ru_utime: Timeval
  readonly ru_stime: Timeval
  readonly ru_maxrss: bigint
  readonly ru_ixrss: bigint
  readonly ru_idrss: bigint
  readonly ru_isrss: bigint
  readonly ru_minflt: bigint
  readonly ru_majflt: bigint
  readonly ru_nswap: bigint
  readonly ru_inblock: bigint
  readonly ru_oublock: bigint
  readonly ru_msgsnd: bigint
  readonly ru_msgrcv: bigint
  readonly ru_nsignals: bigint
  readonly ru_nvcsw: bigint
  readonly ru_nivcsw: bigint
}
export const Rusage: Struct<Rusage> = struct("Rusage", 144, "ru_utime@0=Timeval ru_stime@16=Timeval ru_maxrss@32=i8 ru_ixrss@40=i8 ru_idrss@48=i8 ru_isrss@56=i8 ru_minflt@64=i8 ru_majflt@72=i8 ru_nswap@80=i8 ru_inblock@88=i8 ru_oublock@96=i8 ru_msgsnd@104=i8 ru_msgrcv@112=i8 ru_nsignals@120=i8 ru_nvcsw@128=i8 ru_nivcsw@136=i8", () => ({ Timeval }))

/** `struct new_utsname`, 390 bytes. */
export interface Utsname {
  readonly sysname: string
  readonly nodename: string
  readonly release: string
  readonly version: string
  readonly machine: string
  readonly domainname: string
}
export const Utsname: Struct<Utsname> = struct("Utsname", 390, "sysname@0=c65 nodename@65=c65 release@130=c65 version@195=c65 machine@260=c65 domainname@325=c65")

/** `struct rlimit`, 16 bytes. */
export interface Rlimit {
  readonly rlim_cur: bigint
  readonly rlim_max: bigint
}
export const Rlimit: Struct<Rlimit> = struct("Rlimit", 16, "rlim_cur@0=u8 rlim_max@8=u8")

/** `struct rlimit64`, 16 bytes. */
export interface Rlimit64 {
  readonly rlim_cur: bigint
  readonly rlim_max: bigint
}
export const Rlimit64: Struct<Rlimit64> = struct("Rlimit64", 16, "rlim_cur@0=u8 rlim_max@8=u8")

/** `struct sysinfo`, 112 bytes. */
export interface Sysinfo {
  readonly uptime: bigint
  readonly loads: ReadonlyArray<bigint>
  readonly totalram: bigint
  readonly freeram: bigint
  readonly sharedram: bigint
  readonly bufferram: bigint
  readonly totalswap: bigint
  readonly freeswap: bigint
  readonly procs: number
  readonly totalhigh: bigint
  readonly freehigh: bigint
  readonly mem_unit: number
}
export const Sysinfo: Struct<Sysinfo> = struct("Sysinfo", 112, "uptime@0=i8 loads@8=u8*3 totalram@32=u8 freeram@40=u8 sharedram@48=u8 bufferram@56=u8 totalswap@64=u8 freeswap@72=u8 procs@80=u2 totalhigh@88=u8 freehigh@96=u8 mem_unit@104=u4")

/** `struct tms`, 32 bytes. */
export interface Tms {
  readonly tms_utime: bigint
  readonly tms_stime: bigint
  readonly tms_cutime: bigint
  readonly tms_cstime: bigint
}
export const Tms: Struct<Tms> = struct("Tms", 32, "tms_utime@0=i8 tms_stime@8=i8 tms_cutime@16=i8 tms_cstime@24=i8")

/** `struct __user_cap_header_struct`, 8 bytes. */
export interface CapUserHeader {
  readonly version: number
  readonly pid: number
}
export const CapUserHeader: Struct<CapUserHeader> = struct("CapUserHeader", 8, "version@0=u4 pid@4=i4")

/** `struct __user_cap_data_struct`, 12 bytes. */
export interface CapUserData {
  readonly effective: number
  readonly permitted: number
  readonly inheritable: number
}
export const CapUserData: Struct<CapUserData> = struct("CapUserData", 12, "effective@0=u4 permitted@4=u4 inheritable@8=u4")

/** `struct utimbuf`, 16 bytes. */
export interface Utimbuf {
  readonly actime: bigint
  readonly modtime: bigint
}
export const Utimbuf: Struct<Utimbuf> = struct("Utimbuf", 16, "actime@0=i8 modtime@8=i8")

/** `struct ustat`, 32 bytes. */
export interface Ustat {
  readonly f_tfree: number
  readonly f_tinode: bigint
  readonly f_fname: string
  readonly f_fpack: string
}
export const Ustat: Struct<Ustat> = struct("Ustat", 32, "f_tfree@0=i4 f_tinode@8=u8 f_fname@16=c6 f_fpack@22=c6")

/** `__kernel_fsid_t`, 8 bytes. */
export interface Fsid {
  readonly val: ReadonlyArray<number>
}
export const Fsid: Struct<Fsid> = struct("Fsid", 8, "val@0=i4*2")

/** `struct statfs`, 120 bytes. */
export interface Statfs {
  readonly f_type: bigint
  readonly f_bsize: bigint
  readonly f_blocks: bigint
  readonly f_bfree: bigint
  readonly f_bavail: bigint
  readonly f_files: bigint
  readonly f_ffree: bigint
  readonly f_fsid: Fsid
  readonly f_namelen: bigint
  readonly f_frsize: bigint
  readonly f_flags: bigint
}
export const Statfs: Struct<Statfs> = struct("Statfs", 120, "f_type@0=i8 f_bsize@8=i8 f_blocks@16=i8 f_bfree@24=i8 f_bavail@32=i8 f_files@40=i8 f_ffree@48=i8 f_fsid@56=Fsid f_namelen@64=i8 f_frsize@72=i8 f_flags@80=i8", () => ({ Fsid }))

/** `struct sched_param`, 4 bytes. */
export interface SchedParam {
  readonly sched_priority: number
}
export const SchedParam: Struct<SchedParam> = struct("SchedParam", 4, "sched_priority@0=i4")

/** `struct sched_attr`, 56 bytes. */
export interface SchedAttr {
  readonly size: number
  readonly sched_policy: number
  readonly sched_flags: bigint
  readonly sched_nice: number
  readonly sched_priority: number
  readonly sched_runtime: bigint
  readonly sched_deadline: bigint
  readonly sched_period: bigint
  readonly sched_util_min: number
  readonly sched_util_max: number
}
export const SchedAttr: Struct<SchedAttr> = struct("SchedAttr", 56, "size@0=u4 sched_policy@4=u4 sched_flags@8=u8 sched_nice@16=i4 sched_priority@20=u4 sched_runtime@24=u8 sched_deadline@32=u8 sched_period@40=u8 sched_util_min@48=u4 sched_util_max@52=u4")

/** `struct __kernel_timex_timeval`, 16 bytes. */
export interface TimexTimeval {
  readonly tv_sec: bigint
  readonly tv_usec: bigint
}
export const TimexTimeval: Struct<TimexTimeval> = struct("TimexTimeval", 16, "tv_sec@0=i8 tv_usec@8=i8")

/** `struct __kernel_timex`, 208 bytes. */
export interface Timex {
  readonly modes: number
  readonly offset: bigint
  readonly freq: bigint
  readonly maxerror: bigint
  readonly esterror: bigint
  readonly status: number
  readonly constant: bigint
  readonly precision: bigint
  readonly tolerance: bigint
  readonly time: TimexTimeval
  readonly tick: bigint
  readonly ppsfreq: bigint
  readonly jitter: bigint
  readonly shift: number
  readonly stabil: bigint
  readonly jitcnt: bigint
  readonly calcnt: bigint
  readonly errcnt: bigint
  readonly stbcnt: bigint
  readonly tai: number
}
export const Timex: Struct<Timex> = struct("Timex", 208, "modes@0=u4 offset@8=i8 freq@16=i8 maxerror@24=i8 esterror@32=i8 status@40=i4 constant@48=i8 precision@56=i8 tolerance@64=i8 time@72=TimexTimeval tick@88=i8 ppsfreq@96=i8 jitter@104=i8 shift@112=i4 stabil@120=i8 jitcnt@128=i8 calcnt@136=i8 errcnt@144=i8 stbcnt@152=i8 tai@160=i4", () => ({ TimexTimeval }))

/** `struct io_event`, 32 bytes. */
export interface IoEvent {
  readonly data: bigint
  readonly obj: bigint
  readonly res: bigint
  readonly res2: bigint
}
export const IoEvent: Struct<IoEvent> = struct("IoEvent", 32, "data@0=u8 obj@8=u8 res@16=i8 res2@24=i8")

/** `struct iocb`, 64 bytes. */
export interface Iocb {
  readonly aio_data: bigint
  readonly aio_key: number
  readonly aio_rw_flags: number
  readonly aio_lio_opcode: number
  readonly aio_reqprio: number
  readonly aio_fildes: number
  readonly aio_buf: bigint
  readonly aio_nbytes: bigint
  readonly aio_offset: bigint
  readonly aio_reserved2: bigint
  readonly aio_flags: number
  readonly aio_resfd: number
}
export const Iocb: Struct<Iocb> = struct("Iocb", 64, "aio_data@0=u8 aio_key@8=u4 aio_rw_flags@12=i4 aio_lio_opcode@16=u2 aio_reqprio@18=i2 aio_fildes@20=u4 aio_buf@24=u8 aio_nbytes@32=u8 aio_offset@40=i8 aio_reserved2@48=u8 aio_flags@56=u4 aio_resfd@60=u4")

/** `struct __aio_sigset`, 16 bytes. */
export interface AioSigset {
  readonly sigmask: bigint
  readonly sigsetsize: bigint
}
export const AioSigset: Struct<AioSigset> = struct("AioSigset", 16, "sigmask@0=u8 sigsetsize@8=u8")

/** `struct sigset_argpack`, 16 bytes. */
export interface SigsetArgument {
  readonly p: bigint
  readonly size: bigint
}
export const SigsetArgument: Struct<SigsetArgument> = struct("SigsetArgument", 16, "p@0=u8 size@8=u8")

/** `struct sigevent`, 64 bytes. */
export interface Sigevent {
  readonly sigev_value: bigint
  readonly sigev_signo: number
  readonly sigev_notify: number
  readonly sigev_notify_thread_id: number
}
export const Sigevent: Struct<Sigevent> = struct("Sigevent", 64, "sigev_value@0=u8 sigev_signo@8=i4 sigev_notify@12=i4 sigev_notify_thread_id@16=i4")

/** `struct mq_attr`, 64 bytes. */
export interface MqAttr {
  readonly mq_flags: bigint
  readonly mq_maxmsg: bigint
  readonly mq_msgsize: bigint
  readonly mq_curmsgs: bigint
}
export const MqAttr: Struct<MqAttr> = struct("MqAttr", 64, "mq_flags@0=i8 mq_maxmsg@8=i8 mq_msgsize@16=i8 mq_curmsgs@24=i8")

/** `struct kexec_segment`, 32 bytes. */
export interface KexecSegment {
  readonly buf: bigint
  readonly bufsz: bigint
  readonly mem: bigint
  readonly memsz: bigint
}
export const KexecSegment: Struct<KexecSegment> = struct("KexecSegment", 32, "buf@0=u8 bufsz@8=u8 mem@16=u8 memsz@24=u8")

/** `struct perf_event_attr`, 136 bytes. */
export interface PerfEventAttr {
  readonly type: number
  readonly size: number
  readonly config: bigint
  readonly sample_period: bigint
  readonly sample_type: bigint
  readonly read_format: bigint
  readonly disabled: bigint
  readonly inherit: bigint
  readonly pinned: bigint
  readonly exclusive: bigint
  readonly exclude_user: bigint
  readonly exclude_kernel: bigint
  readonly exclude_hv: bigint
  readonly exclude_idle: bigint
  readonly mmap: bigint
  readonly comm: bigint
  readonly freq: bigint
  readonly inherit_stat: bigint
  readonly enable_on_exec: bigint
  readonly task: bigint
  readonly watermark: bigint
  readonly precise_ip: bigint
  readonly mmap_data: bigint
  readonly sample_id_all: bigint
  readonly exclude_host: bigint
  readonly exclude_guest: bigint
  readonly exclude_callchain_kernel: bigint
  readonly exclude_callchain_user: bigint
  readonly mmap2: bigint
  readonly comm_exec: bigint
  readonly use_clockid: bigint
  readonly context_switch: bigint
  readonly write_backward: bigint
  readonly namespaces: bigint
  readonly ksymbol: bigint
  readonly bpf_event: bigint
  readonly aux_output: bigint
  readonly cgroup: bigint
  readonly text_poke: bigint
  readonly build_id: bigint
  readonly inherit_thread: bigint
  readonly remove_on_exec: bigint
  readonly sigtrap: bigint
  readonly __reserved_1: bigint
  readonly wakeup_events: number
  readonly bp_type: number
  readonly bp_addr: bigint
  readonly bp_len: bigint
  readonly branch_sample_type: bigint
  readonly sample_regs_user: bigint
  readonly sample_stack_user: number
  readonly clockid: number
  readonly sample_regs_intr: bigint
  readonly aux_watermark: number
  readonly sample_max_stack: number
  readonly __reserved_2: number
  readonly aux_sample_size: number
  readonly aux_action: number
  readonly sig_data: bigint
  readonly config3: bigint
}
export const PerfEventAttr: Struct<PerfEventAttr> = struct("PerfEventAttr", 136, "type@0=u4 size@4=u4 config@8=u8 sample_period@16=u8 sample_type@24=u8 read_format@32=u8 disabled@40=u8:0:1 inherit@40=u8:1:1 pinned@40=u8:2:1 exclusive@40=u8:3:1 exclude_user@40=u8:4:1 exclude_kernel@40=u8:5:1 exclude_hv@40=u8:6:1 exclude_idle@40=u8:7:1 mmap@40=u8:8:1 comm@40=u8:9:1 freq@40=u8:10:1 inherit_stat@40=u8:11:1 enable_on_exec@40=u8:12:1 task@40=u8:13:1 watermark@40=u8:14:1 precise_ip@40=u8:15:2 mmap_data@40=u8:17:1 sample_id_all@40=u8:18:1 exclude_host@40=u8:19:1 exclude_guest@40=u8:20:1 exclude_callchain_kernel@40=u8:21:1 exclude_callchain_user@40=u8:22:1 mmap2@40=u8:23:1 comm_exec@40=u8:24:1 use_clockid@40=u8:25:1 context_switch@40=u8:26:1 write_backward@40=u8:27:1 namespaces@40=u8:28:1 ksymbol@40=u8:29:1 bpf_event@40=u8:30:1 aux_output@40=u8:31:1 cgroup@40=u8:32:1 text_poke@40=u8:33:1 build_id@40=u8:34:1 inherit_thread@40=u8:35:1 remove_on_exec@40=u8:36:1 sigtrap@40=u8:37:1 __reserved_1@40=u8:38:26 wakeup_events@48=u4 bp_type@52=u4 bp_addr@56=u8 bp_len@64=u8 branch_sample_type@72=u8 sample_regs_user@80=u8 sample_stack_user@88=u4 clockid@92=i4 sample_regs_intr@96=u8 aux_watermark@104=u4 sample_max_stack@108=u2 __reserved_2@110=u2 aux_sample_size@112=u4 aux_action@116=u4 sig_data@120=u8 config3@128=u8")

/** `struct user_msghdr`, 56 bytes. */
export interface Msghdr {
  readonly msg_name: bigint
  readonly msg_namelen: number
  readonly msg_iov: bigint
  readonly msg_iovlen: bigint
  readonly msg_control: bigint
  readonly msg_controllen: bigint
  readonly msg_flags: number
}
export const Msghdr: Struct<Msghdr> = struct("Msghdr", 56, "msg_name@0=u8 msg_namelen@8=i4 msg_iov@16=u8 msg_iovlen@24=u8 msg_control@32=u8 msg_controllen@40=u8 msg_flags@48=u4")

/** `struct mmsghdr`, 64 bytes. */
export interface Mmsghdr {
  readonly msg_hdr: Msghdr
  readonly msg_len: number
}
export const Mmsghdr: Struct<Mmsghdr> = struct("Mmsghdr", 64, "msg_hdr@0=Msghdr msg_len@56=u4", () => ({ Msghdr }))

/** `struct cmsghdr`, 16 bytes. */
export interface Cmsghdr {
  readonly cmsg_len: bigint
  readonly cmsg_level: number
  readonly cmsg_type: number
}
export const Cmsghdr: Struct<Cmsghdr> = struct("Cmsghdr", 16, "cmsg_len@0=u8 cmsg_level@8=i4 cmsg_type@12=i4")

/** `struct ucred`, 12 bytes. */
export interface Ucred {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}
export const Ucred: Struct<Ucred> = struct("Ucred", 12, "pid@0=u4 uid@4=u4 gid@8=u4")

/** `struct linger`, 8 bytes. */
export interface Linger {
  readonly l_onoff: number
  readonly l_linger: number
}
export const Linger: Struct<Linger> = struct("Linger", 8, "l_onoff@0=i4 l_linger@4=i4")

/** `struct file_handle`, 8 bytes. */
export interface FileHandle {
  readonly handle_bytes: number
  readonly handle_type: number
}
export const FileHandle: Struct<FileHandle> = struct("FileHandle", 8, "handle_bytes@0=u4 handle_type@4=i4")

/** `struct robust_list`, 8 bytes. */
export interface RobustList {
  readonly next: bigint
}
export const RobustList: Struct<RobustList> = struct("RobustList", 8, "next@0=u8")

/** `struct robust_list_head`, 24 bytes. */
export interface RobustListHead {
  readonly list: RobustList
  readonly futex_offset: bigint
  readonly list_op_pending: bigint
}
export const RobustListHead: Struct<RobustListHead> = struct("RobustListHead", 24, "list@0=RobustList futex_offset@8=i8 list_op_pending@16=u8", () => ({ RobustList }))

/** `struct rseq`, 32 bytes. */
export interface Rseq {
  readonly cpu_id_start: number
  readonly cpu_id: number
  readonly rseq_cs: bigint
  readonly flags: number
  readonly node_id: number
  readonly mm_cid: number
}
export const Rseq: Struct<Rseq> = struct("Rseq", 32, "cpu_id_start@0=u4 cpu_id@4=u4 rseq_cs@8=u8 flags@16=u4 node_id@20=u4 mm_cid@24=u4")

/** `struct io_sqring_offsets`, 40 bytes. */
export interface IoSqringOffsets {
  readonly head: number
  readonly tail: number
  readonly ring_mask: number
  readonly ring_entries: number
  readonly flags: number
  readonly dropped: number
  readonly array: number
  readonly user_addr: bigint
}
export const IoSqringOffsets: Struct<IoSqringOffsets> = struct("IoSqringOffsets", 40, "head@0=u4 tail@4=u4 ring_mask@8=u4 ring_entries@12=u4 flags@16=u4 dropped@20=u4 array@24=u4 user_addr@32=u8")

/** `struct io_cqring_offsets`, 40 bytes. */
export interface IoCqringOffsets {
  readonly head: number
  readonly tail: number
  readonly ring_mask: number
  readonly ring_entries: number
  readonly overflow: number
  readonly cqes: number
  readonly flags: number
  readonly user_addr: bigint
}
export const IoCqringOffsets: Struct<IoCqringOffsets> = struct("IoCqringOffsets", 40, "head@0=u4 tail@4=u4 ring_mask@8=u4 ring_entries@12=u4 overflow@16=u4 cqes@20=u4 flags@24=u4 user_addr@32=u8")

/** `struct io_uring_params`, 120 bytes. */
export interface IoUringParams {
  readonly sq_entries: number
  readonly cq_entries: number
  readonly flags: number
  readonly sq_thread_cpu: number
  readonly sq_thread_idle: number
  readonly features: number
  readonly wq_fd: number
  readonly sq_off: IoSqringOffsets
  readonly cq_off: IoCqringOffsets
}
export const IoUringParams: Struct<IoUringParams> = struct("IoUringParams", 120, "sq_entries@0=u4 cq_entries@4=u4 flags@8=u4 sq_thread_cpu@12=u4 sq_thread_idle@16=u4 features@20=u4 wq_fd@24=u4 sq_off@40=IoSqringOffsets cq_off@80=IoCqringOffsets", () => ({ IoSqringOffsets, IoCqringOffsets }))

/** `struct clone_args`, 88 bytes. */
export interface CloneArgs {
  readonly flags: bigint
  readonly pidfd: bigint
  readonly child_tid: bigint
  readonly parent_tid: bigint
  readonly exit_signal: bigint
  readonly stack: bigint
  readonly stack_size: bigint
  readonly tls: bigint
  readonly set_tid: bigint
  readonly set_tid_size: bigint
  readonly cgroup: bigint
}
export const CloneArgs: Struct<CloneArgs> = struct("CloneArgs", 88, "flags@0=u8 pidfd@8=u8 child_tid@16=u8 parent_tid@24=u8 exit_signal@32=u8 stack@40=u8 stack_size@48=u8 tls@56=u8 set_tid@64=u8 set_tid_size@72=u8 cgroup@80=u8")

/** `struct open_how`, 24 bytes. */
export interface OpenHow {
  readonly flags: bigint
  readonly mode: bigint
  readonly resolve: bigint
}
export const OpenHow: Struct<OpenHow> = struct("OpenHow", 24, "flags@0=u8 mode@8=u8 resolve@16=u8")

/** `struct mount_attr`, 32 bytes. */
export interface MountAttr {
  readonly attr_set: bigint
  readonly attr_clr: bigint
  readonly propagation: bigint
  readonly userns_fd: bigint
}
export const MountAttr: Struct<MountAttr> = struct("MountAttr", 32, "attr_set@0=u8 attr_clr@8=u8 propagation@16=u8 userns_fd@24=u8")

/** `struct landlock_ruleset_attr`, 24 bytes. */
export interface LandlockRulesetAttr {
  readonly handled_access_fs: bigint
  readonly handled_access_net: bigint
  readonly scoped: bigint
}
export const LandlockRulesetAttr: Struct<LandlockRulesetAttr> = struct("LandlockRulesetAttr", 24, "handled_access_fs@0=u8 handled_access_net@8=u8 scoped@16=u8")

/** `struct landlock_path_beneath_attr`, 12 bytes. */
export interface LandlockPathBeneathAttr {
  readonly allowed_access: bigint
  readonly parent_fd: number
}
export const LandlockPathBeneathAttr: Struct<LandlockPathBeneathAttr> = struct("LandlockPathBeneathAttr", 12, "allowed_access@0=u8 parent_fd@8=i4")

/** `struct landlock_net_port_attr`, 16 bytes. */
export interface LandlockNetPortAttr {
  readonly allowed_access: bigint
  readonly port: bigint
}
export const LandlockNetPortAttr: Struct<LandlockNetPortAttr> = struct("LandlockNetPortAttr", 16, "allowed_access@0=u8 port@8=u8")

/** `struct futex_waitv`, 24 bytes. */
export interface FutexWaitv {
  readonly val: bigint
  readonly uaddr: bigint
  readonly flags: number
}
export const FutexWaitv: Struct<FutexWaitv> = struct("FutexWaitv", 24, "val@0=u8 uaddr@8=u8 flags@16=u4")

/** `struct cachestat_range`, 16 bytes. */
export interface CachestatRange {
  readonly off: bigint
  readonly len: bigint
}
export const CachestatRange: Struct<CachestatRange> = struct("CachestatRange", 16, "off@0=u8 len@8=u8")

/** `struct cachestat`, 40 bytes. */
export interface Cachestat {
  readonly nr_cache: bigint
  readonly nr_dirty: bigint
  readonly nr_writeback: bigint
  readonly nr_evicted: bigint
  readonly nr_recently_evicted: bigint
}
export const Cachestat: Struct<Cachestat> = struct("Cachestat", 40, "nr_cache@0=u8 nr_dirty@8=u8 nr_writeback@16=u8 nr_evicted@24=u8 nr_recently_evicted@32=u8")

/** `struct mnt_id_req`, 32 bytes. */
export interface MntIdReq {
  readonly size: number
  readonly mnt_ns_fd: number
  readonly mnt_id: bigint
  readonly param: bigint
  readonly mnt_ns_id: bigint
}
export const MntIdReq: Struct<MntIdReq> = struct("MntIdReq", 32, "size@0=u4 mnt_ns_fd@4=u4 mnt_id@8=u8 param@16=u8 mnt_ns_id@24=u8")

/** `struct lsm_ctx`, 32 bytes. */
export interface LsmCtx {
  readonly id: bigint
  readonly flags: bigint
  readonly len: bigint
  readonly ctx_len: bigint
}
export const LsmCtx: Struct<LsmCtx> = struct("LsmCtx", 32, "id@0=u8 flags@8=u8 len@16=u8 ctx_len@24=u8")

/** `struct xattr_args`, 16 bytes. */
export interface XattrArgs {
  readonly value: bigint
  readonly size: number
  readonly flags: number
}
export const XattrArgs: Struct<XattrArgs> = struct("XattrArgs", 16, "value@0=u8 size@8=u4 flags@12=u4")

/** `struct file_attr`, 24 bytes. */
export interface FileAttr {
  readonly fa_xflags: bigint
  readonly fa_extsize: number
  readonly fa_nextents: number
  readonly fa_projid: number
  readonly fa_cowextsize: number
}
export const FileAttr: Struct<FileAttr> = struct("FileAttr", 24, "fa_xflags@0=u8 fa_extsize@8=u4 fa_nextents@12=u4 fa_projid@16=u4 fa_cowextsize@20=u4")

/** `struct epoll_event`, 12 bytes. */
export interface EpollEvent {
  readonly events: number
  readonly data: bigint
}
export const EpollEvent: Struct<EpollEvent> = struct("EpollEvent", 12, "events@0=u4 data@4=u8")

/** `struct termios`, 36 bytes. */
export interface Termios {
  readonly c_iflag: number
  readonly c_oflag: number
  readonly c_cflag: number
  readonly c_lflag: number
  readonly c_line: number
  readonly c_cc: Uint8Array
}
export const Termios: Struct<Termios> = struct("Termios", 36, "c_iflag@0=u4 c_oflag@4=u4 c_cflag@8=u4 c_lflag@12=u4 c_line@16=u1 c_cc@17=b19")

/** `struct termios2`, 44 bytes. */
export interface Termios2 {
  readonly c_iflag: number
  readonly c_oflag: number
  readonly c_cflag: number
  readonly c_lflag: number
  readonly c_line: number
  readonly c_cc: Uint8Array
  readonly c_ispeed: number
  readonly c_ospeed: number
}
export const Termios2: Struct<Termios2> = struct("Termios2", 44, "c_iflag@0=u4 c_oflag@4=u4 c_cflag@8=u4 c_lflag@12=u4 c_line@16=u1 c_cc@17=b19 c_ispeed@36=u4 c_ospeed@40=u4")

/** `struct winsize`, 8 bytes. */
export interface Winsize {
  readonly ws_row: number
  readonly ws_col: number
  readonly ws_xpixel: number
  readonly ws_ypixel: number
}
export const Winsize: Struct<Winsize> = struct("Winsize", 8, "ws_row@0=u2 ws_col@2=u2 ws_xpixel@4=u2 ws_ypixel@6=u2")

/** `struct flock`, 32 bytes. */
export interface Flock {
  readonly l_type: number
  readonly l_whence: number
  readonly l_start: bigint
  readonly l_len: bigint
  readonly l_pid: number
}
export const Flock: Struct<Flock> = struct("Flock", 32, "l_type@0=i2 l_whence@2=i2 l_start@8=i8 l_len@16=i8 l_pid@24=i4")

/** `struct f_owner_ex`, 8 bytes. */
export interface FOwnerEx {
  readonly type: number
  readonly pid: number
}
export const FOwnerEx: Struct<FOwnerEx> = struct("FOwnerEx", 8, "type@0=i4 pid@4=i4")

/** `struct sock_filter`, 8 bytes. */
export interface SockFilter {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}
export const SockFilter: Struct<SockFilter> = struct("SockFilter", 8, "code@0=u2 jt@2=u1 jf@3=u1 k@4=u4")

/** `struct sock_fprog`, 16 bytes. */
export interface SockFprog {
  readonly len: number
  readonly filter: bigint
}
export const SockFprog: Struct<SockFprog> = struct("SockFprog", 16, "len@0=u2 filter@8=u8")

/** `struct seccomp_data`, 64 bytes. */
export interface SeccompData {
  readonly nr: number
  readonly arch: number
  readonly instruction_pointer: bigint
  readonly args: ReadonlyArray<bigint>
}
export const SeccompData: Struct<SeccompData> = struct("SeccompData", 64, "nr@0=i4 arch@4=u4 instruction_pointer@8=u8 args@16=u8*6")

/** `struct signalfd_siginfo`, 128 bytes. */
export interface SignalfdSiginfo {
  readonly ssi_signo: number
  readonly ssi_errno: number
  readonly ssi_code: number
  readonly ssi_pid: number
  readonly ssi_uid: number
  readonly ssi_fd: number
  readonly ssi_tid: number
  readonly ssi_band: number
  readonly ssi_overrun: number
  readonly ssi_trapno: number
  readonly ssi_status: number
  readonly ssi_int: number
  readonly ssi_ptr: bigint
  readonly ssi_utime: bigint
  readonly ssi_stime: bigint
  readonly ssi_addr: bigint
  readonly ssi_addr_lsb: number
  readonly ssi_syscall: number
  readonly ssi_call_addr: bigint
  readonly ssi_arch: number
}
export const SignalfdSiginfo: Struct<SignalfdSiginfo> = struct("SignalfdSiginfo", 128, "ssi_signo@0=u4 ssi_errno@4=i4 ssi_code@8=i4 ssi_pid@12=u4 ssi_uid@16=u4 ssi_fd@20=i4 ssi_tid@24=u4 ssi_band@28=u4 ssi_overrun@32=u4 ssi_trapno@36=u4 ssi_status@40=i4 ssi_int@44=i4 ssi_ptr@48=u8 ssi_utime@56=u8 ssi_stime@64=u8 ssi_addr@72=u8 ssi_addr_lsb@80=u2 ssi_syscall@84=i4 ssi_call_addr@88=u8 ssi_arch@96=u4")

/** `struct inotify_event`, 16 bytes. */
export interface InotifyEvent {
  readonly wd: number
  readonly mask: number
  readonly cookie: number
  readonly len: number
}
export const InotifyEvent: Struct<InotifyEvent> = struct("InotifyEvent", 16, "wd@0=i4 mask@4=u4 cookie@8=u4 len@12=u4")

/** `struct fanotify_event_metadata`, 24 bytes. */
export interface FanotifyEventMetadata {
  readonly event_len: number
  readonly vers: number
  readonly metadata_len: number
  readonly mask: bigint
  readonly fd: number
  readonly pid: number
}
export const FanotifyEventMetadata: Struct<FanotifyEventMetadata> = struct("FanotifyEventMetadata", 24, "event_len@0=u4 vers@4=u1 metadata_len@6=u2 mask@8=u8 fd@16=i4 pid@20=i4")

/** `struct user_desc`, 16 bytes. */
export interface UserDesc {
  readonly entry_number: number
  readonly base_addr: number
  readonly limit: number
  readonly seg_32bit: number
  readonly contents: number
  readonly read_exec_only: number
  readonly limit_in_pages: number
  readonly seg_not_present: number
  readonly useable: number
  readonly lm: number
}
export const UserDesc: Struct<UserDesc> = struct("UserDesc", 16, "entry_number@0=u4 base_addr@4=u4 limit@8=u4 seg_32bit@12=u4:0:1 contents@12=u4:1:2 read_exec_only@12=u4:3:1 limit_in_pages@12=u4:4:1 seg_not_present@12=u4:5:1 useable@12=u4:6:1 lm@12=u4:7:1")

/** `struct pt_regs`, 168 bytes. */
export interface PtRegs {
  readonly r15: bigint
  readonly r14: bigint
  readonly r13: bigint
  readonly r12: bigint
  readonly rbp: bigint
  readonly rbx: bigint
  readonly r11: bigint
  readonly r10: bigint
  readonly r9: bigint
  readonly r8: bigint
  readonly rax: bigint
  readonly rcx: bigint
  readonly rdx: bigint
  readonly rsi: bigint
  readonly rdi: bigint
  readonly orig_rax: bigint
  readonly rip: bigint
  readonly cs: bigint
  readonly eflags: bigint
  readonly rsp: bigint
  readonly ss: bigint
}
export const PtRegs: Struct<PtRegs> = struct("PtRegs", 168, "r15@0=u8 r14@8=u8 r13@16=u8 r12@24=u8 rbp@32=u8 rbx@40=u8 r11@48=u8 r10@56=u8 r9@64=u8 r8@72=u8 rax@80=u8 rcx@88=u8 rdx@96=u8 rsi@104=u8 rdi@112=u8 orig_rax@120=u8 rip@128=u8 cs@136=u8 eflags@144=u8 rsp@152=u8 ss@160=u8")

/** `struct ptrace_syscall_info`, 88 bytes. */
export interface PtraceSyscallInfo {
  readonly op: number
  readonly arch: number
  readonly instruction_pointer: bigint
  readonly stack_pointer: bigint
  readonly seccomp_nr: bigint
  readonly seccomp_args: ReadonlyArray<bigint>
  readonly seccomp_ret_data: number
}
export const PtraceSyscallInfo: Struct<PtraceSyscallInfo> = struct("PtraceSyscallInfo", 88, "op@0=u1 arch@4=u4 instruction_pointer@8=u8 stack_pointer@16=u8 seccomp_nr@24=u8 seccomp_args@32=u8*6 seccomp_ret_data@80=u4")

/** `struct uffdio_api`, 24 bytes. */
export interface UffdioApi {
  readonly api: bigint
  readonly features: bigint
  readonly ioctls: bigint
}
export const UffdioApi: Struct<UffdioApi> = struct("UffdioApi", 24, "api@0=u8 features@8=u8 ioctls@16=u8")

/** `struct fsxattr`, 28 bytes. */
export interface Fsxattr {
  readonly fsx_xflags: number
  readonly fsx_extsize: number
  readonly fsx_nextents: number
  readonly fsx_projid: number
  readonly fsx_cowextsize: number
  readonly fsx_pad: Uint8Array
}
export const Fsxattr: Struct<Fsxattr> = struct("Fsxattr", 28, "fsx_xflags@0=u4 fsx_extsize@4=u4 fsx_nextents@8=u4 fsx_projid@12=u4 fsx_cowextsize@16=u4 fsx_pad@20=b8")

/** `struct file_clone_range`, 32 bytes. */
export interface FileCloneRange {
  readonly src_fd: bigint
  readonly src_offset: bigint
  readonly src_length: bigint
  readonly dest_offset: bigint
}
export const FileCloneRange: Struct<FileCloneRange> = struct("FileCloneRange", 32, "src_fd@0=i8 src_offset@8=u8 src_length@16=u8 dest_offset@24=u8")

/** `struct tcp_info`, 248 bytes. */
export interface TcpInfo {
  readonly tcpi_state: number
  readonly tcpi_ca_state: number
  readonly tcpi_retransmits: number
  readonly tcpi_probes: number
  readonly tcpi_backoff: number
  readonly tcpi_options: number
  readonly tcpi_snd_wscale: number
  readonly tcpi_rcv_wscale: number
  readonly tcpi_delivery_rate_app_limited: number
  readonly tcpi_fastopen_client_fail: number
  readonly tcpi_rto: number
  readonly tcpi_ato: number
  readonly tcpi_snd_mss: number
  readonly tcpi_rcv_mss: number
  readonly tcpi_unacked: number
  readonly tcpi_sacked: number
  readonly tcpi_lost: number
  readonly tcpi_retrans: number
  readonly tcpi_fackets: number
  readonly tcpi_last_data_sent: number
  readonly tcpi_last_ack_sent: number
  readonly tcpi_last_data_recv: number
  readonly tcpi_last_ack_recv: number
  readonly tcpi_pmtu: number
  readonly tcpi_rcv_ssthresh: number
  readonly tcpi_rtt: number
  readonly tcpi_rttvar: number
  readonly tcpi_snd_ssthresh: number
  readonly tcpi_snd_cwnd: number
  readonly tcpi_advmss: number
  readonly tcpi_reordering: number
  readonly tcpi_rcv_rtt: number
  readonly tcpi_rcv_space: number
  readonly tcpi_total_retrans: number
  readonly tcpi_pacing_rate: bigint
  readonly tcpi_max_pacing_rate: bigint
  readonly tcpi_bytes_acked: bigint
  readonly tcpi_bytes_received: bigint
  readonly tcpi_segs_out: number
  readonly tcpi_segs_in: number
  readonly tcpi_notsent_bytes: number
  readonly tcpi_min_rtt: number
  readonly tcpi_data_segs_in: number
  readonly tcpi_data_segs_out: number
  readonly tcpi_delivery_rate: bigint
  readonly tcpi_busy_time: bigint
  readonly tcpi_rwnd_limited: bigint
  readonly tcpi_sndbuf_limited: bigint
  readonly tcpi_delivered: number
  readonly tcpi_delivered_ce: number
  readonly tcpi_bytes_sent: bigint
  readonly tcpi_bytes_retrans: bigint
  readonly tcpi_dsack_dups: number
  readonly tcpi_reord_seen: number
  readonly tcpi_rcv_ooopack: number
  readonly tcpi_snd_wnd: number
  readonly tcpi_rcv_wnd: number
  readonly tcpi_rehash: number
  readonly tcpi_total_rto: number
  readonly tcpi_total_rto_recoveries: number
  readonly tcpi_total_rto_time: number
}
export const TcpInfo: Struct<TcpInfo> = struct("TcpInfo", 248, "tcpi_state@0=u1 tcpi_ca_state@1=u1 tcpi_retransmits@2=u1 tcpi_probes@3=u1 tcpi_backoff@4=u1 tcpi_options@5=u1 tcpi_snd_wscale@6=u1:0:4 tcpi_rcv_wscale@6=u1:4:4 tcpi_delivery_rate_app_limited@7=u1:0:1 tcpi_fastopen_client_fail@7=u1:1:2 tcpi_rto@8=u4 tcpi_ato@12=u4 tcpi_snd_mss@16=u4 tcpi_rcv_mss@20=u4 tcpi_unacked@24=u4 tcpi_sacked@28=u4 tcpi_lost@32=u4 tcpi_retrans@36=u4 tcpi_fackets@40=u4 tcpi_last_data_sent@44=u4 tcpi_last_ack_sent@48=u4 tcpi_last_data_recv@52=u4 tcpi_last_ack_recv@56=u4 tcpi_pmtu@60=u4 tcpi_rcv_ssthresh@64=u4 tcpi_rtt@68=u4 tcpi_rttvar@72=u4 tcpi_snd_ssthresh@76=u4 tcpi_snd_cwnd@80=u4 tcpi_advmss@84=u4 tcpi_reordering@88=u4 tcpi_rcv_rtt@92=u4 tcpi_rcv_space@96=u4 tcpi_total_retrans@100=u4 tcpi_pacing_rate@104=u8 tcpi_max_pacing_rate@112=u8 tcpi_bytes_acked@120=u8 tcpi_bytes_received@128=u8 tcpi_segs_out@136=u4 tcpi_segs_in@140=u4 tcpi_notsent_bytes@144=u4 tcpi_min_rtt@148=u4 tcpi_data_segs_in@152=u4 tcpi_data_segs_out@156=u4 tcpi_delivery_rate@160=u8 tcpi_busy_time@168=u8 tcpi_rwnd_limited@176=u8 tcpi_sndbuf_limited@184=u8 tcpi_delivered@192=u4 tcpi_delivered_ce@196=u4 tcpi_bytes_sent@200=u8 tcpi_bytes_retrans@208=u8 tcpi_dsack_dups@216=u4 tcpi_reord_seen@220=u4 tcpi_rcv_ooopack@224=u4 tcpi_snd_wnd@228=u4 tcpi_rcv_wnd@232=u4 tcpi_rehash@236=u4 tcpi_total_rto@240=u2 tcpi_total_rto_recoveries@242=u2 tcpi_total_rto_time@244=u4")

/** `struct if_dqblk`, 72 bytes. */
export interface IfDqblk {
  readonly dqb_bhardlimit: bigint
  readonly dqb_bsoftlimit: bigint
  readonly dqb_curspace: bigint
  readonly dqb_ihardlimit: bigint
  readonly dqb_isoftlimit: bigint
  readonly dqb_curinodes: bigint
  readonly dqb_btime: bigint
  readonly dqb_itime: bigint
  readonly dqb_valid: number
}
export const IfDqblk: Struct<IfDqblk> = struct("IfDqblk", 72, "dqb_bhardlimit@0=u8 dqb_bsoftlimit@8=u8 dqb_curspace@16=u8 dqb_ihardlimit@24=u8 dqb_isoftlimit@32=u8 dqb_curinodes@40=u8 dqb_btime@48=u8 dqb_itime@56=u8 dqb_valid@64=u4")

/** `struct in_addr`, 4 bytes. */
export interface InAddr {
  readonly s_addr: number
}
export const InAddr: Struct<InAddr> = struct("InAddr", 4, "s_addr@0=u4")

/** `struct in_pktinfo`, 12 bytes. */
export interface InPktinfo {
  readonly ipi_ifindex: number
  readonly ipi_spec_dst: InAddr
  readonly ipi_addr: InAddr
}
export const InPktinfo: Struct<InPktinfo> = struct("InPktinfo", 12, "ipi_ifindex@0=i4 ipi_spec_dst@4=InAddr ipi_addr@8=InAddr", () => ({ InAddr }))

/** `struct ip_mreqn`, 12 bytes. */
export interface IpMreqn {
  readonly imr_multiaddr: InAddr
  readonly imr_address: InAddr
  readonly imr_ifindex: number
}
export const IpMreqn: Struct<IpMreqn> = struct("IpMreqn", 12, "imr_multiaddr@0=InAddr imr_address@4=InAddr imr_ifindex@8=i4", () => ({ InAddr }))

/** `struct loop_info64`, 232 bytes. */
export interface LoopInfo64 {
  readonly lo_device: bigint
  readonly lo_inode: bigint
  readonly lo_rdevice: bigint
  readonly lo_offset: bigint
  readonly lo_sizelimit: bigint
  readonly lo_number: number
  readonly lo_encrypt_type: number
  readonly lo_encrypt_key_size: number
  readonly lo_flags: number
  readonly lo_file_name: Uint8Array
  readonly lo_crypt_name: Uint8Array
  readonly lo_encrypt_key: Uint8Array
  readonly lo_init: ReadonlyArray<bigint>
}
export const LoopInfo64: Struct<LoopInfo64> = struct("LoopInfo64", 232, "lo_device@0=u8 lo_inode@8=u8 lo_rdevice@16=u8 lo_offset@24=u8 lo_sizelimit@32=u8 lo_number@40=u4 lo_encrypt_type@44=u4 lo_encrypt_key_size@48=u4 lo_flags@52=u4 lo_file_name@56=b64 lo_crypt_name@120=b64 lo_encrypt_key@184=b32 lo_init@216=u8*2")

/** `struct sockaddr_ll`, 20 bytes. */
export interface SockaddrLl {
  readonly sll_family: number
  readonly sll_protocol: number
  readonly sll_ifindex: number
  readonly sll_hatype: number
  readonly sll_pkttype: number
  readonly sll_halen: number
  readonly sll_addr: Uint8Array
}
export const SockaddrLl: Struct<SockaddrLl> = struct("SockaddrLl", 20, "sll_family@0=u2 sll_protocol@2=u2 sll_ifindex@4=i4 sll_hatype@8=u2 sll_pkttype@10=u1 sll_halen@11=u1 sll_addr@12=b8")

/** `struct sockaddr_vm`, 16 bytes. */
export interface SockaddrVm {
  readonly svm_family: number
  readonly svm_port: number
  readonly svm_cid: number
  readonly svm_flags: number
}
export const SockaddrVm: Struct<SockaddrVm> = struct("SockaddrVm", 16, "svm_family@0=u2 svm_port@4=u4 svm_cid@8=u4 svm_flags@12=u1")
