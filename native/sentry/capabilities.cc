// SPDX-License-Identifier: Apache-2.0
#include "capabilities.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layers.h"

namespace rvisor {

bool has_capability(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (syscall(SYS_capget, &header, data)) return false;
  return data[capability / 32].effective >> (capability % 32) & 1;
}

Status drop_privileges(uid_t uid, gid_t gid) {
  if (has_capability(CAP_SETPCAP) && !without("capabilities")) {
    for (int cap = 0; cap <= 63; cap++) {
      if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno == EINVAL) break;  // past the last one this kernel knows
    }
    unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                         SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0)) return fail("credentials", "securebits", errno);
  }
  // In a user namespace made without privilege setgroups(2) is off; then the caller's groups stay, as the kernel wants it.
  if (has_capability(CAP_SETGID) && setgroups(0, nullptr) && errno != EPERM) return fail("credentials", "setgroups", errno);
  if (setresgid(gid, gid, gid)) return fail("credentials", "gid " + std::to_string(gid), errno);
  if (setresuid(uid, uid, uid)) return fail("credentials", "uid " + std::to_string(uid), errno);
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)) return fail("credentials", "ambient capabilities", errno);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  if (!without("capabilities") && syscall(SYS_capset, &header, none)) return fail("credentials", "capabilities", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return fail("credentials", "no_new_privs", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) return fail("credentials", "dumpable", errno);
  return std::nullopt;
}

}  // namespace rvisor
