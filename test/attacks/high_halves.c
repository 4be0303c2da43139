// SPDX-License-Identifier: Apache-2.0
// Tries:      arguments whose high half the kernel ignores, so that a comparison of all 64 bits does not see them.
// Known from: CVE-2019-10063 (flatpak: TIOCSTI with bits above 32), CVE-2019-7303 (snapd).
// Must:       never reach the kernel: TIOCSTI would say ENOTTY for /dev/null, AF_VSOCK would give a socket.
// Control:    plain
#include "attack.h"
#include <sys/ioctl.h>
#include <sys/socket.h>

int main(void) {
  int fd = open("/dev/null", O_RDWR);
  if (fd < 0) untried("/dev/null: %s", strerror(errno));
  for (int shift = 32; shift < 64; shift += 7)
    if (!syscall(SYS_ioctl, fd, (1UL << shift) | TIOCSTI, "x") || errno == ENOTTY) won("TIOCSTI with bit %d reached the kernel", shift);
  if (syscall(SYS_socket, (1UL << 32) | AF_VSOCK, SOCK_STREAM, 0) >= 0) won("AF_VSOCK with bit 32");
  if (syscall(SYS_socket, (1UL << 32) | AF_ALG, SOCK_SEQPACKET, 0) >= 0) won("AF_ALG with bit 32");
  held();
}
