// SPDX-License-Identifier: Apache-2.0
// The helper shares everything with the process, thread-local storage too, so it runs no code of libc: bare system calls only.
#include "handoff.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace rvisor {
namespace {

long bare_syscall(long number, long a, long b, long c) {
  long result;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

struct Shared {
  std::atomic<int> listener{-1};  // -1: not yet; -2: there will be none
  msghdr message{};
  iovec text{};
  int* descriptor = nullptr;  // where the message's SCM_RIGHTS holds the number
  int socket = -1;
  bool close = false;
  pid_t process = 0;
  std::atomic<int> helper{1};  // 0: it is gone (CLONE_CHILD_CLEARTID)
};

// Runs until the filter is installed, which is a few microseconds, or its process is gone.
int help(void* argument) {
  auto* shared = static_cast<Shared*>(argument);
  for (;;) {
    int listener = shared->listener.load(std::memory_order_acquire);
    if (listener == -2) break;
    if (listener >= 0) {
      *shared->descriptor = listener;
      while (bare_syscall(SYS_sendmsg, shared->socket, reinterpret_cast<long>(&shared->message), MSG_NOSIGNAL) == -EINTR) {}
      if (shared->close) {
        bare_syscall(SYS_close, listener, 0, 0);
        bare_syscall(SYS_close, shared->socket, 0, 0);
      }
      break;
    }
    if (bare_syscall(SYS_kill, shared->process, 0, 0) == -ESRCH) break;
    bare_syscall(SYS_sched_yield, 0, 0, 0);
  }
  bare_syscall(SYS_exit, 0, 0, 0);
  return 0;
}

}  // namespace

Status install_filter_and_send_listener(const Filter& filter, int socket, const char* text, bool close) {
  // Static: the helper may outlive this function's frame, and after exec the whole image but for the helper.
  static Shared shared;
  alignas(16) static char stack[8192];
  alignas(cmsghdr) static char control[CMSG_SPACE(sizeof(int))];
  shared.text = {const_cast<char*>(text), strlen(text)};
  shared.message.msg_iov = &shared.text;
  shared.message.msg_iovlen = 1;
  shared.message.msg_control = control;
  shared.message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&shared.message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  shared.descriptor = reinterpret_cast<int*>(CMSG_DATA(header));
  shared.socket = socket;
  shared.close = close;
  shared.process = getpid();
  const int flags_of_helper = CLONE_VM | CLONE_FILES | CLONE_PARENT | CLONE_UNTRACED | CLONE_CHILD_CLEARTID;
  if (clone(help, stack + sizeof stack, flags_of_helper, &shared, nullptr, nullptr, &shared.helper) < 0) return fail("seccomp", "listener helper", errno);

  sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  // Killable waiting (Linux 5.19): a signal does not take a call back that is being answered, and so make it happen twice.
  unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (listener < 0 && errno == EINVAL) listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  int err = errno;
  shared.listener.store(listener < 0 ? -2 : static_cast<int>(listener), std::memory_order_release);
  if (listener < 0) return fail("seccomp", "filter of " + std::to_string(filter.size()) + " instructions, with a listener", err);
  // No call may be made here any more but this one (see `traceable`). The helper has a few microseconds' work.
  while (close && shared.helper.load(std::memory_order_acquire)) syscall(SYS_sched_yield, 0L, 0L, 0L, 0L, 0L, static_cast<long>(kTraceable));
  return std::nullopt;
}

}  // namespace rvisor
