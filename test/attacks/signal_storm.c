// SPDX-License-Identifier: Apache-2.0
// Tries:      to have a call go on undecided, or never come back, while it waits for the sandbox's answer: a sibling and a timer interrupt its
//             threads without end, with handlers that restart calls and handlers that do not; other callers end in the middle.
// Known from: seccomp_unotify(2): a signal takes a notification back, and a supervisor that misses that answers another call (LWN 2021,
//             SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).
// Must:       fail: no call reads the denied file, every call of a granted file is answered, the sandbox goes on.
// Control:    plain
// Argument:   a denied file that says TREASURE, a granted one that says nothing
#include "attack.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

#define THREADS 4

static const char *denied, *granted;
static pthread_t threads[THREADS];
static _Atomic long calls[THREADS];
static _Atomic int stop;

static void nothing(int signal) { (void)signal; }

static void *caller(void *argument) {
  long me = (long)argument;
  while (!stop) {
    char text[16] = "";
    int fd = open(denied, O_RDONLY);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, "TREASURE")) won("read %s", denied);
    if (fd < 0 && errno != EACCES && errno != EINTR) won("%s: %s, which is no answer to it", denied, strerror(errno));
    if (fd >= 0) close(fd);
    fd = open(granted, O_RDONLY);
    if (fd < 0 && errno != EINTR) won("%s: %s, which is no answer to it", granted, strerror(errno));
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, "TREASURE")) won("the answer to another call");
    if (fd >= 0) close(fd), calls[me]++;
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 3) untried("DENIED GRANTED");
  denied = argv[1], granted = argv[2];
  srandom(seed());
  struct sigaction restart = {.sa_handler = nothing, .sa_flags = SA_RESTART}, interrupt = {.sa_handler = nothing};
  sigaction(SIGUSR1, &restart, NULL);
  sigaction(SIGUSR2, &interrupt, NULL);
  sigaction(SIGALRM, &restart, NULL);
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 700}, {0, 700}}, NULL);
  for (long i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, caller, (void *)i)) untried("threads");
  struct timespec begin = now();
  long sent = 0, ended = 0;
  while (since(begin) < MILLISECONDS) {
    pthread_kill(threads[random() % THREADS], random() & 1 ? SIGUSR1 : SIGUSR2);
    sent++;
    if (random() % 64 == 0) {
      // A process whose threads are in the middle of calls is killed: its notifications are nobody's.
      pid_t pid = fork();
      if (pid == 0) {
        for (;;) close(open(granted, O_RDONLY));
      }
      usleep((useconds_t)(random() % 500));
      kill(pid, SIGKILL);
      while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
      ended++;
    }
    yields();
  }
  stop = 1;
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  // A call that never comes back is no answer: then this ends by a signal, and the test fails. Not by one of the storm's, of which the last may still be on its way.
  timer_t patience;
  struct sigevent end = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
  if (timer_create(CLOCK_MONOTONIC, &end, &patience) || timer_settime(patience, 0, &(struct itimerspec){{0, 0}, {10, 0}}, NULL)) untried("timer");
  for (long i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    if (!calls[i]) won("thread %ld was never answered", i);
  }
  printf("%ld signals, %ld ended, %ld calls\n", sent, ended, calls[0] + calls[1] + calls[2] + calls[3]);
  held();
}
