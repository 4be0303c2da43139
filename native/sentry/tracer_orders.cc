// SPDX-License-Identifier: Apache-2.0
// What other threads say to the tracer's, and take from it.
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "tracer.h"

namespace rvisor {

void Tracer::post(Order order) {
  {
    Claim claim(lock_);
    inbox_.push_back(std::move(order));
  }
  called_.store(1);
  if (!waits_.exchange(false)) return;
  syscall(SYS_futex, &called_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  syscall(SYS_tgkill, getpid(), thread_, kWake);
}

pid_t Tracer::fork_command(const std::function<pid_t()>& make) {
  Claim claim(lock_);
  pid_t pid = make();
  if (pid > 0) commands_.insert(pid);
  return pid;
}

void Tracer::attach(pid_t command, long* released) {
  Order order(Order::Kind::attach);
  order.pid = command;
  order.released = released;
  post(std::move(order));
}

std::vector<std::pair<pid_t, int>> Tracer::take_ends() {
  uint64_t count;
  ssize_t ignored = read(ends_ready_.get(), &count, sizeof count);
  (void)ignored;
  Claim claim(lock_);
  return std::exchange(ends_, {});
}

void Tracer::proceed(const std::shared_ptr<Stop>& stop, uint32_t changed, const std::array<uint64_t, 6>& registers, std::unique_ptr<Returning> returning,
                     std::unique_ptr<Becoming> becoming) {
  Order order(Order::Kind::proceed, stop);
  order.changed = changed;
  order.registers = registers;
  order.returning = std::move(returning);
  order.becoming = std::move(becoming);
  post(std::move(order));
}

void Tracer::answer(const std::shared_ptr<Stop>& stop, int64_t raw) {
  Order order(Order::Kind::answer, stop);
  order.raw = raw;
  post(std::move(order));
}

void Tracer::restart(const std::shared_ptr<Stop>& stop) { post(Order(Order::Kind::restart, stop)); }

void Tracer::again(const std::shared_ptr<Stop>& stop) { post(Order(Order::Kind::again, stop)); }

void Tracer::unmask(const std::shared_ptr<Stop>& stop) { post(Order(Order::Kind::unmask, stop)); }

void Tracer::give(const std::shared_ptr<Stop>& stop, Fd fd, uint32_t flags, std::unique_ptr<Returning> returning) {
  Order order(Order::Kind::give, stop);
  order.fd = std::move(fd);
  order.flags = flags;
  order.returning = std::move(returning);
  post(std::move(order));
}

void Tracer::finish(const std::shared_ptr<Stop>& stop, int64_t raw) {
  Order order(Order::Kind::finish, stop);
  order.raw = raw;
  post(std::move(order));
}

void Tracer::inject(const std::shared_ptr<Stop>& stop, uint32_t nr, const std::array<uint64_t, 6>& args, Injected done) {
  Order order(Order::Kind::inject, stop);
  order.nr = nr;
  order.registers = args;
  order.done = std::move(done);
  post(std::move(order));
}

void Tracer::install(const std::shared_ptr<Stop>& stop, Fd fd, uint32_t flags, Injected done) {
  Order order(Order::Kind::install, stop);
  order.fd = std::move(fd);
  order.flags = flags;
  order.done = std::move(done);
  post(std::move(order));
}

void Tracer::dispatch(const std::shared_ptr<Stop>& stop, std::shared_ptr<Courier> courier, Injected started) {
  Order order(Order::Kind::dispatch, stop);
  order.courier = std::move(courier);
  order.done = std::move(started);
  post(std::move(order));
}

void Tracer::interrupt(pid_t tid, std::function<bool()> leave, Standing stands) {
  Order order(Order::Kind::interrupt);
  order.pid = tid;
  order.leave = std::move(leave);
  order.stands = std::move(stands);
  post(std::move(order));
}

void Tracer::resume(const std::shared_ptr<Stop>& stop) { post(Order(Order::Kind::resume, stop)); }

Tracer::Gift Tracer::take(pid_t tid, const rv_call& bounced) {
  Claim claim(lock_);
  for (auto token = tokens_.rbegin(); token != tokens_.rend(); ++token) {
    if (token->tid != tid || token->call.ip != bounced.ip || memcmp(token->call.args, bounced.args, sizeof bounced.args)) continue;
    Gift gift = std::move(token->gift);
    tokens_.erase(std::next(token).base());
    return gift;
  }
  return {};
}

}  // namespace rvisor
