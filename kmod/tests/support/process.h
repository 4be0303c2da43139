/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Processes and time, as tests need them.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>

/* On a clock that only goes forward. */
double seconds(void);

/* Waits until a process has done what it does, and sleeps: on a busy machine that may take its time. */
void process_settles(pid_t pid);

/* This process gains no privileges any more, which a guest must not. */
void process_gains_nothing(void);
/* The same, and it has a seccomp filter that allows everything. */
void process_filters_itself(void);

#endif
