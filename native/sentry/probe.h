// SPDX-License-Identifier: Apache-2.0
// What this host has of what rvisor uses: each feature is tried, never looked up by version.
#pragma once

namespace rvisor {

// One JSON object on stdout: {"kernel", "uid", "features": [{"name", "ok", "errno", "detail"}]}.
int print_probe();

}  // namespace rvisor
