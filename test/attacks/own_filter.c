// SPDX-License-Identifier: Apache-2.0
// Tries:      to undo what the sandbox's filter decides by filters of its own, which the kernel asks first: one that allows everything, one
//             that stops calls for a tracer, and one that notifies a listener of the guest's own, which then says "continue". What is
//             tried under each is a call that the policy refuses (io_uring_setup), and reading a denied file where one is named.
// Known from: seccomp(2): of all filters the most restrictive answer counts, and of equal ones the newest; a notification outranks a stop for a tracer.
// Must:       fail: the call is refused as before, by whatever filter and listener of the guest's.
// Control:    plain
// Argument:   a denied file that says TREASURE, or nothing
#include "attack.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>

static const char *denied;

static int listener = -1;

static void *answer(void *unused) {
  for (;;) {
    struct seccomp_notif call = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) {
      if (errno == EINTR || errno == ENOENT) continue;
      return unused;
    }
    struct seccomp_notif_resp go = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &go);
  }
}

static void attempt(const char *how) {
  char params[128] = {0}, text[16] = "";
  if (syscall(SYS_io_uring_setup, 4, params) >= 0) won("io_uring_setup %s", how);
  if (!denied) return;
  int fd = open(denied, O_RDONLY);
  if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, "TREASURE")) won("read %s %s", denied, how);
  if (fd >= 0) close(fd);
}

// A filter that gives `action` for the two calls of `attempt`, and allows all others: the listener's own thread must not wait for itself.
static long filter(uint32_t action, unsigned flags) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, action),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void in_child(const char *how, uint32_t action, unsigned flags) {
  pid_t pid = fork();
  if (pid == 0) {
    alarm(5);
    long made = filter(action, flags);
    if (made < 0) _exit(3);
    if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
      listener = (int)made;
      pthread_t thread;
      if (pthread_create(&thread, NULL, answer, NULL)) _exit(3);
    }
    attempt(how);
    _exit(1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) exit(0);
}

int main(int argc, char **argv) {
  denied = argc > 1 ? argv[1] : NULL;
  setvbuf(stdout, NULL, _IONBF, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  attempt("without a filter");
  in_child("under a filter that allows", SECCOMP_RET_ALLOW, 0);
  in_child("under a filter that logs", SECCOMP_RET_LOG, 0);
  in_child("under a filter that traces", SECCOMP_RET_TRACE | 0xbeef, 0);
  in_child("under a filter for all threads", SECCOMP_RET_TRACE | 1, SECCOMP_FILTER_FLAG_TSYNC);
  in_child("by a listener of its own", SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
  held();
}
