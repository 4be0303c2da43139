// SPDX-License-Identifier: Apache-2.0
// The last steps of a new guest process, between fork and exec.
#pragma once
#include <sys/types.h>

#include <array>

#include "failure.h"
#include "plan.h"
#include "filter.h"

namespace rvisor {

struct GuestContext {
  const Limits& limits;
  const Filter& filter;
  int listener = -1;     // where the filter's listener goes, if it has one
  bool traced = false;   // it becomes traceable and waits for `released()` before it executes the program
  int ready = -1;        // traced: a byte is written here when it is about to
  int status = -1;       // traced: the only descriptor it keeps but its standard ones
  int directory = -1;    // the command's directory, open; else it is entered by its name
  int ruleset = -1;      // a Landlock domain of the guest's own, within init's
  pid_t init = 0;        // not 0: no pid namespace ends the command with init until it is traced
  unsigned supervisors;  // not 0: no control group counts processes, RLIMIT_NPROC of the user namespace does, and so many tasks of ours
};

// A word that a traced command waits for to become 1, at the same place in its memory as in the caller's.
long* released();

// Replaces the calling process by the command, or returns why it could not. `stdio`: descriptors for 0, 1, 2; with a terminal
// all three are its slave, which becomes the controlling terminal.
Failure enter_command(const GuestContext& context, const Command& command, const std::array<int, 3>& stdio);

}  // namespace rvisor
