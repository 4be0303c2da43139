// SPDX-License-Identifier: Apache-2.0
// The namespace view: the guest's root, built from the plan's mounts with the kernel's descriptor-based mount calls
// (open_tree, mount_setattr, fsopen, move_mount) and entered with pivot_root(2).
#pragma once
#include <vector>

#include "failure.h"
#include "fd.h"
#include "plan.h"

namespace rvisor {

// Runs in init: in the guest's user, mount and pid namespaces, with their capabilities, single-threaded, cwd "/".
// When it returns, every process of the mount namespace that stood in the old root stands in the new one.
// `uppers`: a directory descriptor for each overlay's upper layer, in the plan's order.
Status build_view(const Plan& plan, bool in_user_namespace, std::vector<Fd>& uppers);

}  // namespace rvisor
