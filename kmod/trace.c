// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The bodies of the trace events.
 */
#include "rvisor.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
