// SPDX-License-Identifier: Apache-2.0
#include "listener.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

// Newer than the headers of older distributions; values from include/uapi/linux/seccomp.h.
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

namespace rvisor {
namespace {

constexpr unsigned long kSyncWakeUp = 1;

}  // namespace

Listener::Listener(Fd fd) : fd_(std::move(fd)) { ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, kSyncWakeUp); }

int Listener::receive(seccomp_notif& out) {
  for (;;) {
    memset(&out, 0, sizeof out);  // the kernel insists
    if (!ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_RECV, &out)) return 0;
    if (errno != EINTR) return errno;
  }
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
int Listener::answer_continue(uint64_t id) { return send({id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE}); }

int Listener::answer_fd(uint64_t id, int fd, uint32_t flags) {
  seccomp_notif_addfd addfd{};
  addfd.id = id;
  addfd.srcfd = static_cast<uint32_t>(fd);
  addfd.newfd_flags = flags;
  addfd.flags = SECCOMP_ADDFD_FLAG_SEND;
  while (ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0) {
    if (errno == EINTR) continue;
    // Before Linux 5.14 there is no one-step answer. A thread that dies between the two steps takes the descriptor with it.
    if (errno != EINVAL || !(addfd.flags & SECCOMP_ADDFD_FLAG_SEND)) return errno;
    addfd.flags = 0;
    int number;
    while ((number = ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &addfd)) < 0)
      if (errno != EINTR) return errno;
    return answer_value(id, number);
  }
  return 0;
}

}  // namespace rvisor
