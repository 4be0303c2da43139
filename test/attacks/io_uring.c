// SPDX-License-Identifier: Apache-2.0
// Tries:      io_uring, whose operations are no system calls and pass no filter.
// Known from: "Curing" (2025), and every filter before 2019.
// Must:       fail.
// Control:    plain
#include "attack.h"

int main(void) {
  char params[120] = {0};
  if (syscall(SYS_io_uring_setup, 4, params) >= 0) won("a ring");
  held();
}
