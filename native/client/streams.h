// SPDX-License-Identifier: Apache-2.0
// The three streams of a command: what the guest gets, and the ends that stay here.
#pragma once
#include <array>
#include <cstdint>

#include "../sentry/fd.h"

namespace rvisor {

class Streams {
 public:
  // As RVISOR_PIPE and its like say. 0 or an errno.
  int open(const int32_t* stdio);
  // The guest's descriptor, -1 with a terminal. A descriptor of the caller's is not copied: it must stay open until used.
  int guest(int index) const { return guest_[static_cast<size_t>(index)]; }
  // The caller's ends, -1 where there is none.
  void release(int32_t* out);

 private:
  std::array<int, 3> guest_{-1, -1, -1};
  std::array<Fd, 3> owned_, host_;
};

}  // namespace rvisor
