// SPDX-License-Identifier: Apache-2.0
// One call that waits for its answer, wherever it waits: what is known of it, whom it has been put to, and what is next. It is decided by
// the program, put to handlers, carried out on the guest's behalf; how the answer gets to the guest is its point's business.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interception.h"

namespace rvisor {

constexpr uint64_t kRedZone = 128;  // bytes below the stack pointer, the function's own

// Where a call waits, and what can be done about it there.
class Interception::Point {
 public:
  virtual ~Point() = default;
  virtual bool waits() const = 0;
  virtual void value(int64_t value) = 0;
  virtual void error(int err) = 0;
  virtual void give(std::unique_ptr<Case> self, Fd fd, uint32_t flags) = 0;
  // The kernel carries it out.
  virtual void run(std::unique_ptr<Case> self) = 0;
  // The thread is to stand where it can be had make calls: `Case::stands` says whether it does.
  virtual void stand(std::unique_ptr<Case> self);
  // For as long as a thread of init waits for something in the call's place; and where it was taken back by a signal.
  virtual std::shared_ptr<Wait> wait(pid_t) { return nullptr; }
  virtual void restart() {}
  // Signals come first (Tracer::again).
  virtual void again() {}
  // The thread that stands at a trace point.
  virtual std::shared_ptr<Stop> stop() const { return nullptr; }
  // Where the host may answer, as far as this point is concerned.
  virtual Direct direct() const { return {}; }
};

class Interception::Case : public Question, public Returning {
 public:
  Case(Interception& all, std::unique_ptr<Point> point, pid_t tid, const rv_call& call, const rv_decision& decision)
      : point_(std::move(point)), all_(all), tid_(tid), call_(call), decision_(decision), wanted_(decision.handlers) {}
  ~Case() override;

  // Goes on as far as it can without waiting.
  static void proceed(std::unique_ptr<Case> self);
  // The result is known: those who want to see it do, the last who asked for it first.
  static void conclude(std::unique_ptr<Case> self, int64_t raw);
  // The thread stands at a trace point, or (null) does not, to hand over a descriptor.
  static void stands(std::unique_ptr<Case> self, std::shared_ptr<Stop> stop);

  pid_t tid() const override { return point_->stop() ? point_->stop()->tid.load() : tid_; }
  const rv_call& call() const override { return call_; }
  Copies& copies() override { return copies_; }
  bool waits() const override { return point_->waits(); }
  ssize_t read(uint64_t address, void* out, size_t size) override;
  int write(uint64_t address, const void* from, size_t size) override { return GuestMemory(tid(), &copies_).write_all(address, from, size); }
  int process() override { return Caller(tid()).process(); }
  void describe(rv_ring_call& out) const override;
  void steer(const rv_ring_reply& reply, Served served) override;
  ssize_t descriptor(int fd, void* out, size_t room) override { return inspect(Caller(tid()), fd, out, room); }
  ssize_t take(int fd, void* out, size_t size) override { return take_bytes(Caller(tid()), fd, out, size); }
  // Where a path of the call leads. It is kept: the call is carried out only if it still leads there (see Bench).
  ssize_t path(unsigned argument, void* out, size_t room) override;
  Direct direct() override;
  void answered(std::unique_ptr<Question> self, HandlersAnswer answer) override;
  // The host program does not answer: each of the handlers that were asked is taken to have failed.
  void overdue(std::unique_ptr<Question> self) override;
  // The call was made.
  void returned(std::unique_ptr<Returning> self, int64_t raw) override;

  void withheld(std::unique_ptr<Returning> self, int64_t raw) override { conclude(std::unique_ptr<Case>(static_cast<Case*>(self.release())), raw); }

  // At a trace point: registers that handlers have changed (bit N), whether somebody wants the result, and below which address, at
  // the stack, nothing is in use.
  uint32_t changed() const { return changed_; }
  bool hooked() const { return !hooks_.empty(); }
  uint64_t free_below() const { return scratch_ ? scratch_ : point_->stop()->stack - kRedZone; }

 private:
  class Pathfinder;
  class Bench;
  // Who wants the result.
  struct Hook {
    uint32_t lane, after;
    uint64_t handlers, deadline_ms;
  };

  // Before the call is carried out, if it may be at all.
  bool must_ask() const { return wanted_ & ~asked_ || decision_.base == RV_ACTION_ERRNO; }
  bool goes_on(uint64_t asked) const;
  bool act(std::unique_ptr<Case>& self, bool may_block, const Wait* wait = nullptr);
  static void refuse(std::unique_ptr<Case> self);
  static void hand_over(std::unique_ptr<Case> self);
  void put(std::unique_ptr<Case> self);
  void copy_arguments();
  static void defer(std::unique_ptr<Case> self);
  static void* run_deferred(void* argument);
  void hooked(std::unique_ptr<Case> self, const HandlersAnswer& answer);
  void forget();

  std::unique_ptr<Point> point_;
  Interception& all_;
  const pid_t tid_;
  rv_call call_;
  const rv_decision decision_;
  Copies copies_;
  Handed handed_;
  std::array<std::optional<std::string>, 2> shown_;  // paths as handlers were told
  uint64_t wanted_, asked_ = 0, put_ = 0;  // handlers: to be asked, asked before, being asked
  uint64_t deadline_ms_ = 0;
  uint32_t lane_ = 0;
  bool first_ = true, copied_ = false;

  // At a trace point.
  uint32_t changed_ = 0;
  uint64_t scratch_ = 0;  // lowest byte in use
  std::vector<Hook> hooks_;
  bool hooking_ = false, made_ = false;
  int64_t result_ = 0;
};

}  // namespace rvisor
