// SPDX-License-Identifier: Apache-2.0
// Questions to a host that are about no guest: what a desk asks and what comes of it is written down.
#pragma once
#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "desk.h"

namespace rvisor {

struct Heard {
  std::atomic<int> answers{0}, overdue{0};
  HandlersAnswer last;
};

// Its memory is full of 'r', its descriptors and paths are their own numbers.
class Asked : public Question {
 public:
  explicit Asked(Heard& heard) : heard_(heard) {}
  pid_t tid() const override { return 7; }
  const rv_call& call() const override { return call_; }
  Copies& copies() override { return copies_; }
  bool waits() const override { return true; }
  ssize_t read(uint64_t, void* out, size_t size) override { return memset(out, 'r', size), static_cast<ssize_t>(size); }
  int write(uint64_t, const void*, size_t) override { return 0; }
  int process() override { return 5; }
  ssize_t descriptor(int fd, void* out, size_t room) override { return memset(out, fd, room), static_cast<ssize_t>(room); }
  ssize_t take(int, void*, size_t) override { return -EINVAL; }
  ssize_t path(unsigned argument, void* out, size_t room) override { return memset(out, static_cast<int>(argument), room), static_cast<ssize_t>(room); }
  void answered(std::unique_ptr<Question>, HandlersAnswer answer) override {
    heard_.last = std::move(answer);
    heard_.answers++;
  }
  void overdue(std::unique_ptr<Question>) override { heard_.overdue++; }

 private:
  Heard& heard_;
  rv_call call_{};
  Copies copies_;
};

// Made and never freed, as a desk's thread may still touch it; but reachable, so that it is no leak.
template <class T>
T& keep() {
  static auto* all = new std::vector<T*>;
  return *all->emplace_back(new T);
}

}  // namespace rvisor
