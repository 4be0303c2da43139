// SPDX-License-Identifier: Apache-2.0
#include "case.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>

#include "handover.h"
#include "threads.h"

namespace rvisor {
namespace {

constexpr int kMaxDeferred = 256;   // calls that wait for something the guest controls, all at once
constexpr size_t kMaxHanded = 300;  // descriptors of one call: a message has 253 at most
constexpr int kAsk = 1 << 16;       // no errno: handlers are to be asked before the call is carried out

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

}  // namespace

// Lets nothing be done, and keeps the path that comes to it as the `index`th.
class Interception::Case::Pathfinder : public Judge {
 public:
  explicit Pathfinder(unsigned index) : index_(index) {}
  std::optional<std::string> found;

  int path(const std::string& path, uint32_t) override {
    if (judged_++ < index_) return 0;
    found = path;
    return kAsk;
  }
  bool grants(const std::string&, uint32_t) override { return false; }
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
class Interception::Case::Bench : public Judge {
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

  bool grants(const std::string& path, uint32_t rights) override {
    if (!case_.all_.plan_.handlers.empty() || !decides()) return false;
    rv_access access{};
    rv_eval_path(case_.all_.program(), bytes_of(path), path.size(), rights, 0, &access);
    return access.verdict == RV_VERDICT_GRANTED && case_.waits();
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

// Goes on as far as it can without waiting.
void Interception::Case::proceed(std::unique_ptr<Case> self) {
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

ssize_t Interception::Case::read(uint64_t address, void* out, size_t size) {
  // What goes on in the kernel, or not at all, needs no copy to be carried out from.
  return GuestMemory(tid(), !hooking_ && can_act_on_behalf(static_cast<int>(call_.nr)) ? &copies_ : nullptr).read(address, out, size);
}

void Interception::Case::describe(rv_ring_call& out) const {
  out.traced = point_->stop() != nullptr;
  if (!hooking_) return;
  out.phase = RV_RING_EXIT;
  out.result = result_;
  out.after = hooks_.back().after;
}

void Interception::Case::steer(const rv_ring_reply& reply, Served served) {
  std::shared_ptr<Stop> stop = point_->stop();
  if (!stop) return served(-EPERM, nullptr, 0);
  if (reply.kind == RV_RING_INJECT) {
    std::array<uint64_t, 6> registers;
    memcpy(registers.data(), reply.registers, sizeof reply.registers);
    all_.injected(stop, reply.address, registers, free_below(), served);
    return;
  }
  const uint64_t end = free_below();
  uint64_t address = (end - reply.used) & ~15ULL;
  if (!waits()) return served(-ESRCH, nullptr, 0);
  if (address > end || GuestMemory(tid()).write_all(address, reply.data, reply.used)) return served(-EFAULT, nullptr, 0);
  scratch_ = address;
  served(sizeof address, &address, sizeof address);
}

// Where a path of the call leads. It is kept: the call is carried out only if it still leads there (see Bench).
ssize_t Interception::Case::path(unsigned argument, void* out, size_t room) {
  int nr = static_cast<int>(call_.nr);
  if (!can_act_on_behalf(nr)) return -EINVAL;
  unsigned index = judged_register(nr, 1) == static_cast<int>(argument) ? 1 : 0;
  Pathfinder finder(index);
  Answer answer = act_on_behalf(call_, Caller(tid_, &handed_), finder, false, &copies_);
  if (!finder.found) return answer.err == kAsk || !answer.err ? -EINVAL : answer.err == kHandOver ? -EPERM : -answer.err;
  if (finder.found->size() > room) return -ENAMETOOLONG;
  memcpy(out, finder.found->data(), finder.found->size());
  shown_[index] = std::move(finder.found);
  return static_cast<ssize_t>(shown_[index]->size());
}

Direct Interception::Case::direct() {
  Direct direct = point_->direct();
  if (!goes_on(asked_ | put_)) direct.may &= ~RV_RING_MAY_CONTINUE;
  return hooking_ ? Direct{} : direct;
}

void Interception::Case::answered(std::unique_ptr<Question> self, HandlersAnswer answer) {
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
void Interception::Case::returned(std::unique_ptr<Returning> self, int64_t raw) {
  made_ = true;
  conclude(std::unique_ptr<Case>(static_cast<Case*>(self.release())), raw);
}

// The result is known: those who want to see it do, the last who asked for it first.
void Interception::Case::conclude(std::unique_ptr<Case> self, int64_t raw) {
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

void Interception::Case::hooked(std::unique_ptr<Case> self, const HandlersAnswer& answer) {
  int64_t result = result_;
  for (const auto& write : answer.writes)
    if (waits() && GuestMemory(tid()).write_all(write.address, write.bytes.data(), write.bytes.size())) result = -EFAULT;
  if (answer.verdict == RV_RING_VALUE) result = answer.value;
  if (answer.verdict == RV_RING_ERRNO) result = -answer.value;
  hooks_.pop_back();
  conclude(std::move(self), result);
}

// The host program does not answer: each of the handlers that were asked is taken to have failed.
void Interception::Case::overdue(std::unique_ptr<Question> self) {
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

// Whether the kernel runs the call as it stands once these have been asked: no rule, no handler and no copy has a say any more.
bool Interception::Case::goes_on(uint64_t asked) const {
  if (wanted_ & ~asked || decision_.base == RV_ACTION_ERRNO || decision_.base == RV_ACTION_NOTIFY) return false;
  return !(can_act_on_behalf(static_cast<int>(call_.nr)) && all_.boundaries(asked | decision_.pending));
}

// Carries the call out. False where handlers are to be asked first; the case is then still the caller's.
// `may_block`: on a thread of the call's own, which may wait; `wait`: how it is taken back then.
bool Interception::Case::act(std::unique_ptr<Case>& self, bool may_block, const Wait* wait) {
  Answer answer;
  // Without handlers nobody has seen anything: it is read, decided and done in one go.
  Copies* copies = all_.plan_.handlers.empty() ? nullptr : &copies_;
  do {
    Bench bench(*this);
    answer = act_on_behalf(call_, Caller(tid_, &handed_), bench, may_block, copies);
  } while (wait && answer.kind == Answer::Kind::error && answer.err == EINTR && wait->taken_back() == TakenBack::no);
  switch (answer.kind) {
    case Answer::Kind::value: conclude(std::move(self), answer.value); break;
    case Answer::Kind::error:
      if (answer.err == kAsk || wanted_ & ~asked_ || decision_.base == RV_ACTION_ERRNO) return false;
      if (answer.err == kHandOver) hand_over(std::move(self));
      else if (wait && answer.err == EINTR && wait->taken_back() == TakenBack::restart) point_->restart();
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

void Interception::Point::stand(std::unique_ptr<Case> self) { Case::stands(std::move(self), nullptr); }

// A descriptor that cannot be taken from the thread (resolve.h): the thread hands it over, and the call is carried out once more.
void Interception::Case::hand_over(std::unique_ptr<Case> self) {
  Case& c = *self;
  if (c.handed_.given.size() >= kMaxHanded) return conclude(std::move(self), -EINVAL);
  if (std::shared_ptr<Stop> stop = c.point_->stop()) return stands(std::move(self), std::move(stop));
  Point& point = *c.point_;
  point.stand(std::move(self));
}

void Interception::Case::stands(std::unique_ptr<Case> self, std::shared_ptr<Stop> stop) {
  Case& c = *self;
  if (!stop) return c.point_->error(EPERM);
  if (!c.point_->stop()) c.point_ = c.all_.trace_point(stop);
  const int number = c.handed_.wanted;
  const uint64_t free = c.free_below();
  Interception& all = c.all_;
  auto owner = std::make_shared<std::unique_ptr<Case>>(std::move(self));
  std::make_shared<Handover>(all, std::move(stop), number, free, [owner, number](int err, Fd fd) {
    std::unique_ptr<Case> own = std::move(*owner);
    // No thread is started while a signal is there that cannot be blocked: the stop comes first.
    if (err == EINTR) return own->point_->again();
    if (err) return conclude(std::move(own), -err);
    own->handed_.given[number] = std::move(fd);
    Acts& acts = own->all_.acts_;
    acts.put(std::move(own));
  })->start();
}

// Who asked for the result sees the refusal, too.
void Interception::Case::refuse(std::unique_ptr<Case> self) {
  Case& c = *self;
  c.all_.report(c.tid_, c.call_, c.decision_.rule, c.decision_.error, {}, {});
  if (c.hooks_.empty()) c.point_->error(c.decision_.error);
  else conclude(std::move(self), -static_cast<int64_t>(c.decision_.error));
}

// To the next handlers in the order of the list, as far as they are of one lane.
void Interception::Case::put(std::unique_ptr<Case> self) {
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
void Interception::Case::copy_arguments() {
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

void Interception::Case::defer(std::unique_ptr<Case> self) {
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

void* Interception::Case::run_deferred(void* argument) {
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

Interception::Case::~Case() { forget(); }

void Interception::Case::forget() {
  for (const Hook& hook : std::exchange(hooks_, {})) all_.desk_->ask(std::make_unique<Farewell>(tid(), call_, hook.after), hook.lane, hook.handlers, 0);
}

}  // namespace rvisor
