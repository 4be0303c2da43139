// SPDX-License-Identifier: Apache-2.0
// The guest's processes among the host's, where no pid namespace tells them apart: those that init traces, all of which come from it.
// Calls that name a process by its number are carried out here, or left to the kernel where the number cannot have become another's.
#pragma once
#include <sys/types.h>

#include <functional>
#include <vector>

#include "../core/rv_abi.h"
#include "behalf.h"
#include "guest_memory.h"
#include "resolve.h"

namespace rvisor {

// Whether this is a thread or a process of the guest's: traced by this process, or dead and a child of one that is (its tracer has let go of it).
bool is_kin(pid_t tid);

// All processes of the guest, the dead that nobody has waited for yet among them.
std::vector<pid_t> kin();

// Sends a signal to every process of the guest for which `which` says so, until none is left that has not got it; `last` gets it after all
// others. 0 or the errno that kill(2) gives.
int signal_kin(int signal, pid_t last, const std::function<bool(pid_t)>& which);

// Calls that name processes, and those by which one could be named to the kernel for later.
bool names_processes(int nr);

// Carries such a call out for `caller`: a process that is not the guest's is not there (ESRCH).
Answer act_on_process(const rv_call& call, const Caller& caller, const GuestMemory& memory);

}  // namespace rvisor
