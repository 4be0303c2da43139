// SPDX-License-Identifier: Apache-2.0
// Tries:      the 32-bit system call entry, whose numbers mean other calls than the filter's.
// Known from: seccomp filters without a check of the architecture (seccomp(2), "Caveats").
// Must:       fail: calls of foreign ABIs get the filter's default.
// Control:    plain
#include "attack.h"

int main(void) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L /* getpid */) : "memory", "r8", "r9", "r10", "r11");
  if (result > 0) won("getpid by int 0x80 gave %ld", result);
  held();
}
