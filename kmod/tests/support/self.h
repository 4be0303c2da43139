/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * How a test program begins, and what of it guests execute.
 */
#ifndef SELF_H
#define SELF_H

/* The program itself, for execve(2): with `--denied` it makes a directory and ends with the errno, with `--sleep` it sleeps for some seconds. */
extern const char *self_path;

/* To be called first, with the words of main(). Whoever a test leaves behind becomes this process's child. */
void self_start(int argc, char **argv);

#endif
