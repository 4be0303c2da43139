/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for rvisor-sentry where its host is under test. The plan (fd 5) says what to do: "?" tells on the event stream
 * (fd 4) what was inherited; anything else is written to the event stream as it is. A "!" at its end is left out: then it ends
 * only when the host hangs up (fd 3). */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char** environ;

static void tell(void) {
  DIR* directory = opendir("/proc/self/fd");
  dprintf(4, "fds:");
  for (struct dirent* entry; (entry = readdir(directory));)
    if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(directory)) dprintf(4, " %s", entry->d_name);
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  dprintf(4, "\nsignals:");
  for (int signal = 1; signal < 65; signal++) {
    struct sigaction action;
    if (sigismember(&mask, signal) == 1) dprintf(4, " blocked-%d", signal);
    if (!sigaction(signal, NULL, &action) && action.sa_handler != SIG_DFL) dprintf(4, " changed-%d", signal);
  }
  char cwd[4096] = "";
  if (!getcwd(cwd, sizeof cwd)) cwd[0] = 0;
  dprintf(4, "\nenvironment:");
  for (char** entry = environ; *entry; entry++) dprintf(4, " %s", *entry);
  dprintf(4, "\ncwd: %s\nleader: %d\n", cwd, getsid(0) == getpid());
}

int main(void) {
  static char plan[1 << 20];
  ssize_t size = pread(5, plan, sizeof plan - 1, 0);
  if (size < 0) return 1;
  int stays = size > 0 && plan[size - 1] == '!';
  if (stays) plan[--size] = 0;
  if (!strcmp(plan, "?")) tell();
  else if (write(4, plan, (size_t)size) != size) return 1;
  struct pollfd host = {3, 0, 0};
  while (stays && !(host.revents & POLLHUP)) poll(&host, 1, -1);
  return 0;
}
