// SPDX-License-Identifier: Apache-2.0
// Plans come from the host program, which may itself have been fooled.
#include "plan.h"

#include <stddef.h>
#include <stdint.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  rvisor::Plan plan;
  if (!rvisor::parse_plan(text, plan)) {
    // What is accepted keeps its promises.
    if (plan.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos || plan.command.argv.empty()) __builtin_trap();
    for (const rvisor::Mount& mount : plan.mounts)
      if (mount.target[0] != '/' || (mount.target + "/").find("/../") != std::string::npos) __builtin_trap();
    plan.host_uid();
  }
  return 0;
}
