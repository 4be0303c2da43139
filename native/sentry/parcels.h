// SPDX-License-Identifier: Apache-2.0
// Sockets on their way to couriers (tracer.h): put into a courier's own table of descriptors at the call that it makes.
#pragma once
#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <map>
#include <optional>
#include <utility>

#include "claim.h"
#include "fd.h"

namespace rvisor {

struct Parcel {
  Fd socket;
  int number = -1;  // in the courier's table
};

class Parcels {
 public:
  void put(pid_t courier, Parcel parcel) {
    Claim claim(lock_);
    parcels_.insert_or_assign(courier, std::move(parcel));
    some_ = true;
  }

  // Nothing for everybody else.
  std::optional<Parcel> take(pid_t courier) {
    if (!some_) return std::nullopt;
    Claim claim(lock_);
    auto parcel = parcels_.find(courier);
    if (parcel == parcels_.end()) return std::nullopt;
    Parcel found = std::move(parcel->second);
    parcels_.erase(parcel);
    some_ = !parcels_.empty();
    return found;
  }

 private:
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  std::map<pid_t, Parcel> parcels_;
  std::atomic<bool> some_{false};
};

}  // namespace rvisor
