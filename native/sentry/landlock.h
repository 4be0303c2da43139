// SPDX-License-Identifier: Apache-2.0
// The second layer behind the mount table: landlock(7).
#pragma once
#include <string>
#include <vector>

#include "failure.h"
#include "fd.h"
#include "plan.h"

namespace rvisor {

// The kernel's Landlock ABI version, 0 where there is none.
int landlock_abi();

// Restricts the calling thread and all that it starts to the plan's paths. Also keeps signals and abstract sockets inside
// (ABI 6). `protect_proc`: the guest is root in the host, so /proc must not be writable whatever the plan says.
// On success `abi` is what holds (0: the plan accepts a host without Landlock).
Status restrict_by_landlock(const Landlock& plan, bool protect_proc, int& abi);

// What a domain of the translated view grants beneath a path of the host.
struct Grant {
  enum class Kind { read, write, use };  // read: list and execute, too; use: a device, which is read and written but never changed
  int directory;     // O_PATH, or a file
  std::string path;  // for messages
  Kind kind = Kind::read;
};

// A rule set over paths of the host, with the same scopes. `tcp`: no TCP socket is bound or connected either (ABI 4).
Status make_ruleset(const std::vector<Grant>& grants, bool tcp, Fd& out);

// Restricts the calling thread by it, within what it is restricted by already. Needs no_new_privs.
Status enter_ruleset(int ruleset);

}  // namespace rvisor
