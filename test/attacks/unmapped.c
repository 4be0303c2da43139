// SPDX-License-Identifier: Apache-2.0
// Tries:      to have init, which reads the arguments of calls, read what is not there, or more than there is: addresses that are unmapped,
//             without rights, of the kernel, at the end of the address space, and texts that end where their page does.
// Known from: every supervisor that trusts a pointer; CVE-2023-2163's kin of missing bounds.
// Must:       fail: EFAULT, ENAMETOOLONG or another error of the call's own, and the sandbox goes on.
// Control:    victim: a process that reads what it is given, and dies of it
// Argument:   "victim", or nothing
#include "attack.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

// Calls by number, and which of their arguments is a pointer that somebody reads.
static const struct { long nr; int at; const char *name; } calls[] = {
    {SYS_open, 0, "open"}, {SYS_openat, 1, "openat"}, {SYS_stat, 0, "stat"}, {SYS_lstat, 0, "lstat"}, {SYS_newfstatat, 1, "newfstatat"}, {SYS_statx, 1, "statx"},
    {SYS_access, 0, "access"}, {SYS_faccessat, 1, "faccessat"}, {SYS_faccessat2, 1, "faccessat2"}, {SYS_readlink, 0, "readlink"}, {SYS_readlinkat, 1, "readlinkat"},
    {SYS_mkdir, 0, "mkdir"}, {SYS_mkdirat, 1, "mkdirat"}, {SYS_mknod, 0, "mknod"}, {SYS_symlink, 0, "symlink"}, {SYS_symlink, 1, "symlink"}, {SYS_link, 0, "link"},
    {SYS_link, 1, "link"}, {SYS_linkat, 1, "linkat"}, {SYS_rename, 0, "rename"}, {SYS_rename, 1, "rename"}, {SYS_renameat2, 1, "renameat2"}, {SYS_renameat2, 3, "renameat2"},
    {SYS_unlink, 0, "unlink"}, {SYS_unlinkat, 1, "unlinkat"}, {SYS_rmdir, 0, "rmdir"}, {SYS_chmod, 0, "chmod"}, {SYS_fchmodat, 1, "fchmodat"}, {SYS_chown, 0, "chown"},
    {SYS_fchownat, 1, "fchownat"}, {SYS_utime, 0, "utime"}, {SYS_utimensat, 1, "utimensat"}, {SYS_truncate, 0, "truncate"}, {SYS_statfs, 0, "statfs"},
    {SYS_getxattr, 0, "getxattr"}, {SYS_getxattr, 1, "getxattr"}, {SYS_setxattr, 0, "setxattr"}, {SYS_setxattr, 2, "setxattr"}, {SYS_listxattr, 0, "listxattr"},
    {SYS_removexattr, 1, "removexattr"}, {SYS_execve, 0, "execve"}, {SYS_execve, 1, "execve"}, {SYS_execve, 2, "execve"}, {SYS_chdir, 0, "chdir"},
    {SYS_inotify_add_watch, 1, "inotify_add_watch"}, {SYS_openat2, 1, "openat2"}, {SYS_openat2, 2, "openat2"}};

int main(int argc, char **argv) {
  (void)argv;
  char *area = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED || munmap(area + 8192, 4096) || mprotect(area, 4096, PROT_NONE)) untried("no memory");
  memset(area + 4096, 'a', 4096);
  const uintptr_t places[] = {0, 1, (uintptr_t)area, (uintptr_t)area + 8192, (uintptr_t)area + 8192 - 3, (uintptr_t)area + 4096, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000,
                              0xffff800000000000, 0xffffffff81000000, 0xffffffffff600000, UINTPTR_MAX, UINTPTR_MAX - 4095, (uintptr_t)1 << 63};
  if (argc > 1) {
    pid_t pid = fork();
    if (pid == 0) _exit((int)strlen((const char *)places[3]) & 1);
    int status;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) won("it died of signal %d", WTERMSIG(status));
    held();
  }
  int udp = socket(AF_UNIX, SOCK_DGRAM, 0);
  for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
      // Whatever else the call takes is a path that is there, or zero.
      long args[6] = {(long)"/tmp", (long)"/tmp", 0, 0, 0, 0};
      if (calls[c].at == 1 || calls[c].nr == SYS_linkat || calls[c].nr == SYS_renameat2) args[0] = strstr(calls[c].name, "at") && calls[c].nr != SYS_getxattr && calls[c].nr != SYS_statfs ? AT_FDCWD : (long)"/tmp";
      args[calls[c].at] = (long)places[p];
      if (calls[c].nr == SYS_execve && calls[c].at) args[0] = (long)"/nowhere";
      long result = syscall(calls[c].nr, args[0], args[1], args[2], args[3], args[4], args[5]);
      // A null list of words is the kernel's to bear; nothing else may be taken for a name.
      if (result >= 0 && !(places[p] == 0 && (calls[c].at > 1 || calls[c].nr == SYS_utimensat))) won("%s took %#lx", calls[c].name, (unsigned long)places[p]);
    }
  for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
    const uintptr_t place = places[p];
    struct iovec part = {(void *)place, 4096};
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/nobody"};
    struct msghdr message = {.msg_name = (void *)place, .msg_namelen = 110, .msg_iov = &part, .msg_iovlen = 1}, vectors = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = (void *)place, .msg_iovlen = 1024},
                  control = {.msg_name = &name, .msg_namelen = sizeof name, .msg_control = (void *)place, .msg_controllen = 4096};
    if (!connect(udp, (void *)place, 110) || !bind(udp, (void *)place, 110)) won("an address at %#lx", place);
    if (sendto(udp, "x", 1, 0, (void *)place, 110) > 0 || sendto(udp, (void *)place, 4096, 0, (void *)&name, sizeof name) > 0) won("sent from %#lx", place);
    if (sendmsg(udp, &message, 0) > 0 || sendmsg(udp, &vectors, 0) > 0 || sendmsg(udp, &control, 0) > 0 || sendmsg(udp, (void *)place, 0) > 0) won("a message at %#lx", place);
    if (syscall(SYS_sendmmsg, udp, place, 1024, 0) > 0) won("messages at %#lx", place);
  }
  // What answers is still there.
  int fd = open("/proc/self/status", O_RDONLY);
  if (fd < 0 || access("/tmp", F_OK)) won("calls are no longer answered: %s", strerror(errno));
  held();
}
