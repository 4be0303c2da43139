// SPDX-License-Identifier: Apache-2.0
// Tries:      to lower the resource limits of init, by its number and by those of its threads, so that it can start no further command.
// Known from: prlimit(2): who has the same uid may set the limits of another process.
// Must:       fail, or be of no effect; its own limits it may lower.
// Control:    victim
// Alone:      it takes every process before itself for one of init's
#include "attack.h"
#include <sys/resource.h>

int main(int argc, char **argv) {
  pid_t pid = target(argc, argv);
  struct rlimit limit, none = {0, 0}, own;
  if (getrlimit(RLIMIT_CORE, &own) || prlimit(0, RLIMIT_CORE, &own, NULL)) untried("its own limits: %s", strerror(errno));
  for (pid_t thread = pid; thread < pid + 64; thread++) {
    if (thread == getpid()) break;
    if (!prlimit(thread, RLIMIT_NPROC, &none, &limit)) won("limits of %d lowered", thread);
    // A high half that the kernel ignores, and the number as a negative one.
    if (!syscall(SYS_prlimit64, 0x100000000L + thread, RLIMIT_NOFILE, &none, NULL)) won("limits of %d lowered, by a high half", thread);
    if (pid != 1) break;
  }
  if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) && errno == EPERM && pid != 1) untried("asking");
  held();
}
