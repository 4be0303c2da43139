/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The only types the decision core knows, and nothing else: the core must compile unchanged in a process and in a kernel.
 */
#ifndef RV_TYPES_H
#define RV_TYPES_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#endif
