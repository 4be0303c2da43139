// SPDX-License-Identifier: Apache-2.0
// Puts a descriptor into the guest at a trace point: by the listener, or where that cannot (it has none, or the descriptor is open as a path alone) by a
// message, which the thread is made to receive from a socket that the listener gives or that it is made to open. What lies in the guest's
// memory meanwhile can be changed by its other threads, who then get something else than was meant for them.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "interception.h"

namespace rvisor {

class Interception::Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  // The descriptor's number in the guest, or a negative errno.
  using Done = std::function<void(int64_t)>;
  // `free`: below which address, at the stack, nothing is in use.
  Delivery(Interception& all, std::shared_ptr<Stop> stop, Fd fd, uint32_t flags, uint64_t free, Done done)
      : all_(all), stop_(std::move(stop)), fd_(std::move(fd)), flags_(flags), done_(std::move(done)), at_((free - 2 * kRoom) & ~15ULL) {}
  void start();

 private:
  struct Room;
  static constexpr uint64_t kRoom = 512;
  using Then = void (*)(std::shared_ptr<Delivery>, int64_t);

  GuestMemory memory() const { return GuestMemory(stop_->tid); }
  uint64_t at(size_t offset) const { return at_ + offset; }
  static uint64_t low(int64_t descriptor) { return static_cast<uint32_t>(descriptor); }
  bool allowed(uint32_t nr, const std::array<uint64_t, 6>& arguments) const;
  void call(uint32_t nr, std::array<uint64_t, 6> arguments, Then then);
  void install();
  void name();
  void send();
  void fetch();
  void receive();
  void finish(int64_t result);

  Interception& all_;
  const std::shared_ptr<Stop> stop_;
  Fd fd_;
  const uint32_t flags_;
  const Done done_;
  const uint64_t at_;
  int64_t socket_ = -1, result_ = 0;
};

}  // namespace rvisor
