// SPDX-License-Identifier: Apache-2.0
// Tries:      to read and to change what no rule grants: a file of the host's by its path, what is beside and above it, the host's
//             accounts and devices, and to write where only reading is granted.
// Known from: every escape ends with this.
// Must:       fail, by the view and by the domain each for itself.
// Control:    plain
// Argument:   a directory with `secret` (says TREASURE) that is not granted, one that is granted to read; a third word: directories may be listed, and /etc is the host's
// Behind:     the filter is not what holds this
#include "attack.h"
#include <dirent.h>
#include <sys/sendfile.h>

int main(int argc, char **argv) {
  if (argc < 3) untried("OUTSIDE READABLE");
  char path[4200], text[32] = "";
  snprintf(path, sizeof path, "%s/secret", argv[1]);
  int fd = open(path, O_RDONLY);
  if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, "TREASURE")) won("read %s", path);
  if (open(path, O_WRONLY | O_APPEND) >= 0) won("opened %s to write", path);
  if (!truncate(path, 0)) won("truncated %s", path);
  DIR *listed = opendir(argv[1]);
  if (argc == 3 && listed && readdir(listed)) won("listed %s", argv[1]);
  snprintf(path, sizeof path, "%s/made", argv[1]);
  if (open(path, O_WRONLY | O_CREAT, 0600) >= 0 || !mkdir(path, 0700) || !symlink("x", path)) won("made %s", path);
  snprintf(path, sizeof path, "%s/secret", argv[1]);
  if (!unlink(path) || !rename(path, "/tmp/taken") || !link(path, "/tmp/taken")) won("took %s", path);
  for (const char *const *name = (const char *const[]){"/etc/shadow", "/root", "/home", "/var/lib/dpkg/status", "/sys/kernel/notes", "/proc/kcore", 0}; *name; name++)
    if ((argc == 3 || strncmp(*name, "/etc", 4)) && (fd = open(*name, O_RDONLY)) >= 0 && read(fd, text, 1) > 0) won("read %s", *name);
  for (const char *const *name = (const char *const[]){"/usr/bin/made", "/usr/made", "/etc/made", "/made", 0}; *name; name++)
    if (open(*name, O_WRONLY | O_CREAT, 0600) >= 0 && !unlink(*name)) won("made %s", *name);
  snprintf(path, sizeof path, "%s/made", argv[2]);
  if (open(path, O_WRONLY | O_CREAT, 0600) >= 0 || !mkdir(path, 0700) || !symlink("x", path)) won("made %s", path);
  snprintf(path, sizeof path, "%s/readable", argv[2]);
  if (open(path, O_RDONLY) < 0) untried("%s: %s", path, strerror(errno));
  if (open(path, O_RDWR) >= 0 || !truncate(path, 0) || !unlink(path) || !rename(path, "/tmp/taken")) won("changed %s", path);
  held();
}
