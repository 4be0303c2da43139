// SPDX-License-Identifier: Apache-2.0
#include "layers.h"

namespace rvisor {

bool without(const char*) { return false; }

}  // namespace rvisor
