// SPDX-License-Identifier: Apache-2.0
// Tries:      to type into a terminal (TIOCSTI, TIOCLINUX): the caller's, where its stdin is one, and a pty of its own.
// Known from: CVE-2017-5226 (bubblewrap), CVE-2023-1523 (snapd).
// Must:       fail by the filter, whatever terminal it is.
// Control:    root
#include "attack.h"
#include <sys/ioctl.h>

int main(void) {
  if (!ioctl(0, TIOCSTI, "x")) won("into stdin");
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlock = 0;
  if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock)) untried("no pty: %s", strerror(errno));
  setsid();
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR);
  if (slave < 0) untried("no slave: %s", strerror(errno));
  ioctl(slave, TIOCSCTTY, 0);
  if (!ioctl(slave, TIOCSTI, "x")) won("into a pty");
  held();
}
