// SPDX-License-Identifier: Apache-2.0
// The trace points' calls, and what happens to the threads that are traced there.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "case.h"
#include "delivery.h"
#include "self_calls.h"
#include "threads.h"

namespace rvisor {
namespace {

rv_call call_of(uint64_t nr, const std::array<uint64_t, 6>& registers) {
  rv_call call{};
  call.nr = static_cast<uint32_t>(nr);
  call.arch = RV_ARCH_X86_64;
  memcpy(call.args, registers.data(), sizeof call.args);
  return call;
}

}  // namespace

// A thread that carries calls out for the tracer.
Status Interception::Acts::start() {
  some_.reset(eventfd(0, EFD_CLOEXEC));
  if (!some_.valid()) return rvisor::fail("seccomp", "eventfd", errno);
  if (int err = start_thread(run, this)) return rvisor::fail("seccomp", "thread of the tracer's cases", err);
  return std::nullopt;
}

void Interception::Acts::put(std::unique_ptr<Case> made) {
  pthread_mutex_lock(&lock_);
  cases_.push_back(made.release());
  pthread_mutex_unlock(&lock_);
  eventfd_write(some_.get(), 1);
}

void* Interception::Acts::run(void* argument) {
  unshare(CLONE_FS);  // a umask of this thread's own
  auto& self = *static_cast<Acts*>(argument);
  for (;;) {
    eventfd_t count;
    if (eventfd_read(self.some_.get(), &count)) continue;
    pthread_mutex_lock(&self.lock_);
    std::deque<Case*> cases = std::exchange(self.cases_, {});
    pthread_mutex_unlock(&self.lock_);
    for (Case* next : cases) Case::proceed(std::unique_ptr<Case>(next));
  }
}

class Interception::TracePoint : public Point {
 public:
  TracePoint(Interception& all, std::shared_ptr<Stop> stop) : all_(all), tracer_(*all.tracer_), stop_(std::move(stop)) {}
  bool waits() const override { return stop_->stands.load(); }
  void value(int64_t value) override { tracer_.answer(stop_, value); }
  void error(int err) override { tracer_.answer(stop_, -err); }
  std::shared_ptr<Stop> stop() const override { return stop_; }
  std::shared_ptr<Wait> wait(pid_t tid) override {
    tracer_.unmask(stop_);  // handlers are done with the thread
    return std::make_shared<Wait>(all_.waits_, [stop = stop_] { return stop->stands.load(); }, tid);
  }
  void restart() override { tracer_.restart(stop_); }
  void again() override { tracer_.again(stop_); }

  void run(std::unique_ptr<Case> self) override {
    std::array<uint64_t, 6> registers;
    memcpy(registers.data(), self->call().args, sizeof registers);
    uint32_t changed = self->changed();
    if (all_.self_calls_ && SelfCalls::takes(self->call().nr)) {
      const rv_call call = self->call();
      uint64_t free = self->free_below();
      return all_.self_calls_->carry_out(stop_, call, changed, free, wanting(std::move(self)));
    }
    tracer_.proceed(stop_, changed, registers, wanting(std::move(self)));
  }

  void give(std::unique_ptr<Case> self, Fd fd, uint32_t flags) override {
    // No notification gives what is open as a path alone (O_PATH); a message does.
    const bool bare = fcntl(fd.get(), F_GETFL) & O_PATH;
    if (all_.plan_.notifies && !bare) return tracer_.give(stop_, std::move(fd), flags & O_CLOEXEC, wanting(std::move(self)));
    const uint64_t free = self->free_below();
    auto owner = std::make_shared<std::unique_ptr<Case>>(std::move(self));
    std::make_shared<Delivery>(all_, stop_, std::move(fd), flags & O_CLOEXEC, free, [owner](int64_t result) {
      if (*owner) Case::conclude(std::move(*owner), result);
    })->start();
  }

 private:
  static std::unique_ptr<Returning> wanting(std::unique_ptr<Case> self) {
    if (!self->hooked()) return nullptr;
    return self;
  }

  Interception& all_;
  Tracer& tracer_;
  const std::shared_ptr<Stop> stop_;
};

std::unique_ptr<Interception::Point> Interception::trace_point(std::shared_ptr<Stop> stop) { return std::make_unique<TracePoint>(*this, std::move(stop)); }

// A call that a handler has the thread make, where init makes it in the thread's place: its result goes to the handler.
class Interception::InjectedPoint : public Point {
 public:
  InjectedPoint(Interception& all, std::shared_ptr<Stop> stop, uint64_t free, Served served) : all_(all), stop_(std::move(stop)), free_(free), served_(std::move(served)) {}
  bool waits() const override { return stop_->stands.load(); }
  void value(int64_t value) override {
    if (waits()) served_(sizeof value, &value, sizeof value);
    else served_(-ESRCH, nullptr, 0);
  }
  void error(int err) override { value(-static_cast<int64_t>(err)); }
  void give(std::unique_ptr<Case>, Fd fd, uint32_t flags) override {
    std::make_shared<Delivery>(all_, stop_, std::move(fd), flags & O_CLOEXEC, free_, [served = served_](int64_t result) { served(sizeof result, &result, sizeof result); })->start();
  }
  // Nothing of it is decided: the thread makes it itself.
  void run(std::unique_ptr<Case> self) override {
    std::array<uint64_t, 6> registers;
    memcpy(registers.data(), self->call().args, sizeof registers);
    all_.inject(stop_, self->call().nr, registers, served_);
  }

 private:
  Interception& all_;
  const std::shared_ptr<Stop> stop_;
  const uint64_t free_;
  const Served served_;
};

void Interception::inject(const std::shared_ptr<Stop>& stop, uint32_t nr, const std::array<uint64_t, 6>& registers, const Served& served) {
  tracer_->inject(stop, nr, registers, [served](bool done, int64_t raw) {
    if (done) served(sizeof raw, &raw, sizeof raw);
    else served(-ESRCH, nullptr, 0);
  });
}

// A call that a handler has the thread make. It passes the guest's filter like any other. One that would stop at a trace point does not stop there
// again: the policy decides it here, and carries it out here where that is how such calls are made. No handler is asked.
void Interception::injected(std::shared_ptr<Stop> stop, uint64_t nr, const std::array<uint64_t, 6>& registers, uint64_t free, const Served& served) {
  int64_t result = may_inject(nr, registers);
  if (result) return served(sizeof result, &result, sizeof result);
  if (filtered(static_cast<uint32_t>(nr), registers) == SECCOMP_RET_TRACE) {
    const rv_call call = call_of(nr, registers);
    rv_decision decision;
    rv_eval_call(program(), &call, &decision);
    decision.handlers = decision.pending = 0;
    if (decision.base == RV_ACTION_NOTIFY) {
      const pid_t tid = stop->tid;
      return acts_.put(std::make_unique<Case>(*this, std::make_unique<InjectedPoint>(*this, std::move(stop), free, served), tid, call, decision));
    }
  }
  inject(stop, static_cast<uint32_t>(nr), registers, served);
}

void Interception::trapped(std::shared_ptr<Stop> stop) {
  rv_decision decision;
  rv_eval_call(program(), &stop->call, &decision);
  pid_t tid = stop->tid;
  const bool self_call = self_calls_ && SelfCalls::takes(stop->call.nr);
  if (self_call && decision.action == RV_ACTION_ALLOW) decision.action = RV_ACTION_NOTIFY;
  if (self_call && decision.base == RV_ACTION_NOTIFY) decision.base = RV_ACTION_ALLOW;  // by path, where the path is looked up
  switch (decision.action) {
    case RV_ACTION_ALLOW: return tracer_->proceed(stop, 0, {}, nullptr);
    case RV_ACTION_ERRNO:
      report(tid, stop->call, decision.rule, decision.error, {}, {});
      return tracer_->answer(stop, -decision.error);
    case RV_ACTION_NOTIFY:
    case RV_ACTION_HANDLER: {
      const rv_call& call = stop->call;
      auto made = std::make_unique<Case>(*this, std::make_unique<TracePoint>(*this, stop), tid, call, decision);
      // What is carried out here may take its time: not the tracer's, which everybody waits for.
      if (self_call || can_act_on_behalf(static_cast<int>(call.nr))) return acts_.put(std::move(made));
      return Case::proceed(std::move(made));
    }
    default: return kill(tid, stop->call, decision.rule);
  }
}

// Something that has happened, on its way to the handlers that want to know.
class Interception::News : public Question {
 public:
  News(Interception& all, std::shared_ptr<Stop> stop, const Happening& what) : all_(all), stop_(std::move(stop)) {
    std::string record(reinterpret_cast<const char*>(&what.event), sizeof what.event);
    record += what.path;
    copies_.keep(0, record.data(), record.size());
    for (size_t i = 0; i < all_.plan_.handlers.size(); i++)
      if (all_.plan_.handlers[i].event == what.event.kind) left_ |= 1ULL << i;
  }

  // To the next handlers in the order of the list, as far as they are of one lane.
  static void put(std::unique_ptr<News> self) {
    News& n = *self;
    if (!n.left_) return n.all_.tracer_->resume(n.stop_);
    n.put_ = 0;
    uint64_t deadline = 0;
    uint32_t lane = 0;
    bool endless = false;
    for (size_t i = 0; i < n.all_.plan_.handlers.size(); i++) {
      if (!(n.left_ >> i & 1)) continue;
      const Handler& handler = n.all_.plan_.handlers[i];
      if (n.put_ && handler.lane != lane) break;
      lane = handler.lane;
      n.put_ |= 1ULL << i;
      deadline += handler.deadline_ms;
      endless |= !handler.deadline_ms;
    }
    n.left_ &= ~n.put_;
    uint64_t handlers = n.put_;
    n.all_.desk_->ask(std::move(self), lane, handlers, endless ? 0 : deadline);
  }

  pid_t tid() const override { return stop_->tid; }
  const rv_call& call() const override { return stop_->call; }
  Copies& copies() override { return copies_; }
  bool waits() const override { return stop_->stands.load(); }
  ssize_t read(uint64_t address, void* out, size_t size) override { return GuestMemory(tid()).read(address, out, size); }
  int write(uint64_t, const void*, size_t) override { return EPERM; }
  int process() override { return Caller(tid()).process(); }
  ssize_t descriptor(int, void*, size_t) override { return -EPERM; }
  ssize_t take(int, void*, size_t) override { return -EPERM; }
  ssize_t path(unsigned, void*, size_t) override { return -EPERM; }
  void describe(rv_ring_call& out) const override { out.phase = RV_RING_EVENT; }

  void answered(std::unique_ptr<Question> self, HandlersAnswer answer) override {
    if (answer.verdict == RV_RING_KILL) return all_.refusals_.kill_guest(true, answer.reason);
    put(std::unique_ptr<News>(static_cast<News*>(self.release())));
  }

  void overdue(std::unique_ptr<Question> self) override {
    for (size_t i = 0; i < all_.plan_.handlers.size(); i++)
      if (put_ >> i & 1 && all_.plan_.handlers[i].failure != Handler::Failure::proceed)
        return all_.refusals_.kill_guest(true, "handler " + std::to_string(i) + " did not take an event in time, nor did the host program say so");
    put(std::unique_ptr<News>(static_cast<News*>(self.release())));
  }

 private:
  Interception& all_;
  const std::shared_ptr<Stop> stop_;
  Copies copies_;
  uint64_t left_ = 0, put_ = 0;
};

void Interception::happened(std::shared_ptr<Stop> stop, Happening what) { News::put(std::make_unique<News>(*this, std::move(stop), what)); }

// What the guest's filter says to a call.
uint32_t Interception::filtered(uint32_t nr, const std::array<uint64_t, 6>& registers) const {
  seccomp_data data{};
  data.nr = static_cast<int>(nr);
  data.arch = RV_ARCH_X86_64;
  memcpy(data.args, registers.data(), sizeof data.args);
  uint32_t action = evaluate(filter_, data) & SECCOMP_RET_ACTION_FULL;
  return action == SECCOMP_RET_USER_NOTIF && !plan_.notifies ? SECCOMP_RET_TRACE : action;
}

// 0, or what an injected call gives in place of being made.
int64_t Interception::may_inject(uint64_t nr, const std::array<uint64_t, 6>& registers) const {
  switch (nr) {
    // They would return where the handler's call does, or not at all.
    case SYS_clone:
    case SYS_fork:
    case SYS_vfork:
    case SYS_clone3:
    case SYS_execve:
    case SYS_execveat:
    case SYS_rt_sigreturn:
    case SYS_restart_syscall: return -ENOSYS;
  }
  if (nr == kBounced) return -ENOSYS;
  if (filtered(static_cast<uint32_t>(nr), registers) != SECCOMP_RET_TRACE) return 0;
  const rv_call call = call_of(nr, registers);
  rv_decision decision;
  rv_eval_call(program(), &call, &decision);
  if (decision.base == RV_ACTION_ALLOW || (decision.base == RV_ACTION_NOTIFY && can_act_on_behalf(static_cast<int>(nr)))) return 0;
  return decision.base == RV_ACTION_ERRNO ? -decision.error : -EPERM;
}

}  // namespace rvisor
