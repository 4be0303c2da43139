// SPDX-License-Identifier: Apache-2.0
// Calls that wait, each on a thread of init's own, for something that the guest controls: the other end of a FIFO, a peer, the holder of a
// lease. What takes such a call back in the kernel takes it back here: the end of the calling thread, and a signal for it.
#pragma once
#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "fd.h"

namespace rvisor {

enum class TakenBack { no, interrupted, restart };

// For as long as the calling thread of init waits for a call of `tid`. While it is held the thread can be interrupted (EINTR).
class Wait {
 public:
  // `waits`: whether somebody still does.
  Wait(class Waits& all, std::function<bool()> waits, pid_t tid);
  ~Wait();
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  // Why a call of ours was interrupted. `no`: for nothing, and it is to be made again. `restart`: a signal is there for the calling
  // thread; `interrupted`: for its process, or nobody waits any more.
  TakenBack taken_back() const { return taken_back_; }

 private:
  friend class Waits;
  Waits& all_;
  const std::function<bool()> waits_;
  const pid_t tid_;
  const pthread_t thread_ = pthread_self();
  std::atomic<TakenBack> taken_back_{TakenBack::no};
  bool seen_ = false;  // a signal for the process, which another thread of it may take
};

// All of them. Init's own thread looks after them: the threads that answer the guest sleep in the kernel until there is something to answer.
class Waits {
 public:
  Waits();

  // Readable when there is the first one to look after.
  int fd() const { return news_.get(); }
  // How long that thread may sleep, in milliseconds; -1: for ever.
  int patience();
  // Takes back what is to be taken back, now and then. Called after each sleep.
  void look();

  // Before the first thread is started: the signal that interrupts is blocked but where something may be interrupted, so that it reaches
  // nothing else.
  static void prepare();
  // Whether a system call of this thread may be interrupted (EINTR), and that of another.
  static void may_interrupt(bool yes);
  static void interrupt(pthread_t thread);

  static constexpr int kLookMs = 20;

 private:
  friend class Wait;
  Fd news_;
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  std::vector<Wait*> all_;
  int64_t looked_ms_ = 0;
};

}  // namespace rvisor
