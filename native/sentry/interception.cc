// SPDX-License-Identifier: Apache-2.0
#include "interception.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>


namespace rvisor {
namespace {

constexpr size_t kStack = 256 * 1024;  // paths of PATH_MAX bytes stand on it
constexpr int kMaxDeferred = 256;      // calls that wait for something the guest controls, all at once

uint64_t now_ns(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

int start_thread(void* (*entry)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  int err = pthread_create(&thread, &attributes, entry, argument);
  pthread_attr_destroy(&attributes);
  return err;
}

rv_call call_of(const seccomp_notif& request) {
  rv_call call{};
  static_assert(sizeof call == sizeof request.data);
  memcpy(&call, &request.data, sizeof call);
  return call;
}

}  // namespace

uint32_t kind_of(const rv_call& call) { return call.arch == RV_ARCH_X86_64 ? call.nr : kForeignCall; }

bool Budget::spend(uint64_t now) {
  tokens_ = std::min<double>(kBurst, tokens_ + static_cast<double>(now - last_ns_) * 1e-9 * kPerSecond);
  last_ns_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void Budget::suppress(uint32_t nr, uint32_t rule, uint64_t count) {
  std::pair<uint32_t, uint32_t> kind{nr, rule};
  if (suppressed_.size() >= kKinds && !suppressed_.contains(kind)) kind = {kOtherCalls, RV_ID_NONE};
  suppressed_[kind] += count;
}

std::map<std::pair<uint32_t, uint32_t>, uint64_t> Budget::take() { return std::exchange(suppressed_, {}); }

Status Interception::validate() const {
  rv_fault fault{};
  if (rv_validate(plan_.program.data(), plan_.size, &fault) == RV_FAULT_NONE) return std::nullopt;
  return fail("plan", "interception program", 0, "fault " + std::to_string(fault.code) + " at byte " + std::to_string(fault.offset));
}

// Of these handlers, those whose `continue` must mean what they saw.
uint64_t Interception::boundaries(uint64_t handlers) const {
  uint64_t result = 0;
  for (size_t i = 0; i < plan_.handlers.size(); i++)
    if (plan_.handlers[i].boundary) result |= handlers & 1ULL << i;
  return result;
}

// Handlers whose filter looks at the path behind this register; a negative number: at any.
uint64_t Interception::filtering(int argument) const {
  uint64_t result = 0;
  for (size_t i = 0; i < plan_.handlers.size(); i++)
    if (argument < 0 || plan_.handlers[i].paths >> argument & 1) result |= 1ULL << i;
  return result;
}

void Interception::record(Violation violation) {
  violation.time_ns = now_ns(CLOCK_REALTIME);
  pthread_mutex_lock(&lock_);
  bool reported = budget_.spend(now_ns(CLOCK_MONOTONIC));
  if (!reported) budget_.suppress(kind_of(violation.call), violation.rule);
  pthread_mutex_unlock(&lock_);
  if (!reported) return;
  Caller caller(violation.tid);
  violation.process = caller.process();
  char text[4096];
  ssize_t size = readlink(caller.proc("exe").c_str(), text, sizeof text);
  if (size > 0) violation.executable.assign(text, static_cast<size_t>(size));
  refusals_.refused(violation);
}

void Interception::suppress(uint32_t nr, uint32_t rule) {
  pthread_mutex_lock(&lock_);
  budget_.suppress(nr, rule);
  pthread_mutex_unlock(&lock_);
}

bool Interception::suppressing() {
  pthread_mutex_lock(&lock_);
  bool any = budget_.suppressing();
  pthread_mutex_unlock(&lock_);
  return any;
}

void Interception::flush() {
  pthread_mutex_lock(&lock_);
  auto counts = budget_.take();
  pthread_mutex_unlock(&lock_);
  for (const auto& [kind, count] : counts) {
    if (refusals_.suppressed(kind.first, kind.second, count)) continue;
    pthread_mutex_lock(&lock_);
    budget_.suppress(kind.first, kind.second, count);
    pthread_mutex_unlock(&lock_);
  }
}

// One listener's thread, and the threads of its deferred calls.
class Interception::Server {
 public:
  Server(Interception& all, Fd listener) : all_(all), listener_(std::move(listener)) {}

  static void* run(void* argument) {
    std::unique_ptr<std::shared_ptr<Server>> owner(static_cast<std::shared_ptr<Server>*>(argument));
    std::shared_ptr<Server> self = *owner;
    owner.reset();
    unshare(CLONE_FS);  // a umask of this thread's own
    self->loop(self);
    return nullptr;
  }

 private:
  friend class Interception::NotifyPoint;
  void loop(const std::shared_ptr<Server>& self);
  void serve_bounced(const seccomp_notif& request, const rv_call& call);
  void give_up();

  Interception& all_;
  Listener listener_;
  Waits waits_;
  Loan loan_{listener_.fd()};
};

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
  // For as long as a thread of init waits for something in the call's place; and where it was taken back by a signal.
  virtual std::shared_ptr<Wait> wait(pid_t) { return nullptr; }
  virtual void restart() {}
  // The thread that stands at a trace point.
  virtual std::shared_ptr<Stop> stop() const { return nullptr; }
  // Where the host may answer, as far as this point is concerned.
  virtual Direct direct() const { return {}; }
};

// One call that waits for its answer: what is known of it, whom it has been put to, and what is next.
class Interception::Case : public Question, public Returning {
 public:
  Case(Interception& all, std::unique_ptr<Point> point, pid_t tid, const rv_call& call, const rv_decision& decision)
      : point_(std::move(point)), all_(all), tid_(tid), call_(call), decision_(decision), wanted_(decision.handlers) {}
  ~Case() override;

  // Goes on as far as it can without waiting.
  static void proceed(std::unique_ptr<Case> self) {
    Case& c = *self;
    if (c.first_) {
      c.first_ = false;
      if (c.decision_.pending && can_act_on_behalf(static_cast<int>(c.call_.nr)) && c.act(self, false)) return;
    }
    for (;;) {
      if (c.wanted_ & ~c.asked_) return c.put(std::move(self));
      if (c.decision_.base == RV_ACTION_ERRNO) return refuse(std::move(self));
      if (c.goes_on(c.asked_)) {
        Point& point = *c.point_;
        return point.run(std::move(self));
      }
      if (c.act(self, false)) return;
    }
  }

  pid_t tid() const override { return point_->stop() ? point_->stop()->tid.load() : tid_; }
  const rv_call& call() const override { return call_; }
  Copies& copies() override { return copies_; }
  bool waits() const override { return point_->waits(); }

  ssize_t read(uint64_t address, void* out, size_t size) override {
    // What goes on in the kernel, or not at all, needs no copy to be carried out from.
    return GuestMemory(tid(), !hooking_ && can_act_on_behalf(static_cast<int>(call_.nr)) ? &copies_ : nullptr).read(address, out, size);
  }

  int write(uint64_t address, const void* from, size_t size) override { return GuestMemory(tid(), &copies_).write_all(address, from, size); }

  int process() override { return Caller(tid()).process(); }

  void describe(rv_ring_call& out) const override {
    out.traced = point_->stop() != nullptr;
    if (!hooking_) return;
    out.phase = RV_RING_EXIT;
    out.result = result_;
    out.after = hooks_.back().after;
  }

  void steer(const rv_ring_reply& reply, Served served) override {
    std::shared_ptr<Stop> stop = point_->stop();
    if (!stop) return served(-EPERM, nullptr, 0);
    int64_t result = 0;
    if (reply.kind == RV_RING_INJECT) {
      std::array<uint64_t, 6> registers;
      memcpy(registers.data(), reply.registers, sizeof reply.registers);
      result = all_.may_inject(reply.address, registers);
      if (result) return served(sizeof result, &result, sizeof result);
      all_.tracer_->inject(stop, static_cast<uint32_t>(reply.address), registers, [served](bool done, int64_t raw) {
        if (done) served(sizeof raw, &raw, sizeof raw);
        else served(-ESRCH, nullptr, 0);
      });
      return;
    }
    uint64_t end = (scratch_ ? scratch_ : stop->stack - kRedZone);
    uint64_t address = (end - reply.used) & ~15ULL;
    if (!waits()) return served(-ESRCH, nullptr, 0);
    if (address > end || GuestMemory(tid()).write_all(address, reply.data, reply.used)) return served(-EFAULT, nullptr, 0);
    scratch_ = address;
    served(sizeof address, &address, sizeof address);
  }

  ssize_t descriptor(int fd, void* out, size_t room) override { return inspect(Caller(tid()), fd, out, room); }

  ssize_t take(int fd, void* out, size_t size) override { return take_bytes(Caller(tid()), fd, out, size); }

  // Where a path of the call leads. It is kept: the call is carried out only if it still leads there (see Bench).
  ssize_t path(unsigned argument, void* out, size_t room) override {
    int nr = static_cast<int>(call_.nr);
    if (!can_act_on_behalf(nr)) return -EINVAL;
    unsigned index = judged_register(nr, 1) == static_cast<int>(argument) ? 1 : 0;
    Pathfinder finder(index);
    Answer answer = act_on_behalf(call_, Caller(tid_), finder, false, &copies_);
    if (!finder.found) return answer.err == kAsk || !answer.err ? -EINVAL : -answer.err;
    if (finder.found->size() > room) return -ENAMETOOLONG;
    memcpy(out, finder.found->data(), finder.found->size());
    shown_[index] = std::move(finder.found);
    return static_cast<ssize_t>(shown_[index]->size());
  }

  Direct direct() override {
    Direct direct = point_->direct();
    if (!goes_on(asked_ | put_)) direct.may &= ~RV_RING_MAY_CONTINUE;
    return hooking_ ? Direct{} : direct;
  }

  void answered(std::unique_ptr<Question> self, HandlersAnswer answer) override {
    if (answer.verdict == RV_RING_KILL) return all_.refusals_.kill_guest(true, answer.reason);
    if (hooking_) return hooked(std::unique_ptr<Case>(static_cast<Case*>(self.release())), answer);
    asked_ |= put_;
    if (!answer.writes.empty()) {
      if (!waits()) return;
      for (const auto& write : answer.writes)
        if (int err = this->write(write.address, write.bytes.data(), write.bytes.size())) return point_->error(err);
    }
    auto own = std::unique_ptr<Case>(static_cast<Case*>(self.release()));
    switch (answer.verdict) {
      case RV_RING_VALUE: return point_->value(answer.value);
      case RV_RING_ERRNO: return point_->error(static_cast<int>(answer.value));
      case RV_RING_FD: {
        forget();
        return point_->give(std::move(own), std::move(answer.fd), answer.value ? O_CLOEXEC : 0);
      }
    }
    if (point_->stop()) {
      for (unsigned i = 0; i < 6; i++)
        if (answer.changed >> i & 1) call_.args[i] = answer.registers[i];
      changed_ |= answer.changed;
      if (answer.after) hooks_.push_back({lane_, answer.after, put_, deadline_ms_});
    }
    proceed(std::move(own));
  }

  // The call was made.
  void returned(std::unique_ptr<Returning> self, int64_t raw) override {
    made_ = true;
    conclude(std::unique_ptr<Case>(static_cast<Case*>(self.release())), raw);
  }

  // The result is known: those who want to see it do, the last who asked for it first.
  static void conclude(std::unique_ptr<Case> self, int64_t raw) {
    Case& c = *self;
    c.result_ = raw;
    if (c.hooks_.empty()) {
      std::shared_ptr<Stop> stop = c.point_->stop();
      if (c.made_) c.all_.tracer_->finish(stop, raw);
      else c.point_->value(raw);
      return;
    }
    c.hooking_ = true;
    Hook& hook = c.hooks_.back();
    c.all_.desk_->ask(std::move(self), hook.lane, hook.handlers, hook.deadline_ms);
  }

  void hooked(std::unique_ptr<Case> self, const HandlersAnswer& answer) {
    int64_t result = result_;
    for (const auto& write : answer.writes)
      if (waits() && GuestMemory(tid()).write_all(write.address, write.bytes.data(), write.bytes.size())) result = -EFAULT;
    if (answer.verdict == RV_RING_VALUE) result = answer.value;
    if (answer.verdict == RV_RING_ERRNO) result = -answer.value;
    hooks_.pop_back();
    conclude(std::move(self), result);
  }

  // The host program does not answer: each of the handlers that were asked is taken to have failed.
  void overdue(std::unique_ptr<Question> self) override {
    if (hooking_) {
      // The call has been made: only its result can still be withheld.
      int64_t result = result_;
      for (size_t i = 0; i < all_.plan_.handlers.size(); i++) {
        const Handler& handler = all_.plan_.handlers[i];
        if (hooks_.back().handlers >> i & 1 && handler.failure != Handler::Failure::proceed) result = handler.failure == Handler::Failure::error ? -handler.err : -EIO;
      }
      hooks_.pop_back();
      return conclude(std::unique_ptr<Case>(static_cast<Case*>(self.release())), result);
    }
    asked_ |= put_;
    if (!waits()) return;
    for (size_t i = 0; i < all_.plan_.handlers.size(); i++) {
      const Handler& handler = all_.plan_.handlers[i];
      if (!(put_ >> i & 1) || handler.failure == Handler::Failure::proceed) continue;
      if (handler.failure == Handler::Failure::error) return point_->error(handler.err);
      return all_.refusals_.kill_guest(true, "handler " + std::to_string(i) + " did not answer in time, nor did the host program say so");
    }
    proceed(std::unique_ptr<Case>(static_cast<Case*>(self.release())));
  }

 private:
  static constexpr uint64_t kRedZone = 128;  // below the stack pointer, the function's own
  // Who wants the result.
  struct Hook {
    uint32_t lane, after;
    uint64_t handlers, deadline_ms;
  };
  void forget();
  static constexpr int kAsk = 1 << 16;  // no errno: handlers are to be asked before the call is carried out

  // Lets nothing be done, and keeps the path that comes to it as the `index`th.
  class Pathfinder : public Judge {
   public:
    explicit Pathfinder(unsigned index) : index_(index) {}
    std::optional<std::string> found;

    int path(const std::string& path, uint32_t) override {
      if (judged_++ < index_) return 0;
      found = path;
      return kAsk;
    }
    int nowhere(const std::string& path) override {
      if (judged_ == index_) found = path;
      return kAsk;
    }
    int address(const uint8_t*, size_t, uint32_t, uint32_t) override { return kAsk; }
    bool denies_beneath(const std::string&) override { return false; }
    int moved(const std::string&, const std::string&) override { return kAsk; }
    bool binding() const override { return true; }

   private:
    const unsigned index_;
    unsigned judged_ = 0;
  };

  // Decides for one call by the program's path and address rules, and finds out which handlers' filters it passes.
  class Bench : public Judge {
   public:
    explicit Bench(Case& c) : case_(c) {}

    int path(const std::string& path, uint32_t rights) override {
      // Everything up to here was read through the thread's number: only now is it sure that it was this thread's.
      if (!case_.waits()) return ENOENT;
      compare(path);
      rv_access access{};
      const auto* bytes = reinterpret_cast<const uint8_t*>(path.data());
      if (!path.empty()) rv_eval_path(case_.all_.program(), bytes, path.size(), rights, 0, &access);
      int nr = static_cast<int>(case_.call_.nr);
      uint64_t passed = access.filters & case_.decision_.pending & case_.all_.filtering(judged_register(nr, judged_));
      case_.wanted_ |= passed;
      judged_++;
      if (!path.empty() && decides() && access.verdict != RV_VERDICT_GRANTED) return refuse(access.rule, path);
      return judged_ >= judged_paths(nr) && case_.must_ask() ? kAsk : 0;
    }

    // Nothing to grant or to refuse; but a handler may answer for that name.
    int nowhere(const std::string& path) override {
      if (!case_.waits()) return ENOENT;
      compare(path);
      rv_access access{};
      rv_eval_path(case_.all_.program(), reinterpret_cast<const uint8_t*>(path.data()), path.size(), RV_RIGHT_STAT, 0, &access);
      case_.wanted_ |= access.filters & case_.decision_.pending & case_.all_.filtering(judged_register(static_cast<int>(case_.call_.nr), judged_));
      return case_.must_ask() ? kAsk : 0;
    }

    int address(const uint8_t* bytes, size_t size, uint32_t protocol, uint32_t rights) override {
      if (!case_.waits()) return ENOENT;
      rv_address address;
      rv_access access;
      uint32_t verdict = rv_eval_address(case_.all_.program(), bytes, size, protocol, rights, &address, &access);
      case_.wanted_ |= access.filters & case_.decision_.pending;
      if (decides() && case_.all_.plan_.network && verdict != RV_VERDICT_GRANTED) {
        int err = verdict == RV_VERDICT_UNSUPPORTED ? EAFNOSUPPORT : verdict == RV_VERDICT_MALFORMED ? EINVAL : EACCES;
        case_.all_.report(case_.tid(), case_.call_, access.rule, err, {}, std::string(reinterpret_cast<const char*>(bytes), size));
        return err;
      }
      return case_.must_ask() ? kAsk : 0;
    }

    bool binding() const override { return case_.all_.boundaries(case_.asked_ | case_.decision_.pending); }

    bool denies_beneath(const std::string& path) override {
      rv_access access;
      return decides() && rv_eval_path(case_.all_.program(), bytes_of(path), path.size(), RV_RIGHT_STAT, RV_PATH_TREE, &access) == RV_VERDICT_DENIED;
    }

    int moved(const std::string& path, const std::string& named) override {
      rv_access access{};
      access.rule = RV_ID_NONE;
      if (!path.empty() && rv_eval_path(case_.all_.program(), bytes_of(path), path.size(), RV_RIGHT_ALL, 0, &access) < RV_VERDICT_MALFORMED && access.verdict != RV_VERDICT_DENIED) return 0;
      return refuse(access.rule, named);
    }

   private:
    bool decides() const { return case_.decision_.base == RV_ACTION_NOTIFY; }
    static const uint8_t* bytes_of(const std::string& path) { return reinterpret_cast<const uint8_t*>(path.data()); }
    int refuse(uint32_t rule, const std::string& path) {
      case_.all_.report(case_.tid(), case_.call_, rule, EACCES, path, {});
      return EACCES;
    }

    // A handler was told where the path leads. If that has changed since, all of them are asked again.
    void compare(const std::string& path) {
      if (judged_ >= case_.shown_.size()) return;
      std::optional<std::string>& shown = case_.shown_[judged_];
      if (!shown || *shown == path) return;
      shown.reset();
      case_.asked_ = 0;
    }

    Case& case_;
    unsigned judged_ = 0;
  };

  // Before the call is carried out, if it may be at all.
  bool must_ask() const { return wanted_ & ~asked_ || decision_.base == RV_ACTION_ERRNO; }

  // Whether the kernel runs the call as it stands once these have been asked: no rule, no handler and no copy has a say any more.
  bool goes_on(uint64_t asked) const {
    if (wanted_ & ~asked || decision_.base == RV_ACTION_ERRNO || decision_.base == RV_ACTION_NOTIFY) return false;
    return !(can_act_on_behalf(static_cast<int>(call_.nr)) && all_.boundaries(asked | decision_.pending));
  }

  // Carries the call out. False where handlers are to be asked first; the case is then still the caller's.
  // `may_block`: on a thread of the call's own, which may wait; `wait`: how it is taken back then.
  bool act(std::unique_ptr<Case>& self, bool may_block, const Wait* wait = nullptr) {
    Answer answer;
    // Without handlers nobody has seen anything: it is read, decided and done in one go.
    Copies* copies = all_.plan_.handlers.empty() ? nullptr : &copies_;
    do {
      Bench bench(*this);
      answer = act_on_behalf(call_, Caller(tid_), bench, may_block, copies);
    } while (wait && answer.kind == Answer::Kind::error && answer.err == EINTR && wait->taken_back() == TakenBack::no);
    switch (answer.kind) {
      case Answer::Kind::value: conclude(std::move(self), answer.value); break;
      case Answer::Kind::error:
        if (answer.err == kAsk || wanted_ & ~asked_ || decision_.base == RV_ACTION_ERRNO) return false;
        if (wait && answer.err == EINTR && wait->taken_back() == TakenBack::restart) point_->restart();
        else if (hooks_.empty()) point_->error(answer.err);
        else conclude(std::move(self), -answer.err);
        break;
      case Answer::Kind::later: defer(std::move(self)); break;
      case Answer::Kind::proceed: {
        Point& point = *point_;
        point.run(std::move(self));
        break;
      }
      case Answer::Kind::descriptor: {
        Point& point = *point_;
        point.give(std::move(self), std::move(answer.fd), answer.fd_flags);
        break;
      }
    }
    self.reset();
    return true;
  }

  // Who asked for the result sees the refusal, too.
  static void refuse(std::unique_ptr<Case> self) {
    Case& c = *self;
    c.all_.report(c.tid_, c.call_, c.decision_.rule, c.decision_.error, {}, {});
    if (c.hooks_.empty()) c.point_->error(c.decision_.error);
    else conclude(std::move(self), -static_cast<int64_t>(c.decision_.error));
  }

  // To the next handlers in the order of the list, as far as they are of one lane.
  void put(std::unique_ptr<Case> self) {
    uint64_t left = wanted_ & ~asked_, deadline = 0;
    put_ = 0;
    uint32_t lane = 0;
    bool endless = false;
    for (size_t i = 0; i < all_.plan_.handlers.size(); i++) {
      if (!(left >> i & 1)) continue;
      const Handler& handler = all_.plan_.handlers[i];
      if (put_ && handler.lane != lane) break;
      lane = handler.lane;
      put_ |= 1ULL << i;
      deadline += handler.deadline_ms;
      endless |= !handler.deadline_ms;
    }
    if (!put_ || !all_.desk_) return all_.refusals_.kill_guest(true, "a handler that the plan does not have");
    copy_arguments();
    lane_ = lane;
    deadline_ms_ = endless ? 0 : deadline;
    all_.desk_->ask(std::move(self), lane, put_, deadline_ms_);
  }

  // What handlers most often read goes along. Whatever cannot be read here is found out when it is asked for.
  void copy_arguments() {
    if (std::exchange(copied_, true)) return;
    GuestMemory memory(tid_, &copies_);
    std::string text;
    uint8_t bytes[RV_RING_CALL_DATA];
    for (const CopyRule& rule : all_.plan_.copies) {
      if (rule.nr != call_.nr || !call_.args[rule.argument]) continue;
      if (rule.kind == CopyRule::Kind::text) {
        memory.read_string(call_.args[rule.argument], PATH_MAX, text);
        continue;
      }
      uint64_t count = rule.length ? call_.args[*rule.length] : 1;
      if (!count || !rule.size || count > sizeof bytes / rule.size) continue;
      memory.read(call_.args[rule.argument], bytes, count * rule.size);
    }
  }

  static void defer(std::unique_ptr<Case> self) {
    Case& c = *self;
    if (c.all_.deferred_.fetch_add(1) >= kMaxDeferred) {
      c.all_.deferred_.fetch_sub(1);
      return c.point_->error(EAGAIN);
    }
    if (int err = start_thread(run_deferred, self.get())) {
      c.all_.deferred_.fetch_sub(1);
      return c.point_->error(err);
    }
    self.release();  // the thread's own now
  }

  static void* run_deferred(void* argument) {
    std::unique_ptr<Case> self(static_cast<Case*>(argument));
    unshare(CLONE_FS);
    Interception& all = self->all_;
    std::shared_ptr<Wait> wait = self->point_->wait(self->tid_);
    self->act(self, true, wait.get());
    wait.reset();
    if (self) proceed(std::move(self));
    all.deferred_.fetch_sub(1);
    return nullptr;
  }

  const std::unique_ptr<Point> point_;
  Interception& all_;
  const pid_t tid_;
  rv_call call_;
  const rv_decision decision_;
  Copies copies_;
  std::array<std::optional<std::string>, 2> shown_;  // paths as handlers were told
  uint64_t wanted_, asked_ = 0, put_ = 0;  // handlers: to be asked, asked before, being asked
  uint64_t deadline_ms_ = 0;
  uint32_t lane_ = 0;
  bool first_ = true, copied_ = false;

  // At a trace point.
  friend class Interception::TracePoint;
  uint32_t changed_ = 0;
  uint64_t scratch_ = 0;  // lowest byte in use
  std::vector<Hook> hooks_;
  bool hooking_ = false, made_ = false;
  int64_t result_ = 0;
};

// Tells the host program that an answer's wish for the result will not be fulfilled.
class Farewell : public Question {
 public:
  Farewell(pid_t tid, const rv_call& call, uint32_t after) : tid_(tid), call_(call), after_(after) {}
  pid_t tid() const override { return tid_; }
  const rv_call& call() const override { return call_; }
  Copies& copies() override { return copies_; }
  bool waits() const override { return false; }
  ssize_t read(uint64_t, void*, size_t) override { return -ESRCH; }
  int write(uint64_t, const void*, size_t) override { return ESRCH; }
  int process() override { return 0; }
  ssize_t descriptor(int, void*, size_t) override { return -ESRCH; }
  ssize_t take(int, void*, size_t) override { return -ESRCH; }
  ssize_t path(unsigned, void*, size_t) override { return -ESRCH; }
  void describe(rv_ring_call& out) const override {
    out.phase = RV_RING_GONE;
    out.after = after_;
  }
  void answered(std::unique_ptr<Question>, HandlersAnswer) override {}
  void overdue(std::unique_ptr<Question>) override {}

 private:
  const pid_t tid_;
  const rv_call call_;
  const uint32_t after_;
  Copies copies_;
};

Interception::Case::~Case() { forget(); }

void Interception::Case::forget() {
  for (const Hook& hook : std::exchange(hooks_, {})) all_.desk_->ask(std::make_unique<Farewell>(tid(), call_, hook.after), hook.lane, hook.handlers, 0);
}

// A thread that carries calls out for the tracer.
Status Interception::Acts::start() {
  some_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
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
    std::array<pollfd, 2> wait{{{self.some_.get(), POLLIN, 0}, {self.waits.fd(), POLLIN, 0}}};
    int patience = self.waits.patience();
    if (poll(wait.data(), wait.size(), patience) < 0) continue;
    if (patience >= 0 || wait[1].revents) self.waits.look();
    eventfd_t count;
    if (!wait[0].revents || eventfd_read(self.some_.get(), &count)) continue;
    pthread_mutex_lock(&self.lock_);
    std::deque<Case*> cases = std::exchange(self.cases_, {});
    pthread_mutex_unlock(&self.lock_);
    for (Case* next : cases) Case::proceed(std::unique_ptr<Case>(next));
  }
}

class Interception::NotifyPoint : public Point {
 public:
  NotifyPoint(std::shared_ptr<Server> server, uint64_t id) : server_(std::move(server)), id_(id) {}
  bool waits() const override { return server_->listener_.valid(id_); }
  void value(int64_t value) override { server_->listener_.answer_value(id_, value); }
  void error(int err) override { server_->listener_.answer_errno(id_, err); }
  void run(std::unique_ptr<Case>) override { server_->listener_.answer_continue(id_); }
  void give(std::unique_ptr<Case>, Fd fd, uint32_t flags) override {
    // The guest's own limit of open files, or a full table: the kernel says so here.
    if (int err = server_->listener_.answer_fd(id_, std::move(fd), flags); err && err != ENOENT) error(err);
  }
  std::shared_ptr<Wait> wait(pid_t tid) override {
    return std::shared_ptr<Wait>(new Wait(server_->waits_, [server = server_, id = id_] { return server->listener_.valid(id); }, tid), [server = server_](Wait* wait) { delete wait; });
  }
  void restart() override { server_->listener_.answer_restart(id_); }
  Direct direct() const override { return {&server_->loan_, id_, RV_RING_MAY_ANSWER | RV_RING_MAY_CONTINUE}; }

 private:
  const std::shared_ptr<Server> server_;
  const uint64_t id_;
};

// Puts a descriptor into the guest where there is no listener to do it: the thread is made to open a socket, to which init sends it, and to
// receive it. What lies in the guest's memory meanwhile can be changed by its other threads, who then get something else than was meant for them.
class Interception::Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  using Done = std::function<void(int64_t)>;
  Delivery(Interception& all, std::shared_ptr<Stop> stop, Fd fd, uint32_t flags, Done done)
      : all_(all), stop_(std::move(stop)), fd_(std::move(fd)), flags_(flags), done_(std::move(done)), at_((stop_->stack - 2 * kRoom) & ~15ULL) {}

  void start() {
    Room room{};
    room.address.sun_family = AF_UNIX;
    room.length = sizeof room.address;
    room.text = {reinterpret_cast<void*>(at_ + offsetof(Room, byte)), 1};
    room.message.msg_iov = reinterpret_cast<iovec*>(at_ + offsetof(Room, text));
    room.message.msg_iovlen = 1;
    room.message.msg_control = reinterpret_cast<void*>(at_ + offsetof(Room, control));
    room.message.msg_controllen = sizeof room.control;
    static_assert(sizeof room <= kRoom);
    if (at_ >= stop_->stack || memory().write_all(at_, &room, sizeof room)) return done_(-EFAULT);
    call(SYS_socket, {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0}, [](auto self, int64_t socket) {
      self->socket_ = socket;
      // A name of two bytes has the kernel choose one (unix(7), "autobind").
      self->call(SYS_bind, {self->low(socket), self->at(offsetof(Room, address)), sizeof(sa_family_t)}, [](auto again, int64_t) { again->name(); });
    });
  }

 private:
  // What is needed in the guest, below its stack.
  struct Room {
    sockaddr_un address;
    socklen_t length;
    char byte;
    iovec text;
    msghdr message;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  };
  static constexpr uint64_t kRoom = 512;
  using Then = void (*)(std::shared_ptr<Delivery>, int64_t);

  GuestMemory memory() const { return GuestMemory(stop_->tid); }
  uint64_t at(size_t offset) const { return at_ + offset; }
  static uint64_t low(int64_t descriptor) { return static_cast<uint32_t>(descriptor); }

  bool allowed(uint32_t nr, const std::array<uint64_t, 6>& arguments) const {
    uint32_t action = all_.filtered(nr, arguments);
    return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_TRACE;
  }

  // Has the thread make a call, and goes on with its result. It is init's own, so nobody is asked; what the filter refuses is refused.
  void call(uint32_t nr, std::array<uint64_t, 6> arguments, Then then) {
    if (!allowed(nr, arguments)) return finish(-EPERM);
    all_.tracer_->inject(stop_, nr, arguments, [self = shared_from_this(), then](bool made, int64_t result) {
      if (!made) return;  // the thread is gone, and whoever waited for it knows
      if (result < 0) return self->finish(result);
      then(self, result);
    });
  }

  void name() {
    call(SYS_getsockname, {low(socket_), at(offsetof(Room, address)), at(offsetof(Room, length))}, [](auto self, int64_t) { self->send(); });
  }

  void send() {
    Room room;
    if (memory().read_all(at_, &room, sizeof room)) return finish(-EFAULT);
    if (room.address.sun_family != AF_UNIX || room.length < 3 || room.length > sizeof room.address) return finish(-EFAULT);
    Fd ours(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    char byte = 0;
    iovec text{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    msghdr message{};
    message.msg_name = &room.address;
    message.msg_namelen = room.length;
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    int fd = fd_.get();
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (!ours.valid() || sendmsg(ours.get(), &message, MSG_NOSIGNAL) < 0) return finish(-errno);
    fd_.reset();  // the message has it
    const uint64_t flags = MSG_DONTWAIT | (flags_ & O_CLOEXEC ? static_cast<int>(MSG_CMSG_CLOEXEC) : 0);
    call(SYS_recvmsg, {low(socket_), at(offsetof(Room, message)), flags}, [](auto self, int64_t) { self->receive(); });
  }

  void receive() {
    Room room;
    if (memory().read_all(at_, &room, sizeof room)) return finish(-EFAULT);
    int number;
    memcpy(&number, CMSG_DATA(reinterpret_cast<cmsghdr*>(room.control)), sizeof number);
    // No room in the table of descriptors: the message comes without one.
    finish(room.message.msg_flags & MSG_CTRUNC || room.message.msg_controllen < sizeof(cmsghdr) ? -EMFILE : number);
  }

  // The call's result is known; the socket goes first.
  void finish(int64_t result) {
    const std::array<uint64_t, 6> socket{low(socket_)};
    if (std::exchange(socket_, -1) < 0 || !allowed(SYS_close, socket)) return done_(result);
    result_ = result;
    call(SYS_close, socket, [](auto self, int64_t) { self->done_(self->result_); });
  }

  Interception& all_;
  const std::shared_ptr<Stop> stop_;
  Fd fd_;
  const uint32_t flags_;
  const Done done_;
  const uint64_t at_;
  int64_t socket_ = -1, result_ = 0;
};

class Interception::TracePoint : public Point {
 public:
  TracePoint(Interception& all, std::shared_ptr<Stop> stop) : all_(all), tracer_(*all.tracer_), stop_(std::move(stop)) {}
  bool waits() const override { return stop_->stands.load(); }
  void value(int64_t value) override { tracer_.answer(stop_, value); }
  void error(int err) override { tracer_.answer(stop_, -err); }
  std::shared_ptr<Stop> stop() const override { return stop_; }
  std::shared_ptr<Wait> wait(pid_t tid) override {
    tracer_.unmask(stop_);  // handlers are done with the thread
    return std::make_shared<Wait>(all_.acts_.waits, [stop = stop_] { return stop->stands.load(); }, tid);
  }
  void restart() override { tracer_.restart(stop_); }

  void run(std::unique_ptr<Case> self) override {
    std::array<uint64_t, 6> registers;
    memcpy(registers.data(), self->call_.args, sizeof registers);
    uint32_t changed = self->changed_;
    tracer_.proceed(stop_, changed, registers, wanting(std::move(self)));
  }

  void give(std::unique_ptr<Case> self, Fd fd, uint32_t flags) override {
    if (all_.plan_.notifies) return tracer_.give(stop_, std::move(fd), flags, wanting(std::move(self)));
    auto owner = std::make_shared<std::unique_ptr<Case>>(std::move(self));
    std::make_shared<Delivery>(all_, stop_, std::move(fd), flags, [owner](int64_t result) {
      if (*owner) Case::conclude(std::move(*owner), result);
    })->start();
  }

 private:
  static std::unique_ptr<Returning> wanting(std::unique_ptr<Case> self) {
    if (self->hooks_.empty()) return nullptr;
    return self;
  }

  Interception& all_;
  Tracer& tracer_;
  const std::shared_ptr<Stop> stop_;
};

void Interception::Server::loop(const std::shared_ptr<Server>& self) {
  for (;;) {
    std::array<pollfd, 2> wait{{{listener_.fd(), POLLIN, 0}, {waits_.fd(), POLLIN, 0}}};
    int patience = waits_.patience();
    if (poll(wait.data(), wait.size(), patience) < 0) {
      if (errno == EINTR) continue;
      return give_up();
    }
    if (patience >= 0 || wait[1].revents) waits_.look();
    if (!wait[0].revents) continue;
    if (!(wait[0].revents & POLLIN)) return;  // POLLHUP: nobody uses the filter any more
    seccomp_notif request;
    int err = listener_.receive(request);
    if (err == ENOENT) continue;  // withdrawn meanwhile
    if (err) return give_up();
    const rv_call call = call_of(request);
    auto tid = static_cast<pid_t>(request.pid);
    if (all_.tracer_ && call.arch == RV_ARCH_X86_64 && call.nr >= kBounced && call.nr < kBouncedEnd) {
      serve_bounced(request, call);
      continue;
    }
    rv_decision decision;
    rv_eval_call(all_.program(), &call, &decision);
    switch (decision.action) {
      case RV_ACTION_ALLOW: listener_.answer_continue(request.id); break;
      case RV_ACTION_ERRNO:
        all_.report(tid, call, decision.rule, decision.error, {}, {});
        listener_.answer_errno(request.id, decision.error);
        break;
      case RV_ACTION_NOTIFY:
      case RV_ACTION_HANDLER: Case::proceed(std::make_unique<Case>(all_, std::make_unique<NotifyPoint>(self, request.id), tid, call, decision)); break;
      // KILL, and what this backend has no point for: the call never returns.
      default: all_.kill(tid, call, decision.rule);
    }
  }
}

// A trace point has sent this call here for what only a notification can give: a descriptor. Or the guest has made it up.
void Interception::Server::serve_bounced(const seccomp_notif& request, const rv_call& call) {
  Tracer::Gift gift = all_.tracer_->take(static_cast<pid_t>(request.pid), call);
  int err = gift.fd.valid() ? listener_.answer_fd(request.id, std::move(gift.fd), gift.flags) : ENOSYS;
  if (err && err != ENOENT) listener_.answer_errno(request.id, err);
}

// Nobody takes calls here any more, and the host may have the listener too: they would wait for ever.
void Interception::Server::give_up() { all_.refusals_.kill_guest(false, "the listener failed"); }

void Interception::trapped(std::shared_ptr<Stop> stop) {
  rv_decision decision;
  rv_eval_call(program(), &stop->call, &decision);
  pid_t tid = stop->tid;
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
      if (can_act_on_behalf(static_cast<int>(call.nr))) return acts_.put(std::move(made));
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

// 0, or what an injected call gives in place of being made. It passes the guest's filter like any other; the policy's conditions on a
// call that stops at a trace point are looked at here, as it does not stop there again.
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
  if (nr >= kBounced) return -ENOSYS;
  if (filtered(static_cast<uint32_t>(nr), registers) != SECCOMP_RET_TRACE) return 0;
  rv_call call{};
  call.nr = static_cast<uint32_t>(nr);
  call.arch = RV_ARCH_X86_64;
  memcpy(call.args, registers.data(), sizeof call.args);
  rv_decision decision;
  rv_eval_call(program(), &call, &decision);
  if (decision.base == RV_ACTION_ALLOW) return 0;
  return decision.base == RV_ACTION_ERRNO ? -decision.error : -EPERM;
}

void Interception::kill(pid_t tid, const rv_call& call, uint32_t rule) {
  report(tid, call, rule, 0, {}, {});
  refusals_.kill_guest(false, {});
}

void Interception::report(pid_t tid, const rv_call& call, uint32_t rule, int err, std::string path, std::string address) {
  if (err && path.empty() && address.empty() && !plan_.report) return;
  Violation violation;
  violation.tid = tid;
  violation.call = call;
  violation.rule = rule;
  violation.err = err;
  violation.path = std::move(path);
  violation.address = std::move(address);
  record(std::move(violation));
}

Status Interception::serve(Fd listener) {
  auto server = std::make_unique<std::shared_ptr<Server>>(std::make_shared<Server>(*this, std::move(listener)));
  if (int err = start_thread(Server::run, server.get())) return fail("seccomp", "listener thread", err);
  server.release();
  return std::nullopt;
}

}  // namespace rvisor
