// SPDX-License-Identifier: Apache-2.0
// What programs do with processes, threads and signals while their calls are put to handlers: processes WHAT, in an empty directory. Each
// says what came of it in one line that is the same with and without handlers.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static volatile sig_atomic_t came;
static void note(int number) { came += number != 0; }

static void handle(int number, int flags) {
  struct sigaction action = {.sa_handler = note, .sa_flags = flags};
  sigaction(number, &action, NULL);
}

// Every call has a visible effect once: what it reports is what is there, whatever signals come between.
static int storm_worker(int flags) {
  int wrong = 0, made = 0, interrupted = 0, written = 0;
  struct stat st;
  char name[32], other[32];
  handle(SIGUSR1, flags);
  int log = open("log", O_CREAT | O_WRONLY | O_APPEND, 0644);
  if (log < 0) return 1;
  kill(getppid(), SIGUSR2);
  for (int i = 0; i < 250; i++) {
    snprintf(name, sizeof name, "d%d", i), snprintf(other, sizeof other, "r%d", i);
    while (mkdir(name, 0755)) {
      if (errno != EINTR || ++interrupted < 0 || flags) wrong++;
      if (errno != EINTR) break;
    }
    made++;
    while (rename(name, other))
      if (errno != EINTR || flags) {
        wrong++;
        break;
      }
    if (syscall(SYS_stat, name, &st) == 0 || (syscall(SYS_stat, other, &st) && errno != EINTR)) wrong++;
    int fd;
    while ((fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644)) < 0)
      if (errno != EINTR || flags) {
        wrong++;
        break;
      }
    close(fd);
    ssize_t size;
    while ((size = write(log, "x", 1)) < 0 && errno == EINTR) {}
    written += size == 1;
  }
  while (fstat(log, &st) && errno == EINTR) {}
  if (st.st_size != written || made != 250) wrong++;
  return wrong ? 1 + (wrong > 100 ? 100 : wrong) : 0;
}

static int storm(int flags) {
  sigset_t ready;
  int status = -1, sent = 0;
  sigemptyset(&ready);
  sigaddset(&ready, SIGUSR2);
  sigprocmask(SIG_BLOCK, &ready, NULL);
  pid_t pid = fork();
  if (pid == 0) _exit(storm_worker(flags));
  sigwaitinfo(&ready, NULL);
  while (sent < 10000 || waitpid(pid, &status, WNOHANG) == 0) {
    kill(pid, SIGUSR1);
    if (++sent > 10000) usleep(500);
    else if (sent % 50 == 0) usleep(1000);
    if (sent == 10000 && waitpid(pid, &status, WNOHANG)) break;
  }
  return printf("carried out once each: %s\n", WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "yes" : "no");
}

static void stopped_and_continued(void) {
  for (int kind = 0; kind < 3; kind++) {
    pid_t pid = fork();
    if (pid == 0) {
      double start = now();
      struct timespec time = {0, 300000000};
      long result = kind == 0 ? nanosleep(&time, NULL) : kind == 1 ? poll(NULL, 0, 300) : clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
      double took = now() - start;
      _exit(result == 0 && took >= 0.299 && took < 20 ? 0 : 1);
    }
    for (int i = 0; i < 5; i++) {
      usleep(20000);
      kill(pid, SIGSTOP);
      usleep(20000);
      kill(pid, SIGCONT);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("%s slept on: %s\n", kind == 0 ? "nanosleep" : kind == 1 ? "poll" : "clock_nanosleep", status == 0 ? "yes" : "no");
  }
}

static void children(void) {
  int status, good = 0;
  pid_t pid = vfork();
  if (pid == 0) {
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  waitpid(pid, &status, 0);
  good += status == 0;
  char *const argv[] = {"true", NULL};
  if (!posix_spawnp(&pid, "true", NULL, NULL, argv, environ)) waitpid(pid, &status, 0), good += status == 0;
  good += system("test -d .") == 0;
  FILE *pipe = popen("echo through a pipe", "r");
  char line[64] = "";
  good += fgets(line, sizeof line, pipe) && !strcmp(line, "through a pipe\n");
  pclose(pipe);
  printf("vfork, posix_spawn, system, popen: %d of 4\n", good);
}

static void fork_storm(void) {
  int good = 0, started = 0;
  for (int i = 0; i < 500; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      struct stat st;
      char name[32];
      snprintf(name, sizeof name, "f%d", i);
      int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
      _exit(fd >= 0 && !syscall(SYS_stat, name, &st) && !unlink(name) ? 0 : 1);
    }
    started += pid > 0;
    int status;
    while (started > 50 && wait(&status) > 0) started--, good += status == 0;
  }
  for (int status; wait(&status) > 0;) good += status == 0;
  printf("500 children: %d\n", good);
}

static void *executes(void *unused) {
  (void)unused;
  execl("/bin/echo", "echo", "executed by a thread that is not the first", NULL);
  return NULL;
}

static void *works(void *argument) {
  char name[32], text[32] = "", expected[32];
  long wrong = 0, id = (long)argument;
  snprintf(name, sizeof name, "t%ld", id);
  for (int i = 0; i < 5; i++) {
    snprintf(expected, sizeof expected, "%ld %d", id, i);
    int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0600);
    if (write(fd, expected, strlen(expected) + 1) < 0 || pread(fd, text, sizeof text, 0) < 0 || strcmp(text, expected)) wrong++;
    close(fd);
    struct stat st;
    if (syscall(SYS_stat, name, &st) || st.st_size != (off_t)strlen(expected) + 1) wrong++;
  }
  if (unlink(name)) wrong++;
  return (void *)wrong;
}

static void threads(void) {
  pthread_t all[200];
  long wrong = 0, started = 0;
  for (long i = 0; i < 200; i++) started += !pthread_create(&all[started], NULL, works, (void *)i);
  for (long i = 0; i < started; i++) {
    void *one;
    pthread_join(all[i], &one);
    wrong += (long)one;
  }
  printf("%ld threads, %ld wrong\n", started, wrong);
}

static int touches(void *path) { return close(open(path, O_CREAT | O_WRONLY, 0600)) ? 1 : 0; }

static void clones(void) {
  static char stack[4][65536];
  struct stat st;
  int status, good = 0;
  pid_t pid = clone(touches, stack[0] + sizeof stack[0], CLONE_VM | SIGCHLD, "by-vm");
  good += waitpid(pid, &status, 0) == pid && status == 0;
  pid = clone(touches, stack[1] + sizeof stack[1], CLONE_UNTRACED | SIGCHLD, "by-untraced");
  good += waitpid(pid, &status, 0) == pid && status == 0;
  pid = clone(touches, stack[2] + sizeof stack[2], CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VM | SIGCHLD, "by-all");
  good += waitpid(pid, &status, 0) == pid && status == 0;
  // A sibling in place of a child: not ours to wait for.
  pid_t middle = fork();
  if (middle == 0) {
    pid_t sibling = clone(touches, stack[3] + sizeof stack[3], CLONE_PARENT | SIGCHLD, "by-parent");
    _exit(sibling > 0 && waitpid(sibling, &status, 0) < 0 && errno == ECHILD ? 0 : 1);
  }
  int ended = 0;
  for (int i = 0; i < 2; i++) ended += wait(&status) > 0 && status == 0;
  good += ended == 2;
  good += !stat("by-vm", &st) && !stat("by-untraced", &st) && !stat("by-all", &st) && !stat("by-parent", &st);
  printf("odd clones: %d of 5, clone3 %s\n", good, syscall(435, NULL, 0) < 0 && errno == ENOSYS ? "is not there" : "works");
}

static void daemons(void) {
  pid_t pid = fork();
  if (pid == 0) {
    setsid();
    if (fork()) _exit(0);
    umask(0);
    usleep(50000);
    int fd = open("daemon.tmp", O_CREAT | O_EXCL | O_WRONLY, 0666);
    dprintf(fd, "%s %s", getppid() == 1 ? "orphan" : "child", getsid(0) != getpid() ? "in a session that it does not lead" : "leader");
    close(fd);
    rename("daemon.tmp", "daemon");
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  char text[128] = "";
  for (int i = 0; i < 200; i++) {
    int fd = open("daemon", O_RDONLY);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0) break;
    usleep(20000);
  }
  printf("a daemon: %s\n", text);
}

static void parent_dies(void) {
  int ends[2];
  char byte = '-';
  if (pipe(ends)) return;
  pid_t pid = fork();
  if (pid == 0) {
    if (fork() == 0) {
      handle(SIGUSR1, 0);
      prctl(PR_SET_PDEATHSIG, SIGUSR1);
      if (write(ends[1], "r", 1) < 0) _exit(1);
      struct stat st;
      for (int i = 0; i < 500 && !came; i++) usleep(10000), (void)syscall(SYS_stat, ".", &st);
      if (write(ends[1], came ? "s" : "n", 1) < 0) _exit(1);
      _exit(0);
    }
    if (read(ends[0], &byte, 1) < 0) _exit(1);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  if (read(ends[0], &byte, 1) != 1) byte = '?';
  printf("the parent's death is %s\n", byte == 's' ? "told" : "not told");
}

// A handler for this signal exists and the call is put to a handler that takes its time: it is answered, then the signal comes.
static void signalled(void) {
  handle(SIGALRM, 0);
  struct stat st;
  long interrupted = 0, good = 0;
  for (int i = 0; i < 50; i++) {
    came = 0;
    ualarm(1000, 0);
    double start = now();
    while (!came && now() - start < 5) {
      if (!syscall(SYS_stat, ".", &st)) good++;
      else interrupted += errno != EINTR;
    }
  }
  printf("signals between calls: %s, %ld strange errors\n", good ? "calls go on" : "no call succeeded", interrupted);
}

// Of a shell: says when it has begun, which is when the terminal is its own, and whenever it goes on after a stop.
static void goes_on(int number) {
  (void)number;
  if (write(1, "on\n", 3) < 0) _exit(1);
}

static void job(void) {
  struct sigaction action = {.sa_handler = goes_on};
  sigaction(SIGCONT, &action, NULL);
  if (write(1, "up\n", 3) < 0) _exit(1);
  for (;;) sleep(100);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "storm")) storm(0);
  else if (!strcmp(what, "storm-restart")) storm(SA_RESTART);
  else if (!strcmp(what, "stop")) stopped_and_continued();
  else if (!strcmp(what, "children")) children();
  else if (!strcmp(what, "forks")) fork_storm();
  else if (!strcmp(what, "threads")) threads();
  else if (!strcmp(what, "clones")) clones();
  else if (!strcmp(what, "daemon")) daemons();
  else if (!strcmp(what, "pdeathsig")) parent_dies();
  else if (!strcmp(what, "signals")) signalled();
  else if (!strcmp(what, "job")) job();
  else if (!strcmp(what, "exec")) {
    pthread_t thread;
    fflush(stdout);
    pthread_create(&thread, NULL, executes, NULL);
    pthread_join(thread, NULL);
  }
  return 0;
}
