// SPDX-License-Identifier: Apache-2.0
// A lock that is held to the end of a scope.
#pragma once
#include <pthread.h>

namespace rvisor {

class Claim {
 public:
  explicit Claim(pthread_mutex_t& lock) : lock_(lock) { pthread_mutex_lock(&lock_); }
  ~Claim() { pthread_mutex_unlock(&lock_); }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  pthread_mutex_t& lock_;
};

}  // namespace rvisor
