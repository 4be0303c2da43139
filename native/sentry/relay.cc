// SPDX-License-Identifier: Apache-2.0
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace rvisor {

Status Relay::add(Fd target, Fd& guest_end) {
  if (!exceeded_.valid()) {
    exceeded_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!exceeded_.valid()) return fail("output", "eventfd", errno);
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
  for (auto& stream : streams_) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    int err = pthread_create(&stream->thread, &attributes, run, stream.get());
    pthread_attr_destroy(&attributes);
    if (err) return fail("output", "thread", err);
  }
  started_ = true;
  return std::nullopt;
}

void* Relay::run(void* argument) {
  auto* stream = static_cast<Stream*>(argument);
  Relay& relay = *stream->relay;
  bool use_splice = true;
  char buffer[16384];
  for (;;) {
    uint64_t done = relay.counted_.load();
    size_t chunk = static_cast<size_t>(std::clamp<uint64_t>(relay.limit_ > done ? relay.limit_ - done : 0, 1, 1 << 16));
    ssize_t moved;
    if (done >= relay.limit_) {  // one byte more proves that the limit is exceeded; it is not delivered
      moved = read(stream->from.get(), buffer, 1);
      if (moved < 0 && errno == EINTR) continue;
      if (moved <= 0) break;
      uint64_t one = 1;
      if (write(relay.exceeded_.get(), &one, sizeof one) < 0 && errno != EAGAIN) break;
      break;
    }
    if (use_splice) {
      moved = splice(stream->from.get(), nullptr, stream->to.get(), nullptr, chunk, SPLICE_F_MOVE);
      if (moved < 0 && errno == EINVAL) {  // a target opened for appending takes no splice
        use_splice = false;
        continue;
      }
    } else {
      moved = read(stream->from.get(), buffer, std::min(chunk, sizeof buffer));
      for (ssize_t at = 0; moved > 0 && at < moved;) {
        ssize_t wrote = write(stream->to.get(), buffer + at, static_cast<size_t>(moved - at));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0 && errno == EAGAIN) {
          pollfd wait{stream->to.get(), POLLOUT, 0};
          poll(&wait, 1, -1);
          continue;
        }
        if (wrote < 0) moved = -1;
        else at += wrote;
      }
    }
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0 && errno == EAGAIN) {
      pollfd wait{stream->to.get(), POLLOUT, 0};
      poll(&wait, 1, -1);
      continue;
    }
    if (moved <= 0) break;  // every writer is gone, or the reader is
    relay.counted_ += static_cast<uint64_t>(moved);
  }
  stream->from.reset();
  stream->to.reset();
  return nullptr;
}

void Relay::join() {
  if (!started_) return;
  for (auto& stream : streams_) pthread_join(stream->thread, nullptr);
  started_ = false;
}

}  // namespace rvisor
