// SPDX-License-Identifier: Apache-2.0
// Tries:      every other namespace by unshare, and to enter those of itself and of init.
// Known from: CVE-2022-0185, CVE-2022-0492 (unshare inside containers).
// Must:       fail.
// Control:    container
// Behind:     no capability in any namespace
#include "attack.h"

int main(void) {
  static const struct { int flag; const char *name; } kinds[] = {{CLONE_NEWNS, "mnt"}, {CLONE_NEWPID, "pid"}, {CLONE_NEWNET, "net"}, {CLONE_NEWIPC, "ipc"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWTIME, "time"}};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
    for (int who = 0; who < 2; who++) {
      char path[64];
      snprintf(path, sizeof path, "/proc/%s/ns/%s", who ? "1" : "self", kinds[i].name);
      int fd = open(path, O_RDONLY);
      if (fd >= 0 && !setns(fd, 0)) won("entered %s", path);
    }
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!unshare(kinds[i].flag)) won("a new %s namespace", kinds[i].name);
  held();
}
