// SPDX-License-Identifier: Apache-2.0
// Tries:      to outlive its sandbox, and to keep its end open: leaves a child in another session that ignores every signal and
//             holds stdout, then ends.
// Known from: every build that left a daemon behind.
// Must:       be gone with its last descendant as soon as the main process ends, its output at an end.
// Control:    none: outside, the child would stay for a minute
#include "attack.h"

int main(void) {
  if (fork() == 0) {
    setsid();
    for (int signal_number = 1; signal_number < 65; signal_number++) signal(signal_number, SIG_IGN);
    if (fork() == 0) sleep(60);
    sleep(60);
    _exit(0);
  }
  held();
}
