// SPDX-License-Identifier: Apache-2.0
// Tries:      what belongs to the machine: clock, host and domain name, accounting, swap, quotas, the whole file system's sync of settings,
//             control groups and /sys.
// Known from: CVE-2022-0492 (release_agent of control groups), CAP_SYS_TIME and CAP_SYS_ADMIN in containers.
// Must:       fail. (What is set is what stood there.)
// Control:    root
// Behind:     no capability; /sys and control groups are not in the view
#include "attack.h"
#include <dirent.h>
#include <sys/timex.h>
#include <sys/utsname.h>

static void writable(const char *directory, int depth) {
  static const char *const names[] = {"cgroup.procs", "release_agent", "devices.allow", "memory.max", "uevent_helper", "uevent", "state"};
  char path[512];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", directory, names[i]);
    int fd = open(path, O_WRONLY);
    if (fd >= 0) won("opened %s to write", path);
  }
  DIR *entries = depth ? opendir(directory) : NULL;
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    if (entry->d_name[0] == '.' || entry->d_type != DT_DIR) continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    writable(path, depth - 1);
  }
  if (entries) closedir(entries);
}

int main(void) {
  struct utsname names;
  struct timex clock = {.modes = 0};
  uname(&names);
  if (adjtimex(&clock) >= 0) {
    clock.modes = ADJ_TICK;
    if (adjtimex(&clock) >= 0) won("set the clock's tick");
  }
  if (!sethostname(names.nodename, strlen(names.nodename))) won("set the host's name");
  if (!setdomainname(names.domainname, strlen(names.domainname))) won("set the domain's name");
  if (!syscall(SYS_acct, NULL)) won("accounting");
  if (!syscall(SYS_swapoff, "/nowhere") || (errno != EPERM && errno != EACCES && errno != ENOSYS)) won("swap was asked for it");
  writable("/sys/fs/cgroup", 2);
  writable("/sys/kernel", 1);
  writable("/sys/power", 0);
  held();
}
