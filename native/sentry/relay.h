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
  // `limit`: bytes of all streams together. What exceeds it is dropped, and `exceeded` (an eventfd) becomes readable.
  explicit Relay(uint64_t limit) : limit_(limit) {}
  // Returns the write end for the guest to use in place of `target`, which it takes.
  Status add(Fd target, Fd& guest_end);
  Status start();                 // one thread a stream; before any seccomp filter that forbids clone
  void join();                    // until every writer is gone and all is delivered
  uint64_t bytes() const { return counted_.load(); }
  int exceeded() const { return exceeded_.get(); }

 private:
  struct Stream {
    Relay* relay;
    Fd from, to;
    pthread_t thread{};
  };
  static void* run(void* stream);
  const uint64_t limit_;
  std::atomic<uint64_t> counted_{0};
  Fd exceeded_;
  std::vector<std::unique_ptr<Stream>> streams_;
  bool started_ = false;
};

}  // namespace rvisor
