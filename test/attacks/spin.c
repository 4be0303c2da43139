// SPDX-License-Identifier: Apache-2.0
// Tries:      to compute for longer than it may, with the signal that says so ignored.
// Known from: setrlimit(2): SIGXCPU can be handled, what comes a second later cannot.
// Must:       be ended.
// Argument:   seconds of processor time; five where none is said
// Control:    plain (with a second)
#include "attack.h"
#include <sys/resource.h>

int main(int argc, char **argv) {
  long seconds = argc > 1 ? atol(argv[1]) : 5;
  signal(SIGXCPU, SIG_IGN);
  for (;;) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    if (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec >= seconds) won("%ld seconds", seconds);
  }
}
