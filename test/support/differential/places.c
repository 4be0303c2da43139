// SPDX-License-Identifier: Apache-2.0
// Masks, places that threads and processes share or do not, and limits.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "differential.h"

static void *other_thread(void *unused) {
  (void)unused;
  unshare(CLONE_FS);
  umask(0);
  chdir("dir");
  printf("a thread with a place of its own:"), describe_fd(RAW(openat, AT_FDCWD, "made", O_CREAT | O_WRONLY, 0777, 0));
  printf(" mkdir %s", name_of(RAW(mkdir, "made-directory", 0777, 0, 0, 0)));
  putchar('\n');
  return NULL;
}

static int shares_place(void *unused) {
  (void)unused;
  chdir("dir");
  umask(0707);
  return 0;
}

void places(void) {
  begin();
  static const mode_t masks[] = {0, 022, 077, 0777, 0111};
  for (size_t i = 0; i < COUNT(masks); i++) {
    umask(masks[i]);
    printf("umask %o", masks[i]), describe_fd(RAW(openat, AT_FDCWD, "new", O_CREAT | O_RDWR, 07777, 0));
    printf(" mkdir %s fifo %s", name_of(RAW(mkdir, "new-dir", 07777, 0, 0, 0)), name_of(RAW(mknod, "new-fifo", S_IFIFO | 0777, 0, 0, 0)));
    printf(" in sgid"), describe_fd(RAW(openat, AT_FDCWD, "sgid/new", O_CREAT | O_RDWR, 02777, 0));
    printf(" mkdir %s", name_of(RAW(mkdir, "sgid/new-dir", 0777, 0, 0, 0)));
    int unnamed = (int)RAW(openat, AT_FDCWD, ".", O_TMPFILE | O_RDWR, 0777, 0);
    struct stat st = {0};
    fstat(unnamed, &st);
    printf(" unnamed %o, umask is still %o\n", st.st_mode, umask(masks[i]));
    close(unnamed);
    umask(022);
    changes();
  }
  pthread_t thread;
  pthread_create(&thread, NULL, other_thread, NULL);
  pthread_join(thread, NULL);
  printf("the first thread:"), describe_fd(RAW(openat, AT_FDCWD, "made", O_CREAT | O_WRONLY, 0777, 0));
  putchar('\n');
  changes();
  static char stack[65536];
  pid_t pid = clone(shares_place, stack + sizeof stack, CLONE_FS | CLONE_VM | SIGCHLD, NULL);
  waitpid(pid, NULL, 0);
  printf("a place that is shared with another process:"), describe_fd(RAW(openat, AT_FDCWD, "by-both", O_CREAT | O_WRONLY, 0777, 0));
  putchar('\n');
  chdir(base);
  umask(022);
  changes();
  // Descriptors that are shared with another process.
  int fd = -1;
  fflush(stdout);
  pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) {
    fd = open("file", O_RDONLY);
    dup2(fd, 77);
    close(fd);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  printf("a descriptor of a shared table %s\n", name_of(fcntl(77, F_GETFD)));
  close(77);
  struct rlimit limit = {20, 1024}, before;
  getrlimit(RLIMIT_NOFILE, &before);
  limit.rlim_max = before.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int opened = 0;
  long last;
  while ((last = RAW(openat, AT_FDCWD, "file", O_RDONLY, 0, 0)) >= 0) opened++;
  printf("a full table: %s\n", name_of(last));
  printf("a full table, created all the same: %s", name_of(RAW(openat, AT_FDCWD, "created", O_CREAT | O_RDWR, 0644, 0)));
  for (int i = 3; i < 20; i++) close(i);
  setrlimit(RLIMIT_NOFILE, &before);
  putchar('\n');
  unlink("created");
  changes();
  limit = (struct rlimit){1 << 16, 1 << 16};
  getrlimit(RLIMIT_FSIZE, &before);
  limit.rlim_max = before.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  report("truncate beyond the limit", "file", RAW(truncate, "file", 1 << 20, 0, 0, 0));
  setrlimit(RLIMIT_FSIZE, &before);
}
