/**
 * Names that strace writes and the generated tables lack, because they stand in structures or behind other arguments; and the order
 * in which it writes the names of sets where that is not the order of their values. Sources: the headers named with each set.
 */
import { type FlagSet, flagSet } from "../syscall/flagSet.ts"
import * as generated from "../syscall/generated/flags.ts"

/** A generated set and more names. */
const more = (set: { readonly name: string; readonly entries: FlagSet<string>["entries"] }, names: string, without?: string): FlagSet<string> =>
  flagSet(set.name, [...set.entries.filter(({ name }) => name !== without).map(({ mask, name, value }) => `${name}=${value}/${mask}`), names].join(" "))

// Of the C library: fcntl.h, signal.h, netinet/in.h
export const OpenFlags = more(generated.OpenFlags, "O_ACCMODE=3/3 FASYNC=0x2000")
export const SigactionFlags = more(generated.SigactionFlags, "SA_INTERRUPT=0x20000000")
export const IpProtocol = more(generated.IpProtocol, "IPPROTO_HOPOPTS=0/ IPPROTO_ROUTING=43/ IPPROTO_FRAGMENT=44/ IPPROTO_ICMPV6=58/ IPPROTO_NONE=59/ IPPROTO_DSTOPTS=60/")
/** Where the size of a huge page stands too (bits 26 to 31). */
export const MmapFlags = more(generated.MmapFlags, "MAP_SHARED=1/15", "MAP_UNINITIALIZED")

// asm-generic/fcntl.h
export const LockType = flagSet("LockType", "F_RDLCK=0/ F_WRLCK=1/ F_UNLCK=2/")
export const DescriptorFlags = flagSet("DescriptorFlags", "FD_CLOEXEC=1")
// netinet/tcp.h
export const TcpOption = flagSet("TcpOption", "TCP_NODELAY=1/ TCP_MAXSEG=2/ TCP_CORK=3/ TCP_KEEPIDLE=4/ TCP_KEEPINTVL=5/ TCP_KEEPCNT=6/ TCP_SYNCNT=7/ TCP_LINGER2=8/ TCP_DEFER_ACCEPT=9/ TCP_WINDOW_CLAMP=10/ TCP_INFO=11/ TCP_QUICKACK=12/ TCP_CONGESTION=13/ TCP_USER_TIMEOUT=18/ TCP_FASTOPEN=23/ TCP_NOTSENT_LOWAT=25/ TCP_FASTOPEN_CONNECT=30/ TCP_ULP=31/")
// linux/udp.h
export const UdpOption = flagSet("UdpOption", "UDP_CORK=1/ UDP_ENCAP=100/ UDP_SEGMENT=103/ UDP_GRO=104/")
// linux/in.h
export const IpOption = flagSet("IpOption", "IP_TOS=1/ IP_TTL=2/ IP_HDRINCL=3/ IP_OPTIONS=4/ IP_RECVOPTS=6/ IP_PKTINFO=8/ IP_MTU_DISCOVER=10/ IP_RECVERR=11/ IP_RECVTTL=12/ IP_RECVTOS=13/ IP_MTU=14/ IP_FREEBIND=15/ IP_TRANSPARENT=19/ IP_BIND_ADDRESS_NO_PORT=24/ IP_MULTICAST_IF=32/ IP_MULTICAST_TTL=33/ IP_MULTICAST_LOOP=34/ IP_ADD_MEMBERSHIP=35/ IP_DROP_MEMBERSHIP=36/")
// linux/in6.h
export const Ipv6Option = flagSet("Ipv6Option", "IPV6_UNICAST_HOPS=16/ IPV6_MULTICAST_IF=17/ IPV6_MULTICAST_HOPS=18/ IPV6_MULTICAST_LOOP=19/ IPV6_ADD_MEMBERSHIP=20/ IPV6_DROP_MEMBERSHIP=21/ IPV6_MTU_DISCOVER=23/ IPV6_MTU=24/ IPV6_RECVERR=25/ IPV6_V6ONLY=26/ IPV6_RECVPKTINFO=49/ IPV6_PKTINFO=50/ IPV6_RECVHOPLIMIT=51/ IPV6_RECVTCLASS=66/ IPV6_TCLASS=67/")
// linux/netlink.h
export const NetlinkProtocol = flagSet("NetlinkProtocol", "NETLINK_ROUTE=0/ NETLINK_USERSOCK=2/ NETLINK_FIREWALL=3/ NETLINK_SOCK_DIAG=4/ NETLINK_NFLOG=5/ NETLINK_XFRM=6/ NETLINK_SELINUX=7/ NETLINK_ISCSI=8/ NETLINK_AUDIT=9/ NETLINK_FIB_LOOKUP=10/ NETLINK_CONNECTOR=11/ NETLINK_NETFILTER=12/ NETLINK_IP6_FW=13/ NETLINK_DNRTMSG=14/ NETLINK_KOBJECT_UEVENT=15/ NETLINK_GENERIC=16/ NETLINK_CRYPTO=21/")
// linux/if_ether.h
export const EtherProtocol = flagSet("EtherProtocol", "ETH_P_ALL=3/ ETH_P_IP=0x800/ ETH_P_ARP=0x806/ ETH_P_IPV6=0x86dd/")
// linux/magic.h
export const FileSystem = flagSet("FileSystem", "BTRFS_SUPER_MAGIC=0x9123683e/ CGROUP2_SUPER_MAGIC=0x63677270/ CGROUP_SUPER_MAGIC=0x27e0eb/ DEVPTS_SUPER_MAGIC=0x1cd1/ EXT2_SUPER_MAGIC=0xef53/ FUSE_SUPER_MAGIC=0x65735546/ NFS_SUPER_MAGIC=0x6969/ NSFS_MAGIC=0x6e736673/ OVERLAYFS_SUPER_MAGIC=0x794c7630/ PIPEFS_MAGIC=0x50495045/ PROC_SUPER_MAGIC=0x9fa0/ RAMFS_MAGIC=0x858458f6/ SOCKFS_MAGIC=0x534f434b/ SQUASHFS_MAGIC=0x73717368/ SYSFS_MAGIC=0x62656572/ TMPFS_MAGIC=0x1021994/ XFS_SUPER_MAGIC=0x58465342/")
// linux/statfs.h
export const StatfsFlags = flagSet("StatfsFlags", "ST_RDONLY=1 ST_NOSUID=2 ST_NODEV=4 ST_NOEXEC=8 ST_SYNCHRONOUS=0x10 ST_VALID=0x20 ST_MANDLOCK=0x40 ST_NOATIME=0x400 ST_NODIRATIME=0x800 ST_RELATIME=0x1000 ST_NOSYMFOLLOW=0x2000")
// linux/sem.h, linux/prctl.h, linux/securebits.h, linux/seccomp.h
export const SemFlags = flagSet("SemFlags", "SEM_UNDO=0x1000 IPC_NOWAIT=0x800")
export const Dumpable = flagSet("Dumpable", "SUID_DUMP_DISABLE=0/ SUID_DUMP_USER=1/ SUID_DUMP_ROOT=2/")
export const Securebits = flagSet("Securebits", "SECBIT_NOROOT=1 SECBIT_NOROOT_LOCKED=2 SECBIT_NO_SETUID_FIXUP=4 SECBIT_NO_SETUID_FIXUP_LOCKED=8 SECBIT_KEEP_CAPS=0x10 SECBIT_KEEP_CAPS_LOCKED=0x20 SECBIT_NO_CAP_AMBIENT_RAISE=0x40 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED=0x80")
export const SeccompMode = flagSet("SeccompMode", "SECCOMP_MODE_DISABLED=0/ SECCOMP_MODE_STRICT=1/ SECCOMP_MODE_FILTER=2/")
export const AmbientOperation = flagSet("AmbientOperation", "PR_CAP_AMBIENT_IS_SET=1/ PR_CAP_AMBIENT_RAISE=2/ PR_CAP_AMBIENT_LOWER=3/ PR_CAP_AMBIENT_CLEAR_ALL=4/")
export const CapabilityVersion = flagSet("CapabilityVersion", "_LINUX_CAPABILITY_VERSION_1=0x19980330/ _LINUX_CAPABILITY_VERSION_2=0x20071026/ _LINUX_CAPABILITY_VERSION_3=0x20080522/")
// asm-generic/siginfo.h
export const SigevNotify = flagSet("SigevNotify", "SIGEV_SIGNAL=0/ SIGEV_NONE=1/ SIGEV_THREAD=2/ SIGEV_THREAD_ID=4/")
export const SignalCode = flagSet("SignalCode", "SI_USER=0/ SI_QUEUE=0xffffffff/ SI_TIMER=0xfffffffe/ SI_MESGQ=0xfffffffd/ SI_ASYNCIO=0xfffffffc/ SI_SIGIO=0xfffffffb/ SI_TKILL=0xfffffffa/ SI_KERNEL=0x80/")
export const ChildCode = flagSet("ChildCode", "CLD_EXITED=1/ CLD_KILLED=2/ CLD_DUMPED=3/ CLD_TRAPPED=4/ CLD_STOPPED=5/ CLD_CONTINUED=6/")
export const FaultCodes: Readonly<Record<number, ReturnType<typeof flagSet>>> = {
  4: flagSet("IllegalCode", "ILL_ILLOPC=1/ ILL_ILLOPN=2/ ILL_ILLADR=3/ ILL_ILLTRP=4/ ILL_PRVOPC=5/ ILL_PRVREG=6/ ILL_COPROC=7/ ILL_BADSTK=8/"),
  5: flagSet("TrapCode", "TRAP_BRKPT=1/ TRAP_TRACE=2/ TRAP_BRANCH=3/ TRAP_HWBKPT=4/ TRAP_UNK=5/"),
  7: flagSet("BusCode", "BUS_ADRALN=1/ BUS_ADRERR=2/ BUS_OBJERR=3/ BUS_MCEERR_AR=4/ BUS_MCEERR_AO=5/"),
  8: flagSet("FloatCode", "FPE_INTDIV=1/ FPE_INTOVF=2/ FPE_FLTDIV=3/ FPE_FLTOVF=4/ FPE_FLTUND=5/ FPE_FLTRES=6/ FPE_FLTINV=7/ FPE_FLTSUB=8/"),
  11: flagSet("SegmentCode", "SEGV_MAPERR=1/ SEGV_ACCERR=2/ SEGV_BNDERR=3/ SEGV_PKUERR=4/"),
  31: flagSet("SyscallCode", "SYS_SECCOMP=1/ SYS_USER_DISPATCH=2/")
}
// linux/socket.h
export const ControlType = flagSet("ControlType", "SCM_RIGHTS=1/ SCM_CREDENTIALS=2/ SCM_SECURITY=3/ SCM_PIDFD=4/")

// asm-generic/termbits.h
export const TermiosControl = flagSet("TermiosControl", "B0=0/0x100f B50=1/0x100f B75=2/0x100f B110=3/0x100f B134=4/0x100f B150=5/0x100f B200=6/0x100f B300=7/0x100f B600=8/0x100f B1200=9/0x100f B1800=10/0x100f B2400=11/0x100f B4800=12/0x100f B9600=13/0x100f B19200=14/0x100f B38400=15/0x100f B57600=0x1001/0x100f B115200=0x1002/0x100f B230400=0x1003/0x100f B460800=0x1004/0x100f CS5=0/0x30 CS6=0x10/0x30 CS7=0x20/0x30 CS8=0x30/0x30 CSTOPB=0x40 CREAD=0x80 PARENB=0x100 PARODD=0x200 HUPCL=0x400 CLOCAL=0x800 CMSPAR=0x40000000 CRTSCTS=0x80000000")
export const TermiosDelay = flagSet("TermiosDelay", "NL0=0/0x100 NL1=0x100/0x100 CR0=0/0x600 CR1=0x200/0x600 CR2=0x400/0x600 CR3=0x600/0x600 TAB0=0/0x1800 TAB1=0x800/0x1800 TAB2=0x1000/0x1800 XTABS=0x1800/0x1800 BS0=0/0x2000 BS1=0x2000/0x2000 VT0=0/0x4000 VT1=0x4000/0x4000 FF0=0/0x8000 FF1=0x8000/0x8000 OPOST=1 OLCUC=2 ONLCR=4 OCRNL=8 ONOCR=0x10 ONLRET=0x20 OFILL=0x40 OFDEL=0x80")

/** Names that come first or in another order than their values; those not named follow by value. */
export const order: Readonly<Record<string, string>> = {
  OpenFlags: "O_ACCMODE O_RDONLY O_WRONLY O_RDWR O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_SYNC O_DSYNC O_DIRECT O_LARGEFILE O_NOFOLLOW O_NOATIME O_CLOEXEC O_PATH O_TMPFILE O_DIRECTORY FASYNC",
  MmapFlags: "MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE MAP_DROPPABLE MAP_FIXED MAP_ANONYMOUS MAP_32BIT MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK MAP_GROWSDOWN MAP_DENYWRITE MAP_EXECUTABLE MAP_LOCKED MAP_STACK MAP_HUGETLB",
  MsyncFlags: "MS_SYNC MS_ASYNC MS_INVALIDATE",
  AccessMode: "R_OK W_OK X_OK",
  AtFlags: "AT_STATX_FORCE_SYNC AT_STATX_DONT_SYNC AT_SYMLINK_NOFOLLOW",
  SocketType: "SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET SOCK_DCCP SOCK_PACKET SOCK_CLOEXEC SOCK_NONBLOCK",
  WaitOptions: "WNOHANG WEXITED WUNTRACED WCONTINUED WNOWAIT __WCLONE __WALL __WNOTHREAD",
  SigactionFlags: "SA_RESTORER SA_ONSTACK SA_RESTART SA_INTERRUPT SA_NODEFER SA_RESETHAND SA_SIGINFO SA_NOCLDSTOP SA_NOCLDWAIT",
  TimerfdFlags: "TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET TFD_CLOEXEC TFD_NONBLOCK",
  SignalfdFlags: "SFD_CLOEXEC SFD_NONBLOCK",
  EventfdFlags: "EFD_SEMAPHORE EFD_CLOEXEC EFD_NONBLOCK"
}

/** What strace calls a name that the kernel calls otherwise too. */
export const renamed: Readonly<Record<string, string>> = { WUNTRACED: "WSTOPPED", SO_RCVTIMEO: "SO_RCVTIMEO_OLD", SO_SNDTIMEO: "SO_SNDTIMEO_OLD", SO_TIMESTAMP: "SO_TIMESTAMP_OLD", SO_TIMESTAMPNS: "SO_TIMESTAMPNS_OLD", SO_TIMESTAMPING: "SO_TIMESTAMPING_OLD" }
