// SPDX-License-Identifier: Apache-2.0
// The state directory of the translated view: real files and directories for what the namespace view makes of tmpfs. It lies where no
// name of the guest's view leads, belongs to the caller alone (0700), and is held by a lock (flock(2)) as long as one of our processes lives.
//
//   view/    what the view needs of its own: the skeleton, tmpfs, virtual files (translation.h)
//   proc/    snapshots of /proc, one for each time it was opened
//   exec/    programs as the host's kernel has to execute them (images.h)
#pragma once
#include <string>

#include "failure.h"
#include "fd.h"
#include "plan.h"

namespace rvisor {

// Makes an empty one; called by the warden. `path`: absolute, without symbolic links.
Status make_state(const Plan& plan, std::string& path, Fd& directory);

// Removes it with all that is in it, however deep, by descriptors and without following a link. What cannot be removed stays.
void remove_state(const std::string& path, int directory);

// Removes what dead sandboxes of the caller's have left. `wish`: where temporary files go, as the plan has it; `id`: of that sandbox only.
void sweep_states(const std::string& wish, const std::string& id = {});

}  // namespace rvisor
