// SPDX-License-Identifier: Apache-2.0
// The name in /proc/<pid>/stat is the guest's choice.
#include "processes.h"

#include <stddef.h>
#include <stdint.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rvisor::ProcessStat stat{};
  if (rvisor::parse_stat(std::string(reinterpret_cast<const char*>(data), size), stat)) rvisor::event_processes(1, {stat.info});
  return 0;
}
