// SPDX-License-Identifier: Apache-2.0
// Tries:      to reach a server of the host by an abstract socket, which no path and no mount hides.
// Known from: CVE-2020-15257 (containerd-shim).
// Must:       fail: another network namespace, or with the host's network Landlock's scope (ABI 6).
// Control:    plain
// Argument:   the socket's name
#include "attack.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv) {
  if (argc != 2) untried("no name");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, argv[1], sizeof address.sun_path - 2);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (!connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[1])))) won("connected");
  held();
}
