// SPDX-License-Identifier: Apache-2.0
// How many refusals are reported in full: a bucket of tokens. The rest is counted, exactly, by call and rule, and reported as numbers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "../core/rv_abi.h"

namespace rvisor {

// Kinds of refusals that are counted without a number: calls of other ABIs, and numbers beyond the first few thousand.
constexpr uint32_t kForeignCall = 0xfffffffe, kOtherCalls = 0xffffffff;

// The number under which a refused call is counted.
uint32_t kind_of(const rv_call& call);

class Budget {
 public:
  // True when this one may be reported.
  bool spend(uint64_t now_ns);
  void suppress(uint32_t nr, uint32_t rule, uint64_t count = 1);
  bool suppressing() const { return !suppressed_.empty(); }
  // What was suppressed since the last call, as ((nr, rule), count).
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> take();

  static constexpr uint32_t kBurst = 256, kPerSecond = 64;
  static constexpr size_t kKinds = 4096;  // kinds beyond these are counted together

 private:
  uint64_t last_ns_ = 0;
  double tokens_ = kBurst;
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> suppressed_;
};

}  // namespace rvisor
