// SPDX-License-Identifier: Apache-2.0
#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

namespace rvisor {

int send_packet(int socket, std::string_view text, const std::vector<int>& fds) {
  iovec io{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)] = {};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  if (fds.size() > kMaxDescriptors) return EINVAL;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  }
  while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

Received receive_packet(int socket, Packet& out, bool wait) {
  static char buffer[kMaxPacket];
  iovec io{buffer, sizeof buffer};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors) + CMSG_SPACE(sizeof(ucred))];
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size;
  do {
    size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Received::nothing : Received::closed;
  out.text.assign(buffer, static_cast<size_t>(size));
  out.fds.clear();
  out.sender = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_RIGHTS) {
      size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
        out.fds.emplace_back(fd);
      }
    } else if (header->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials;
      memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
      out.sender = credentials.pid;
    }
  }
  if (size == 0) return Received::closed;  // no packet of the contract is empty
  return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? Received::broken : Received::packet;
}

void EventStream::line(std::string_view text) {
  buffer_.append(text).push_back('\n');
  flush();
}

void EventStream::flush() {
  while (!buffer_.empty()) {
    ssize_t sent = send(fd_, buffer_.data(), buffer_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (sent < 0) {  // the host is gone; the control channel tells the rest
      buffer_.clear();
      return;
    }
    buffer_.erase(0, static_cast<size_t>(sent));
  }
}

void EventStream::drain() {
  for (flush(); pending(); flush()) {
    pollfd wait{fd_, POLLOUT, 0};
    poll(&wait, 1, -1);
  }
}

}  // namespace rvisor
