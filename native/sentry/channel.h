// SPDX-License-Identifier: Apache-2.0
// Packets with descriptors over SOCK_SEQPACKET (unix(7)), and the stream of events to the host.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fd.h"

namespace rvisor {

constexpr size_t kMaxPacket = 256 * 1024;
constexpr size_t kMaxDescriptors = 16;

struct Packet {
  std::string text;
  std::vector<Fd> fds;
  pid_t sender = 0;  // in the receiver's pid namespace; only where SO_PASSCRED is set
};

// 0 or an errno. Never raises SIGPIPE.
int send_packet(int socket, std::string_view text, const std::vector<int>& fds = {});

enum class Received { packet, nothing, closed, broken };
// `broken`: a truncated packet or one with more descriptors than the contract knows.
Received receive_packet(int socket, Packet& out, bool wait);

// Lines for the host. What the host does not read yet is kept, so that the sentry never waits for the host.
class EventStream {
 public:
  explicit EventStream(int fd) : fd_(fd) {}
  void line(std::string_view text);
  bool pending() const { return !buffer_.empty(); }
  void flush();             // writes what goes without waiting
  void drain();             // waits until all is written or the host is gone
  int fd() const { return fd_; }

 private:
  int fd_;
  std::string buffer_;
};

}  // namespace rvisor
