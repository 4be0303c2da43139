// SPDX-License-Identifier: Apache-2.0
// Tries:      to reach a port that no rule grants, as a resolver or a tunnel would: GRANTED DENIED, two ports of 127.0.0.1 with UDP and TCP
//             servers. By every call that sends, by other ways to write the address, by a socket that was connected to what is granted, by
//             MSG_FASTOPEN, by one message of several, over IPv6 with IPv4 inside, with source routes.
// Known from: DNS tunnels; filters that look at connect(2) and forget sendto, sendmmsg, TCP Fast Open or mapped addresses.
// Must:       fail: nothing arrives at the denied port, whose server counts. What is granted arrives.
// Control:    plain: the server of the denied port counts some
// Argument:   GRANTED DENIED
#include "attack.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static struct sockaddr_in v4(const char *address, int port) {
  struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, address, &result.sin_addr);
  return result;
}
static struct sockaddr_in6 v6(const char *address, int port) {
  struct sockaddr_in6 result = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  inet_pton(AF_INET6, address, &result.sin6_addr);
  return result;
}

static int reached = 0;

static void by_all(const char *how, const void *address, socklen_t size, int family) {
  int udp = socket(family, SOCK_DGRAM, 0), tcp = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0), connected = socket(family, SOCK_DGRAM, 0), fast = socket(family, SOCK_STREAM, 0);
  struct iovec part = {"x", 1};
  struct msghdr message = {.msg_name = (void *)address, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1};
  if (sendto(udp, "x", 1, MSG_DONTWAIT, address, size) > 0) reached++, printf("%s: sendto\n", how);
  if (sendmsg(udp, &message, MSG_DONTWAIT) > 0) reached++, printf("%s: sendmsg\n", how);
  struct mmsghdr several[2] = {{message, 0}, {message, 0}};
  if (sendmmsg(udp, several, 2, MSG_DONTWAIT) > 0) reached++, printf("%s: sendmmsg\n", how);
  if (!connect(connected, address, size) && write(connected, "x", 1) > 0) reached++, printf("%s: connect and write\n", how);
  if (!connect(tcp, address, size) || errno == EINPROGRESS) reached++, printf("%s: TCP\n", how);
  if (sendto(fast, "x", 1, MSG_FASTOPEN | MSG_DONTWAIT, address, size) > 0 || errno == EINPROGRESS) reached++, printf("%s: TCP Fast Open\n", how);
  close(udp), close(tcp), close(connected), close(fast);
}

int main(int argc, char **argv) {
  if (argc < 3) untried("GRANTED DENIED");
  int good = atoi(argv[1]), bad = atoi(argv[2]);
  struct sockaddr_in granted = v4("127.0.0.1", good), denied = v4("127.0.0.1", bad), any = v4("0.0.0.0", bad), other = v4("127.9.9.9", bad);
  struct sockaddr_in6 mapped = v6("::ffff:127.0.0.1", bad), mapped_any = v6("::ffff:0.0.0.0", bad), any6 = v6("::", bad), own6 = v6("::1", bad);
  by_all("IPv4", &denied, sizeof denied, AF_INET);
  by_all("0.0.0.0", &any, sizeof any, AF_INET);
  by_all("127.9.9.9", &other, sizeof other, AF_INET);
  by_all("IPv4 with room behind it", (struct sockaddr_storage *)memcpy(&(struct sockaddr_storage){0}, &denied, sizeof denied), sizeof(struct sockaddr_storage), AF_INET);
  by_all("mapped", &mapped, sizeof mapped, AF_INET6);
  by_all("mapped 0.0.0.0", &mapped_any, sizeof mapped_any, AF_INET6);
  by_all("::", &any6, sizeof any6, AF_INET6);
  by_all("::1", &own6, sizeof own6, AF_INET6);
  // The kernel takes an IPv4 address of family AF_UNSPEC for sendto on UDP as one of AF_INET.
  struct sockaddr_in nameless = denied;
  nameless.sin_family = AF_UNSPEC;
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  if (sendto(s, "x", 1, MSG_DONTWAIT, (void *)&nameless, sizeof nameless) > 0) reached++, puts("AF_UNSPEC");
  // A socket that is connected to what is granted, and names another address.
  if (!connect(s, (void *)&granted, sizeof granted) && sendto(s, "x", 1, MSG_DONTWAIT, (void *)&denied, sizeof denied) > 0) reached++, puts("connected elsewhere");
  // The first message of several is granted.
  struct iovec part = {"x", 1};
  struct mmsghdr mixed[2] = {{{.msg_name = &granted, .msg_namelen = sizeof granted, .msg_iov = &part, .msg_iovlen = 1}, 0}, {{.msg_name = &denied, .msg_namelen = sizeof denied, .msg_iov = &part, .msg_iovlen = 1}, 0}};
  int both = socket(AF_INET, SOCK_DGRAM, 0);
  if (sendmmsg(both, mixed, 2, MSG_DONTWAIT) == 2) reached++, puts("second of two messages");
  // A strict source route by way of what is denied.
  unsigned char route[8] = {137, 7, 4, 127, 0, 0, 1, 0};
  if (!setsockopt(both, IPPROTO_IP, IP_OPTIONS, route, sizeof route)) reached++, puts("a source route");
  if (sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, MSG_DONTWAIT, (void *)&granted, sizeof granted) < 0) untried("what is granted: %s", strerror(errno));
  if (reached) won("%d ways", reached);
  held();
}
