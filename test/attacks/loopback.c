// SPDX-License-Identifier: Apache-2.0
// Tries:      to reach a server on the host's loopback, by TCP and by UDP.
// Known from: databases and debuggers that listen on 127.0.0.1 because only the machine itself may ask them.
// Must:       fail: the loopback is another network's.
// Control:    plain
// Argument:   the port of a TCP server
// Behind:     the preset strict has no sockets of IP
#include "attack.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  if (argc < 2) untried("PORT");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (!connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof address)) won("connected");
  struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = address.sin_port};
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
  if (!connect(socket(AF_INET6, SOCK_STREAM, 0), (void *)&mapped, sizeof mapped)) won("connected by IPv6");
  held();
}
