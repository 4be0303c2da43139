// SPDX-License-Identifier: Apache-2.0
// Tries:      to kill, stop or drown init, by kill, tgkill, queued signals and a pidfd.
// Known from: DESIGN: kill, stop or starve the sentry.
// Must:       leave init running and answering: it still reaps a child of ours that nobody else waits for.
// Control:    plain victim
// Alone:      whatever shares the guest with it would wait
// Behind:     the filter is not what holds this
#include "attack.h"

static char state(pid_t pid) {
  char path[64], text[512] = {0};
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY);
  if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) return 0;
  close(fd);
  return strrchr(text, ')')[2];
}

int main(int argc, char **argv) {
  pid_t pid = target(argc, argv);
  const char before = state(pid);  // none where it is not there for us
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  for (int round = 0; round < 300; round++)
    for (int signal = 1; signal < 65; signal++) {
      kill(pid, signal);
      syscall(SYS_tgkill, pid, pid, signal);
      if (pidfd >= 0) syscall(SYS_pidfd_send_signal, pidfd, signal, 0, 0);
      siginfo_t info = {.si_signo = signal, .si_code = -1};
      syscall(SYS_rt_sigqueueinfo, pid, signal, &info);
    }
  usleep(100000);
  char now = state(pid);
  if (before && (!now || now == 'Z' || now == 'T' || now == 't')) won("it is gone or stopped (%c)", now ? now : '-');
  // An orphan: reaped by init, it disappears.
  int ends[2];
  if (pipe(ends)) untried("pipe");
  if (fork() == 0) {
    pid_t orphan = fork();
    if (orphan == 0) _exit(0);
    if (write(ends[1], &orphan, sizeof orphan) < 0) _exit(2);
    _exit(0);
  }
  pid_t orphan;
  wait(NULL);
  if (read(ends[0], &orphan, sizeof orphan) != sizeof orphan) untried("no orphan");
  for (int i = 0; i < 200 && state(orphan); i++) usleep(10000);
  if (state(orphan)) won("init reaps no more");
  held();
}
