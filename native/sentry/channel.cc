// SPDX-License-Identifier: Apache-2.0
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace rvisor {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// False where the memory is not sealed, too large, or not memory at all.
bool read_sealed(int memory, std::string& out) {
  struct stat st;
  int seals = fcntl(memory, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals || fstat(memory, &st) || st.st_size > kMaxMemory) return false;
  out.resize(static_cast<size_t>(st.st_size));
  for (size_t at = 0; at < out.size();) {
    ssize_t got = pread(memory, out.data() + at, out.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

int seal_text(std::string_view text, Fd& out, const char* name) {
  out.reset(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!out.valid()) return errno;
  while (!text.empty()) {
    ssize_t wrote = write(out.get(), text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return fcntl(out.get(), F_ADD_SEALS, F_SEAL_SEAL | kSeals) ? errno : 0;
}

int send_packet(int socket, std::string_view text, const std::vector<int>& given, bool wait) {
  Fd memory;
  std::vector<int> fds(given);
  if (text.size() > kMaxPacket) {
    if (int error = seal_text(text, memory)) return error;
    fds.insert(fds.begin(), memory.get());
    text = kInMemory;
  }
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
  while (sendmsg(socket, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

Received receive_packet(int socket, Packet& out, bool wait, bool large) {
  char buffer[kMaxPacket];
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
    // ECONNRESET, once: the peer ended with something of ours unread. What it said before that is still here.
  } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
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
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return Received::broken;
  if (!large || out.text != kInMemory) return Received::packet;
  if (out.fds.empty() || !read_sealed(out.fds[0].get(), out.text)) return Received::broken;
  out.fds.erase(out.fds.begin());
  return Received::packet;
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

void EventStream::drain(int control) {
  for (flush(); pending(); flush()) {
    pollfd wait[] = {{fd_, POLLOUT, 0}, {control, 0, 0}};
    if (poll(wait, 2, -1) > 0 && wait[1].revents) return;
  }
}

}  // namespace rvisor
