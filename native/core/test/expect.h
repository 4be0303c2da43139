// SPDX-License-Identifier: Apache-2.0
/*
 * What has to hold. What does not is printed and counted, and the test goes on.
 */
#ifndef EXPECT_H
#define EXPECT_H

#include <stdio.h>

extern unsigned failures;

#define EXPECT(condition)                                                              \
	do {                                                                           \
		if (!(condition)) {                                                    \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			failures++;                                                    \
		}                                                                      \
	} while (0)

#define EXPECT_EQ(actual, expected)                                                                                            \
	do {                                                                                                                   \
		unsigned long long a_ = (actual), e_ = (expected);                                                             \
		if (a_ != e_) {                                                                                                \
			printf("%s:%d: %s is %llu (0x%llx), not %llu (0x%llx)\n", __FILE__, __LINE__, #actual, a_, a_, e_, e_); \
			failures++;                                                                                            \
		}                                                                                                              \
	} while (0)

#endif
