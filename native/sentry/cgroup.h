// SPDX-License-Identifier: Apache-2.0
// Control groups: cgroups(7), Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/. The warden makes and removes them with
// the caller's authority; the sentry gets descriptors of single files to read, and no directory.
#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "failure.h"
#include "fd.h"
#include "plan.h"

namespace rvisor {

// What the sentry reads. Unset where the limit, or the file, does not exist.
struct CgroupGauges {
  int version = 0;  // 1, 2, or 0: no control group
  bool counts_processes = false;
  Fd memory_events, memory_peak_file, cpu, pids_events;

  uint64_t oom_kills() const;
  uint64_t memory_peak() const;   // bytes, 0 where unknown
  double cpu_ms() const;          // negative where unknown
  uint64_t forks_refused() const;
};

// How init gets into the groups. Moving a process by writing its pid to cgroup.procs takes a lock over every fork of the
// host (cgroup_threadgroup_rwsem) and some 10 ms for each hierarchy; what is used here takes none:
struct CgroupEntry {
  Fd directory;                                     // v2: for CLONE_INTO_CGROUP
  std::vector<std::pair<std::string, Fd>> tasks;    // v1: `tasks` files, where a single thread writes 0 for itself
  Status enter();                                   // in init, before it has threads; v1 only
};

class Cgroups {
 public:
  // Makes the groups that the limits need; none where they need none. `root`: the guest is root in the host.
  Status create(const std::string& id, const Limits& limits, bool root);
  const std::vector<std::string>& paths() const { return paths_; }
  Status open_entry(CgroupEntry& out) const;
  CgroupGauges open_gauges() const;
  void sweep() const;  // removes groups of dead sandboxes beside them
  void remove();       // kills what is left in them; waits, at most two seconds

 private:
  Status make(const std::string& parent, const std::string& name, std::string& path);
  Status create_unified(const std::string& parent, const std::string& id, const Limits& limits);
  Status create_legacy(const std::string& id, const Limits& limits);
  std::vector<std::string> paths_;
  std::vector<Fd> locks_;  // flock(2) on each: says that its sandbox lives, in whatever pid namespace
  std::string memory_, pids_, cpu_;  // the directory that has the controller
  int version_ = 0;
};

}  // namespace rvisor
