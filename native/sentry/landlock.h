// SPDX-License-Identifier: Apache-2.0
// The second layer behind the mount table: landlock(7).
#pragma once
#include "failure.h"
#include "plan.h"

namespace rvisor {

// The kernel's Landlock ABI version, 0 where there is none.
int landlock_abi();

// Restricts the calling thread and all that it starts to the plan's paths. Also keeps signals and abstract sockets inside
// (ABI 6). `protect_proc`: the guest is root in the host, so /proc must not be writable whatever the plan says.
// On success `abi` is what holds (0: the plan accepts a host without Landlock).
Status restrict_by_landlock(const Landlock& plan, bool protect_proc, int& abi);

}  // namespace rvisor
