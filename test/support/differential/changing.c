// SPDX-License-Identifier: Apache-2.0
// Calls that change what one path names.
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "differential.h"

void changing(void) {
  begin();
  stand_ins();
  for (size_t i = 0; i < path_count; i += every) {
    const char *path = paths[i];
    // What is not the tree's own is left alone; no call below could change it, but for the modes and times of what it may.
    bool outside = path[0] == '/' && strncmp(path, base, strlen(base)) && strncmp(path, "/proc/self/cwd", 14) && strncmp(path, "/proc/self/fd", 13);
    outside |= !strncmp(path, "..", 2) || !strncmp(path, "up", 2) || !strcmp(path, "/proc/self/fd/0");
    report("mkdir", path, RAW(mkdir, path, 0777, 0, 0, 0));
    report("mkdir 07777", path, RAW(mkdir, path, 07777, 0, 0, 0));
    report("mkdirat", path, RAW(mkdirat, AT_FDCWD, path, 0700, 0, 0));
    report("mknod file", path, RAW(mknod, path, S_IFREG | 0666, 0, 0, 0));
    report("mknod 0", path, RAW(mknod, path, 0666, 0, 0, 0));
    report("mknodat fifo", path, RAW(mknodat, AT_FDCWD, path, S_IFIFO | 0666, 0, 0));
    report("mknod socket", path, RAW(mknod, path, S_IFSOCK | 0777, 0, 0, 0));
    report("mknod device", path, RAW(mknod, path, S_IFCHR | 0666, 0x103, 0, 0));
    report("mknod whiteout", path, RAW(mknod, path, S_IFCHR, 0, 0, 0));
    report("mknod directory", path, RAW(mknod, path, S_IFDIR | 0777, 0, 0, 0));
    report("mknod nonsense", path, RAW(mknod, path, 0170000, 0, 0, 0));
    report("symlink", path, RAW(symlink, "target", path, 0, 0, 0));
    report("symlinkat", path, RAW(symlinkat, "a/b", AT_FDCWD, path, 0, 0));
    report("symlink of nothing", path, RAW(symlink, "", path, 0, 0, 0));
    report("rmdir", path, RAW(rmdir, path, 0, 0, 0, 0));
    report("unlink", path, RAW(unlink, path, 0, 0, 0, 0));
    report("unlinkat", path, RAW(unlinkat, AT_FDCWD, path, 0, 0, 0));
    report("unlinkat AT_REMOVEDIR", path, RAW(unlinkat, AT_FDCWD, path, AT_REMOVEDIR, 0, 0));
    report("unlinkat flags", path, RAW(unlinkat, AT_FDCWD, path, 0x100, 0, 0));
    if (outside) continue;
    report("truncate 3", path, RAW(truncate, path, 3, 0, 0, 0));
    report("truncate -1", path, RAW(truncate, path, -1, 0, 0, 0));
    report("truncate 20000", path, RAW(truncate, path, 20000, 0, 0, 0));
    report("chmod 0640", path, RAW(chmod, path, 0640, 0, 0, 0));
    report("chmod 06755", path, RAW(chmod, path, 06755, 0, 0, 0));
    report("chmod 0177777", path, RAW(chmod, path, 0177777, 0, 0, 0));
    report("fchmodat", path, RAW(fchmodat, AT_FDCWD, path, 0601, 0x100, 0));  // no flags either
    static const int mode_flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 0x1};
    for (size_t f = 0; f < COUNT(mode_flags); f++) report("fchmodat2", path, RAW(fchmodat2, AT_FDCWD, path, 0711, mode_flags[f], 0));
    report("chown -1", path, RAW(chown, path, -1, -1, 0, 0));
    report("chown own", path, RAW(chown, path, getuid(), getgid(), 0, 0));
    report("chown root", path, RAW(chown, path, 0, -1, 0, 0));
    report("chown unmapped", path, RAW(chown, path, 54321, 54321, 0, 0));
    report("lchown own", path, RAW(lchown, path, getuid(), -1, 0, 0));
    static const int owner_flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 0x2};
    for (size_t f = 0; f < COUNT(owner_flags); f++) report("fchownat", path, RAW(fchownat, AT_FDCWD, path, -1, getgid(), owner_flags[f]));
  }
}
