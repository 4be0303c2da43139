// SPDX-License-Identifier: Apache-2.0
// Tries:      to end a process of the host's that has the guest's own identity outside, by its number: by every call that sends a signal.
// Known from: kill(2): the same uid may; containers that share the host's pid namespace.
// Must:       fail: the number means nobody inside; and signals do not leave the domain of Landlock (ABI 6).
// Control:    plain
// Argument:   the process
// Behind:     the filter is not what holds this
#include "attack.h"

int main(int argc, char **argv) {
  if (argc < 2) untried("PID");
  pid_t pid = (pid_t)atol(argv[1]);
  siginfo_t info = {.si_signo = SIGTERM, .si_code = -1};
  if (!kill(pid, SIGTERM)) won("kill");
  if (!syscall(SYS_tkill, pid, SIGTERM) || !syscall(SYS_tgkill, pid, pid, SIGTERM)) won("tkill");
  if (!syscall(SYS_rt_sigqueueinfo, pid, SIGTERM, &info) || !syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGTERM, &info)) won("rt_sigqueueinfo");
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd >= 0 && !syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, 0, 0)) won("pidfd_send_signal");
  // A descriptor whose owner is told when it can be read.
  int ends[2];
  if (!pipe(ends) && !fcntl(ends[0], F_SETOWN, pid) && !fcntl(ends[0], F_SETSIG, SIGTERM) && !fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK)) {
    if (write(ends[1], "x", 1) != 1) untried("pipe");
    usleep(100000);  // whether that was delivered is seen by who asks the process
  }
  held();
}
