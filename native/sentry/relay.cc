// SPDX-License-Identifier: Apache-2.0
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "threads.h"

namespace rvisor {
namespace {

constexpr size_t kStack = 64 * 1024;

void ring(const Fd& event) {
  uint64_t one = 1;
  while (write(event.get(), &one, sizeof one) < 0 && errno == EINTR) {}
}

// Waits until `to` takes bytes. False when nobody reads it any more.
bool wait_writable(int to) {
  pollfd wait{to, POLLOUT, 0};
  while (poll(&wait, 1, -1) < 0 && errno == EINTR) {}
  return !(wait.revents & (POLLERR | POLLNVAL));
}

// Moves exactly `size` bytes that wait in `from`. False when `to` takes no more.
bool move(int from, int to, uint64_t size, bool& use_splice) {
  char buffer[16384];
  while (size > 0) {
    if (use_splice) {
      ssize_t moved = splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE);
      if (moved > 0) size -= static_cast<uint64_t>(moved);
      else if (moved < 0 && errno == EINVAL) use_splice = false;  // a target opened for appending takes no splice
      else if (moved == 0 || (errno != EINTR && (errno != EAGAIN || !wait_writable(to)))) return false;
      continue;
    }
    ssize_t got = read(from, buffer, std::min<uint64_t>(size, sizeof buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    size -= static_cast<uint64_t>(got);
    for (ssize_t at = 0; at < got;) {
      ssize_t wrote = write(to, buffer + at, static_cast<size_t>(got - at));
      if (wrote > 0) at += wrote;
      else if (errno != EINTR && (errno != EAGAIN || !wait_writable(to))) return false;
    }
  }
  return true;
}

}  // namespace

Status Relay::add(Fd target, Fd& guest_end) {
  if (!exceeded_.valid()) {
    exceeded_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    finished_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!exceeded_.valid() || !finished_.valid()) return fail("output", "eventfd", errno);
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return fail("output", "pipe", errno);
  auto stream = std::make_unique<Stream>();
  stream->relay = this;
  stream->from.reset(ends[0]);
  stream->to = std::move(target);
  streams_.push_back(std::move(stream));
  guest_end.reset(ends[1]);
  return std::nullopt;
}

Status Relay::start() {
  running_ = streams_.size();
  for (auto& stream : streams_) {
    if (int err = start_thread(run, stream.get(), kStack)) return fail("output", "thread", err);
  }
  return std::nullopt;
}

// As much of `wanted` as the limit still allows, counted at once: two streams share one limit.
uint64_t Relay::grant(uint64_t wanted) {
  for (uint64_t before = granted_.load();;) {
    uint64_t given = std::min(wanted, limit_ - before);
    if (granted_.compare_exchange_weak(before, before + given)) return given;
  }
}

void Relay::carry(Stream& stream) {
  bool use_splice = true;
  for (;;) {
    // A reader that goes away is noticed at once, so that the guest's next write fails as it would on the host's own pipe.
    pollfd wait[] = {{stream.from.get(), POLLIN, 0}, {stream.to.get(), 0, 0}};
    if (poll(wait, 2, -1) < 0) continue;
    if (wait[1].revents & (POLLERR | POLLHUP | POLLNVAL)) return;
    int waiting = 0;
    if (ioctl(stream.from.get(), FIONREAD, &waiting)) return;
    if (waiting <= 0) {
      if (wait[0].revents & (POLLHUP | POLLERR)) return;  // every writer is gone
      continue;
    }
    uint64_t size = grant(static_cast<uint64_t>(waiting));
    if (!move(stream.from.get(), stream.to.get(), size, use_splice)) return;
    if (size < static_cast<uint64_t>(waiting)) {
      ring(exceeded_);
      // The pipe stays open until its writers are killed: closed before, it would end them by SIGPIPE, and the limit untold.
      pollfd end{stream.from.get(), 0, 0};
      while (poll(&end, 1, -1) < 0 || !(end.revents & (POLLHUP | POLLERR | POLLNVAL))) {}
      return;
    }
  }
}

void* Relay::run(void* argument) {
  auto* stream = static_cast<Stream*>(argument);
  Relay& relay = *stream->relay;
  relay.carry(*stream);
  stream->from.reset();
  stream->to.reset();
  if (--relay.running_ == 0) ring(relay.finished_);
  return nullptr;
}

}  // namespace rvisor
