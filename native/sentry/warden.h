// SPDX-License-Identifier: Apache-2.0
// The warden: the process the host starts. It owns what lies outside the sandbox: control groups and id maps.
#pragma once

namespace rvisor {

constexpr int kControlFd = 3, kEventsFd = 4, kPlanFd = 5, kFirstGuestFd = 6, kRingFd = 9, kRingFds = 4;

int run_warden();

}  // namespace rvisor
