// SPDX-License-Identifier: Apache-2.0
// Tries:      sockets below or beside IP: packets, raw IP, the hypervisor's, the kernel's crypto, audit.
// Known from: CVE-2020-14386 (AF_PACKET), AF_VSOCK past network namespaces, CVE-2017-6074.
// Must:       fail.
// Control:    root
#include "attack.h"
#include <linux/netlink.h>
#include <sys/socket.h>

int main(void) {
  static const struct { int family, type, protocol; const char *name; } kinds[] = {
      {AF_PACKET, SOCK_RAW, 0x300, "AF_PACKET"}, {AF_INET, SOCK_RAW, 1, "raw ICMP"}, {AF_INET6, SOCK_RAW, 58, "raw ICMPv6"}, {AF_INET, SOCK_DGRAM, 1, "ping"},
      {AF_VSOCK, SOCK_STREAM, 0, "AF_VSOCK"}, {AF_ALG, SOCK_SEQPACKET, 0, "AF_ALG"}, {AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, "audit"},
      {AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, "netfilter"}, {AF_BLUETOOTH, SOCK_RAW, 1, "Bluetooth"}};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (socket(kinds[i].family, kinds[i].type, kinds[i].protocol) >= 0) won("%s", kinds[i].name);
  held();
}
