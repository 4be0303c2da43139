// SPDX-License-Identifier: Apache-2.0
// Output limits: the guest's stdout and stderr go through pipes that a thread each empties with splice(2), counting.
#pragma once
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "failure.h"
#include "fd.h"

namespace rvisor {

class Relay {
 public:
  // `limit`: bytes of all streams together, exactly. What exceeds it is dropped, and `exceeded` (an eventfd) becomes readable.
  explicit Relay(uint64_t limit) : limit_(limit) {}
  // Returns the write end for the guest to use in place of `target`, which it takes.
  Status add(Fd target, Fd& guest_end);
  Status start();                 // one thread a stream; before any seccomp filter that forbids clone
  size_t threads() const { return streams_.size(); }
  uint64_t bytes() const { return granted_.load(); }
  int exceeded() const { return exceeded_.get(); }
  // An eventfd, readable once every writer is gone and all is delivered (or can be delivered no more).
  int finished() const { return finished_.get(); }

 private:
  struct Stream {
    Relay* relay;
    Fd from, to;
  };
  static void* run(void* stream);
  void carry(Stream& stream);
  uint64_t grant(uint64_t wanted);
  const uint64_t limit_;
  std::atomic<uint64_t> granted_{0};
  std::atomic<size_t> running_{0};
  Fd exceeded_, finished_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace rvisor
