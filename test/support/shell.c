// SPDX-License-Identifier: Apache-2.0
// A small shell, as in the textbooks: words, pipes, < and >, cd, exit, background jobs by &, and the value of $?. It reads lines from
// stdin and shows a prompt on a terminal.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_WORDS = 64 };

static int last;

static int redirect(const char *path, int flags, int to) {
  int fd = open(path, flags | O_CLOEXEC, 0644);
  if (fd < 0 || dup2(fd, to) < 0) return perror(path), -1;
  return 0;
}

// One command of a pipeline, in a process of its own.
static void run(char *text) {
  char *argv[MAX_WORDS + 1];
  int count = 0;
  for (char *word = strtok(text, " \t"); word && count < MAX_WORDS; word = strtok(NULL, " \t")) {
    char *path = NULL;
    if (*word == '<' || *word == '>') path = word[1] ? word + 1 : strtok(NULL, " \t");
    if (*word == '<' && (!path || redirect(path, O_RDONLY, 0))) _exit(1);
    if (*word == '>' && (!path || redirect(path, O_WRONLY | O_CREAT | O_TRUNC, 1))) _exit(1);
    if (*word != '<' && *word != '>') argv[count++] = word;
  }
  argv[count] = NULL;
  if (!count) _exit(0);
  execvp(argv[0], argv);
  int code = errno == ENOENT ? 127 : 126;
  perror(argv[0]);
  _exit(code);
}

static void pipeline(char *line) {
  int in = -1, background = 0, jobs = 0, status = 0;
  size_t length = strlen(line);
  if (length && line[length - 1] == '&') line[length - 1] = 0, background = 1;
  pid_t newest = -1;
  for (char *next, *text = line; text; text = next) {
    int ends[2] = {-1, -1};
    if ((next = strchr(text, '|'))) *next++ = 0;
    if (next && pipe2(ends, O_CLOEXEC)) return perror("pipe");
    newest = fork();
    if (newest == 0) {
      if (in >= 0) dup2(in, 0);
      if (next) dup2(ends[1], 1);
      run(text);
    }
    if (newest < 0) return perror("fork");
    jobs++;
    if (in >= 0) close(in);
    if (next) close(ends[1]);
    in = ends[0];
  }
  if (background) return;
  while (jobs-- > 0) {
    pid_t ended = wait(&status);
    if (ended == newest) last = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

int main(void) {
  char line[4096], place[4096];
  for (;;) {
    if (isatty(0)) printf("%s $ ", getcwd(place, sizeof place) ? place : "?"), fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) return last;
    line[strcspn(line, "\n")] = 0;
    if (!strncmp(line, "cd ", 3)) {
      last = chdir(line + 3) ? perror(line + 3), 1 : 0;
    } else if (!strcmp(line, "status")) {
      printf("%d\n", last), fflush(stdout);
    } else if (!strcmp(line, "wait")) {
      while (wait(NULL) > 0) continue;
    } else if (!strncmp(line, "exit", 4)) {
      return line[4] ? atoi(line + 5) : last;
    } else if (*line && *line != '#') {
      pipeline(line);
    }
  }
}
