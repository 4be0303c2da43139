// SPDX-License-Identifier: Apache-2.0
// Tries:      the metadata service of a cloud (169.254.169.254), which hands out the machine's credentials to whoever asks: by TCP and UDP, as
//             an IPv6 form of the address, by a connected socket and by messages.
// Known from: Capital One 2019 (SSRF to the metadata service), and every guide to hardening containers.
// Must:       fail before a packet is sent, also where the policy grants every address.
// Control:    victim: in a network of its own, whose loopback has the address and somebody listens
// Argument:   "victim", or nothing
#include "attack.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in service = {.sin_family = AF_INET};

static void attempt(const char *how, int s, const void *address, socklen_t size, int sends) {
  long result = sends ? sendto(s, "x", 1, MSG_DONTWAIT, address, size) : connect(s, address, size);
  // A network that has no way there says so; one that has, begins.
  if (result >= 0 || errno == EINPROGRESS || errno == ECONNREFUSED || errno == ETIMEDOUT) won("%s", how);
  close(s);
}

int main(int argc, char **argv) {
  service.sin_addr.s_addr = inet_addr("169.254.169.254"), service.sin_port = htons(80);
  if (argc > 1 && !strcmp(argv[1], "victim")) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) untried("no network of its own: %s", strerror(errno));
    struct ifreq loopback = {.ifr_name = "lo"};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in own = service;
    own.sin_port = 0;
    memcpy(&loopback.ifr_addr, &own, sizeof own);
    if (ioctl(s, SIOCSIFADDR, &loopback)) untried("address: %s", strerror(errno));
    loopback.ifr_flags = IFF_UP;
    if (ioctl(s, SIOCSIFFLAGS, &loopback)) untried("up: %s", strerror(errno));
  }
  struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(80)}, own = mapped;
  inet_pton(AF_INET6, "::ffff:169.254.169.254", &mapped.sin6_addr);
  inet_pton(AF_INET6, "fd00:ec2::254", &own.sin6_addr);
  attempt("UDP", socket(AF_INET, SOCK_DGRAM, 0), &service, sizeof service, 1);
  attempt("UDP, connected", socket(AF_INET, SOCK_DGRAM, 0), &service, sizeof service, 0);
  attempt("TCP", socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), &service, sizeof service, 0);
  attempt("TCP by IPv6", socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), &mapped, sizeof mapped, 0);
  attempt("UDP by IPv6", socket(AF_INET6, SOCK_DGRAM, 0), &mapped, sizeof mapped, 1);
  attempt("IPv6's own", socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), &own, sizeof own, 0);
  held();
}
