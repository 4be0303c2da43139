// SPDX-License-Identifier: Apache-2.0
// Tries:      to read the file `secret` of a writable directory that the policy denies, under every other name it might have.
// Known from: CVE-2025-31133, CVE-2019-16884, CVE-2023-28642 (masks and aliases of masked paths), RENAME_EXCHANGE.
// Must:       fail for each name, and the mask must survive renames around it.
// Control:    plain
// Argument:   the directory, with `secret` (says TREASURE) and `sub/deeper` (likewise denied) and `public`
// Behind:     no capability to unmount
#include "attack.h"
#include <sys/mount.h>

static void look(int fd, const char *how) {
  char text[64] = {0};
  if (fd < 0) return;
  if (read(fd, text, sizeof text - 1) > 0 && strstr(text, "TREASURE")) won("read %s", how);
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1])) untried("no directory");
  char path[4096];
  look(open("secret", O_RDONLY), "by name");
  look(open("sub/deeper", O_RDONLY), "beneath a directory");
  look(open("sub/../secret", O_RDONLY), "by way of another directory");
  for (const char *const *prefix = (const char *const[]){"/proc/self/root", "/proc/thread-self/root", "/proc/1/root", "/proc/self/cwd/../../../../../../../..", "/proc/self/task/../root", "/dev/fd/../../root", 0}; *prefix; prefix++) {
    snprintf(path, sizeof path, "%s%s/secret", *prefix, argv[1]);
    look(open(path, O_RDONLY), path);
  }
  int directory = open(".", O_RDONLY | O_DIRECTORY);
  for (const char *const *alias = (const char *const[]){"/proc/self/fd/%d/secret", "/dev/fd/%d/secret", "/proc/thread-self/fd/%d/secret", "/proc/self/fd/%d/sub/../secret", 0}; *alias; alias++) {
    snprintf(path, sizeof path, *alias, directory);
    look(open(path, O_RDONLY), path);
  }
  look(open("/proc/self/cwd/secret", O_RDONLY), "through the working directory in /proc");
  look(openat(directory, "secret", O_RDONLY), "by the directory's descriptor");
  int o_path = open("secret", O_PATH);
  snprintf(path, sizeof path, "/proc/self/fd/%d", o_path);
  look(open(path, O_RDONLY), "through an O_PATH descriptor");
  if (!chmod("secret", 0644)) look(open("secret", O_RDONLY), "after chmod");
  if (!link("secret", "hard")) look(open("hard", O_RDONLY), "by a hard link");
  if (!linkat(o_path, "", AT_FDCWD, "hard2", AT_EMPTY_PATH)) look(open("hard2", O_RDONLY), "by a link to the descriptor");
  if (!symlink("secret", "soft")) look(open("soft", O_RDONLY), "by a symbolic link");
  if (!rename("secret", "moved")) look(open("moved", O_RDONLY), "after rename");
  if (!renameat2(AT_FDCWD, "secret", AT_FDCWD, "public", RENAME_EXCHANGE)) look(open("public", O_RDONLY), "after RENAME_EXCHANGE");
  if (!rename("public", "secret")) look(open("secret", O_RDONLY), "after renaming over it");
  if (!unlink("secret")) won("unlinked the mask");
  if (!rename("sub", "sub2")) look(open("sub2/deeper", O_RDONLY), "after renaming its directory");
  if (!mkdir("fresh", 0755) && !renameat2(AT_FDCWD, "sub2", AT_FDCWD, "fresh", RENAME_EXCHANGE)) look(open("fresh/deeper", O_RDONLY), "after exchanging its directory");
  if (!umount2("secret", MNT_DETACH)) look(open("secret", O_RDONLY), "after umount");
  int copy[2];
  if (!pipe(copy)) {
    int secret = open("secret", O_RDONLY);
    if (secret >= 0 && splice(secret, NULL, copy[1], NULL, 64, 0) > 0) look(copy[0], "by splice");
  }
  held();
}
