// SPDX-License-Identifier: Apache-2.0
// What every attack ends with: exit 0 when it has succeeded, 1 when it was held, 2 when it could not be tried.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define won(...) (printf("SUCCEEDED: " __VA_ARGS__), putchar('\n'), exit(0))
#define held() (puts("held"), exit(1))
#define untried(...) (printf("NOT TRIED: " __VA_ARGS__), putchar('\n'), exit(2))

// Who is attacked: init, or with the argument "victim" (the control) a child of our own that sleeps.
static inline pid_t target(int argc, char **argv) {
  if (argc < 2 || strcmp(argv[1], "victim")) return 1;
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  usleep(50000);
  return pid;
}
