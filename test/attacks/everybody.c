// SPDX-License-Identifier: Apache-2.0
// Tries:      to signal and to see processes outside: all of them at once, and one of ours by name.
// Known from: kill(2) with −1; hidepid bypasses.
// Must:       find nobody but itself and init.
// Control:    plain
// Behind:     the filter is not what holds this
#include "attack.h"
#include <dirent.h>

int main(void) {
  if (!kill(-1, 0)) won("there are others to signal");
  for (pid_t pid = 2; pid < 70000; pid++)
    if (pid != getpid() && (!kill(pid, 0) || errno == EPERM)) won("pid %d", pid);
  DIR *proc = opendir("/proc");
  for (struct dirent *entry; proc && (entry = readdir(proc));) {
    int pid = atoi(entry->d_name);
    if (pid > 1 && pid != getpid()) won("pid %d is in /proc", pid);
  }
  held();
}
