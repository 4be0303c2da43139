// SPDX-License-Identifier: Apache-2.0
// Pid 1 of the guest: builds the view, gives up its authority, starts commands, reaps. It shares the guest's identity and
// has no capability; not being dumpable, and being pid 1, it cannot be traced, read or signalled by the guest.
#pragma once
#include <array>

#include "cgroup.h"
#include "fd.h"
#include "filter.h"
#include "plan.h"
#include "ring.h"

namespace rvisor {

struct InitContext {
  const Plan& plan;
  bool in_user_namespace;
  unsigned supervisors;       // tasks of ours that RLIMIT_NPROC counts too; 0: a control group counts, or nothing does
  Fd channel;                 // to the sentry
  std::array<Fd, 3> stdio;    // of the main command; unset with a terminal
  CgroupEntry entry;
  Fd state;                   // the state directory of the translated view
  Ring ring;                  // to the host program's handlers, where the plan has some
  Fd device;                  // of the kernel module, where the plan is for it
};

[[noreturn]] void run_init(InitContext context);

}  // namespace rvisor
