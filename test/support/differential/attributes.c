// SPDX-License-Identifier: Apache-2.0
// Extended attributes.
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "differential.h"

void attributes(void) {
  begin();
  stand_ins();
  char long_name[300];
  memset(long_name, 'n', sizeof long_name);
  memcpy(long_name, "user.", 5);
  long_name[299] = 0;
  static const char *const names[] = {"user.one", "user.", "one", "", "trusted.x", "security.x", "system.posix_acl_access", "user.none"};
  static char big[70000], got[70000];
  for (size_t i = 0; i < path_count; i++) {
    const char *path = paths[i];
    if (path[0] == '/' && strncmp(path, base, strlen(base)) && strncmp(path, "/proc/self/fd", 13)) continue;
    struct stat st;
    // Which of two errors comes first depends on the kernel's version.
    bool there = !stat(path, &st);
    for (int follow = 0; follow < 2; follow++) {
      const char *l = follow ? "" : "l";
      if (!there) {
        printf("%sgetxattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)"user.one", (long)got, sizeof got, 0)));
        printf("%ssetxattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.one", (long)"v", 1, 0)));
        printf("%slistxattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_listxattr : SYS_llistxattr, (long)path, (long)got, sizeof got, 0, 0)));
        printf("%sremovexattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_removexattr : SYS_lremovexattr, (long)path, (long)"user.one", 0, 0, 0)));
        continue;
      }
      for (size_t n = 0; n < COUNT(names); n++) {
        printf("%sgetxattr %s %s %s\n", l, shown(path), names[n], name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)names[n], (long)got, sizeof got, 0)));
        printf("%ssetxattr %s %s %s\n", l, shown(path), names[n], name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)names[n], (long)"value", 5, 0)));
      }
      printf("%ssetxattr create %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.one", (long)"v", 1, XATTR_CREATE)));
      printf("%ssetxattr replace %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.none", (long)"v", 1, XATTR_REPLACE)));
      printf("%ssetxattr flags %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.one", (long)"v", 1, 8)));
      printf("%ssetxattr empty value %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.two", 0, 0, 0)));
      printf("%ssetxattr too big %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.big", (long)big, sizeof big, 0)));
      printf("%ssetxattr long name %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)long_name, (long)"v", 1, 0)));
      printf("%sgetxattr long name %s\n", l, name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)long_name, (long)got, 5, 0)));
      for (int size = 0; size < 8; size += 2) {
        memset(got, 0, 16);
        printf("%sgetxattr %d bytes %s %s\n", l, size, name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)"user.one", (long)got, size, 0)), shown(got));
      }
      printf("%sgetxattr huge room %s\n", l, name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)"user.one", (long)got, 1L << 40, 0)));
      for (int size = 0; size < 40; size += 8) {
        long length = raw(follow ? SYS_listxattr : SYS_llistxattr, (long)path, (long)got, size, 0, 0);
        printf("%slistxattr %d bytes %s\n", l, size, name_of(length));
      }
      printf("%sremovexattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_removexattr : SYS_lremovexattr, (long)path, (long)"user.two", 0, 0, 0)));
      printf("%sremovexattr none %s\n", l, name_of(raw(follow ? SYS_removexattr : SYS_lremovexattr, (long)path, (long)"user.none", 0, 0, 0)));
      printf("%sremovexattr empty %s\n", l, name_of(raw(follow ? SYS_removexattr : SYS_lremovexattr, (long)path, (long)"", 0, 0, 0)));
    }
  }
}
