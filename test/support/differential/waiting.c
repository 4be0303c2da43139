// SPDX-License-Identifier: Apache-2.0
// Calls that wait: for the other end of a FIFO, for a lease, for a place in a queue; and what takes them back.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "differential.h"

static volatile sig_atomic_t rang;
static void ring(int number) { rang += number == SIGALRM; }
static void *opens_other_end(void *path) {
  usleep(100000);
  int fd = open(path, O_WRONLY);
  write(fd, "through", 7);
  close(fd);
  return NULL;
}

void waiting(void) {
  begin();
  pthread_t thread;
  char text[16] = "";
  pthread_create(&thread, NULL, opens_other_end, "fifo");
  int fd = open("fifo", O_RDONLY);
  printf("a fifo's ends meet: %ld %s", (long)read(fd, text, sizeof text), text);
  printf(", then %ld\n", (long)read(fd, text, sizeof text));
  pthread_join(thread, NULL);
  close(fd);
  printf("a fifo to write without a reader %s\n", name_of(RAW(openat, AT_FDCWD, "fifo", O_WRONLY | O_NONBLOCK, 0, 0)));
  fd = (int)RAW(openat, AT_FDCWD, "fifo", O_RDWR, 0, 0);
  printf("a fifo for both %s flags %x\n", fd >= 0 ? "opens" : name_of(fd), (unsigned)fcntl(fd, F_GETFL));
  close(fd);
  // A signal takes the call back.
  struct sigaction action = {.sa_handler = ring};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval soon = {.it_value = {0, 50000}}, often = {.it_interval = {0, 30000}, .it_value = {0, 30000}}, never = {0};
  setitimer(ITIMER_REAL, &soon, NULL);
  printf("a signal while a fifo waits: %s", name_of(RAW(openat, AT_FDCWD, "fifo", O_RDONLY, 0, 0)));
  printf(", handled %d times\n", rang);
  // One that is ignored, or blocked, does not.
  signal(SIGALRM, SIG_IGN);
  setitimer(ITIMER_REAL, &soon, NULL);
  pthread_create(&thread, NULL, opens_other_end, "fifo");
  fd = (int)RAW(openat, AT_FDCWD, "fifo", O_RDONLY, 0, 0);
  printf("an ignored signal: %s\n", fd >= 0 ? "goes on" : name_of(fd));
  pthread_join(thread, NULL);
  close(fd);
  // And with SA_RESTART the call begins again, and ends when the other end comes.
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, NULL);
  rang = 0;
  sigset_t block;
  sigemptyset(&block);
  sigaddset(&block, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &block, NULL);
  pthread_create(&thread, NULL, opens_other_end, "fifo");  // has the signal blocked
  pthread_sigmask(SIG_UNBLOCK, &block, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  fd = (int)RAW(openat, AT_FDCWD, "fifo", O_RDONLY, 0, 0);
  setitimer(ITIMER_REAL, &never, NULL);
  printf("with SA_RESTART: %s, signals %s\n", fd >= 0 ? "goes on" : name_of(fd), rang ? "came" : "did not come");
  pthread_join(thread, NULL);
  close(fd);
  // A lease makes others wait until its holder gives it up.
  int holder = open("file", O_RDONLY);
  signal(SIGIO, SIG_IGN);
  printf("lease %s", name_of(fcntl(holder, F_SETLEASE, F_RDLCK) ? -errno : 0));
  printf(" to write without waiting %s\n", name_of(RAW(openat, AT_FDCWD, "file", O_WRONLY | O_NONBLOCK, 0, 0)));
  fflush(stdout);
  pid_t pid = split();
  if (pid == 0) {
    fd = (int)RAW(openat, AT_FDCWD, "file", O_WRONLY, 0, 0);
    printf("to write after waiting %s flags %x\n", fd >= 0 ? "opens" : name_of(fd), (unsigned)fcntl(fd, F_GETFL));
    fflush(stdout);
    _exit(0);
  }
  usleep(100000);
  struct stat st;
  printf("meanwhile others go on %s\n", name_of(RAW(stat, "file", &st, 0, 0, 0)));
  fcntl(holder, F_SETLEASE, F_UNLCK);
  waitpid(pid, NULL, 0);
  printf("lease again %s\n", name_of(fcntl(holder, F_SETLEASE, F_RDLCK) ? -errno : 0));
  pid = split();
  if (pid == 0) {
    long result = RAW(truncate, "file", 1, 0, 0, 0);
    printf("truncated after waiting %s\n", name_of(result));
    fflush(stdout);
    _exit(0);
  }
  usleep(100000);
  printf("meanwhile others go on %s\n", name_of(RAW(stat, "file", &st, 0, 0, 0)));
  fcntl(holder, F_SETLEASE, F_UNLCK);
  waitpid(pid, NULL, 0);
  close(holder);
  // Processes that are killed while they wait leave nothing behind that others would wait for.
  for (int i = 0; i < 300; i++) {
    pid = split();
    if (pid == 0) {
      open("fifo", O_RDONLY);
      _exit(0);
    }
    if (i % 50 == 49) usleep(5000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
  }
  pthread_create(&thread, NULL, opens_other_end, "fifo");
  fd = open("fifo", O_RDONLY);
  printf("after 300 that were killed: %s\n", fd >= 0 ? "goes on" : name_of(-errno));
  pthread_join(thread, NULL);
  // Connections wait too.
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "busy"};
  int server = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(server, (struct sockaddr *)&address, sizeof address);
  listen(server, 0);
  printf("connect %s", name_of(RAW(connect, first, &address, sizeof address, 0, 0)));
  action.sa_flags = 0;
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &soon, NULL);
  printf(" with a full queue, until a signal: %s\n", name_of(RAW(connect, second, &address, sizeof address, 0, 0)));
  close(server), close(first), close(second);
  struct timeval patience = {0, 100000};
  server = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
  strcpy(address.sun_path, "busy2");
  bind(server, (struct sockaddr *)&address, sizeof address);
  listen(server, 0);
  RAW(connect, first, &address, sizeof address, 0, 0);
  setsockopt(second, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  printf("with SO_SNDTIMEO: %s\n", name_of(RAW(connect, second, &address, sizeof address, 0, 0)));
  fixture();
}
