// SPDX-License-Identifier: Apache-2.0
// Reports come from init, which is no more trusted than the guest.
#include "protocol.h"

#include <stddef.h>
#include <stdint.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  rvisor::Report report{};
  if (rvisor::parse_report(text, report)) {
    // What was understood is understood again.
    rvisor::Report again{};
    if (!rvisor::parse_report(rvisor::encode_report(report), again) || again.id != report.id || again.text != report.text) __builtin_trap();
    rvisor::event_failed(report.id, report.failure);
    rvisor::event_exit(report.id, report.status, report.text, report.text, nullptr);
  }
  return 0;
}
