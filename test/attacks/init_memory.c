// SPDX-License-Identifier: Apache-2.0
// Tries:      to trace init, to read and write its memory, to take its descriptors, to enter its root.
// Known from: runc CVE-2016-9962 (ptrace of a process that enters the container).
// Must:       fail: init has the guest's identity but is not dumpable.
// Control:    plain victim
// Behind:     the filter is not what holds this
#include "attack.h"
#include <sys/ptrace.h>
#include <sys/uio.h>

int main(int argc, char **argv) {
  pid_t pid = target(argc, argv);
  char path[64], link[256], byte;
  static char here = 'x';
  if (!ptrace(PTRACE_SEIZE, pid, 0, 0)) won("traced");
  struct iovec local = {&byte, 1}, remote = {&here, 1};
  if (process_vm_readv(pid, &local, 1, &remote, 1, 0) == 1 || errno == EFAULT) won("read its memory");
  if (process_vm_writev(pid, &local, 1, &remote, 1, 0) == 1 || errno == EFAULT) won("wrote its memory");
  for (const char *const *name = (const char *const[]){"mem", "environ", "maps", "syscall", 0}; *name; name++) {
    snprintf(path, sizeof path, "/proc/%d/%s", pid, *name);
    int fd = open(path, strcmp(*name, "mem") ? O_RDONLY : O_RDWR);
    if (fd >= 0 && (!strcmp(*name, "mem") || read(fd, link, sizeof link) > 0)) won("opened %s", path);
  }
  for (const char *const *name = (const char *const[]){"root", "cwd", "exe", "fd/0", "fd/3", "fd/4", "ns/mnt", 0}; *name; name++) {
    snprintf(path, sizeof path, "/proc/%d/%s", pid, *name);
    if (readlink(path, link, sizeof link) > 0 || open(path, O_PATH) >= 0) won("followed %s", path);
  }
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  for (int fd = 0; fd < 16 && pidfd >= 0; fd++)
    if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0) won("took its descriptor %d", fd);
  if (syscall(SYS_kcmp, getpid(), pid, 2, 0, 0) >= 0) won("compared with it");
  held();
}
