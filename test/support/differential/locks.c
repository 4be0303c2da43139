// SPDX-License-Identifier: Apache-2.0
// What a descriptor is good for: positions, locks, leases, execution, and what is watched.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "differential.h"

void locks(void) {
  begin();
  // The lowest free number, and the flag that is this descriptor's alone.
  int first = open("/dev/null", O_RDONLY);
  close(first);
  int fd = open("file", O_RDWR);
  printf("the lowest number %s\n", fd == first ? "yes" : "no");
  int other = open("file", O_RDWR);
  lseek(fd, 3, SEEK_SET);
  printf("positions of two opens %ld\n", (long)lseek(other, 0, SEEK_CUR));
  int append = open("file", O_WRONLY | O_APPEND), second = open("file", O_WRONLY | O_APPEND);
  for (int i = 0; i < 3; i++) printf("append %ld %ld\n", (long)write(append, "a", 1), (long)write(second, "b", 1));
  char text[64] = "";
  pread(fd, text, sizeof text - 1, 0);
  printf("appended %s\n", shown(text));
  // Record locks are the process's, those of flock(2) the open file's.
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
  printf("F_SETLK %s\n", name_of(fcntl(fd, F_SETLK, &lock)));
  pid_t parent = getpid(), pid = split();
  if (pid == 0) {
    int mine = open("file", O_RDWR);
    struct flock ask = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    printf("a child's F_SETLK %s", name_of(fcntl(mine, F_SETLK, &ask) ? -errno : 0));
    ask = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    fcntl(mine, F_GETLK, &ask);
    printf(" held by %s\n", ask.l_pid == parent ? "the parent" : ask.l_type == F_UNLCK ? "nobody" : "someone else");
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  close(other);  // closing any descriptor of the file drops the process's locks
  pid = split();
  if (pid == 0) {
    int mine = open("file", O_RDWR);
    printf("after a close F_SETLK %s\n", name_of(fcntl(mine, F_SETLK, &lock) ? -errno : 0));
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  // Nobody else may still hold the open file when the call has returned.
  int busy = 0, leased = 0, refused = 0;
  for (int i = 0; i < 300; i++) {
    int one = open("empty", O_RDONLY);
    if (flock(one, LOCK_EX)) refused++;
    close(one);
    int two = open("empty", O_RDONLY);
    if (flock(two, LOCK_EX | LOCK_NB)) busy++;
    close(two);
    int three = open("empty", O_RDONLY);
    if (fcntl(three, F_SETLEASE, F_WRLCK)) leased++;
    else fcntl(three, F_SETLEASE, F_UNLCK);
    close(three);
  }
  printf("locks refused %d busy %d, leases refused %d\n", refused, busy, leased);
  int executed = 0;
  for (int i = 0; i < 60; i++) {
    int script = open("program", O_WRONLY | O_TRUNC);
    write(script, "#!/bin/true\n", 12);
    close(script);
    pid = vfork();
    if (pid == 0) {
      execl("./program", "program", NULL);
      _exit(errno == ETXTBSY ? 26 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    executed += WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  printf("a program that has just been written ran %d times of 60\n", executed);
  // Close-on-exec is what the call asked for.
  int kept = open("file", O_RDONLY), closed = open("file", O_RDONLY | O_CLOEXEC);
  char command[128];
  snprintf(command, sizeof command, "test -e /proc/self/fd/%d && echo kept; test -e /proc/self/fd/%d || echo closed", kept, closed);
  fflush(stdout);
  if (system(command)) puts("system failed");
  struct statfs fs;
  printf("fstatfs %s\n", name_of(fstatfs(kept, &fs)));
  // Owner of signals, and what is watched.
  printf("F_GETOWN %d F_GETSIG %d\n", fcntl(kept, F_GETOWN), fcntl(kept, F_GETSIG));
  int watch = inotify_init1(IN_NONBLOCK);
  printf("watch %s", name_of(RAW(inotify_add_watch, watch, ".", IN_ALL_EVENTS, 0, 0)));
  printf(" same again %s", name_of(RAW(inotify_add_watch, watch, "self", IN_ALL_EVENTS, 0, 0)));
  printf(" another %s", name_of(RAW(inotify_add_watch, watch, "dir", IN_ALL_EVENTS, 0, 0)));
  printf(" a link %s", name_of(RAW(inotify_add_watch, watch, "dirlink", IN_CREATE | IN_DONT_FOLLOW, 0, 0)));
  printf(" only directories %s", name_of(RAW(inotify_add_watch, watch, "file", IN_CREATE | IN_ONLYDIR, 0, 0)));
  printf(" nothing %s", name_of(RAW(inotify_add_watch, watch, "file", 0, 0, 0)));
  printf(" create only %s", name_of(RAW(inotify_add_watch, watch, "dir", IN_CREATE | IN_MASK_CREATE, 0, 0)));
  printf(" private %s", name_of(RAW(inotify_add_watch, watch, "private", IN_OPEN, 0, 0)));
  printf(" missing %s", name_of(RAW(inotify_add_watch, watch, "missing", IN_OPEN, 0, 0)));
  printf(" not a watch %s", name_of(RAW(inotify_add_watch, kept, "dir", IN_OPEN, 0, 0)));
  printf(" no descriptor %s\n", name_of(RAW(inotify_add_watch, 999, "dir", IN_OPEN, 0, 0)));
  char events[16384];
  while (read(watch, events, sizeof events) > 0) {}
  struct stat st;
  int made = open("dir/event", O_CREAT | O_RDWR, 0644);
  write(made, "x", 1);
  close(made);
  stat("dir/event", &st);
  close(open("dir/event", O_RDONLY));
  chmod("dir/event", 0600);
  truncate("dir/event", 0);
  mkdir("dir/event-dir", 0755);
  rename("dir/event", "dir/event-moved");
  link("dir/event-moved", "dir/event-link");
  readlink("link", text, sizeof text);
  access("dir/inner", R_OK);
  setxattr("dir/event-moved", "user.x", "v", 1, 0);
  utimensat(AT_FDCWD, "dir/event-moved", NULL, 0);
  unlink("dir/event-moved");
  rmdir("dir/event-dir");
  ssize_t size = read(watch, events, sizeof events);
  for (char *at = events; size > 0 && at < events + size;) {
    struct inotify_event *event = (struct inotify_event *)at;
    printf("event %x %s\n", event->mask, event->len ? event->name : "");
    at += sizeof *event + event->len;
  }
  fixture();
}
