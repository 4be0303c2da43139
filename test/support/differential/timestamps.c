// SPDX-License-Identifier: Apache-2.0
// Calls that set the times of a file.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "differential.h"

static const char *stamp(const char *path, int flags) {
  static char text[96];
  struct stat st;
  if (fstatat(AT_FDCWD, path, &st, flags)) return "gone";
  bool now = llabs((long long)(time(NULL) - st.st_atime)) < 600, then = llabs((long long)(time(NULL) - st.st_mtime)) < 600;
  snprintf(text, sizeof text, "%ld.%ld %ld.%ld", now ? -1 : (long)st.st_atime, now ? 0 : st.st_atim.tv_nsec, then ? -1 : (long)st.st_mtime, then ? 0 : st.st_mtim.tv_nsec);
  return text;
}

static void report_times(const char *call, const char *path, long result) { printf("%s %s %s: %s, link %s\n", call, shown(path), name_of(result), stamp(path, 0), stamp(path, AT_SYMLINK_NOFOLLOW)); }

void timestamps(void) {
  begin();
  stand_ins();
  for (size_t i = 0; i < path_count; i++) {
    const char *path = paths[i];
    if (path[0] == '/' && strncmp(path, base, strlen(base))) continue;
    struct utimbuf two = {1000, 2000};
    struct timeval values[2] = {{3000, 4}, {5000, 6}}, wrong[2] = {{1, 1000000}, {1, 0}};
    struct timespec exact[2] = {{7000, 8}, {9000, 10}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}}, omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, bad[2] = {{0, 1000000000}, {0, 0}};
    report_times("utime", path, RAW(utime, path, &two, 0, 0, 0));
    report_times("utimes", path, RAW(utimes, path, values, 0, 0, 0));
    report_times("utimes wrong", path, RAW(utimes, path, wrong, 0, 0, 0));
    report_times("futimesat", path, RAW(futimesat, AT_FDCWD, path, values, 0, 0));
    report_times("utimensat", path, RAW(utimensat, AT_FDCWD, path, exact, 0, 0));
    report_times("utimensat NOFOLLOW", path, RAW(utimensat, AT_FDCWD, path, exact, AT_SYMLINK_NOFOLLOW, 0));
    report_times("utimensat EMPTY", path, RAW(utimensat, AT_FDCWD, path, exact, AT_EMPTY_PATH, 0));
    report_times("utimensat now", path, RAW(utimensat, AT_FDCWD, path, now, 0, 0));
    report_times("utimensat omit", path, RAW(utimensat, AT_FDCWD, path, omit, 0, 0));
    report_times("utimensat bad", path, RAW(utimensat, AT_FDCWD, path, bad, 0, 0));
    report_times("utimensat flags", path, RAW(utimensat, AT_FDCWD, path, exact, 0x4, 0));
    report_times("utime now", path, RAW(utime, path, NULL, 0, 0, 0));
    report_times("utimes now", path, RAW(utimes, path, NULL, 0, 0, 0));
  }
  struct timespec exact[2] = {{7000, 8}, {9000, 10}};
  struct timeval values[2] = {{3000, 4}, {5000, 6}};
  int fd = open("file", O_RDONLY), path_fd = open("file", O_PATH);
  report_times("utimensat by descriptor", "file", RAW(utimensat, fd, NULL, exact, 0, 0));
  report_times("utimensat by O_PATH descriptor, empty", "file", RAW(utimensat, path_fd, "", exact, AT_EMPTY_PATH, 0));
  report_times("utimensat by descriptor, flags", "file", RAW(utimensat, fd, NULL, exact, AT_SYMLINK_NOFOLLOW, 0));
  report_times("utimensat by no descriptor", "file", RAW(utimensat, 999, NULL, exact, 0, 0));
  report_times("utimensat by AT_FDCWD and nothing", "file", RAW(utimensat, AT_FDCWD, NULL, exact, 0, 0));
  report_times("utimensat omit by no descriptor", "file", RAW(utimensat, 999, NULL, ((struct timespec[]){{0, UTIME_OMIT}, {0, UTIME_OMIT}}), 0, 0));
  report_times("futimesat by descriptor", "file", RAW(futimesat, fd, NULL, values, 0, 0));
  close(fd), close(path_fd);
}
