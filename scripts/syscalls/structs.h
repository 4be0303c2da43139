/* SPDX-License-Identifier: Apache-2.0
 *
 * The headers of the structures in structs.txt, and those structures that the kernel copies from user memory without
 * exporting them in include/uapi. `generate.mjs --verify` compares every one with the running kernel's BTF.
 */
#include <linux/types.h>
#include <asm/stat.h>
#include <linux/stat.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/statfs.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <asm/ldt.h>
#include <asm/ptrace.h>
#include <asm/shmbuf.h>
#include <asm/msgbuf.h>
#include <asm/sembuf.h>
#include <linux/uio.h>
#include <linux/time_types.h>
#include <linux/time.h>
#include <linux/sem.h>
#include <linux/resource.h>
#include <linux/utsname.h>
#include <linux/sysinfo.h>
#include <linux/times.h>
#include <linux/capability.h>
#include <linux/utime.h>
#include <linux/timex.h>
#include <linux/aio_abi.h>
#include <linux/mqueue.h>
#include <linux/kexec.h>
#include <linux/perf_event.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/rseq.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/mount.h>
#include <linux/landlock.h>
#include <linux/mman.h>
#include <linux/lsm.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/un.h>
#include <linux/netlink.h>
#include <linux/if_packet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/signalfd.h>
#include <linux/inotify.h>
#include <linux/fanotify.h>
#include <linux/ptrace.h>
#include <linux/userfaultfd.h>
#include <linux/fs.h>
#include <linux/fscrypt.h>
#include <linux/tcp.h>
#include <linux/quota.h>
#include <linux/loop.h>

/* include/linux/socket.h */
struct user_msghdr { void *msg_name; int msg_namelen; struct iovec *msg_iov; __kernel_size_t msg_iovlen; void *msg_control; __kernel_size_t msg_controllen; unsigned int msg_flags; };
struct mmsghdr { struct user_msghdr msg_hdr; unsigned int msg_len; };
struct cmsghdr { __kernel_size_t cmsg_len; int cmsg_level; int cmsg_type; };
struct ucred { __u32 pid; __u32 uid; __u32 gid; };
struct linger { int l_onoff; int l_linger; };
/* include/linux/sched.h */
struct sched_param { int sched_priority; };
/* include/linux/fs.h */
struct file_handle { __u32 handle_bytes; int handle_type; unsigned char f_handle[]; };
/* include/linux/types.h */
struct ustat { __kernel_daddr_t f_tfree; unsigned long f_tinode; char f_fname[6]; char f_fpack[6]; };
/* fs/aio.c, fs/select.c */
struct __aio_sigset { const sigset_t *sigmask; __kernel_size_t sigsetsize; };
struct sigset_argpack { sigset_t *p; __kernel_size_t size; };
/* include/uapi/linux/xattr.h of 6.13, include/uapi/linux/fs.h of 6.17 */
struct xattr_args { __aligned_u64 value; __u32 size; __u32 flags; };
struct file_attr { __u64 fa_xflags; __u32 fa_extsize; __u32 fa_nextents; __u32 fa_projid; __u32 fa_cowextsize; };
/* sigevent(7) without its union: the thread id is what SIGEV_THREAD_ID uses */
struct rv_sigevent { __u64 sigev_value; int sigev_signo; int sigev_notify; int sigev_notify_thread_id; int _pad[11]; };
/* include/uapi/linux/vm_sockets.h, which wants the C library's headers */
struct sockaddr_vm { unsigned short svm_family; unsigned short svm_reserved1; unsigned int svm_port; unsigned int svm_cid; __u8 svm_flags; __u8 svm_zero[3]; };
