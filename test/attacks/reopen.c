// SPDX-License-Identifier: Apache-2.0
// Tries:      to write a file of the host's that it was given to read, as its stdin: by opening the descriptor's name in /proc once more
//             for writing, by truncating it there, by every alias of that name.
// Known from: CVE-2019-5736's second half (/proc/self/exe opened again for writing), CVE-2016-9962.
// Must:       fail: the mount that the descriptor came by is the host's, but the path behind it is in no rule of Landlock's domain.
// Control:    stdin is a file that it may write, opened for reading
// Behind:     the file's own mode
#include "attack.h"

static void attempt(const char *path) {
  static const int flags[] = {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_WRONLY | O_TRUNC, O_RDWR | O_NONBLOCK};
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    int fd = open(path, flags[i]);
    if (fd >= 0 && write(fd, "X", 1) == 1) won("wrote by %s with flags %#x", path, (unsigned)flags[i]);
    if (fd >= 0) close(fd);
  }
  if (!truncate(path, 1)) won("truncated %s", path);
}

int main(void) {
  char path[64], byte;
  struct stat st;
  if (fstat(0, &st) || !S_ISREG(st.st_mode) || pread(0, &byte, 1, 0) != 1) untried("stdin is no file");
  if (write(0, "X", 1) == 1) untried("stdin may be written");
  for (const char *const *name = (const char *const[]){"/proc/self/fd/0", "/dev/stdin", "/dev/fd/0", "/proc/thread-self/fd/0", "/proc/self/task/../fd/0", 0}; *name; name++) attempt(*name);
  snprintf(path, sizeof path, "/proc/%d/task/%d/fd/0", getpid(), getpid());
  attempt(path);
  int directory = open("/proc/self/fd", O_PATH | O_DIRECTORY);
  int fd = openat(directory, "0", O_RDWR);
  if (fd >= 0 && write(fd, "X", 1) == 1) won("wrote by openat");
  int o_path = open("/proc/self/fd/0", O_PATH);
  snprintf(path, sizeof path, "/proc/self/fd/%d", o_path);
  attempt(path);
  if (!linkat(0, "", AT_FDCWD, "/tmp/linked", AT_EMPTY_PATH) || !linkat(AT_FDCWD, "/proc/self/fd/0", AT_FDCWD, "/tmp/linked", AT_SYMLINK_FOLLOW)) won("linked it into the view");
  held();
}
