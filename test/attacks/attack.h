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
#include <time.h>
#include <unistd.h>

#define won(...) (printf("SUCCEEDED: " __VA_ARGS__), putchar('\n'), exit(0))
#define held() (puts("held"), exit(1))
#define untried(...) (printf("NOT TRIED: " __VA_ARGS__), putchar('\n'), exit(2))

// Races last so long, and longer where the machine is too busy for enough tries, up to ten times.
#define MILLISECONDS 1500

static inline struct timespec now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time;
}

// Milliseconds.
static inline long since(struct timespec begin) {
  struct timespec end = now();
  return (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
}

static inline int over(struct timespec begin, long tries) { return since(begin) > (tries < 200 ? 10 * MILLISECONDS : MILLISECONDS); }

// A race's schedule: before each step the thread gives the processor away so many times, from a generator (xorshift) whose seed the test
// gives (RVISOR_TEST_SEED), so that a run can be repeated as far as the kernel allows.
static inline unsigned seed(void) { return getenv("RVISOR_TEST_SEED") ? (unsigned)atol(getenv("RVISOR_TEST_SEED")) | 1 : 1; }

static inline void yields(void) {
  static _Thread_local unsigned state;
  if (!state) state = seed() * 2654435761U + (unsigned)gettid();
  state ^= state << 13, state ^= state >> 17, state ^= state << 5;
  for (unsigned i = state % 4; i; i--) sched_yield();
}

// Pid 1; where the guest has no pid namespace, the parent of its first process, which it cannot see.
static inline pid_t init_of_guest(void) {
  if (!kill(1, 0) || errno == EPERM) return 1;
  pid_t pid = getpid();
  for (;;) {
    char path[64], line[128];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    if (!status) return pid;
    while (fgets(line, sizeof line, status)) sscanf(line, "PPid: %d", &parent);
    fclose(status);
    pid = parent;
  }
}

// Who is attacked: init, or with the argument "victim" (the control) a child of our own that sleeps.
static inline pid_t target(int argc, char **argv) {
  if (argc < 2 || strcmp(argv[1], "victim")) return init_of_guest();
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  usleep(50000);
  return pid;
}
