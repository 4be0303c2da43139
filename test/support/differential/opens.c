// SPDX-License-Identifier: Apache-2.0
// open(2), openat(2), creat(2), openat2(2).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "differential.h"

static const struct { const char *name; int flags; } flag_sets[] = {
    {"RDONLY", O_RDONLY}, {"WRONLY", O_WRONLY}, {"RDWR", O_RDWR}, {"ACCMODE", O_ACCMODE}, {"CREAT", O_CREAT | O_WRONLY}, {"CREAT|RDONLY", O_CREAT}, {"CREAT|EXCL", O_CREAT | O_EXCL | O_RDWR},
    {"EXCL", O_EXCL}, {"NOFOLLOW", O_NOFOLLOW}, {"DIRECTORY", O_DIRECTORY}, {"DIRECTORY|NOFOLLOW", O_DIRECTORY | O_NOFOLLOW}, {"DIRECTORY|RDWR", O_DIRECTORY | O_RDWR},
    {"PATH", O_PATH}, {"PATH|NOFOLLOW", O_PATH | O_NOFOLLOW}, {"PATH|DIRECTORY", O_PATH | O_DIRECTORY}, {"PATH|CREAT", O_PATH | O_CREAT}, {"PATH|RDWR|CLOEXEC", O_PATH | O_RDWR | O_CLOEXEC},
    {"PATH|DIRECTORY|NOFOLLOW", O_PATH | O_DIRECTORY | O_NOFOLLOW},
    {"TRUNC", O_TRUNC | O_WRONLY}, {"TRUNC|RDONLY", O_TRUNC}, {"CREAT|TRUNC", O_CREAT | O_TRUNC | O_RDWR}, {"APPEND", O_APPEND | O_WRONLY}, {"CREAT|NOFOLLOW", O_CREAT | O_NOFOLLOW | O_WRONLY},
    {"CREAT|DIRECTORY", O_CREAT | O_DIRECTORY}, {"CREAT|EXCL|NOFOLLOW", O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY}, {"TMPFILE", O_TMPFILE | O_RDWR}, {"TMPFILE|RDONLY", O_TMPFILE},
    {"TMPFILE|CREAT", O_TMPFILE | O_CREAT | O_RDWR}, {"TMPFILE|EXCL", O_TMPFILE | O_EXCL | O_WRONLY}, {"NOATIME", O_NOATIME}, {"CLOEXEC", O_CLOEXEC}, {"SYNC|DSYNC", O_SYNC | O_DSYNC},
    {"ASYNC", O_ASYNC}, {"unknown bits", 0x20000000}, {"LARGEFILE|NOCTTY", O_LARGEFILE | O_NOCTTY}};

void opens(void) {
  begin();
  stand_ins();
  for (size_t i = 0; i < path_count; i += every)
    for (size_t n = 0; n < COUNT(flag_sets); n++) {
      // A FIFO waits for its other end; what that does is tested elsewhere.
      int flags = flag_sets[n].flags | O_NONBLOCK;
      printf("openat %s %s", shown(paths[i]), flag_sets[n].name);
      (flags & O_PATH ? describe_place : describe_fd)(RAW(openat, AT_FDCWD, paths[i], flags, 0755, 0));
      putchar('\n');
      if (flags & (O_CREAT | O_TRUNC)) changes();
    }
  for (size_t i = 0; i < path_count; i += every) {
    printf("open %s", shown(paths[i]));
    describe_fd(RAW(open, paths[i], O_RDONLY | O_NONBLOCK, 0, 0, 0));
    printf("\ncreat %s", shown(paths[i]));
    if (strcmp(paths[i], "fifo")) describe_fd(RAW(creat, paths[i], 0640, 0, 0, 0));
    putchar('\n');
    changes();
  }
}

void restricted(void) {
  static const struct { const char *name; uint64_t resolve; } sets[] = {{"none", 0}, {"BENEATH", RESOLVE_BENEATH}, {"IN_ROOT", RESOLVE_IN_ROOT}, {"NO_SYMLINKS", RESOLVE_NO_SYMLINKS},
                                                                       {"NO_MAGICLINKS", RESOLVE_NO_MAGICLINKS}, {"NO_XDEV", RESOLVE_NO_XDEV}, {"unknown", 0x1000}, {"both", RESOLVE_BENEATH | RESOLVE_IN_ROOT}};
  static const int flags[] = {O_RDONLY, O_WRONLY, O_PATH, O_PATH | O_NOFOLLOW, O_NOFOLLOW, O_CREAT | O_WRONLY, O_CREAT | O_EXCL | O_WRONLY, O_DIRECTORY, O_TRUNC | O_WRONLY, O_TMPFILE | O_RDWR};
  begin();
  int dir = open("dir", O_PATH | O_DIRECTORY);
  for (size_t i = 0; i < path_count; i += every) {
    if (!strncmp(paths[i], "/proc", 5) || !strncmp(paths[i], "/dev/fd", 7)) continue;  // init's own /proc/self is not the guest's: refused (docs/interception.md)
    for (size_t r = 0; r < COUNT(sets); r++)
      for (size_t f = 0; f < COUNT(flags); f++)
        for (int start = 0; start < 2; start++) {
          struct stat st;
          if (start && sets[r].resolve != RESOLVE_BENEATH && sets[r].resolve != RESOLVE_IN_ROOT) continue;
          // Init makes no file through a link that leads nowhere, where the way is restricted (docs/interception.md).
          if ((flags[f] & (O_CREAT | O_EXCL)) == O_CREAT && !lstat(paths[i], &st) && S_ISLNK(st.st_mode)) continue;
          bool create = (flags[f] & O_CREAT) || (flags[f] & O_TMPFILE) == O_TMPFILE;
          struct open_how how = {.flags = (uint64_t)(flags[f] | (flags[f] & O_PATH ? 0 : O_NONBLOCK)), .mode = create ? 0755 : 0, .resolve = sets[r].resolve};
          printf("openat2 %s %s %x %s", start ? "dir" : "cwd", sets[r].name, flags[f], shown(paths[i]));
          // EAGAIN: something was renamed or mounted anywhere on the machine during the walk (openat2(2)); it is to be tried again.
          long opened = -EAGAIN;
          for (int attempt = 0; attempt < 1000 && opened == -EAGAIN; attempt++) opened = RAW(openat2, start ? dir : AT_FDCWD, paths[i], &how, sizeof how, 0);
          (flags[f] & O_PATH ? describe_place : describe_fd)(opened);
          putchar('\n');
          if (flags[f] & (O_CREAT | O_TRUNC)) changes();
        }
  }
  char room[4096] = {0};
  struct open_how *how = (struct open_how *)room;
  for (size_t size = 0; size <= 4200; size = size < 64 ? size + 4 : size * 2) printf("openat2 of %zu bytes %s\n", size, name_of(RAW(openat2, dir, "inner", how, size, 0) > 0 ? 0 : -errno));
  how->mode = 0644;
  printf("openat2 mode without O_CREAT %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = O_CREAT | O_RDWR, .mode = 010000};
  printf("openat2 mode too large %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = 1ULL << 40};
  printf("openat2 high flags %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = 0x20000000};
  printf("openat2 unknown flag %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = O_PATH | O_RDWR};
  printf("openat2 O_PATH with more %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = O_PATH | O_TRUNC};
  printf("openat2 O_PATH with O_TRUNC %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  room[sizeof *how] = 1;
  *how = (struct open_how){0};
  printf("openat2 trailing bytes %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how + 8, 0)));
  close(dir);
}
