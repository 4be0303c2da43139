// SPDX-License-Identifier: Apache-2.0
// Tries:      to besiege whoever supervises it. starve: every process, descriptor and page that the limits leave is taken, and then calls ask for
//             decisions. stall: calls that wait (for the other end of a FIFO, for a slow handler) stand in front of others. flood: more refusals than
//             anybody can note down. storm: forks, threads, sessions and refused calls without end, while supervisors are killed from outside.
// Known from: DESIGN: kill, stop or starve the sentry; signal storms and lost notifications.
// Must:       fail: what is denied stays so, what is granted is answered in time, and nobody of the storm outlives a supervisor.
// Control:    plain
// Argument:   starve DENIED GRANTED MIB MILLISECONDS | stall DIRECTORY GRANTED [one] | flood DENIED COUNT | storm DENIED GRANTED SECONDS
#include "attack.h"
#include <pthread.h>
#include <sys/mman.h>

#define PATIENCE 1000  // milliseconds that a call which has nothing to wait for may take

static const char *denied, *granted;

static pid_t child(void) {
  pid_t pid = fork();
  if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

static void *sleeper(void *unused) {
  for (;;) pause();
  return unused;
}

static int small(void *(*body)(void *), void *argument) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 65536);
  return pthread_create(&thread, &attributes, body, argument);
}

// A denied call and a granted one; both answered, and in time.
static void decide(void) {
  struct timespec begin = now();
  int fd = open(denied, O_RDONLY);
  if (fd >= 0) won("opened %s", denied);
  if (errno != EACCES) won("%s: %s, which is no answer to it", denied, strerror(errno));
  fd = open(granted, O_RDONLY);
  if (fd < 0) won("%s: %s, which is no answer to it", granted, strerror(errno));
  close(fd);
  if (since(begin) > 2 * PATIENCE) won("two calls took %ld ms", since(begin));
}

// ------------------------------------------------------------------------------------------------------------- starve

static void starve(long mebibytes, long milliseconds) {
  decide();
  char *pages = mmap(NULL, (size_t)mebibytes << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) untried("memory: %s", strerror(errno));
  for (long i = 0; i < mebibytes << 20; i += 4096) pages[i] = 1;
  for (int i = 0; i < 3; i++)
    if (child() == 0) {
      while (open("/dev/null", O_RDONLY) >= 0) {}
      sleeper(NULL);
    }
  int fd;
  while ((fd = open("/dev/null", O_RDONLY)) >= 0) {}
  if (errno != EMFILE) untried("descriptors end with %s", strerror(errno));
  for (fd = 3; fd < 8; fd++) close(fd);  // one is for the file that is granted
  long threads = 0;
  while (threads < 4096 && !small(sleeper, NULL)) threads++;
  if (threads == 4096) untried("there is no limit of threads");
  long rounds = 0;
  for (struct timespec begin = now(); since(begin) < milliseconds; rounds++) decide();
  printf("%ld threads, %ld rounds\n", threads, rounds);
  if (rounds < 10) won("%ld rounds are no answers", rounds);
  held();
}

// -------------------------------------------------------------------------------------------------------------- stall

static char fifo[4096];
// The control has a supervisor of its own kind: one that answers a call at a time.
static pthread_mutex_t *one, only = PTHREAD_MUTEX_INITIALIZER;

static void *stalled(void *argument) {
  if (one) pthread_mutex_lock(one);
  // A handler of the test's takes its time over this number; elsewhere there is no such process.
  if ((long)argument % 3 == 0) syscall(SYS_getpgid, 77);
  int fd = open(fifo, O_RDONLY);  // nobody writes
  if (fd >= 0) close(fd);
  if (one) pthread_mutex_unlock(one);
  return sleeper(argument);
}

static void stall(const char *directory) {
  snprintf(fifo, sizeof fifo, "%s/fifo-%d", directory, getpid());
  if (mkfifo(fifo, 0600)) untried("%s: %s", fifo, strerror(errno));
  for (long i = 0; i < 48; i++)
    if (small(stalled, (void *)i)) untried("threads");
  usleep(300000);
  long longest = 0, rounds = 0;
  for (struct timespec begin = now(); since(begin) < MILLISECONDS; rounds++) {
    struct timespec each = now();
    if (one) {
      struct timespec end;
      clock_gettime(CLOCK_REALTIME, &end);
      end.tv_sec += 2 * PATIENCE / 1000;
      if (pthread_mutex_timedlock(one, &end)) won("a call waited behind another");
      pthread_mutex_unlock(one);
    }
    int fd = open(granted, O_RDONLY);
    if (fd < 0) won("%s: %s, which is no answer to it", granted, strerror(errno));
    close(fd);
    if (getpgid(0) < 0) won("getpgid: %s", strerror(errno));
    if (since(each) > longest) longest = since(each);
  }
  unlink(fifo);
  printf("%ld rounds, the longest of %ld ms\n", rounds, longest);
  if (longest > PATIENCE) won("a call waited %ld ms behind others", longest);
  held();
}

// -------------------------------------------------------------------------------------------------------------- flood

static void flood(long count) {
  for (long i = 0; i < count; i++)
    if (open(denied, O_RDONLY) >= 0) won("opened %s", denied);
  held();
}

// -------------------------------------------------------------------------------------------------------------- storm

static unsigned lifetime;

static void *calls(void *unused) {
  for (;;) {
    int fd = open(denied, O_RDONLY);
    if (fd >= 0) close(fd);
    fd = open(granted, O_RDONLY);
    if (fd >= 0) close(fd);
    syscall(SYS_getpgid, 0);
    syscall(SYS_bpf, -1, NULL, 0);
  }
  return unused;
}

static void storm(void) {
  for (int i = 0; i < 6; i++)
    if (fork() == 0) {
      setsid();
      alarm(lifetime);
      small(calls, NULL);
      for (int each = 0;; each++) {
        pid_t pid = fork();
        if (pid == 0) {
          alarm(lifetime);
          if (each % 2) setsid();
          if (each % 8 == 0) calls(NULL);
          _exit(0);
        }
        if (each % 8) while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
        else usleep(5000), kill(pid, SIGKILL), waitpid(pid, NULL, 0);
      }
    }
  puts("storm");
  fflush(stdout);
  alarm(lifetime);
  calls(NULL);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "starve") && argc == 6) denied = argv[2], granted = argv[3], starve(atol(argv[4]), atol(argv[5]));
  if (!strcmp(what, "stall") && argc >= 4) granted = argv[3], one = argc > 4 ? &only : NULL, stall(argv[2]);
  if (!strcmp(what, "flood") && argc == 4) denied = argv[2], flood(atol(argv[3]));
  if (!strcmp(what, "storm") && argc == 5) denied = argv[2], granted = argv[3], lifetime = (unsigned)atol(argv[4]), storm();
  untried("what?");
}
