// SPDX-License-Identifier: Apache-2.0
// Detached threads with a small stack, on which paths of PATH_MAX bytes have their place.
#pragma once
#include <pthread.h>
#include <semaphore.h>

#include <cstddef>

namespace rvisor {

constexpr size_t kThreadStack = 256 * 1024;  // bytes

// 0, or the errno of pthread_create(3).
inline int start_thread(void* (*entry)(void*), void* argument, size_t stack = kThreadStack) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
#ifdef __SANITIZE_ADDRESS__
  // A thread that begins takes locks of the sanitizer's, which a child that is forked at that moment would find locked for ever.
  struct Beginning {
    void* (*entry)(void*);
    void* argument;
    sem_t begun;
  } beginning{entry, argument, {}};
  sem_init(&beginning.begun, 0, 0);
  int err = pthread_create(&thread, &attributes, [](void* given) -> void* {
    auto* from = static_cast<Beginning*>(given);
    void* (*to)(void*) = from->entry;
    void* with = from->argument;
    sem_post(&from->begun);
    return to(with);
  }, &beginning);
  while (!err && sem_wait(&beginning.begun)) {}
  sem_destroy(&beginning.begun);
#else
  int err = pthread_create(&thread, &attributes, entry, argument);
#endif
  pthread_attr_destroy(&attributes);
  return err;
}

}  // namespace rvisor
