// SPDX-License-Identifier: Apache-2.0
// Makes system calls by number and prints what came back: `calls NUMBER,ARG,… …`, one line each, the value or the errno's name.
// A successful clone returns in the child too, which leaves at once.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    unsigned long values[7] = {0};
    char* at = argv[i];
    for (int n = 0; n < 7 && *at; n++) {
      values[n] = strtoul(at, &at, 0);
      if (*at == ',') at++;
    }
    errno = 0;
    long result = syscall((long)values[0], values[1], values[2], values[3], values[4], values[5], values[6]);
    if (values[0] == SYS_clone && result == 0) _exit(0);
    if (result < 0) printf("%s\n", strerrorname_np(errno));
    else puts("ok");
  }
  return 0;
}
