// SPDX-License-Identifier: Apache-2.0
// The tree that the calls are made in, what has become of it, and the paths that lead through it.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "differential.h"

char base[PATH_MAX], longest[256], too_long[257], fits[PATH_MAX], over[PATH_MAX + 8], absolute[PATH_MAX + 16];

void put(const char *path, const char *content, mode_t mode) {
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t)strlen(content)) printf("no %s: %s\n", path, strerror(errno)), exit(3);
  close(fd);
  chmod(path, mode);
}

static void scrub(int directory) {
  DIR *entries = fdopendir(directory);
  struct dirent *entry;
  while ((entry = readdir(entries))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (!unlinkat(dirfd(entries), entry->d_name, 0)) continue;
    fchmodat(dirfd(entries), entry->d_name, 0700, 0);
    int inner = openat(dirfd(entries), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (inner >= 0) scrub(inner);
    unlinkat(dirfd(entries), entry->d_name, AT_REMOVEDIR);
  }
  closedir(entries);
}

void fixture(void) {
  char name[32], before[32];
  chmod(base, 0755);
  if (chdir(base)) exit(3);
  umask(022);
  scrub(open(".", O_RDONLY | O_DIRECTORY));
  umask(0);
  put("file", "content\n", 0644);
  put("empty", "", 0600);
  put("private", "secret\n", 0);
  put("readonly", "fixed\n", 0444);
  put("program", "#!/bin/sh\n", 0755);
  put("caf\xe9", "not UTF-8\n", 0644);
  put(longest, "long\n", 0644);
  mkdir("dir", 0755);
  put("dir/inner", "inner\n", 0644);
  mkdir("dir/sub", 0755);
  mkdir("bare", 0755);
  mkdir("closed", 0755);
  put("closed/x", "x", 0644);
  chmod("closed", 0600);
  mkdir("locked", 0555);
  mkdir("sgid", 02775);
  mkdir("sticky", 01777);
  symlink("file", "link");
  symlink("dir", "dirlink");
  symlink("dir/", "slashlink");
  symlink("file/", "fileslash");
  symlink("missing", "dangling");
  symlink("nowhere/x", "lost");
  symlink("loop", "loop");
  symlink("pong", "ping");
  symlink("ping", "pong");
  symlink(".", "self");
  symlink("..", "up");
  symlink("dir/../link", "winding");
  symlink(absolute, "absolute");
  symlink("file", "l0");
  for (int i = 1; i <= 40; i++) {
    snprintf(name, sizeof name, "l%d", i);
    snprintf(before, sizeof before, "l%d", i - 1);
    symlink(before, name);
  }
  mkfifo("fifo", 0644);
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(fd, (struct sockaddr *)&address, sizeof address);
  close(fd);
  umask(022);
}

static const char *const tree[] = {"file", "empty", "private", "readonly", "program", "dir", "dir/inner", "dir/sub", "bare", "sgid", "sticky", "locked", "fifo", "socket", "link",
                                   "dirlink", "dangling", "missing", "loop", ".", "..", "/", "/dev/null", "/proc", "/tmp"};

const char *identity(dev_t device, ino_t inode) {
  struct stat st;
  for (size_t i = 0; i < COUNT(tree); i++) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", tree[i][0] == '/' ? "" : base, tree[i][0] == '/' ? "" : "/", tree[i]);
    if (!lstat(path, &st) && st.st_dev == device && st.st_ino == inode) return tree[i];
  }
  return "something else";
}

// Everything in the tree that matters, for comparing before with after.
static size_t listing(int directory, const char *prefix, char *out, size_t room) {
  struct dirent **entries = NULL;
  int count = scandirat(directory, ".", &entries, NULL, alphasort);
  size_t used = 0;
  for (int i = 0; i < count; i++) {
    struct stat st;
    char link[128] = "", path[512];
    const char *name = entries[i]->d_name;
    if (!strcmp(name, ".") || !strcmp(name, "..") || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW)) continue;
    if (S_ISLNK(st.st_mode)) readlinkat(directory, name, link, sizeof link - 1);
    snprintf(path, sizeof path, "%s%s", prefix, name);
    used += (size_t)snprintf(out + used, room - used, "%s %s %o %ld x%lu %u:%u %s\n", shown(path), kind(st.st_mode), st.st_mode & 07777, S_ISDIR(st.st_mode) ? 0L : (long)st.st_size,
                             (unsigned long)st.st_nlink, st.st_uid, st.st_gid, shown(link));
    if (S_ISDIR(st.st_mode)) {
      int inner = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      snprintf(path, sizeof path, "%s%s/", prefix, name);
      if (inner >= 0) used += listing(inner, path, out + used, room - used), close(inner);
    }
    free(entries[i]);
  }
  free(entries);
  return used;
}

static char pristine[32768];

static void read_tree(char *out, size_t room) {
  int fd = open(base, O_RDONLY | O_DIRECTORY);
  out[0] = 0;
  listing(fd, "", out, room);
  close(fd);
}

void begin(void) {
  fixture();
  read_tree(pristine, sizeof pristine);
}

void changes(void) {
  static char now[32768];
  char *a = pristine, *b = now;
  read_tree(now, sizeof now);
  if (!strcmp(now, pristine)) return;
  for (int side = 0; side < 2; side++) {
    char copy[32768], *state, *line;
    strcpy(copy, side ? b : a);
    for (line = strtok_r(copy, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
      char whole[600];
      snprintf(whole, sizeof whole, "\n%s\n", line);
      const char *other = side ? a : b;
      if (!strncmp(other, whole + 1, strlen(whole) - 1) || strstr(other, whole)) continue;
      printf("    %c %s\n", side ? '+' : '-', line);
    }
  }
  fixture();
}

void report(const char *call, const char *path, long result) {
  printf("%s %s %s\n", call, shown(path), name_of(result));
  changes();
}

// Chains of links: 19 and 41. Up to 40 are followed, but where a walk without locks is begun again the kernel goes on counting, so
// that a busy directory gives ELOOP for any chain of more than 20 now and then.
const char *const paths[] = {
    "file", "empty", "private", "readonly", "dir", "bare", "closed", "closed/x", "closed/missing", "closed/..", "closed/.", "locked", "locked/new", "sgid", "sgid/new", "link", "dirlink", "slashlink", "fileslash",
    "dangling", "lost", "loop", "ping", "self", "up", "winding", "absolute", "l18", "l40", "fifo", "socket", "caf\xe9", "caf\xe8", longest, too_long, "missing",
    "missing/deeper", "file/", "dir/", "link/", "dirlink/", "dangling/", "missing/", "loop/", "", ".", "..", "/", "//", "/..", "/../..", "./", "../", "dir/.", "dir/..", "dir/../file",
    "dir//inner", "./file", "file/.", "file/..", "file/inner", "dirlink/inner", "dirlink/..", "dirlink/new", "dir/inner/", "up/.", "self/self/file", "self/./dir/../link", fits, over, absolute,
    "/proc/self", "/proc/self/", "/proc/self/cwd", "/proc/self/cwd/file", "/proc/self/root", "/proc/self/exe", "/proc/self/fd/0", "/proc/self/fd/999", "/proc/thread-self",
    "/proc/self/cwd/link", "/proc/self/root/", "/dev/null", "/dev/null/", "/dev/fd/0", "/proc/self/fd/50", "/proc/self/fd/51", "/proc/self/fd/52", "/proc/self/fd/53", "/proc/self/fd/51/inner", "/proc/1/comm", "/proc/1"};
const size_t path_count = COUNT(paths);

void stand_ins(void) {
  int pipes[2], fd;
  pipe(pipes);
  dup2(pipes[0], 52);
  fd = open("file", O_RDWR);
  dup2(fd, 50), close(fd);
  fd = open("dir", O_RDONLY | O_DIRECTORY);
  dup2(fd, 51), close(fd);
  fd = open("gone", O_RDWR | O_CREAT, 0644);
  unlink("gone");
  dup2(fd, 53), close(fd);
}
