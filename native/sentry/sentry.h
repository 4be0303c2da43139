// SPDX-License-Identifier: Apache-2.0
// The sentry: supervises one guest from inside its namespaces, with its identity and no capability.
#pragma once
#include <array>

#include "cgroup.h"
#include "fd.h"
#include "plan.h"
#include "ring.h"

namespace rvisor {

struct SentryContext {
  const Plan& plan;
  bool in_user_namespace;
  Fd control, events;
  Fd warden;                  // to the warden
  pid_t warden_pid;
  std::array<Fd, 3> stdio;    // of the main command; unset with a terminal
  CgroupGauges gauges;
  CgroupEntry entry;          // for init
  Ring ring;                  // for init
  Fd state;                   // for init, in the translated view
  Fd device;                  // of the kernel module, for init, where the plan is for it
};

[[noreturn]] void run_sentry(SentryContext context);

}  // namespace rvisor
