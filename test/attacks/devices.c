// SPDX-License-Identifier: Apache-2.0
// Tries:      devices: those of the host by name, new nodes, and changing the host's own /dev/null.
// Known from: found here: a guest that is root in the host owns the device nodes that its view shows.
// Must:       fail. (The mode that is set is the one that stood there.)
// Control:    root
// Behind:     the filter is not what holds this
#include "attack.h"
#include <sys/sysmacros.h>

int main(void) {
  static const char *const nodes[] = {"mem", "kmsg", "port", "vda", "sda", "nvme0n1", "kvm", "fuse", "net/tun", "loop-control", "mapper/control"};
  char path[64];
  for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) {
    snprintf(path, sizeof path, "/dev/%s", nodes[i]);
    if (open(path, O_RDONLY | O_NONBLOCK) >= 0) won("opened %s", path);
  }
  for (const char *const *name = (const char *const[]){"/dev/null", "/dev/zero", "/dev/tty", "/dev/urandom", 0}; *name; name++) {
    struct stat st;
    if (stat(*name, &st)) continue;
    if (!chmod(*name, st.st_mode & 07777)) won("may change the mode of %s", *name);
    if (!chown(*name, st.st_uid, st.st_gid)) won("may change the owner of %s", *name);
    if (!utimensat(AT_FDCWD, *name, NULL, 0)) won("may change the times of %s", *name);
  }
  for (const char *const *name = (const char *const[]){"/tmp/node", "/dev/shm/node", 0}; *name; name++)
    if (!mknod(*name, S_IFCHR | 0600, makedev(1, 1)) && unlink(*name) == 0) won("made a device node");
  held();
}
