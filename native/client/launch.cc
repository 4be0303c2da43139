// SPDX-License-Identifier: Apache-2.0
// Starting a warden from a process that may be large and has threads: clone(2) with CLONE_VM | CLONE_VFORK, so that no
// page table is copied, and nothing but system calls between clone and exec.
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/rv_ring.h"
#include "../sentry/channel.h"
#include "ring.h"
#include "rvisor.h"
#include "streams.h"

namespace rvisor {
namespace {

// The descriptors that the sentry expects: control, events, plan, stdin, stdout, stderr, and of the ring: memory and its sockets.
constexpr int kFirst = 3, kRing = 6, kCount = kRing + 1 + RV_RING_SOCKETS;
constexpr int kParking = 64;           // where they wait before they move to their places, clear of all of these

struct Child {
  int executable, null;
  int fds[kCount];  // -1: stays closed
  int error = 0;
};

// In the child, on the parent's memory: system calls only. It never returns, so its frame must leave no marks in a sanitizer's map.
[[gnu::no_sanitize_address]] int start(void* argument) {
  auto* child = static_cast<Child*>(argument);
  auto give_up = [&] {
    child->error = errno;
    return 127;
  };
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &standard, nullptr);

  int parked[kCount + 2];
  for (int i = 0; i < kCount + 2; i++) {
    int from = i < kCount ? child->fds[i] : i == kCount ? child->null : child->executable;
    parked[i] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, kParking);
    if (from >= 0 && parked[i] < 0) return give_up();
  }
  for (int i = 0; i < 3; i++)
    if (dup2(parked[kCount], i) < 0) return give_up();
  for (int i = 0; i < kCount; i++) {
    if (parked[i] < 0) close(kFirst + i);
    else if (dup2(parked[i], kFirst + i) < 0) return give_up();
  }
  // Whatever else this process has open, with or without close-on-exec, ends here.
  if (syscall(SYS_close_range, kFirst + kCount, ~0U, CLOSE_RANGE_CLOEXEC)) return give_up();
  // Signals of the caller's terminal are not for the warden; and it keeps no directory busy.
  setsid();
  if (chdir("/")) return give_up();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  char name[] = "rvisor-sentry";
  char* argv[] = {name, nullptr};
  char* envp[] = {nullptr};
  syscall(SYS_execveat, parked[kCount + 1], "", argv, envp, AT_EMPTY_PATH);
  return give_up();
}

}  // namespace
}  // namespace rvisor

using namespace rvisor;

int32_t rvisor_abi(void) { return RVISOR_ABI; }

const char* rvisor_errno_name(int32_t error) {
  const char* name = strerrorname_np(error);
  return name ? name : "";
}

const char* rvisor_errno_text(int32_t error) {
  const char* text = strerrordesc_np(error);
  return text ? text : "unknown error";
}

int32_t rvisor_launch(const char* sentry, const void* plan, uint64_t size, const int32_t* stdio, int32_t ring, int32_t* out) {
  out[0] = 1;
  Streams streams;
  if (int error = streams.open(stdio)) return -error;
  out[0] = 0;
  Fd executable(open(sentry, O_PATH | O_CLOEXEC));
  if (!executable.valid()) return -errno;
  out[0] = 1;
  Fd memory, null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return -errno;
  if (int error = seal_text({static_cast<const char*>(plan), size}, memory)) return -error;
  int control[2], events[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control)) return -errno;
  Fd our_control(control[0]), their_control(control[1]);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events)) return -errno;
  Fd our_events(events[0]), their_events(events[1]);
  if (fcntl(our_events.get(), F_SETFL, O_NONBLOCK)) return -errno;

  Child child{executable.get(), null.get(), {their_control.get(), their_events.get(), memory.get(), streams.guest(0), streams.guest(1), streams.guest(2), -1, -1, -1, -1}};
  if (ring >= 0) ring_descriptors(ring, child.fds + kRing);
  alignas(16) char stack[16384];
  // No handler of ours may run in the child, which has our memory: the mask is opened there after all are reset.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  int pid = clone(start, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &child, &pidfd);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return -error;
  Fd process(pidfd);
  if (child.error) {
    waitid(P_PIDFD, static_cast<id_t>(pidfd), nullptr, WEXITED);
    out[0] = 0;
    return -child.error;
  }
  out[0] = pid;
  out[1] = process.release();
  out[2] = our_control.release();
  out[3] = our_events.release();
  streams.release(out + 4);
  return 0;
}

int32_t rvisor_signal(int32_t pidfd, int32_t signal) { return syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) ? -errno : 0; }

int32_t rvisor_reap(int32_t pidfd) {
  siginfo_t info{};
  while (waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG)) {
    if (errno == EINTR) continue;
    return errno == ECHILD ? 1 : -errno;  // a caller that ignores SIGCHLD has its children reaped by the kernel
  }
  return info.si_pid != 0;
}
