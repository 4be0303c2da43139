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

constexpr size_t kMaxPacket = 64 * 1024;            // larger texts travel in a sealed memfd, the first descriptor of a packet that
constexpr std::string_view kInMemory = "memory";     // says only this
constexpr off_t kMaxMemory = 256 << 20;
constexpr size_t kMaxDescriptors = 17;

struct Packet {
  std::string text;
  std::vector<Fd> fds;
  pid_t sender = 0;  // in the receiver's pid namespace; only where SO_PASSCRED is set
};

// 0 or an errno: a memfd with these bytes that nobody can change any more.
int seal_text(std::string_view text, Fd& out, const char* name = "rvisor");

// 0 or an errno. Never raises SIGPIPE. With `wait` false EAGAIN where the peer has not yet read what was sent before.
int send_packet(int socket, std::string_view text, const std::vector<int>& fds = {}, bool wait = true);

enum class Received { packet, nothing, closed, broken };
// `broken`: a truncated packet, one with more descriptors than the contract knows, or (only with `large` taken) a text in
// memory that its sender could still change.
Received receive_packet(int socket, Packet& out, bool wait, bool large = false);

// Lines for the host. What the host does not read yet is kept, so that the sentry never waits for the host.
class EventStream {
 public:
  explicit EventStream(int fd) : fd_(fd) {}
  void line(std::string_view text);
  bool pending() const { return !buffer_.empty(); }
  void flush();             // writes what goes without waiting
  void drain(int control);  // waits until all is written, or the host is gone: its end of the control socket hangs up
  int fd() const { return fd_; }
  // The host sends more than it reads: no more of its requests, or of init's reports, should be taken.
  bool crowded() const { return buffer_.size() > kCrowded; }

 private:
  static constexpr size_t kCrowded = 1 << 20;
  int fd_;
  std::string buffer_;
};

}  // namespace rvisor
