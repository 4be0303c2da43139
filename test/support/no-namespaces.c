// SPDX-License-Identifier: Apache-2.0
// no-namespaces UID COMMAND ARG…: runs a command as a plain user on a host whose user.max_user_namespaces is 0. The setting
// belongs to a user namespace of its own, made for this; the host's stays as it is. Root only: the ids are mapped onto themselves.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) return perror(path), 1;
  return close(fd);
}

int main(int argc, char **argv) {
  int ready[2], mapped[2], status;
  char path[64], byte = 0;
  if (argc < 3) return fputs("usage: no-namespaces UID COMMAND ARG…\n", stderr), 64;
  unsigned user = (unsigned)strtoul(argv[1], NULL, 10);
  if (pipe2(ready, O_CLOEXEC) || pipe2(mapped, O_CLOEXEC)) return perror("pipe"), 64;
  pid_t child = fork();
  if (child < 0) return perror("fork"), 64;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWUSER)) return perror("unshare"), 64;
    if (write(ready[1], &byte, 1) != 1 || read(mapped[0], &byte, 1) != 1) return 64;
    if (put("/proc/sys/user/max_user_namespaces", "0")) return 64;
    if (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user)) return perror("credentials"), 64;
    // The control: what the command must do without.
    if (unshare(CLONE_NEWUSER) == 0) return fputs("a user namespace could be made all the same\n", stderr), 64;
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // changes of credentials take it away
    execvp(argv[2], argv + 2);
    return perror(argv[2]), 127;
  }
  close(ready[1]);
  if (read(ready[0], &byte, 1) == 1) {
    for (int i = 0; i < 2; i++) {
      snprintf(path, sizeof path, "/proc/%d/%s", child, i ? "gid_map" : "uid_map");
      if (put(path, "0 0 65536\n")) return 64;
    }
    if (write(mapped[1], &byte, 1) != 1) return perror("pipe"), 64;
  }
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
