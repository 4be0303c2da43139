// SPDX-License-Identifier: Apache-2.0
// Tries:      to execute a program that the policy denies: by name, by a descriptor, by the loader, from memory, as the interpreter of a
//             script, by mapping it, under the other names that the kernel has for it.
// Known from: execveat(2) and memfd_create(2) against noexec mounts; ld.so as a launcher of what may not be executed.
// Must:       fail: what is denied can neither be executed nor read, so that there is nothing to copy.
// Control:    plain
// Argument:   the program, which says TREASURE on its stdout
// Behind:     the filter is not what holds this
#include "attack.h"
#include <sys/mman.h>
#include <sys/sendfile.h>

static const char *denied;
static char *const environment[] = {NULL};

// Runs `act` in a child that hopes to become the program; its stdout is looked at.
static void attempt(const char *how, void (*act)(void)) {
  int ends[2];
  char text[64] = "";
  if (pipe(ends)) untried("pipe");
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 1);
    close(ends[0]);
    act();
    _exit(1);
  }
  close(ends[1]);
  if (read(ends[0], text, sizeof text - 1) > 0 && strstr(text, "TREASURE")) won("ran it %s", how);
  close(ends[0]);
  waitpid(pid, NULL, 0);
}

#define ARGV ((char *[]){"x", NULL})
static void by_name(void) { execve(denied, ARGV, environment); }
static void by_alias(void) {
  char path[4200];
  snprintf(path, sizeof path, "/proc/self/root%s", denied);
  execve(path, ARGV, environment);
  snprintf(path, sizeof path, "/proc/thread-self/cwd/../../../../../../../..%s", denied);
  execve(path, ARGV, environment);
}
static void by_descriptor(void) {
  char path[64];
  for (const int *flags = (const int[]){O_RDONLY, O_PATH, -1}; *flags >= 0; flags++) {
    int fd = open(denied, *flags);
    execveat(fd, "", ARGV, environment, AT_EMPTY_PATH);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    execve(path, ARGV, environment);
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    execve(path, ARGV, environment);
  }
}
static void by_loader(void) {
  char name[4096];
  strncpy(name, denied, sizeof name - 1), name[sizeof name - 1] = 0;
  for (const char *const *loader = (const char *const[]){"/lib64/ld-linux-x86-64.so.2", "/usr/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", 0}; *loader; loader++)
    execve(*loader, (char *[]){"ld.so", name, NULL}, environment);
}
static void from_memory(void) {
  int file = open(denied, O_RDONLY), memory = memfd_create("x", 0);
  struct stat st;
  if (file < 0 || fstat(file, &st) || sendfile(memory, file, NULL, (size_t)st.st_size) != st.st_size) return;
  execveat(memory, "", ARGV, environment, AT_EMPTY_PATH);
}
static void as_interpreter(void) {
  int script = open("/tmp/script", O_WRONLY | O_CREAT | O_TRUNC, 0755);
  dprintf(script, "#!%s\n", denied);
  close(script);
  execve("/tmp/script", ARGV, environment);
}
static void by_mapping(void) {
  int fd = open(denied, O_RDONLY);
  if (fd >= 0 && mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED) write(1, "TREASURE", 8);
}
static void by_link(void) {
  if (!link(denied, "/tmp/linked")) execve("/tmp/linked", ARGV, environment);
  if (!symlink(denied, "/tmp/symbolic")) execve("/tmp/symbolic", ARGV, environment);
}

int main(int argc, char **argv) {
  if (argc != 2) untried("no program");
  denied = argv[1];
  attempt("by name", by_name);
  attempt("by an alias", by_alias);
  attempt("by a descriptor", by_descriptor);
  attempt("by the loader", by_loader);
  attempt("from memory", from_memory);
  attempt("as an interpreter", as_interpreter);
  attempt("by a link", by_link);
  attempt("by mapping it", by_mapping);
  held();
}
