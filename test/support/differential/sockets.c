// SPDX-License-Identifier: Apache-2.0
// bind(2) and connect(2), by paths and by every other address.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "differential.h"

static void show_name(int fd, bool peer) {
  struct sockaddr_storage storage = {0};
  socklen_t size = sizeof storage;
  int rc = peer ? getpeername(fd, (struct sockaddr *)&storage, &size) : getsockname(fd, (struct sockaddr *)&storage, &size);
  if (rc) printf(" %s", name_of(-errno));
  else if (storage.ss_family == AF_UNIX) {
    // A socket that init binds has its name without the directory (docs/interception.md).
    const char *path = ((struct sockaddr_un *)&storage)->sun_path, *slash = strrchr(path, '/');
    printf(" unix %s", size <= sizeof(sa_family_t) ? "without a name" : *path ? shown(slash ? slash + 1 : path) : "abstract");
  }
  else printf(" family %d port %s", storage.ss_family, ntohs(((struct sockaddr_in *)&storage)->sin_port) ? "some" : "0");
}

static void try_address(const char *label, int domain, int type, const void *address, long size, bool connecting) {
  int fd = socket(domain, type | SOCK_NONBLOCK, 0);
  printf("%s %s %s", connecting ? "connect" : "bind", label, name_of(raw(connecting ? SYS_connect : SYS_bind, fd, (long)address, size, 0, 0)));
  show_name(fd, false);
  if (connecting) show_name(fd, true);
  putchar('\n');
  close(fd);
  changes();
}

void sockets(void) {
  begin();
  stand_ins();
  static const char *const names[] = {"socket", "new", "file", "dir", "link", "dangling", "missing/new", "", "dir/new", "dirlink/new", "./new", "closed/new", "locked/new", "new/", "/proc/self/cwd/new", "/proc/self/cwd/socket",
                                      "/proc/self/fd/51/new", "/proc/self/root/dev/null", "/proc/1/root/dev/null", "loop", "private", "sgid/new", "up", "caf\xe9-socket", "../new-in-parent"};
  struct sockaddr_un live = {.sun_family = AF_UNIX, .sun_path = "dir/live"};
  for (size_t i = 0; i < COUNT(names); i++)
    for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
      if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) continue;
      struct sockaddr_un address = {.sun_family = AF_UNIX};
      char label[300];
      strcpy(address.sun_path, names[i]);
      for (int exact = 0; exact < 2; exact++) {
        long size = exact ? (long)(offsetof(struct sockaddr_un, sun_path) + strlen(names[i])) : (long)sizeof address;
        snprintf(label, sizeof label, "%s type %d size %ld", shown(names[i]), type, size);
        try_address(label, AF_UNIX, type, &address, size, false);
        try_address(label, AF_UNIX, type, &address, size, true);
      }
    }
  unlink("../new-in-parent");
  // A server that is there, by several names and from several directories.
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(server, (struct sockaddr *)&live, sizeof live);
  listen(server, 50);
  symlink("dir/live", "to-live");
  static const char *const there[] = {"dir/live", "to-live", "dirlink/live", "./dir//live", "/proc/self/cwd/dir/live", "/proc/self/fd/51/live", "self/dir/live"};
  for (size_t i = 0; i < COUNT(there); i++) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, there[i]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), dgram = socket(AF_UNIX, SOCK_DGRAM, 0);
    printf("connect to a server by %s %s", there[i], name_of(RAW(connect, fd, &address, sizeof address, 0, 0)));
    show_name(fd, true);
    printf(" wrong type %s\n", name_of(RAW(connect, dgram, &address, sizeof address, 0, 0)));
    close(fd), close(dgram);
  }
  chdir("dir");
  struct sockaddr_un near = {.sun_family = AF_UNIX, .sun_path = "live"};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  printf("connect from its directory %s\n", name_of(RAW(connect, fd, &near, sizeof near, 0, 0)));
  close(fd);
  chdir(base);
  chmod("dir/live", 0);
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  printf("connect without the right to write %s\n", name_of(RAW(connect, fd, &live, sizeof live, 0, 0)));
  close(fd), close(server);
  struct sockaddr_un whole = {.sun_family = AF_UNIX};
  memset(whole.sun_path, 'w', sizeof whole.sun_path);
  try_address("108 bytes", AF_UNIX, SOCK_STREAM, &whole, sizeof whole, false);
  unlink("dir/live");
  begin();
  for (int i = 0; i < 3; i++) {
    static const mode_t masks[] = {0, 077, 0777};
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "masked"};
    umask(masks[i]);
    try_address("under a umask", AF_UNIX, SOCK_STREAM, &address, sizeof address, false);
    umask(022);
  }
  struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0rvisor-differential"};
  for (int connecting = 0; connecting < 2; connecting++) {
    try_address("an abstract name", AF_UNIX, SOCK_STREAM, &abstract, offsetof(struct sockaddr_un, sun_path) + 20, connecting);
    try_address("no name", AF_UNIX, SOCK_STREAM, &abstract, sizeof(sa_family_t), connecting);
    try_address("one byte", AF_UNIX, SOCK_STREAM, &abstract, 1, connecting);
    try_address("no bytes", AF_UNIX, SOCK_STREAM, &abstract, 0, connecting);
    try_address("null and no bytes", AF_UNIX, SOCK_STREAM, NULL, 0, connecting);
    try_address("-1 bytes", AF_UNIX, SOCK_STREAM, &abstract, -1, connecting);
    try_address("129 bytes", AF_UNIX, SOCK_STREAM, &abstract, 129, connecting);
    try_address("128 bytes", AF_UNIX, SOCK_STREAM, &abstract, 128, connecting);
    try_address("a high half", AF_UNIX, SOCK_STREAM, &abstract, 0x100000014L, connecting);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(connecting ? 9 : 0), .sin_addr = {htonl(INADDR_LOOPBACK)}}, off = v4, unspecific = {.sin_family = AF_UNSPEC};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(connecting ? 9 : 0), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    off.sin_addr.s_addr = htonl(0x08080808);
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
      try_address("IPv4", AF_INET, type, &v4, sizeof v4, connecting);
      try_address("IPv4 short", AF_INET, type, &v4, 8, connecting);
      try_address("IPv4 off", AF_INET, type, &off, sizeof off, connecting);
      try_address("IPv6", AF_INET6, type, &v6, sizeof v6, connecting);
      try_address("IPv4 by an IPv6 socket", AF_INET6, type, &v4, sizeof v4, connecting);
      try_address("IPv6 by an IPv4 socket", AF_INET, type, &v6, sizeof v6, connecting);
      try_address("AF_UNSPEC by an IPv4 socket", AF_INET, type, &unspecific, sizeof unspecific, connecting);
    }
    try_address("of another family than IPv4", AF_INET, SOCK_STREAM, &abstract, sizeof abstract, connecting);
    try_address("of another family", AF_UNIX, SOCK_STREAM, &v4, sizeof v4, connecting);
    printf("%s of a file %s\n", connecting ? "connect" : "bind", name_of(raw(connecting ? SYS_connect : SYS_bind, 50, (long)&v4, sizeof v4, 0, 0)));
    printf("%s of nothing %s\n", connecting ? "connect" : "bind", name_of(raw(connecting ? SYS_connect : SYS_bind, 999, (long)&v4, sizeof v4, 0, 0)));
  }
  // Blocking, and told of later.
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  socklen_t size = sizeof any;
  printf("an IPv4 listener: bind %s", name_of(RAW(bind, listener, &any, sizeof any, 0, 0)));
  listen(listener, 5);
  getsockname(listener, (struct sockaddr *)&any, &size);
  printf(" again %s", name_of(RAW(bind, second, &any, sizeof any, 0, 0)));
  printf(" connect %s twice %s", name_of(RAW(connect, client, &any, sizeof any, 0, 0)), name_of(RAW(connect, client, &any, sizeof any, 0, 0)));
  long rc = RAW(connect, second, &any, sizeof any, 0, 0);
  printf(" without waiting %s\n", rc == 0 || rc == -EINPROGRESS ? "fine" : name_of(rc));
  close(listener), close(client), close(second);
}
