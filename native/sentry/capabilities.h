// SPDX-License-Identifier: Apache-2.0
// Giving up authority: capabilities(7), credentials(7), no_new_privs.
#pragma once
#include <sys/types.h>

#include "failure.h"

namespace rvisor {

// Becomes (uid, gid) with no capability in any set, an empty bounding set, no way back by executing a program
// (SECBIT_NOROOT, no_new_privs), and not dumpable: /proc/<pid> belongs to nobody in this namespace.
Status drop_privileges(uid_t uid, gid_t gid);

bool has_capability(int capability);

}  // namespace rvisor
