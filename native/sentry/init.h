// SPDX-License-Identifier: Apache-2.0
// Pid 1 of the guest: builds the view, gives up its authority, starts commands, reaps. It shares the guest's identity and
// has no capability; not being dumpable, and being pid 1, it cannot be traced, read or signalled by the guest.
#pragma once
#include <array>

#include "fd.h"
#include "plan.h"
#include "filter.h"

namespace rvisor {

struct InitContext {
  const Plan& plan;
  const Filter& filter;
  bool in_user_namespace;
  bool nproc_by_rlimit;
  Fd channel;                 // to the sentry
  std::array<Fd, 3> stdio;    // of the main command; unset with a terminal
};

[[noreturn]] void run_init(InitContext context);

}  // namespace rvisor
