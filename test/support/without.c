// SPDX-License-Identifier: Apache-2.0
// without SYSCALL-NUMBER[:ERRNO][,…] COMMAND ARG…: runs a command on a kernel that lacks some system calls, by a seccomp
// filter that answers them with an errno (ENOSYS unless given). For tests of hosts unlike this one.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sock_filter code[200];
  unsigned short n = 0;
  if (argc < 3) return fputs("usage: without NUMBER[:ERRNO],… COMMAND ARG…\n", stderr), 64;
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (char *item = strtok(argv[1], ","); item && n < 190; item = strtok(NULL, ",")) {
    char *end;
    unsigned number = (unsigned)strtoul(item, &end, 10);
    unsigned err = *end == ':' ? (unsigned)strtoul(end + 1, NULL, 10) : ENOSYS;
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err);
  }
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {n, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) return perror("seccomp"), 64;
  execvp(argv[2], argv + 2);
  return perror(argv[2]), 127;
}
