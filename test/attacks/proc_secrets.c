// SPDX-License-Identifier: Apache-2.0
// Tries:      to read what /proc has for root only: memory, log, addresses, other users' keys.
// Known from: kernel exploits that begin by finding addresses.
// Must:       fail.
// Control:    root
// Behind:     masks, file modes
#include "attack.h"

int main(void) {
  static const char *const names[] = {"kcore", "kmsg", "timer_list", "slabinfo", "vmallocinfo", "pagetypeinfo", "kpagecount", "kpageflags"};
  char path[64], text[4096];
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "/proc/%s", names[i]);
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd >= 0 && read(fd, text, sizeof text) > 0) won("read %s", path);
  }
  FILE *symbols = fopen("/proc/kallsyms", "r");
  unsigned long address = 0;
  if (symbols && fscanf(symbols, "%lx", &address) == 1 && address) won("kernel addresses");
  held();
}
