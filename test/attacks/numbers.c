// SPDX-License-Identifier: Apache-2.0
// Tries:      numbers that a filter may take for others: with the x32 bit, −1, negative, and with bits above 32.
// Known from: x32 in Docker's profile (2018), seccomp and PTRACE with −1.
// Must:       never reach io_uring_setup, which the policy refuses under its plain number.
// Control:    plain
#include "attack.h"

static long raw(long nr) {
  long result;
  char params[128] = {0};
  register long r10 __asm__("r10") = 0;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(4L), "S"(params), "d"(0L), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

int main(void) {
  // The last one is the plain number in disguise: the kernel looks at the low 32 bits only.
  static const long tries[] = {SYS_io_uring_setup | 0x40000000L, -1, (long)(int)(0x80000000u | SYS_io_uring_setup), SYS_io_uring_setup | 1L << 32};
  for (unsigned i = 0; i < sizeof tries / sizeof *tries; i++) {
    long result = raw(tries[i]);
    if (result >= 0) won("number %#lx gave %ld", tries[i], result);
  }
  held();
}
