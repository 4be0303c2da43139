// SPDX-License-Identifier: Apache-2.0
// The auxiliary vector, by which the kernel tells a new program about itself: above its arguments and environment, at the top of its
// stack (getauxval(3)). Known for a thread that has executed a program and run nothing of it.
#pragma once
#include <sys/user.h>

#include <cstdint>

#include "guest_memory.h"

namespace rvisor {

struct AuxiliaryEntry {
  uint64_t address = 0;  // of the entry, 16 bytes: its type and its value; 0: there is none
  uint64_t value = 0;
};

// The first entry of this type (AT_*). False where the stack cannot be read.
bool find_auxiliary(const GuestMemory& memory, const user_regs_struct& regs, uint64_t type, AuxiliaryEntry& out);

}  // namespace rvisor
