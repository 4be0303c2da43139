// SPDX-License-Identifier: Apache-2.0
// The descriptors of the ring to the host program's handlers (rv_ring.h), on their way to init.
#pragma once
#include <array>

#include "../core/rv_ring.h"
#include "fd.h"

namespace rvisor {

struct Ring {
  Fd memory;
  std::array<Fd, RV_RING_SOCKETS> sockets;
};

}  // namespace rvisor
