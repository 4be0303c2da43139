// SPDX-License-Identifier: Apache-2.0
// Requests come from the host program; init parses them too.
#include "protocol.h"

#include <stddef.h>
#include <stdint.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  rvisor::Request request{};
  std::string error;
  bool good = rvisor::parse_request(text, request, error);
  if (good != error.empty()) __builtin_trap();
  rvisor::event_refused(request, error);
  return 0;
}
