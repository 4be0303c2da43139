// SPDX-License-Identifier: Apache-2.0
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Newer than the headers of older distributions; values from include/uapi/linux/seccomp.h.
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

namespace rvisor {
namespace {

constexpr unsigned long kSyncWakeUp = 1;
constexpr int kRestart = 512;  // ERESTARTSYS, which never leaves the kernel

// Flags are looked at before the program is: EFAULT where the kernel knows them.
bool knows_killable_waits() {
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, nullptr) < 0 && errno == EFAULT;
}

}  // namespace

bool listener_available() {
  static sock_filter allow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  static sock_fprog program{1, &allow};
  // The filter holds for the child alone, which shares this memory until it ends.
  pid_t pid = vfork();
  if (pid == 0) {
    bool made = !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) >= 0;
    _exit(made ? 0 : 1);
  }
  int status = 1;
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  return pid > 0 && status == 0;
}

Listener::Listener(Fd fd) : fd_(std::move(fd)), killable_(knows_killable_waits()) { ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, kSyncWakeUp); }

int Listener::receive(seccomp_notif& out) {
  memset(&out, 0, sizeof out);  // the kernel insists
  return ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_RECV, &out) ? errno : 0;
}

bool Listener::unused() const {
  pollfd wait{fd_.get(), 0, 0};
  return poll(&wait, 1, 0) > 0 && wait.revents & POLLHUP;
}

bool Listener::valid(uint64_t id) const { return ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

int Listener::send(const seccomp_notif_resp& response) {
  seccomp_notif_resp copy = response;
  while (ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SEND, &copy)) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int Listener::answer_value(uint64_t id, int64_t value) { return send({id, value, 0, 0}); }
int Listener::answer_errno(uint64_t id, int err) { return send({id, 0, -err, 0}); }
int Listener::answer_restart(uint64_t id) { return answer_errno(id, kRestart); }
int Listener::answer_continue(uint64_t id) { return send({id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE}); }

int Listener::put_fd(uint64_t id, const Fd& fd, int number) {
  seccomp_notif_addfd addfd{};
  addfd.id = id;
  addfd.flags = SECCOMP_ADDFD_FLAG_SETFD;
  addfd.srcfd = static_cast<uint32_t>(fd.get());
  addfd.newfd = static_cast<uint32_t>(number);
  addfd.newfd_flags = O_CLOEXEC;
  while (ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

int Listener::answer_fd(uint64_t id, Fd fd, uint32_t flags) {
  seccomp_notif_addfd addfd{};
  addfd.id = id;
  addfd.srcfd = static_cast<uint32_t>(fd.get());
  addfd.newfd_flags = flags & O_CLOEXEC;
  // In one step also where a signal could come between two, and leave the guest with a descriptor of a call that is made again.
  addfd.flags = killable_ && !(flags & kHeldOn) ? 0 : SECCOMP_ADDFD_FLAG_SEND;
  int number;
  while ((number = ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &addfd)) < 0) {
    if (errno == EINTR) continue;
    // Before Linux 5.14 there is no one-step answer.
    if (errno != EINVAL || !addfd.flags) return errno;
    addfd.flags = 0;
  }
  fd.reset();
  return addfd.flags ? 0 : answer_value(id, number);
}

}  // namespace rvisor
