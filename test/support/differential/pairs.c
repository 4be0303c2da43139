// SPDX-License-Identifier: Apache-2.0
// Calls with two paths.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "differential.h"

void pairs(void) {
  static const char *const from[] = {"file", "dir", "bare", "link", "dirlink", "dangling", "fifo", "missing", "missing/x", "file/", "dir/", "link/", "dirlink/", ".", "/", "", "loop", "private",
                                     "closed/x", "dir/.", "locked", "/proc/self/fd/50", "/proc/self/fd/53", "/proc/self", "up", "readonly"};
  static const char *const to[] = {"new", "empty", "bare", "dir", "link", "dangling", "new/", "missing/new", "dir/new", "dir/inner", "dir/sub", "dir/sub/deeper", "bare/", ".", "/", "", "file", "file/new", "dirlink/new", "locked/new",
                                   "closed/new", "/dev/shm/rvisor-differential", "sgid/new", "dirlink/", "link/"};
  unsigned turn = 0;  // half of all there could be
  begin();
  stand_ins();
  for (size_t i = 0; i < COUNT(from); i += every)
    for (size_t j = 0; j < COUNT(to); j++) {
      char label[700];
      snprintf(label, sizeof label, "%s →", shown(from[i]));
#define TWO(text, call) ((turn++ % 2) ? (void)0 : (printf("%s %s ", text, label), report("", to[j], call)))
      if (i % 4 == 2) TWO("link", RAW(link, from[i], to[j], 0, 0, 0));
      static const int link_flags[] = {0, AT_SYMLINK_FOLLOW, 0x1};
      for (size_t f = 0; f < COUNT(link_flags); f++) TWO("linkat", RAW(linkat, AT_FDCWD, from[i], AT_FDCWD, to[j], link_flags[f]));
      if (i % 4 == 0) TWO("rename", RAW(rename, from[i], to[j], 0, 0, 0));
      if (i % 4 == 1) TWO("renameat", RAW(renameat, AT_FDCWD, from[i], AT_FDCWD, to[j], 0));
      static const int rename_flags[] = {0, 1, 2, 3, 8};  // none, NOREPLACE, EXCHANGE, both, unknown
      for (size_t f = 0; f < COUNT(rename_flags); f++) TWO("renameat2", RAW(renameat2, AT_FDCWD, from[i], AT_FDCWD, to[j], rename_flags[f]));
    }
  unlink("/dev/shm/rvisor-differential");
  // By descriptors.
  int dir = open("dir", O_PATH | O_DIRECTORY), file = open("file", O_RDONLY), path_fd = open("file", O_PATH), bare = open("bare", O_RDONLY | O_DIRECTORY);
  int unnamed = open(".", O_TMPFILE | O_RDWR, 0600), sealed = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
  char self[64];
#define NAMED(text, call) report(text, "", call)
  NAMED("linkat of a directory's file", RAW(linkat, dir, "inner", bare, "copy", 0));
  NAMED("linkat of a descriptor", RAW(linkat, file, "", AT_FDCWD, "copy", AT_EMPTY_PATH));
  NAMED("linkat of an O_PATH descriptor", RAW(linkat, path_fd, "", AT_FDCWD, "copy", AT_EMPTY_PATH));
  NAMED("linkat of an unnamed file", RAW(linkat, unnamed, "", AT_FDCWD, "copy", AT_EMPTY_PATH));
  unnamed = open(".", O_TMPFILE | O_RDWR, 0600);
  snprintf(self, sizeof self, "/proc/self/fd/%d", unnamed);
  NAMED("linkat of an unnamed file by /proc", RAW(linkat, AT_FDCWD, self, AT_FDCWD, "copy", AT_SYMLINK_FOLLOW));
  snprintf(self, sizeof self, "/proc/self/fd/%d", sealed);
  NAMED("linkat of a sealed unnamed file by /proc", RAW(linkat, AT_FDCWD, self, AT_FDCWD, "copy", AT_SYMLINK_FOLLOW));
  NAMED("linkat of a directory's descriptor", RAW(linkat, dir, "", AT_FDCWD, "copy", AT_EMPTY_PATH));
  NAMED("linkat to a file as directory", RAW(linkat, dir, "inner", file, "copy", 0));
  NAMED("renameat between descriptors", RAW(renameat, dir, "inner", bare, "moved", 0));
  begin();
  NAMED("renameat from a file as directory", RAW(renameat, file, "inner", AT_FDCWD, "moved", 0));
  NAMED("renameat from no descriptor", RAW(renameat, 999, "inner", AT_FDCWD, "moved", 0));
  NAMED("renameat to no descriptor", RAW(renameat, AT_FDCWD, "file", -1, "moved", 0));
  NAMED("renameat of absolute paths with no descriptors", RAW(renameat, 999, absolute, -7, absolute, 0));
}
