// SPDX-License-Identifier: Apache-2.0
// Arguments that are no pointers, and strings and structures at the edges of pages.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "differential.h"

void pointers(void) {
  begin();
  stand_ins();
  char *pages = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 2 * 4096, 4096);
  mprotect(pages + 3 * 4096, 4096, PROT_NONE);
  memset(pages, 'x', 4096);
  char *ending = pages + 2 * 4096 - 5, *fixed = pages + 4 * 4096;
  memcpy(ending, "file", 5);
  strcpy(fixed, "file");
  mprotect(fixed, 4096, PROT_READ);
  char *endless = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(endless, 'y', 3 * 4096);
  // A path over the edge between two pages.
  char *edge = endless + 4096 - 2;
  char saved[5];
  memcpy(saved, edge, 5);
  memcpy(edge, "file", 5);
  const struct { const char *name; void *at; } bad[] = {{"null", NULL}, {"1", (void *)1}, {"unmapped", pages + 2 * 4096}, {"no access", pages + 3 * 4096}, {"kernel", (void *)0xffff888000000000}, {"not canonical", (void *)0x0800000000000000},
                                                        {"-1", (void *)-1L}, {"the last page", (void *)0x7fffffffe000}, {"endless", endless + 4096 + 64}, {"read-only", fixed}, {"two bytes before the end", pages + 2 * 4096 - 2}};
  struct timespec two_times[2] = {{1, 1}, {2, 2}};
  struct open_how how = {.flags = O_RDONLY};
  struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "socket"};
  int sock = socket(AF_UNIX, SOCK_STREAM, 0), watch = inotify_init1(IN_NONBLOCK);
  static char room[8192];
  const struct { const char *name; long number, a[5]; int pointers; } calls[] = {
      {"open", SYS_open, {(long)"file"}, 1}, {"creat", SYS_creat, {(long)"new", 0644}, 1}, {"openat", SYS_openat, {AT_FDCWD, (long)"file"}, 2}, {"openat2", SYS_openat2, {AT_FDCWD, (long)"file", (long)&how, sizeof how}, 6},
      {"stat", SYS_stat, {(long)"file", (long)room}, 3}, {"lstat", SYS_lstat, {(long)"file", (long)room}, 3}, {"newfstatat", SYS_newfstatat, {AT_FDCWD, (long)"file", (long)room}, 6},
      {"statx", SYS_statx, {AT_FDCWD, (long)"file", 0, STATX_ALL, (long)room}, 18}, {"access", SYS_access, {(long)"file", R_OK}, 1}, {"faccessat", SYS_faccessat, {AT_FDCWD, (long)"file", R_OK}, 2},
      {"faccessat2", SYS_faccessat2, {AT_FDCWD, (long)"file", R_OK, 0}, 2}, {"readlink", SYS_readlink, {(long)"link", (long)room, 64}, 3}, {"readlinkat", SYS_readlinkat, {AT_FDCWD, (long)"link", (long)room, 64}, 6},
      {"statfs", SYS_statfs, {(long)"file", (long)room}, 3}, {"mkdir", SYS_mkdir, {(long)"new", 0755}, 1}, {"mkdirat", SYS_mkdirat, {AT_FDCWD, (long)"new", 0755}, 2}, {"mknod", SYS_mknod, {(long)"new", S_IFREG | 0644}, 1},
      {"mknodat", SYS_mknodat, {AT_FDCWD, (long)"new", S_IFREG | 0644}, 2}, {"symlink", SYS_symlink, {(long)"target", (long)"new"}, 3}, {"symlinkat", SYS_symlinkat, {(long)"target", AT_FDCWD, (long)"new"}, 5},
      {"rmdir", SYS_rmdir, {(long)"bare"}, 1}, {"unlink", SYS_unlink, {(long)"empty"}, 1}, {"unlinkat", SYS_unlinkat, {AT_FDCWD, (long)"empty"}, 2}, {"link", SYS_link, {(long)"file", (long)"new"}, 3},
      {"linkat", SYS_linkat, {AT_FDCWD, (long)"file", AT_FDCWD, (long)"new"}, 10}, {"rename", SYS_rename, {(long)"file", (long)"new"}, 3}, {"renameat", SYS_renameat, {AT_FDCWD, (long)"file", AT_FDCWD, (long)"new"}, 10},
      {"renameat2", SYS_renameat2, {AT_FDCWD, (long)"file", AT_FDCWD, (long)"new"}, 10}, {"chmod", SYS_chmod, {(long)"file", 0600}, 1}, {"fchmodat", SYS_fchmodat, {AT_FDCWD, (long)"file", 0600}, 2},
      {"fchmodat2", SYS_fchmodat2, {AT_FDCWD, (long)"file", 0600}, 2}, {"chown", SYS_chown, {(long)"file", -1, -1}, 1}, {"lchown", SYS_lchown, {(long)"file", -1, -1}, 1}, {"fchownat", SYS_fchownat, {AT_FDCWD, (long)"file", -1, -1}, 2},
      {"utime", SYS_utime, {(long)"file", (long)two_times}, 3}, {"utimes", SYS_utimes, {(long)"file", (long)two_times}, 3}, {"futimesat", SYS_futimesat, {AT_FDCWD, (long)"file", (long)two_times}, 6},
      {"utimensat", SYS_utimensat, {AT_FDCWD, (long)"file", (long)two_times}, 6}, {"truncate", SYS_truncate, {(long)"file", 2}, 1}, {"setxattr", SYS_setxattr, {(long)"file", (long)"user.x", (long)"v", 1}, 7},
      {"lsetxattr", SYS_lsetxattr, {(long)"file", (long)"user.x", (long)"v", 1}, 7}, {"getxattr", SYS_getxattr, {(long)"file", (long)"user.x", (long)room, 64}, 7}, {"lgetxattr", SYS_lgetxattr, {(long)"file", (long)"user.x", (long)room, 64}, 7},
      {"listxattr", SYS_listxattr, {(long)"file", (long)room, 64}, 3}, {"llistxattr", SYS_llistxattr, {(long)"file", (long)room, 64}, 3}, {"removexattr", SYS_removexattr, {(long)"file", (long)"user.x"}, 3},
      {"lremovexattr", SYS_lremovexattr, {(long)"file", (long)"user.x"}, 3}, {"inotify_add_watch", SYS_inotify_add_watch, {watch, (long)"file", IN_OPEN}, 2}, {"connect", SYS_connect, {sock, (long)&un, sizeof un}, 2},
      {"bind", SYS_bind, {sock, (long)&un, sizeof un}, 2}};
  for (size_t i = 0; i < COUNT(calls); i++)
    for (int p = 0; p < 5; p++) {
      if (!(calls[i].pointers >> p & 1)) continue;
      for (size_t b = 0; b < COUNT(bad); b++) {
        long a[5];
        memcpy(a, calls[i].a, sizeof a);
        a[p] = (long)bad[b].at;
        long result = raw(calls[i].number, a[0], a[1], a[2], a[3], a[4]);
        if (!strncmp(calls[i].name, "open", 4) || !strcmp(calls[i].name, "creat")) {
          if (result >= 0) close((int)result), result = 0;
        }
        printf("%s argument %d %s: %s\n", calls[i].name, p, bad[b].name, name_of(result));
        changes();
      }
    }
  printf("a path that ends with its page"), describe_fd(RAW(openat, AT_FDCWD, ending, O_RDONLY, 0, 0));
  memcpy(edge, "file", 5);
  printf("\na path over two pages"), describe_fd(RAW(openat, AT_FDCWD, edge, O_RDONLY, 0, 0));
  printf("\na structure over the end %s", name_of(RAW(stat, "file", pages + 2 * 4096 - 16, 0, 0, 0)));
  printf("\nreadlink that fits before the end %s", name_of(RAW(readlink, "link", pages + 2 * 4096 - 4, 64, 0, 0)));
  printf("\nreadlink that does not %s\n", name_of(RAW(readlink, "link", pages + 2 * 4096 - 3, 64, 0, 0)));
  close(sock), close(watch);
}
