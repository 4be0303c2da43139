// SPDX-License-Identifier: Apache-2.0
// Where control groups lie, from what /proc/self/cgroup and /proc/self/mountinfo say. Text in, paths out: no system call.
#pragma once
#include <map>
#include <string>

namespace rvisor {

struct Hierarchy {
  std::string mount, root;  // mount point, and the group that it shows (not "/" inside some containers)
};

// A process's own group in each hierarchy: controller name ("" for v2) → path. `text` is /proc/self/cgroup (cgroups(7)).
std::map<std::string, std::string> groups_of(const std::string& text);

// Mounted hierarchies: controller name ("" for v2) → mount. `text` is /proc/self/mountinfo (proc(5)).
std::map<std::string, Hierarchy> hierarchies_of(const std::string& text);

// Where a group lies in the file system; "" when the mount does not show it.
std::string locate(const Hierarchy& hierarchy, const std::string& group);

}  // namespace rvisor
