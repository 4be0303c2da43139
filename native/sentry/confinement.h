// SPDX-License-Identifier: Apache-2.0
// What warden and sentry may still call once the guest runs; anything else kills them, and so the guest.
#pragma once
#include "failure.h"

namespace rvisor {

enum class Role { warden, sentry };

// Confines every thread of the process, with no_new_privs. In a build with sanitizers, whose run time makes calls of its own,
// nothing. The filters do not depend on anything, so they are made when rvisor is built (confinement_rules.cc): making one takes a
// millisecond of every start.
Status confine_self(Role role);

}  // namespace rvisor
