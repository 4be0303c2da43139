// SPDX-License-Identifier: Apache-2.0
// What is printed: results as numbers or errno names, bytes as a reader can see them.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "differential.h"

const char *name_of(long result) {
  static char text[4][64];
  static int turn;
  char *out = text[turn++ % 4];
  const char *known = result < 0 && result > -4096 ? strerrorname_np((int)-result) : NULL;
  if (known) return known;
  snprintf(out, sizeof text[0], "%ld", result);
  return out;
}

long raw(long number, long a, long b, long c, long d, long e) {
  long result = syscall(number, a, b, c, d, e);
  return result < 0 ? -errno : result;
}

pid_t split(void) {
  fflush(stdout);
  return fork();
}

const char *shown(const char *text) {
  static char out[8][256];
  static int turn;
  char *to = out[turn++ % 8], *end = to + sizeof out[0] - 8;
  char *start = to;
  size_t length = strlen(base);
  if (length > 1 && !strncmp(text, base, length)) text += length, *to++ = '~';
  if (strlen(text) > 100) return snprintf(to, 200, "%.12s…(%zu)", text, strlen(text)), start;
  for (; *text && to < end; text++)
    if (*text >= ' ' && *text <= '~') *to++ = *text;
    else to += sprintf(to, "\\x%02x", (unsigned char)*text);
  *to = 0;
  return start;
}

const char *kind(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "directory";
    case S_IFLNK: return "link";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    case S_IFCHR: return "device";
  }
  return "other";
}
