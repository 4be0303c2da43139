// SPDX-License-Identifier: Apache-2.0
// contained COMMAND ARG…: runs a command behind what container engines' seccomp profiles refuse a process without capabilities: pidfd_getfd(2)
// (EPERM), and numbers that the profile does not know (ENOSYS, which the engine answers itself).
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#define NEWEST 462  // mseal

int main(int argc, char **argv) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_getfd, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (argc < 2) return fputs("usage: contained COMMAND ARG…\n", stderr), 64;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) return perror("seccomp"), 64;
  // The control: what the command must do without.
  if (syscall(SYS_pidfd_getfd, -1, 0, 0) == 0 || errno != EPERM) return fputs("a descriptor could be taken all the same\n", stderr), 64;
  execvp(argv[1], argv + 1);
  return perror(argv[1]), 127;
}
