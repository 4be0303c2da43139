// SPDX-License-Identifier: Apache-2.0
// Waiting for what another thread does: as long as a busy machine needs, and no longer than that.
#pragma once
#include <unistd.h>

namespace rvisor {

// Whether it comes to be.
template <class F>
bool soon(F&& comes) {
  for (int i = 0; i < 20000; i++) {
    if (comes()) return true;
    usleep(1000);
  }
  return false;
}

}  // namespace rvisor
