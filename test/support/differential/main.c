// SPDX-License-Identifier: Apache-2.0
// differential SECTION[/N]…, in an empty directory (N: with every Nth path only, in the sections that take long), and only where the program has no
// capability and can have none: it tries to remove what is not its own.
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "differential.h"

#define LONG_NAME "a-name-of-255-bytes-"

size_t every = 1;

int main(int argc, char **argv) {
  static const struct { const char *name; void (*run)(void); } sections[] = {{"open", opens}, {"openat2", restricted}, {"query", queries}, {"change", changing}, {"time", timestamps}, {"xattr", attributes}, {"pair", pairs},
                                                                           {"directory", directories}, {"pointer", pointers}, {"socket", sockets}, {"place", places}, {"lock", locks}, {"wait", waiting}};
  setvbuf(stdout, NULL, _IOFBF, 1 << 20);
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return fputs("only in a sandbox\n", stderr), 3;
  if (!getcwd(base, sizeof base)) return 3;
  memset(longest, 'n', 255);
  memcpy(longest, LONG_NAME, sizeof LONG_NAME - 1);
  memset(too_long, 'n', 256);
  for (int i = 0; i < PATH_MAX - 1; i += 2) memcpy(fits + i, "./", 2);
  strcpy(fits + PATH_MAX - 1 - 4, "file");  // 4,095 bytes, the longest path there is
  if (fits[PATH_MAX - 6] != '/') memmove(fits + PATH_MAX - 6, "/file", 6);
  memset(over, '/', sizeof over - 1);
  memcpy(over + sizeof over - 5, "file", 5);
  snprintf(absolute, sizeof absolute, "%s/file", base);
  for (int i = 1; i < argc; i++)
    for (size_t n = 0; n < COUNT(sections); n++) {
      const size_t length = strlen(sections[n].name);
      if (strncmp(argv[i], sections[n].name, length) || (argv[i][length] && argv[i][length] != '/')) continue;
      every = argv[i][length] ? strtoul(argv[i] + length + 1, NULL, 10) : 1;
      printf("== %s\n", argv[i]), sections[n].run();
    }
  fflush(stdout);
  return 0;
}
