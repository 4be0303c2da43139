// SPDX-License-Identifier: Apache-2.0
// Tries:      to take over another process of the guest by the calls that serve debuggers: trace it, read and write its memory, take its
//             descriptors, compare it, move its pages, advise on its memory.
// Known from: process injection; ptrace(2) is the first thing that a stolen process is used for (Chrome's and Firefox's sandboxes refuse it).
// Must:       fail: the presets default and strict refuse these calls, so that one broken program of the guest does not own its neighbours.
// Control:    plain
#include "attack.h"
#include <linux/kcmp.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

int main(void) {
  static char word = 'x';
  pid_t pid = target(2, (char *[]){"", "victim"});
  char byte = 'y';
  struct iovec local = {&byte, 1}, remote = {&word, 1};
  if (process_vm_readv(pid, &local, 1, &remote, 1, 0) == 1) won("read a neighbour's memory");
  if (process_vm_writev(pid, &local, 1, &remote, 1, 0) == 1) won("wrote a neighbour's memory");
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (syscall(SYS_pidfd_getfd, pidfd, 1, 0) >= 0) won("took a neighbour's descriptor");
  if (syscall(SYS_kcmp, getpid(), pid, KCMP_FILE, 1, 1) >= 0) won("compared descriptors");
  if (syscall(SYS_process_madvise, pidfd, &remote, 1, MADV_COLD, 0) >= 0) won("advised on a neighbour's memory");
  void *page = (void *)((uintptr_t)&word & ~4095UL);
  int node = 0, status = 0;
  if (!syscall(SYS_move_pages, pid, 1UL, &page, &node, &status, 0)) won("moved a neighbour's pages");
  if (!ptrace(PTRACE_SEIZE, pid, 0, 0)) won("traced a neighbour");
  kill(pid, SIGKILL);
  held();
}
