// SPDX-License-Identifier: Apache-2.0
// The mount calls since Linux 5.2, without libc wrappers of their own in the libc we build against; 5.12 for mount_setattr.
#pragma once
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace rvisor {

inline int sys_open_tree(int dir, const char* path, unsigned flags) { return static_cast<int>(syscall(SYS_open_tree, dir, path, flags)); }
inline int sys_move_mount(int from, const char* from_path, int to, const char* to_path, unsigned flags) {
  return static_cast<int>(syscall(SYS_move_mount, from, from_path, to, to_path, flags));
}
inline int sys_fsopen(const char* type) { return static_cast<int>(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)); }
inline int sys_fsconfig(int fs, unsigned command, const char* key, const void* value, int aux) {
  return static_cast<int>(syscall(SYS_fsconfig, fs, command, key, value, aux));
}
inline int sys_fsmount(int fs, unsigned attributes) { return static_cast<int>(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes)); }
inline int sys_mount_setattr(int dir, const char* path, unsigned flags, mount_attr* attributes) {
  return static_cast<int>(syscall(SYS_mount_setattr, dir, path, flags, attributes, sizeof *attributes));
}
inline int sys_pivot_root(const char* new_root, const char* put_old) { return static_cast<int>(syscall(SYS_pivot_root, new_root, put_old)); }
inline int sys_openat2(int dir, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  open_how how{};
  how.flags = flags;
  how.mode = mode;
  how.resolve = resolve;
  return static_cast<int>(syscall(SYS_openat2, dir, path, &how, sizeof how));
}

}  // namespace rvisor
