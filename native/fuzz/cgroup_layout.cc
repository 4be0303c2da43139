// SPDX-License-Identifier: Apache-2.0
// Mount points and group names are chosen by whoever set the host up.
#include "cgroup_layout.h"

#include <stddef.h>
#include <stdint.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto& [name, hierarchy] : rvisor::hierarchies_of(text))
    for (const auto& [controller, group] : rvisor::groups_of(text)) {
      // A group is never found outside the hierarchy's mount.
      std::string path = rvisor::locate(hierarchy, group);
      if (!path.empty() && !path.starts_with(hierarchy.mount)) __builtin_trap();
    }
  return 0;
}
