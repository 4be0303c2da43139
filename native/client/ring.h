// SPDX-License-Identifier: Apache-2.0
// The client's end of a ring, as the launcher needs it.
#pragma once
#include <cstdint>

namespace rvisor {

// What init gets of the ring, as numbers of this process: memory, and a socket for each lane. -1 where there is no such ring.
void ring_descriptors(int32_t ring, int* out);

}  // namespace rvisor
