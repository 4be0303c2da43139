/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Results as the kernel's own tests print them (KTAP), from any process of a test: guests check things too.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>

/* To be called first, once, by the process that all others come from. */
void tap_start(void);
/* Prints a result; what is false fails the program. Answers `passed`. */
__attribute__((format(printf, 2, 3))) bool check(bool passed, const char *name, ...);
/* For results of calls: what was got stands beside the name if it is not what was wanted. */
bool check_is(long got, long wanted, const char *name);
/* A call's result: errno if it failed, else 0. */
#define ERRNO_OF(call) ((call) == -1 ? errno : 0)
void skip(const char *name, const char *why);
/* A line of comment. */
__attribute__((format(printf, 1, 2))) void note(const char *format, ...);
/* Prints the plan; the program's exit status. */
int tap_end(void);
/* What cannot go wrong in a sound test did: says so and ends everything. */
__attribute__((noreturn)) void bail(const char *what);

#endif
