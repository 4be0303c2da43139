// SPDX-License-Identifier: Apache-2.0
// reaper MILLISECONDS COMMAND ARG…: starts a command as a child subreaper (prctl(2)), so that whatever the command leaves
// behind becomes a child of this process. Prints the command's pid; when it has ended, waits for the rest: prints
// "clean" when nothing remains, or "left: PID NAME, …" and kills it.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv) {
  if (argc < 3) return fputs("usage: reaper MILLISECONDS COMMAND ARG…\n", stderr), 64;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  printf("%d\n", pid);
  fflush(stdout);
  int status;
  while (waitpid(pid, &status, 0) != pid)
    ;
  for (long end = now() + atol(argv[1]); now() < end;) {
    pid_t found = waitpid(-1, &status, WNOHANG | __WALL);
    if (found < 0 && errno == ECHILD) return puts("clean"), 0;
    if (found == 0) usleep(2000);
  }
  char path[64], pids[4096] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  FILE *children = fopen(path, "r");
  if (children && !fgets(pids, sizeof pids, children)) *pids = 0;
  printf("left:");
  for (char *item = strtok(pids, " \n"); item; item = strtok(NULL, " \n")) {
    char name[64] = "?";
    snprintf(path, sizeof path, "/proc/%s/comm", item);
    FILE *comm = fopen(path, "r");
    if (comm && fgets(name, sizeof name, comm)) name[strcspn(name, "\n")] = 0;
    printf(" %s %s,", item, name);
    kill(atoi(item), SIGKILL);
  }
  puts("");
  return 1;
}
