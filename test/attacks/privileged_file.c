// SPDX-License-Identifier: Apache-2.0
// Tries:      to gain authority by executing a file: this program is installed set-user-ID root, or with file capabilities.
//             `privileged_file give FILE` gives a file two of them.
// Known from: setuid programs in every container image.
// Must:       run without a capability, and as who it was.
// Control:    root (the driver starts it as nobody)
// Behind:     the filter is not what holds this
#include "attack.h"
#include <linux/capability.h>

#include <sys/xattr.h>

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "give")) {
    const struct vfs_cap_data two = {VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, {{3 /* CAP_CHOWN, CAP_DAC_OVERRIDE: what every root has */, 0}, {0, 0}}};
    return setxattr(argv[2], "security.capability", &two, XATTR_CAPS_SZ_2, 0) ? 2 : 0;
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data)) untried("capget");
  if (data[0].effective | data[1].effective | data[0].permitted | data[1].permitted) won("capabilities %08x", data[0].effective);
  if (geteuid() != getuid() || getegid() != getgid()) won("uid %d became %d", getuid(), geteuid());
  if (!prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)) won("new privileges are possible");
  if (getuid() && (!setuid(0) || !setgid(0))) won("became root");
  held();
}
