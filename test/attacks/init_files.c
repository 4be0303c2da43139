// SPDX-License-Identifier: Apache-2.0
// Tries:      to have init, which carries calls out for the guest, open its own memory, descriptors and links in /proc: the kernel
//             shows a process what it shows to nobody else. By every call that opens or reads links, by the numbers of init's
//             threads, through descriptors and the working directory.
// Known from: proc(5), "ptrace access mode"; the confused deputy.
// Must:       fail: no descriptor, no bytes, no text of a link.
// Control:    victim
#include "attack.h"
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char *const opened[] = {"mem", "maps", "smaps", "environ", "auxv", "pagemap", "root/tmp", "cwd/tmp", "exe", "fd/0", "fd/1", "fd/3", "fd/4", "fd/5",
                                     "fd/6", "fd/7", "fd/8", "fd/9", "fd/10", "task/../mem", "../self/mem/../../1/mem", "fdinfo/3"};
static const char *const links[] = {"root", "cwd", "exe", "fd/0", "fd/1", "fd/3", "fd/4", "fd/10", "ns/pid"};

// An open that gives nothing to read is no success: a root's guest may open what it cannot read.
static void try_fd(const char *how, const char *name, long fd) {
  char byte;
  struct stat st;
  if (fd < 0) return;
  if (fstat((int)fd, &st) == 0 && S_ISDIR(st.st_mode)) won("%s %s: a directory", how, name);
  if (pread((int)fd, &byte, 1, 0) > 0 || (strstr(name, "mem") && !strstr(name, "maps")) || !strncmp(name, "fd/", 3)) won("%s %s", how, name);
  close((int)fd);
}

static void try_link(const char *how, const char *name, long length) {
  if (length > 0) won("%s %s", how, name);
}

static void try_directory(const char *directory) {
  char path[256], text[256];
  int dirfd = open(directory, O_PATH | O_DIRECTORY);
  for (size_t i = 0; i < sizeof opened / sizeof *opened; i++) {
    const char *name = opened[i];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    try_fd("open", name, syscall(SYS_open, path, O_RDONLY | O_NONBLOCK));
    try_fd("openat", name, syscall(SYS_openat, dirfd, name, O_RDONLY | O_NONBLOCK));
    for (unsigned long long resolve = 1; resolve <= RESOLVE_CACHED; resolve *= 2) {
      struct open_how how = {.flags = O_RDONLY | O_NONBLOCK, .resolve = resolve};
      try_fd("openat2", name, syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
      try_fd("openat2 beneath", name, syscall(SYS_openat2, dirfd, name, &how, sizeof how));
    }
    int held_path = (int)syscall(SYS_openat, dirfd, name, O_PATH);
    if (held_path >= 0) {
      snprintf(path, sizeof path, "/proc/self/fd/%d", held_path);
      try_fd("open of O_PATH", name, syscall(SYS_open, path, O_RDONLY | O_NONBLOCK));
      close(held_path);
    }
    if (!chdir(directory)) try_fd("open beneath the working directory", name, syscall(SYS_open, name, O_RDONLY | O_NONBLOCK));
  }
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    const char *name = links[i];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    try_link("readlink", name, syscall(SYS_readlink, path, text, sizeof text));
    try_link("readlinkat", name, syscall(SYS_readlinkat, dirfd, name, text, sizeof text));
    int itself = (int)syscall(SYS_openat, dirfd, name, O_PATH | O_NOFOLLOW);
    if (itself >= 0) try_link("readlinkat of the link's own descriptor", name, syscall(SYS_readlinkat, itself, "", text, sizeof text));
    close(itself);
  }
  chdir("/");
  close(dirfd);
}

int main(int argc, char **argv) {
  char directory[64];
  pid_t pid = target(argc, argv);
  snprintf(directory, sizeof directory, "/proc/%d", pid);
  try_directory(directory);
  snprintf(directory, sizeof directory, "/proc/%d/task/%d", pid, pid);
  try_directory(directory);
  // Threads can be named in /proc though they are not listed there.
  for (int thread = 2; thread < getpid() + 8; thread++) {
    char status[64], line[64];
    int group = 0;
    snprintf(status, sizeof status, "/proc/%d/status", thread);
    FILE *file = fopen(status, "r");
    if (!file) continue;
    while (fgets(line, sizeof line, file)) sscanf(line, "Tgid: %d", &group);
    fclose(file);
    if (group != pid || thread == pid) continue;
    snprintf(directory, sizeof directory, "/proc/%d", thread);
    try_directory(directory);
  }
  held();
}
