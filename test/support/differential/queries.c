// SPDX-License-Identifier: Apache-2.0
// Calls that ask about a path and change nothing.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "differential.h"

void queries(void) {
  begin();
  stand_ins();
  for (size_t i = 0; i < path_count; i++) {
    const char *path = paths[i];
    struct stat st;
    struct statx stx;
    struct statfs fs;
    char text[PATH_MAX + 16];
    long result;
    printf("stat %s %s", shown(path), name_of(result = RAW(stat, path, &st, 0, 0, 0)));
    if (!result) show_stat(&st);
    printf("\nlstat %s %s", shown(path), name_of(result = RAW(lstat, path, &st, 0, 0, 0)));
    if (!result) show_stat(&st);
    static const int flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, AT_SYMLINK_FOLLOW, AT_REMOVEDIR, 0x10000};
    for (size_t f = 0; f < COUNT(flags); f++) {
      printf("\nnewfstatat %x %s %s", flags[f], shown(path), name_of(result = RAW(newfstatat, AT_FDCWD, path, &st, flags[f], 0)));
      if (!result) show_stat(&st);
    }
    static const int statx_flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC, AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, AT_NO_AUTOMOUNT, 0x20, 0x8000};
    for (size_t f = 0; f < COUNT(statx_flags); f++) {
      printf("\nstatx %x %s %s", statx_flags[f], shown(path), name_of(result = RAW(statx, AT_FDCWD, path, statx_flags[f], STATX_BASIC_STATS, &stx)));
      if (!result) printf(" %o %lu %u mask %x", stx.stx_mode, S_ISDIR(stx.stx_mode) || S_ISLNK(stx.stx_mode) ? 0UL : (unsigned long)stx.stx_size, stx.stx_uid, stx.stx_mask & STATX_BASIC_STATS);
    }
    printf("\nstatx mask %s", name_of(RAW(statx, AT_FDCWD, path, 0, 0x80000000U, &stx)));
    for (int mode = 0; mode <= 8; mode++) printf("\naccess %d %s %s", mode, shown(path), name_of(RAW(access, path, mode, 0, 0, 0)));
    printf("\nfaccessat %s %s", shown(path), name_of(RAW(faccessat, AT_FDCWD, path, R_OK, 0x7fff, 0)));  // this call has no flags: what stands there does not count
    static const int access_flags[] = {0, AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW | AT_EACCESS, 0x10};
    for (size_t f = 0; f < COUNT(access_flags); f++)
      for (int mode = 0; mode <= 7; mode += 1) printf("\nfaccessat2 %x %d %s %s", access_flags[f], mode, shown(path), name_of(RAW(faccessat2, AT_FDCWD, path, mode, access_flags[f], 0)));
    static const long sizes[] = {0, -1, 1, 5, PATH_MAX};
    for (size_t s = 0; s < COUNT(sizes); s++) {
      memset(text, 0, sizeof text);
      result = RAW(readlink, path, text, sizes[s], 0, 0);
      bool pid = !strncmp(path, "/proc/", 6) && !strchr(text, '/');
      pid |= !strncmp(path, "/proc/thread-self", 17) || strchr(text, '[');
      printf("\nreadlink %ld %s %s %s", sizes[s], shown(path), pid && result > 0 ? "a pid" : name_of(result), pid ? "" : shown(text));
    }
    memset(text, 0, sizeof text);
    printf("\nreadlinkat %s %s", shown(path), RAW(readlinkat, AT_FDCWD, path, text, PATH_MAX, 0) > 0 ? "a text" : name_of(-errno));
    printf("\nstatfs %s %s", shown(path), name_of(result = RAW(statfs, path, &fs, 0, 0, 0)));
    if (!result) printf(" type %lx name %ld flags %lx", (unsigned long)fs.f_type, (long)fs.f_namelen, (unsigned long)fs.f_flags);
    putchar('\n');
  }
  char self[32], text[64] = "";
  snprintf(self, sizeof self, "%d", getpid());
  RAW(readlink, "/proc/self", text, sizeof text, 0, 0);
  printf("/proc/self is %s\n", strcmp(self, text) ? text : "this process");
}
