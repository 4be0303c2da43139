// SPDX-License-Identifier: Apache-2.0
// What a descriptor or a stat(2) is of, in words that two runs can share.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "differential.h"

// A descriptor that init makes is never an O_PATH one, and may say O_NOFOLLOW where the call did not (docs/interception.md): of these, what
// can be the same.
void describe_place(long fd) {
  struct stat st;
  bool stand_in = fd >= 0 && !fstat((int)fd, &st) && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
  if (fd == -EOPNOTSUPP || (fd >= 0 && !stand_in)) printf(" neither file nor directory");
  else if (fd >= 0 && !(st.st_mode & 0400)) printf(" EACCES");
  else if (fd < 0) printf(" %s", name_of(fd));
  else printf(" ok %s %o flags %x is %s", kind(st.st_mode), st.st_mode & 07777, (unsigned)fcntl((int)fd, F_GETFD), identity(st.st_dev, st.st_ino));
  if (fd >= 0) close((int)fd);
}

void describe_fd(long fd) {
  struct stat st;
  char link[PATH_MAX] = "", self[64];
  if (fd < 0) {
    printf(" %s", name_of(fd));
    return;
  }
  if (fstat((int)fd, &st)) printf(" fstat %s", name_of(-errno));
  snprintf(self, sizeof self, "/proc/self/fd/%ld", fd);
  if (readlink(self, link, sizeof link - 1) < 0) link[0] = 0;
  if (!strncmp(link, "/proc/", 6) || strchr(link, '[') || strchr(link, '#')) link[0] = 0;  // numbers
  printf(" ok %s %o size %ld flags %x/%x at %ld is %s", kind(st.st_mode), st.st_mode & 07777, S_ISREG(st.st_mode) ? (long)st.st_size : 0L, (unsigned)(fcntl((int)fd, F_GETFL) & ~O_NOFOLLOW),
         (unsigned)fcntl((int)fd, F_GETFD), S_ISREG(st.st_mode) ? (long)lseek((int)fd, 0, SEEK_CUR) : 0L, shown(link));
  close((int)fd);
}

void show_stat(const struct stat *st) {
  printf(" %s %o x%lu %u:%u size %ld rdev %lx is %s", kind(st->st_mode), st->st_mode & 07777, S_ISDIR(st->st_mode) ? 0 : (unsigned long)st->st_nlink, st->st_uid, st->st_gid,
         S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode) ? 0L : (long)st->st_size, (unsigned long)st->st_rdev, identity(st->st_dev, st->st_ino));
}
