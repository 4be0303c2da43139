// SPDX-License-Identifier: Apache-2.0
// Gets a descriptor of the guest's where none may be taken (pidfd_getfd(2) asks for a capability behind the seccomp profiles of container
// engines): the thread is made to start a courier (tracer.h), which sends it to init.
//
// Other threads can change what lies in the guest's memory meanwhile: what is sent is then another of the guest's descriptors. Where it is sent is
// out of their reach: the socket is put into the courier's table, which nobody shares, at the very call; and as it is a connected one that
// sends in order, the kernel looks at no address.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "interception.h"

namespace rvisor {

class Interception::Handover : public std::enable_shared_from_this<Handover> {
 public:
  // 0 and the descriptor, or an errno. On the tracer's thread, or on the caller's: must not wait.
  using Done = std::function<void(int, Fd)>;
  // `number`: in the guest. `free`: below which address, at the stack, nothing is in use.
  Handover(Interception& all, std::shared_ptr<Stop> stop, int number, uint64_t free, Done done)
      : all_(all), stop_(std::move(stop)), number_(number), done_(std::move(done)), at_((free - 2 * kRoom) & ~15ULL) {}
  void start();

 private:
  struct Room;
  static constexpr uint64_t kRoom = 512;

  uint64_t at(size_t offset) const { return at_ + offset; }
  bool lets_pass() const;
  void started(bool made, int64_t result);
  void returned(bool made, int64_t result);
  void finish(int err, Fd fd = Fd());

  Interception& all_;
  const std::shared_ptr<Stop> stop_;
  const int number_;
  Done done_;
  const uint64_t at_;
  Fd ours_, theirs_;
  std::shared_ptr<Courier> courier_;
  pid_t tid_ = 0;
  bool back_ = false, stands_ = false;  // the courier has made its call; the thread stands again
  int err_ = 0;
};

}  // namespace rvisor
