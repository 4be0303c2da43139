// SPDX-License-Identifier: Apache-2.0
#include "budget.h"

#include <algorithm>
#include <utility>

namespace rvisor {

uint32_t kind_of(const rv_call& call) { return call.arch == RV_ARCH_X86_64 ? call.nr : kForeignCall; }

bool Budget::spend(uint64_t now) {
  tokens_ = std::min<double>(kBurst, tokens_ + static_cast<double>(now - last_ns_) * 1e-9 * kPerSecond);
  last_ns_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void Budget::suppress(uint32_t nr, uint32_t rule, uint64_t count) {
  std::pair<uint32_t, uint32_t> kind{nr, rule};
  if (suppressed_.size() >= kKinds && !suppressed_.contains(kind)) kind = {kOtherCalls, RV_ID_NONE};
  suppressed_[kind] += count;
}

std::map<std::pair<uint32_t, uint32_t>, uint64_t> Budget::take() { return std::exchange(suppressed_, {}); }

}  // namespace rvisor
