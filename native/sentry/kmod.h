// SPDX-License-Identifier: Apache-2.0
// The kernel module, as init uses it: one open /dev/rvisor (native/core/rv_device.h) is this sandbox. The warden opens it, before the
// view hides it; init says HELLO and is its owner: guests are init's children, and die with init. Nobody in init ever duplicates or closes the
// descriptor, as either would end the guest.
#pragma once
#include <sys/types.h>

#include <cstdint>

#include "../core/rv_device.h"
#include "failure.h"
#include "fd.h"
#include "filter.h"
#include "plan.h"

namespace rvisor {

class KernelModule {
 public:
  // Why it cannot be opened is a failure of the step `kmod`.
  static Status open(Fd& device);

  explicit KernelModule(Fd device) : device_(std::move(device)) {}

  // Becomes the owner and gives the module its part of the rules. Once, and before the first `enroll`.
  Status begin(const ModulePlan& plan);

  // The child, which has executed nothing and has no filter, is a guest from now on.
  Status enroll(pid_t child);

  // All return 0 or an errno. `exchange`: as RV_DEVICE_EXCHANGE.
  int exchange(rv_device_exchange& exchange) const;
  // Delivers an answer; ENOENT where nobody waits for it.
  int reply(const rv_device_reply& reply) const;
  bool waits(uint64_t id) const;
  rv_device_status status() const;

 private:
  const Fd device_;
};

// What a guest of the module has for a filter: it decides in the filter's place, and where it does not, the filter kills.
Filter module_filter();

}  // namespace rvisor
