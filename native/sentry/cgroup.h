// SPDX-License-Identifier: Apache-2.0
// Control groups: cgroups(7), Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/. The warden makes and removes them with
// the caller's authority; the sentry gets descriptors of single files to read, and no directory.
#pragma once
#include <sys/types.h>

#include <string>
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

class Cgroups {
 public:
  // Makes the groups that the limits need; none where they need none. Also removes groups of dead sandboxes beside them.
  Status create(const std::string& id, const Limits& limits, bool root);
  Status attach(pid_t pid) const;
  const std::vector<std::string>& paths() const { return paths_; }
  CgroupGauges open_gauges() const;
  void remove();  // kills what is left in them; waits, at most two seconds

 private:
  Status create_unified(const std::string& parent, const std::string& id, const Limits& limits);
  Status create_legacy(const std::string& id, const Limits& limits);
  std::vector<std::string> paths_;
  std::string memory_, pids_, cpu_;  // the directory that has the controller
  int version_ = 0;
};

}  // namespace rvisor
