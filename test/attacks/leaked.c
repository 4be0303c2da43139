// SPDX-License-Identifier: Apache-2.0
// Tries:      descriptors and a working directory that the runtime left open.
// Known from: CVE-2024-21626 (runc "Leaky Vessels"), CVE-2016-9962.
// Must:       find 0, 1 and 2 and nothing else, and a working directory inside the root.
// Control:    plain with a descriptor of / left open as 3
// Behind:     the filter is not what holds this
#include "attack.h"

int main(void) {
  for (int fd = 3; fd < 4096; fd++)
    if (fcntl(fd, F_GETFD) >= 0) won("descriptor %d is open", fd);
  char cwd[4096];
  if (!getcwd(cwd, sizeof cwd) || cwd[0] != '/') won("the working directory is outside: %s", cwd);
  held();
}
