// SPDX-License-Identifier: Apache-2.0
// Detached threads with a small stack, on which paths of PATH_MAX bytes have their place.
#pragma once
#include <pthread.h>

#include <cstddef>

namespace rvisor {

constexpr size_t kThreadStack = 256 * 1024;  // bytes

// 0, or the errno of pthread_create(3).
inline int start_thread(void* (*entry)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kThreadStack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  int err = pthread_create(&thread, &attributes, entry, argument);
  pthread_attr_destroy(&attributes);
  return err;
}

}  // namespace rvisor
