// SPDX-License-Identifier: Apache-2.0
// Hosts as they are found: v1, v2, both, and containers that show a part of a hierarchy.
#include "cgroup_layout.h"

#include <doctest/doctest.h>

using namespace rvisor;

TEST_CASE("unified") {
  auto groups = groups_of("0::/user.slice/user-1000.slice/run-1.scope\n");
  auto mounts = hierarchies_of("30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
  CHECK(locate(mounts[""], groups[""]) == "/sys/fs/cgroup/user.slice/user-1000.slice/run-1.scope");
  CHECK(locate(mounts[""], "/") == "/sys/fs/cgroup");
}

TEST_CASE("legacy and hybrid") {
  auto groups = groups_of("9:name=systemd:/\n8:pids:/a\n4:cpu,cpuacct:/b\n0::/c\n");
  CHECK(groups["pids"] == "/a");
  CHECK(groups["cpu"] == "/b");
  CHECK(groups["cpuacct"] == "/b");
  CHECK(groups["name=systemd"] == "/");
  CHECK(groups[""] == "/c");
  auto mounts = hierarchies_of(
      "31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "32 24 0:28 / /sys/fs/cgroup/unified rw shared:9 master:1 - cgroup2 cgroup2 rw\n"
      "33 24 0:29 / /proc rw - proc proc rw\n");
  CHECK(locate(mounts["cpuacct"], groups["cpuacct"]) == "/sys/fs/cgroup/cpu,cpuacct/b");
  CHECK(mounts[""].mount == "/sys/fs/cgroup/unified");
  CHECK(!mounts.contains("pids"));
}

TEST_CASE("a container shows its own part of a hierarchy") {
  Hierarchy part{"/sys/fs/cgroup", "/docker/abc"};
  CHECK(locate(part, "/docker/abc") == "/sys/fs/cgroup");
  CHECK(locate(part, "/docker/abc/x") == "/sys/fs/cgroup/x");
  CHECK(locate(part, "/docker/abcd") == "");
  CHECK(locate(part, "/elsewhere") == "");
  CHECK(locate({"/sys/fs/cgroup", "/"}, "/../other") == "");
}

TEST_CASE("names with spaces, and lines that are none") {
  CHECK(hierarchies_of("31 24 0:27 / /mnt/a\\040b\\134c rw - cgroup2 none rw\n")[""].mount == "/mnt/a b\\c");
  CHECK(hierarchies_of("nonsense\n- \n - \n\n").empty());
  CHECK(groups_of("nonsense\n:\n\n1:only\n").empty());
}
