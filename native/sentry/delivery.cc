// SPDX-License-Identifier: Apache-2.0
#include "delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <algorithm>
#include <utility>

#include "channel.h"

namespace rvisor {

namespace {

// Abstract, of five digits: unix(7).
bool is_chosen(const sockaddr_un& address, socklen_t length) {
  constexpr size_t kDigits = 5;
  if (address.sun_family != AF_UNIX || address.sun_path[0] || length != offsetof(sockaddr_un, sun_path) + 1 + kDigits) return false;
  return std::all_of(address.sun_path + 1, address.sun_path + 1 + kDigits, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

// What is needed in the guest, below its stack.
struct Interception::Delivery::Room {
  sockaddr_un address;
  socklen_t length;
  char byte;
  iovec text;
  msghdr message;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

void Interception::Delivery::start() {
  if (all_.plan_.notifies && !(fcntl(fd_.get(), F_GETFL) & O_PATH))
    return all_.tracer_->install(stop_, std::move(fd_), flags_, [self = shared_from_this()](bool made, int64_t result) {
      if (made) self->done_(result);
    });
  Room room{};
  room.address.sun_family = AF_UNIX;
  room.length = sizeof room.address;
  room.text = {reinterpret_cast<void*>(at_ + offsetof(Room, byte)), 1};
  room.message.msg_iov = reinterpret_cast<iovec*>(at_ + offsetof(Room, text));
  room.message.msg_iovlen = 1;
  room.message.msg_control = reinterpret_cast<void*>(at_ + offsetof(Room, control));
  room.message.msg_controllen = sizeof room.control;
  static_assert(sizeof room <= kRoom);
  if (at_ >= stop_->stack || memory().write_all(at_, &room, sizeof room)) return done_(-EFAULT);
  if (all_.plan_.notifies) return install();
  call(SYS_socket, {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0}, [](auto self, int64_t socket) {
    self->socket_ = socket;
    // A name of two bytes has the kernel choose one (unix(7), "autobind").
    self->call(SYS_bind, {self->low(socket), self->at(offsetof(Room, address)), sizeof(sa_family_t)}, [](auto again, int64_t) { again->name(); });
  });
}

// Where there is a listener, which cannot give what is open as a path alone: a socket that holds the message already.
void Interception::Delivery::install() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends)) return finish(-errno);
  Fd ours(ends[0]), theirs(ends[1]);
  if (int err = send_packet(ours.get(), "x", {fd_.get()}, false)) return finish(-err);
  fd_.reset();  // the message has it
  all_.tracer_->install(stop_, std::move(theirs), O_CLOEXEC, [self = shared_from_this()](bool made, int64_t result) {
    if (!made) return;  // the thread is gone, and whoever waited for it knows
    if (result < 0) return self->finish(result);
    self->socket_ = result;
    self->fetch();
  });
}

bool Interception::Delivery::allowed(uint32_t nr, const std::array<uint64_t, 6>& arguments) const {
  uint32_t action = all_.filtered(nr, arguments);
  return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_TRACE;
}

// Has the thread make a call, and goes on with its result. It is init's own, so nobody is asked; what the filter refuses is refused.
void Interception::Delivery::call(uint32_t nr, std::array<uint64_t, 6> arguments, Then then) {
  if (!allowed(nr, arguments)) return finish(-EPERM);
  all_.tracer_->inject(stop_, nr, arguments, [self = shared_from_this(), then](bool made, int64_t result) {
    if (!made) return;  // the thread is gone, and whoever waited for it knows
    if (result < 0) return self->finish(result);
    then(self, result);
  });
}

void Interception::Delivery::name() {
  call(SYS_getsockname, {low(socket_), at(offsetof(Room, address)), at(offsetof(Room, length))}, [](auto self, int64_t) { self->send(); });
}

void Interception::Delivery::send() {
  Room room;
  if (memory().read_all(at_, &room, sizeof room)) return finish(-EFAULT);
  // Other threads may have written another name here, and init's word for a path is the host's: a name of the kernel's choosing or none.
  if (!is_chosen(room.address, room.length)) return finish(-EFAULT);
  Fd ours(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  char byte = 0;
  iovec text{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr message{};
  message.msg_name = &room.address;
  message.msg_namelen = room.length;
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  int fd = fd_.get();
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (!ours.valid() || sendmsg(ours.get(), &message, MSG_NOSIGNAL) < 0) return finish(-errno);
  fd_.reset();  // the message has it
  fetch();
}

void Interception::Delivery::fetch() {
  const uint64_t flags = MSG_DONTWAIT | (flags_ & O_CLOEXEC ? static_cast<int>(MSG_CMSG_CLOEXEC) : 0);
  call(SYS_recvmsg, {low(socket_), at(offsetof(Room, message)), flags}, [](auto self, int64_t) { self->receive(); });
}

void Interception::Delivery::receive() {
  Room room;
  if (memory().read_all(at_, &room, sizeof room)) return finish(-EFAULT);
  int number;
  memcpy(&number, CMSG_DATA(reinterpret_cast<cmsghdr*>(room.control)), sizeof number);
  // No room in the table of descriptors: the message comes without one.
  finish(room.message.msg_flags & MSG_CTRUNC || room.message.msg_controllen < sizeof(cmsghdr) ? -EMFILE : number);
}

// The call's result is known; the socket goes first.
void Interception::Delivery::finish(int64_t result) {
  const std::array<uint64_t, 6> socket{low(socket_)};
  if (std::exchange(socket_, -1) < 0 || !allowed(SYS_close, socket)) return done_(result);
  result_ = result;
  call(SYS_close, socket, [](auto self, int64_t) { self->done_(self->result_); });
}

}  // namespace rvisor
