// SPDX-License-Identifier: Apache-2.0
// While a call waits for its answer the kernel holds back every signal that does not kill (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, and
// ptrace stops), so they are looked for in /proc, fifty times a second while something waits.
#include "waits.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <string>

namespace rvisor {
namespace {

constexpr int kInterrupt = SIGUSR2;

struct Signals {
  uint64_t thread = 0, process = 0;  // pending and not blocked
  bool first = false;             // the kernel gives the process's signals to this thread if to any: it is the first, or the only one
};

// proc_pid_status(5). Nothing where it cannot be read.
Signals signals_of(pid_t tid) {
  Signals result;
  char text[4096];
  Fd file(open(("/proc/" + std::to_string(tid) + "/status").c_str(), O_RDONLY | O_CLOEXEC));
  ssize_t size = file.valid() ? read(file.get(), text, sizeof text - 1) : -1;
  if (size <= 0) return result;
  text[size] = 0;
  auto field = [&](const char* name, int base) -> uint64_t {
    const char* line = strstr(text, name);
    return line ? strtoull(line + strlen(name), nullptr, base) : 0;
  };
  // The first line holds the thread's name, its own choice; the kernel escapes line feeds in it.
  uint64_t blocked = field("\nSigBlk:", 16);
  result.thread = field("\nSigPnd:", 16) & ~blocked;
  result.process = field("\nShdPnd:", 16) & ~blocked;
  result.first = field("\nTgid:", 10) == static_cast<uint64_t>(tid) || field("\nThreads:", 10) == 1;
  return result;
}

}  // namespace

Wait::Wait(Waits& all, std::function<bool()> waits, pid_t tid) : all_(all), waits_(std::move(waits)), tid_(tid) {
  pthread_mutex_lock(&all_.lock_);
  all_.all_.push_back(this);
  pthread_mutex_unlock(&all_.lock_);
  eventfd_write(all_.news_.get(), 1);
  Waits::may_interrupt(true);
}

Wait::~Wait() {
  Waits::may_interrupt(false);
  pthread_mutex_lock(&all_.lock_);
  std::erase(all_.all_, this);
  pthread_mutex_unlock(&all_.lock_);
}

Waits::Waits() : news_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

int Waits::patience() {
  pthread_mutex_lock(&lock_);
  bool none = all_.empty();
  pthread_mutex_unlock(&lock_);
  return none ? -1 : kLookMs;
}

void Waits::look() {
  eventfd_t count;
  timespec now;
  eventfd_read(news_.get(), &count);
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t now_ms = now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
  if (now_ms - looked_ms_ < kLookMs) return;
  looked_ms_ = now_ms;
  pthread_mutex_lock(&lock_);
  for (Wait* wait : all_) {
    if (wait->taken_back_ == TakenBack::no) {
      Signals signals = signals_of(wait->tid_);
      if (!wait->waits_()) wait->taken_back_ = TakenBack::interrupted;
      else if (signals.thread || (signals.process && signals.first)) wait->taken_back_ = TakenBack::restart;
      // Another thread may take it: one that could has done so by the next look.
      else if (signals.process && std::exchange(wait->seen_, true)) wait->taken_back_ = TakenBack::interrupted;
      else if (!signals.process) wait->seen_ = false;
    }
    // Again at each look: the thread may have been about to wait.
    if (wait->taken_back_ != TakenBack::no) interrupt(wait->thread_);
  }
  pthread_mutex_unlock(&lock_);
}

void Waits::may_interrupt(bool yes) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, kInterrupt);
  pthread_sigmask(yes ? SIG_UNBLOCK : SIG_BLOCK, &set, nullptr);
}

void Waits::interrupt(pthread_t thread) { pthread_kill(thread, kInterrupt); }

void Waits::prepare() {
  may_interrupt(false);
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(kInterrupt, &action, nullptr);
}

}  // namespace rvisor
