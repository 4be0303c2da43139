// SPDX-License-Identifier: Apache-2.0
// Tries:      to take more than its share: bomb fork|threads|files N, bomb memory|disk MiB [DIRECTORY].
// Known from: the oldest attacks there are.
// Must:       get no more than the policy's limits, whether by an error or by being ended.
// Control:    plain
#include "attack.h"
#include <pthread.h>
#include <sys/mman.h>

static void *sleeper(void *unused) {
  for (;;) pause();
  return unused;
}

int main(int argc, char **argv) {
  if (argc < 3) untried("what?");
  const char *what = argv[1];
  long wanted = atol(argv[2]), got = 0;
  if (!strcmp(what, "fork")) {
    static pid_t made[4096];
    for (; got < wanted && got < 4096 && (made[got] = fork()) >= 0; got++)
      if (made[got] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sleeper(NULL);
      }
    for (long i = 0; i < got; i++) kill(made[i], SIGKILL);
  } else if (!strcmp(what, "threads")) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (pthread_t thread; got < wanted && !pthread_create(&thread, &small, sleeper, NULL); got++) {}
  } else if (!strcmp(what, "files")) {
    while (got < wanted && open("/dev/null", O_RDONLY) >= 0) got++;
  } else if (!strcmp(what, "memory")) {
    for (; got < wanted; got++) {
      char *block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (block == MAP_FAILED) break;
      memset(block, 1, 1 << 20);
    }
  } else if (!strcmp(what, "disk")) {
    char path[4096], block[65536];
    memset(block, 1, sizeof block);
    snprintf(path, sizeof path, "%s/bomb-%d", argc > 3 ? argv[3] : "/tmp", getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0) untried("%s: %s", path, strerror(errno));
    signal(SIGXFSZ, SIG_IGN);
    for (long blocks = 0; blocks < wanted * 16 && write(fd, block, sizeof block) == sizeof block; blocks++) got = (blocks + 1) / 16;
    unlink(path);
  } else {
    untried("what?");
  }
  if (got >= wanted) won("%ld of %s", got, what);
  printf("stopped at %ld\n", got);
  held();
}
