// SPDX-License-Identifier: Apache-2.0
// Makes a long list of calls that name files, sockets and descriptors, and prints what came of each, so that two runs can be compared
// line by line: one whose calls the kernel carries out, and one whose calls init carries out. Results are printed as numbers or errno names;
// what differs from run to run (pids, inode numbers) never is.
#ifndef DIFFERENTIAL_H
#define DIFFERENTIAL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

extern size_t every;  // of the paths, the Nth

// -------------------------------------------------------------------------------------------------------- report.c

// A number, or the name of the errno that it is.
const char *name_of(long result);
// A call's result, or -errno.
long raw(long number, long a, long b, long c, long d, long e);
#define RAW(number, a, b, c, d, e) raw(SYS_##number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
// fork(2), and what is still to be printed is printed once.
pid_t split(void);
// Bytes as a reader of the report can see them, the own directory as "~".
const char *shown(const char *text);
const char *kind(mode_t mode);

// ---------------------------------------------------------------------------------------------------------- tree.c

// The tree's directory; names of 255 and 256 bytes; paths of 4,095 bytes and of more; a file's absolute path.
extern char base[PATH_MAX], longest[256], too_long[257], fits[PATH_MAX], over[PATH_MAX + 8], absolute[PATH_MAX + 16];
extern const char *const paths[];
extern const size_t path_count;

void put(const char *path, const char *content, mode_t mode);
// Makes the tree anew.
void fixture(void);
// The same, and keeps what it is then.
void begin(void);
// Prints what has changed since, and makes it anew.
void changes(void);
// Prints a call's result, and what it has changed.
void report(const char *call, const char *path, long result);
// Which object of the tree this is.
const char *identity(dev_t device, ino_t inode);
// Descriptors that some paths go through: 50 an open file, 51 a directory, 52 a pipe, 53 an unlinked file.
void stand_ins(void);

// ------------------------------------------------------------------------------------------------------ describe.c

// Each prints what a descriptor is, or the error in its place, and closes it.
void describe_place(long fd);
void describe_fd(long fd);
void show_stat(const struct stat *st);

// -------------------------------------------------------------------------------------------------------- sections

void opens(void);
void restricted(void);
void queries(void);
void changing(void);
void timestamps(void);
void attributes(void);
void pairs(void);
void directories(void);
void pointers(void);
void sockets(void);
void places(void);
void locks(void);
void waiting(void);

#endif
