// SPDX-License-Identifier: Apache-2.0
// Tries:      to have a child that its tracer does not see: CLONE_UNTRACED by clone and by clone3, with bits above 32, from its first
//             thread and from another.
// Known from: clone(2), CLONE_UNTRACED; escapes from strace and from ptrace sandboxes.
// Must:       fail: every child has a tracer (TracerPid in /proc/self/status), or is not made.
// Control:    under strace -f, which CLONE_UNTRACED escapes
#include "attack.h"
#include <linux/sched.h>
#include <pthread.h>

static int traced(void) {
  char line[128];
  int pid = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status)) sscanf(line, "TracerPid: %d", &pid);
  if (status) fclose(status);
  return pid != 0;
}

static void check(const char *how, pid_t pid) {
  if (pid == 0) _exit(traced() ? 0 : 7);
  int status = 0;
  if (pid < 0) return;
  if (waitpid(pid, &status, __WALL) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7) won("untraced %s", how);
}

static void all(const char *where) {
  char how[64];
  snprintf(how, sizeof how, "by clone, %s", where);
  check(how, (pid_t)syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0));
  snprintf(how, sizeof how, "by clone with high bits, %s", where);
  check(how, (pid_t)syscall(SYS_clone, (1UL << 33) | CLONE_UNTRACED | CLONE_PTRACE | SIGCHLD, 0, 0, 0, 0));
  struct clone_args args = {.flags = CLONE_UNTRACED, .exit_signal = SIGCHLD};
  snprintf(how, sizeof how, "by clone3, %s", where);
  check(how, (pid_t)syscall(SYS_clone3, &args, sizeof args));
  snprintf(how, sizeof how, "by fork, %s", where);
  check(how, (pid_t)syscall(SYS_fork));
}

static void *thread(void *unused) {
  all("from a thread");
  return unused;
}

int main(void) {
  if (!traced()) untried("nobody traces it");
  all("from the first thread");
  pthread_t other;
  if (pthread_create(&other, NULL, thread, NULL)) untried("no thread");
  pthread_join(other, NULL);
  held();
}
