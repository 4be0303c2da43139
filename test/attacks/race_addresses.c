// SPDX-License-Identifier: Apache-2.0
// Tries:      to have one socket address decided on and another connected or sent to: MODE GRANTED DENIED, two ports of 127.0.0.1. A
//             sibling thread keeps changing the port; another keeps putting other sockets under the same descriptor.
// Known from: system call wrappers, as race_paths.
// Must:       fail: nothing reaches the other port, which is a server of the host's that counts.
// Control:    the program's own check is evaded in the same way
#include "attack.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

static struct sockaddr_in to = {.sin_family = AF_INET};
static in_port_t good, bad;

static void *flip(void *unused) {
  _Atomic in_port_t *port = (_Atomic in_port_t *)&to.sin_port;
  for (;;) {
    *port = bad;
    *port = good;
  }
  return unused;
}

static void *put(void *unused) {
  int kinds[] = {socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET6, SOCK_DGRAM, 0), socket(AF_INET, SOCK_STREAM, 0)};
  for (unsigned i = 0;; i++) dup2(kinds[i % 3], 100);
  return unused;
}

int main(int argc, char **argv) {
  if (argc < 4) untried("MODE GRANTED DENIED");
  const char *mode = argv[1];
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = good = htons((uint16_t)atoi(argv[2])), bad = htons((uint16_t)atoi(argv[3]));
  signal(SIGPIPE, SIG_IGN);
  pthread_t sibling, other;
  pthread_create(&sibling, 0, flip, 0);
  if (!strcmp(mode, "swap")) pthread_create(&other, 0, put, 0);
  struct timespec begin = now();
  int udp = socket(AF_INET, SOCK_DGRAM, 0);
  struct iovec part = {"x", 1};
  struct mmsghdr messages[4];
  for (int i = 0; i < 4; i++) messages[i] = (struct mmsghdr){{&to, sizeof to, &part, 1, 0, 0, 0}, 0};
  long tries = 0;
  for (; !over(begin, tries); tries++) {
    if (*(volatile in_port_t *)&to.sin_port != good) continue;
    yields();
    if (!strcmp(mode, "connect")) {
      struct sockaddr_in peer;
      socklen_t size = sizeof peer;
      int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      struct linger now = {1, 0};
      setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      connect(s, (void *)&to, sizeof to);
      if (!getpeername(s, (void *)&peer, &size) && peer.sin_port == bad) won("connected");
      close(s);
    } else if (!strcmp(mode, "sendto")) {
      sendto(udp, "x", 1, MSG_DONTWAIT, (void *)&to, sizeof to);
    } else if (!strcmp(mode, "swap")) {
      sendto(100, "x", 1, MSG_DONTWAIT, (void *)&to, sizeof to);
    } else if (!strcmp(mode, "sendmsg")) {
      sendmsg(udp, &messages[0].msg_hdr, MSG_DONTWAIT);
    } else {
      sendmmsg(udp, messages, 4, MSG_DONTWAIT);
    }
  }
  printf("%ld tries, seed %u\n", tries, seed());
  held();
}
