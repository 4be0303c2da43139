// SPDX-License-Identifier: Apache-2.0
// Paths that begin at a descriptor, and working directories that are gone, moved or closed.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "differential.h"

void directories(void) {
  begin();
  stand_ins();
  char gone[] = "gone-directory";
  mkdir(gone, 0755);
  int deleted = open(gone, O_PATH | O_DIRECTORY);
  rmdir(gone);
  int closed_dir = open("closed", O_PATH), sock = socket(AF_UNIX, SOCK_STREAM, 0);
  const struct { const char *name; long fd; } starts[] = {{"cwd", AT_FDCWD}, {"file", 50}, {"dir", 51}, {"pipe", 52}, {"unlinked", 53}, {"none", 999}, {"-1", -1}, {"-99", -99}, {"min", INT32_MIN},
                                                          {"high half", 0xffffffff00000033L}, {"AT_FDCWD as 32 bits", 0xffffff9cL}, {"deleted", deleted}, {"closed", closed_dir}, {"a socket", sock}};
  static const char *const names[] = {"", "inner", "missing", "..", ".", "/", "../file", "x", "inner/"};
  for (size_t i = 0; i < COUNT(starts); i++)
    for (size_t n = 0; n < COUNT(names); n++) {
      struct stat st;
      struct statx stx;
      char text[256] = "", label[128];
      long fd = starts[i].fd, result;
      snprintf(label, sizeof label, "%s + \"%s\"", starts[i].name, names[n]);
      printf("openat %s", label), describe_fd(RAW(openat, fd, names[n], O_RDONLY | O_NONBLOCK, 0, 0));
      printf("\nopenat O_PATH %s", label), describe_place(RAW(openat, fd, names[n], O_PATH, 0, 0));
      for (int flags = 0; flags <= AT_EMPTY_PATH; flags += AT_EMPTY_PATH) {
        printf("\nnewfstatat %x %s %s", flags, label, name_of(result = RAW(newfstatat, fd, names[n], &st, flags, 0)));
        if (!result && !S_ISSOCK(st.st_mode)) show_stat(&st);
        printf("\nstatx %x %s %s", flags, label, name_of(RAW(statx, fd, names[n], flags, STATX_TYPE, &stx)));
        printf("\nfaccessat2 %x %s %s", flags, label, name_of(RAW(faccessat2, fd, names[n], R_OK, flags, 0)));
        printf("\nfchmodat2 %x %s %s", flags, label, name_of(fd == sock ? 0 : RAW(fchmodat2, fd, names[n], 0755, flags, 0)));
        printf("\nfchownat %x %s %s", flags, label, name_of(RAW(fchownat, fd, names[n], -1, -1, flags)));
      }
      printf("\nnewfstatat null %s", name_of(RAW(newfstatat, fd, NULL, &st, AT_EMPTY_PATH, 0)));
      printf("\nstatx null %s", name_of(RAW(statx, fd, NULL, AT_EMPTY_PATH, STATX_TYPE, &stx)));
      printf("\nfaccessat null %s", name_of(RAW(faccessat2, fd, NULL, R_OK, AT_EMPTY_PATH, 0)));
      printf("\nreadlinkat %s %s %s", label, name_of(RAW(readlinkat, fd, names[n], text, sizeof text, 0)), shown(text));
      printf("\nmkdirat %s %s", label, name_of(RAW(mkdirat, fd, names[n], 0755, 0, 0)));
      printf("\nunlinkat %s %s", label, name_of(RAW(unlinkat, fd, names[n], AT_REMOVEDIR, 0, 0)));
      printf("\nsymlinkat %s %s", label, name_of(RAW(symlinkat, "target", fd, names[n], 0, 0)));
      printf("\nfutimesat %s %s\n", label, name_of(RAW(futimesat, fd, names[n], NULL, 0, 0)));
      begin();
      stand_ins();
    }
  // A working directory that is gone, one that cannot be searched, and one beneath which the tree is moved.
  mkdir("gone", 0755);
  chdir("gone");
  rmdir("../gone");
  for (size_t n = 0; n < COUNT(names); n++) {
    struct stat st;
    printf("in a deleted directory: openat %s", names[n]), describe_fd(RAW(openat, AT_FDCWD, names[n], O_RDONLY, 0, 0));
    printf(" stat %s mkdir %s create", name_of(RAW(stat, names[n], &st, 0, 0, 0)), name_of(RAW(mkdir, "new", 0755, 0, 0, 0)));
    describe_fd(RAW(openat, AT_FDCWD, "new", O_CREAT | O_WRONLY, 0644, 0));
    putchar('\n');
  }
  chdir(base);
  mkdir("moving", 0755);
  chdir("moving");
  rename("../moving", "../moved");
  put("here", "here\n", 0644);
  printf("in a moved directory:"), describe_fd(RAW(openat, AT_FDCWD, "../moved/here", O_RDONLY, 0, 0)), describe_fd(RAW(openat, AT_FDCWD, "here", O_RDONLY, 0, 0));
  putchar('\n');
  chdir(base);
  chmod("closed", 0700);
  chdir("closed");
  chmod(".", 0600);
  printf("in a directory that may not be searched:"), describe_fd(RAW(openat, AT_FDCWD, "x", O_RDONLY, 0, 0)), describe_fd(RAW(openat, AT_FDCWD, ".", O_RDONLY, 0, 0));
  describe_fd(RAW(openat, AT_FDCWD, "..", O_RDONLY, 0, 0));
  putchar('\n');
  chdir(base);
}
