// paths DIR NAME: waits for a line, then makes every call that names a file once on DIR/NAME (NAME-new: a name to be made, NAME-sock: a
// datagram socket), by its number, and prints `call errno` for each. What destroys comes last.
// paths serve PATH: a datagram socket at PATH, until stdin ends.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <utime.h>

#define SAY(name, ...) (errno = 0, syscall(__VA_ARGS__), printf("%s %d\n", name, errno))
#define CALL(name, ...) SAY(#name, SYS_##name, __VA_ARGS__)

int main(int argc, char **argv) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  if (argc == 3 && !strcmp(argv[1], "serve")) {
    int s = socket(AF_UNIX, SOCK_DGRAM, 0);
    strncpy(to.sun_path, argv[2], sizeof to.sun_path - 1);
    if (bind(s, (void *)&to, sizeof to)) return perror("bind"), 1;
    chmod(argv[2], 0777);
    puts("ready"), fflush(stdout);
    return getchar(), 0;
  }
  char file[256], fresh[256], sock[256], other[256], buffer[4096];
  snprintf(file, sizeof file, "%s/%s", argv[1], argv[2]);
  snprintf(fresh, sizeof fresh, "%s/%s-new", argv[1], argv[2]);
  snprintf(sock, sizeof sock, "%s/%s-sock", argv[1], argv[2]);
  snprintf(other, sizeof other, "%s/other", argv[1]);
  setvbuf(stdout, 0, _IOLBF, 0);
  puts("waits");
  if (!fgets(buffer, sizeof buffer, stdin)) return 1;
  struct open_how how = {.flags = O_RDONLY};
  int d = open(argv[1], O_PATH), watch = inotify_init1(0);
  CALL(open, file, O_RDONLY, 0);
  SAY("openat", SYS_openat, AT_FDCWD, file, O_RDWR | O_CREAT, 0600);
  SAY("openat", SYS_openat, d, argv[2], O_PATH, 0);
  SAY("openat2", SYS_openat2, d, argv[2], &how, sizeof how);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  SAY("openat2", SYS_openat2, d, argv[2], &how, sizeof how);
  CALL(stat, file, buffer);
  CALL(lstat, file, buffer);
  CALL(newfstatat, d, argv[2], buffer, 0);
  CALL(statx, d, argv[2], 0, 0x7ff, buffer);
  CALL(access, file, F_OK);
  CALL(faccessat, d, argv[2], R_OK);
  SAY("faccessat2", 439, d, argv[2], R_OK, 0);
  CALL(readlink, file, buffer, 64);
  CALL(readlinkat, d, argv[2], buffer, 64);
  CALL(statfs, file, buffer);
  CALL(getxattr, file, "user.x", buffer, 64);
  CALL(lgetxattr, file, "user.x", buffer, 64);
  CALL(listxattr, file, buffer, 64);
  CALL(llistxattr, file, buffer, 64);
  CALL(inotify_add_watch, watch, file, IN_MODIFY);
  CALL(setxattr, file, "user.x", "y", 1, 0);
  CALL(lsetxattr, file, "user.x", "y", 1, 0);
  CALL(removexattr, file, "user.x");
  CALL(lremovexattr, file, "user.x");
  CALL(chmod, file, 0644);
  CALL(fchmodat, d, argv[2], 0644);
  SAY("fchmodat2", 452, d, argv[2], 0644, 0);
  CALL(chown, file, -1, -1);
  CALL(lchown, file, -1, -1);
  CALL(fchownat, d, argv[2], -1, -1, 0);
  CALL(utime, file, 0);
  CALL(utimes, file, 0);
  CALL(futimesat, d, argv[2], 0);
  CALL(utimensat, d, argv[2], 0, 0);
  // A name that is to be made.
  CALL(creat, fresh, 0600), unlink(fresh);
  CALL(mkdir, fresh, 0700), rmdir(fresh);
  CALL(mkdirat, AT_FDCWD, fresh, 0700), rmdir(fresh);
  CALL(mknod, fresh, S_IFIFO | 0600, 0), unlink(fresh);
  CALL(mknodat, AT_FDCWD, fresh, S_IFIFO | 0600, 0), unlink(fresh);
  CALL(symlink, "anywhere", fresh), unlink(fresh);
  CALL(symlinkat, "anywhere", AT_FDCWD, fresh), unlink(fresh);
  close(open(other, O_CREAT | O_RDWR, 0600));
  CALL(link, other, fresh), unlink(fresh);
  CALL(linkat, AT_FDCWD, other, AT_FDCWD, fresh, 0), unlink(fresh);
  CALL(rename, other, fresh), rename(fresh, other);
  CALL(renameat, AT_FDCWD, other, AT_FDCWD, fresh), rename(fresh, other);
  CALL(renameat2, AT_FDCWD, other, AT_FDCWD, fresh, RENAME_NOREPLACE), rename(fresh, other);
  int unix_socket = socket(AF_UNIX, SOCK_DGRAM, 0);
  strcpy(to.sun_path, fresh);
  CALL(bind, unix_socket, &to, sizeof to), unlink(fresh);
  // A socket.
  strcpy(to.sun_path, sock);
  struct iovec part = {"x", 1};
  struct mmsghdr message = {{&to, sizeof to, &part, 1, 0, 0, 0}, 0};
  CALL(sendto, unix_socket, "x", 1, 0, &to, sizeof to);
  CALL(sendmsg, unix_socket, &message, 0);
  CALL(sendmmsg, unix_socket, &message, 1, 0);
  CALL(connect, unix_socket, &to, sizeof to);
  // Aliases.
  snprintf(buffer, sizeof buffer, "/proc/self/root%s", file);
  CALL(open, buffer, O_RDONLY, 0);
  if (!chdir(argv[1])) CALL(open, argv[2], O_RDONLY, 0);
  snprintf(buffer, sizeof buffer, "/proc/self/cwd/%s", argv[2]);
  CALL(open, buffer, O_RDONLY, 0);
  snprintf(buffer, sizeof buffer, "/proc/thread-self/fd/%d/%s", d, argv[2]);
  CALL(open, buffer, O_RDONLY, 0);
  unlink("alias"), symlink(argv[2], "alias");
  CALL(open, "alias", O_RDONLY, 0);
  // Of the file that is there: what takes its name or its content.
  CALL(link, file, "hard"), unlink("hard");
  CALL(linkat, d, argv[2], d, "hard", AT_SYMLINK_FOLLOW), unlink("hard");
  CALL(rename, file, "moved"), rename("moved", file);
  CALL(renameat, d, argv[2], d, "moved"), rename("moved", file);
  CALL(renameat2, d, argv[2], d, "other", RENAME_EXCHANGE), syscall(SYS_renameat2, d, argv[2], d, "other", RENAME_EXCHANGE);
  CALL(truncate, file, 0);
  CALL(rmdir, file);
  CALL(unlink, file);
  CALL(unlinkat, d, argv[2], 0);
  return 0;
}
