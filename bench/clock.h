// SPDX-License-Identifier: Apache-2.0
// Nanoseconds, and their order: what every program here that times calls begins with.
#pragma once
#include <time.h>

static inline long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

// For qsort(3).
static inline int ascending(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;
	return (x > y) - (x < y);
}
