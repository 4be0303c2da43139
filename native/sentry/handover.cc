// SPDX-License-Identifier: Apache-2.0
#include "handover.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <utility>

#include "channel.h"

namespace rvisor {

// What the courier sends, below the thread's stack.
struct Interception::Handover::Room {
  char byte;
  iovec text;
  msghdr message;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

// Its call is to come to the listener, whatever the plan says of it; its end is to come to nobody.
bool Interception::Handover::lets_pass() const {
  const uint32_t start = all_.filtered(SYS_clone, {}), call = all_.filtered(SYS_sendmsg, courier_->args), end = all_.filtered(SYS_exit, {});
  return (start == SECCOMP_RET_ALLOW || start == SECCOMP_RET_TRACE) && call == SECCOMP_RET_USER_NOTIF && all_.plan_.notifies && end == SECCOMP_RET_ALLOW;
}

void Interception::Handover::start() {
  Room room{};
  room.text = {reinterpret_cast<void*>(at(offsetof(Room, byte))), 1};
  room.message.msg_iov = reinterpret_cast<iovec*>(at(offsetof(Room, text)));
  room.message.msg_iovlen = 1;
  room.message.msg_control = reinterpret_cast<void*>(at(offsetof(Room, control)));
  room.message.msg_controllen = sizeof room.control;
  auto* header = reinterpret_cast<cmsghdr*>(room.control);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &number_, sizeof number_);
  static_assert(sizeof room <= kRoom);

  const int place = number_ == 0 ? 1 : 0;  // of the socket: not of what is to be sent
  courier_ = std::make_shared<Courier>();
  courier_->nr = SYS_sendmsg;
  courier_->args = {static_cast<uint64_t>(place), at(offsetof(Room, message)), MSG_NOSIGNAL | MSG_DONTWAIT};
  int ends[2];
  if (getrandom(&courier_->mark, sizeof courier_->mark, 0) != sizeof courier_->mark || !lets_pass()) return finish(EPERM);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends)) return finish(errno);
  ours_.reset(ends[0]);
  theirs_.reset(ends[1]);
  if (at_ >= stop_->stack || GuestMemory(stop_->tid).write_all(at_, &room, sizeof room)) return finish(EFAULT);

  courier_->sets_out = [self = shared_from_this(), place](pid_t tid) {
    self->tid_ = tid;
    self->all_.parcels_.put(tid, {std::move(self->theirs_), place});
  };
  courier_->returns = [self = shared_from_this()](bool made, int64_t result) { self->returned(made, result); };
  all_.tracer_->dispatch(stop_, courier_, [self = shared_from_this()](bool made, int64_t result) { self->started(made, result); });
}

void Interception::Handover::started(bool made, int64_t result) {
  if (!made) return finish(ESRCH);
  if (result < 0) return finish(static_cast<int>(-result));
  stands_ = true;
  if (back_) returned(true, 0);
}

void Interception::Handover::returned(bool made, int64_t result) {
  if (!std::exchange(back_, true)) {
    all_.parcels_.take(tid_);  // of one that was stopped on its way
    err_ = !made ? ESRCH : result < 0 ? static_cast<int>(-result) : 0;
  }
  if (!stands_) return;
  if (err_) return finish(err_);
  Packet packet;
  if (receive_packet(ours_.get(), packet, false, false) != Received::packet || packet.fds.size() != 1) return finish(EPERM);
  finish(0, std::move(packet.fds[0]));
}

void Interception::Handover::finish(int err, Fd fd) {
  courier_.reset();
  if (Done done = std::exchange(done_, nullptr)) done(err, std::move(fd));
}

}  // namespace rvisor
