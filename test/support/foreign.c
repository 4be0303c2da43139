// SPDX-License-Identifier: Apache-2.0
// foreign PID WAY: tries to signal, ask or change a process outside by the WAYth of the calls that name one. 0: reached; 1: held.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 3) return 64;
  pid_t pid = atoi(argv[1]);
  int ends[2];
  siginfo_t info = {.si_code = -1};
  struct rlimit limit;
  struct f_owner_ex owner = {F_OWNER_PID, pid};
  long reached = -1;
  switch (atoi(argv[2])) {
    case 0: reached = kill(pid, 0); break;
    case 1: reached = syscall(SYS_tkill, pid, SIGCONT); break;
    case 2: reached = syscall(SYS_tgkill, pid, pid, SIGCONT); break;
    case 3: info.si_signo = SIGCONT; reached = syscall(SYS_rt_sigqueueinfo, pid, SIGCONT, &info); break;
    case 4: reached = syscall(SYS_pidfd_open, pid, 0); break;
    case 5: reached = getpgid(pid) < 0 || sched_getscheduler(pid) < 0 || prlimit(pid, RLIMIT_CPU, NULL, &limit) ? -1 : 0; break;
    case 6: reached = setpriority(PRIO_PROCESS, (id_t)pid, 19); break;
    case 7: reached = socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ? -1 : fcntl(ends[0], F_SETOWN_EX, &owner); break;
  }
  printf(reached >= 0 ? "reached\n" : "held: %d\n", errno);
  return reached >= 0 ? 0 : 1;
}
