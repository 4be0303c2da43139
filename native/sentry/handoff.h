// SPDX-License-Identifier: Apache-2.0
// Installing a filter with a listener in a new guest process, and getting the listener out of it. The process cannot send it
// itself: from the moment the filter holds, its own sendmsg(2) may be among the calls that wait for the listener's answer.
#pragma once
#include "failure.h"
#include "filter.h"

namespace rvisor {

// For the guest's own process, as its last step before exec: installs `filter` with SECCOMP_FILTER_FLAG_NEW_LISTENER. A helper that shares
// this process's descriptors and memory, but not its filter, sends the listener over `socket` in the packet `text` and ends; it
// is a child of the parent. When this returns the listener may still be under way; calls that need it wait.
// `close`, for a filter that is `traceable`: the listener and the socket are closed then, and when this returns they are, and nobody but this process has its memory.
Status install_filter_and_send_listener(const Filter& filter, int socket, const char* text, bool close = false);

}  // namespace rvisor
