// SPDX-License-Identifier: Apache-2.0
// Tries:      to change the view: mounting, unmounting what covers something, remounting writable, another root; by the old
//             calls and the new ones.
// Known from: CVE-2020-15257, CVE-2022-0185 (fsconfig), and masks that were taken off.
// Must:       fail.
// Control:    container
// Behind:     no capability; Landlock forbids it besides
#include "attack.h"
#include <linux/mount.h>
#include <sys/mount.h>

int main(void) {
  if (!mount("none", "/tmp", "tmpfs", 0, NULL)) won("a tmpfs");
  if (!mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL)) won("/ remounted");
  if (!mount("/proc", "/tmp", NULL, MS_BIND | MS_REC, NULL)) won("a bind");
  for (const char *const *path = (const char *const[]){"/proc/sys", "/proc/kcore", "/proc/keys", "/dev/null", "/proc", "/tmp", "/", 0}; *path; path++)
    if (!umount2(*path, MNT_DETACH)) won("%s unmounted", *path);
  if (syscall(SYS_fsopen, "tmpfs", 0) >= 0) won("fsopen");
  if (syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */ | 0x8000 /* AT_RECURSIVE */) >= 0) won("open_tree");
  struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};
  if (!syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attr, sizeof attr)) won("mount_setattr");
  if (!syscall(SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp", 0)) won("move_mount");
  if (!chroot("/tmp")) won("chroot");
  if (!syscall(SYS_pivot_root, ".", ".")) won("pivot_root");
  held();
}
