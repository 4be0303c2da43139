// SPDX-License-Identifier: Apache-2.0
// Tries:      to signal and to see processes outside: all of them at once, and one of ours by name.
// Known from: kill(2) with −1; hidepid bypasses.
// Must:       find nobody but itself and init.
// Control:    plain
// Alone:      it looks for any other process
// Behind:     the filter is not what holds this
#include "attack.h"
#include <dirent.h>
#include <sys/resource.h>

// Threads of init have numbers too, and are found by them.
static int of_init(pid_t pid) {
  char path[64], line[128];
  int group = 0;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *status = fopen(path, "r");
  while (status && fgets(line, sizeof line, status)) sscanf(line, "Tgid: %d", &group);
  if (status) fclose(status);
  return group == 1;
}

// By every call that says whether there is such a process.
static const char *found(pid_t pid) {
  struct rlimit limit;
  cpu_set_t cpus;
  if (!kill(pid, 0) || errno == EPERM) return "kill";
  // Each is decided by itself where there is no pid namespace: all of them for those that are likely to be there.
  if (abs(pid - getpid()) > 500 && pid > 500) return NULL;
  if (syscall(SYS_pidfd_open, pid, 0) >= 0) return "pidfd_open";
  if (getsid(pid) >= 0 || getpgid(pid) >= 0) return "getsid";
  if (sched_getscheduler(pid) >= 0 || !sched_getaffinity(pid, sizeof cpus, &cpus)) return "its scheduling";
  if (!prlimit(pid, RLIMIT_CPU, NULL, &limit)) return "its limits";
  return syscall(SYS_tkill, pid, 0) ? NULL : "tkill";
}

int main(void) {
  // Who helped to start it may just be ending.
  for (int i = 0; !kill(-1, 0); i++)
    if (i == 1000) won("there are others to signal");
    else usleep(1000);
  for (pid_t pid = 2; pid < 70000; pid++)
    if (pid != getpid()) {
      const char *how = found(pid);
      if (how && !of_init(pid)) won("pid %d by %s", pid, how);
    }
  DIR *proc = opendir("/proc");
  for (struct dirent *entry; proc && (entry = readdir(proc));) {
    int pid = atoi(entry->d_name);
    if (pid > 1 && pid != getpid()) won("pid %d is in /proc", pid);
  }
  held();
}
