// SPDX-License-Identifier: Apache-2.0
// Tries:      to gain authority by executing a file: this program is installed set-user-ID root.
// Known from: setuid programs in every container image.
// Must:       run without a capability, and as who it was.
// Control:    root (the driver starts it as nobody)
// Behind:     the filter is not what holds this
#include "attack.h"
#include <linux/capability.h>

int main(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data)) untried("capget");
  if (data[0].effective | data[1].effective | data[0].permitted | data[1].permitted) won("capabilities %08x", data[0].effective);
  if (geteuid() != getuid() || getegid() != getgid()) won("uid %d became %d", getuid(), geteuid());
  if (!prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)) won("new privileges are possible");
  if (!setuid(0) || !setgid(0)) won("became root");
  held();
}
