// SPDX-License-Identifier: Apache-2.0
#include "interception.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
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
  friend class Interception::Case;
  void loop(const std::shared_ptr<Server>& self);
  void report(pid_t tid, const rv_call& call, uint32_t rule, int err, std::string path, std::string address);
  void kill(pid_t tid, const rv_call& call, uint32_t rule);

  Interception& all_;
  Listener listener_;
};

// One call that waits for its answer: what is known of it, whom it has been put to, and what is next.
class Interception::Case : public Question {
 public:
  Case(std::shared_ptr<Server> server, uint64_t id, pid_t tid, const rv_call& call, const rv_decision& decision)
      : server_(std::move(server)), all_(server_->all_), id_(id), tid_(tid), call_(call), decision_(decision), wanted_(decision.handlers) {}

  // Goes on as far as it can without waiting.
  static void proceed(std::unique_ptr<Case> self) {
    Case& c = *self;
    if (c.first_) {
      c.first_ = false;
      if (c.decision_.pending && can_act_on_behalf(static_cast<int>(c.call_.nr)) && c.act(self, false)) return;
    }
    for (;;) {
      if (c.wanted_ & ~c.asked_) return c.put(std::move(self));
      if (c.decision_.base == RV_ACTION_ERRNO) return c.refuse();
      bool memory = can_act_on_behalf(static_cast<int>(c.call_.nr));
      if (c.decision_.base != RV_ACTION_NOTIFY && !(memory && c.all_.boundaries(c.asked_ | c.decision_.pending))) {
        c.server_->listener_.answer_continue(c.id_);
        return;
      }
      if (c.act(self, false)) return;
    }
  }

  pid_t tid() const override { return tid_; }
  const rv_call& call() const override { return call_; }
  Copies& copies() override { return copies_; }
  bool waits() const override { return server_->listener_.valid(id_); }

  ssize_t read(uint64_t address, void* out, size_t size) override {
    // What goes on in the kernel, or not at all, needs no copy to be carried out from.
    return GuestMemory(tid_, can_act_on_behalf(static_cast<int>(call_.nr)) ? &copies_ : nullptr).read(address, out, size);
  }

  int write(uint64_t address, const void* from, size_t size) override { return GuestMemory(tid_, &copies_).write_all(address, from, size); }

  int process() override { return Caller(tid_).process(); }

  ssize_t descriptor(int fd, void* out, size_t room) override { return inspect(Caller(tid_), fd, out, room); }

  ssize_t take(int fd, void* out, size_t size) override { return take_bytes(Caller(tid_), fd, out, size); }

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

  void answered(std::unique_ptr<Question> self, HandlersAnswer answer) override {
    asked_ |= put_;
    if (answer.verdict == RV_RING_KILL) return all_.refusals_.kill_guest(true, answer.reason);
    if (!answer.writes.empty()) {
      if (!waits()) return;
      for (const auto& write : answer.writes)
        if (int err = this->write(write.address, write.bytes.data(), write.bytes.size())) return fail_with(err);
    }
    Listener& listener = server_->listener_;
    switch (answer.verdict) {
      case RV_RING_VALUE: listener.answer_value(id_, answer.value); return;
      case RV_RING_ERRNO: return fail_with(static_cast<int>(answer.value));
      case RV_RING_FD: return give(answer.fd.get(), answer.value ? O_CLOEXEC : 0);
    }
    proceed(std::unique_ptr<Case>(static_cast<Case*>(self.release())));
  }

  // The host program does not answer: each of the handlers that were asked is taken to have failed.
  void overdue(std::unique_ptr<Question> self) override {
    asked_ |= put_;
    if (!waits()) return;
    for (size_t i = 0; i < all_.plan_.handlers.size(); i++) {
      const Handler& handler = all_.plan_.handlers[i];
      if (!(put_ >> i & 1) || handler.failure == Handler::Failure::proceed) continue;
      if (handler.failure == Handler::Failure::error) return fail_with(handler.err);
      return all_.refusals_.kill_guest(true, "handler " + std::to_string(i) + " did not answer in time, nor did the host program say so");
    }
    proceed(std::unique_ptr<Case>(static_cast<Case*>(self.release())));
  }

 private:
  static constexpr int kAsk = 1 << 16;  // no errno: handlers are to be asked before the call is carried out

  // Lets nothing be done, and keeps the path that comes to it as the `index`th.
  class Pathfinder : public Judge {
   public:
    explicit Pathfinder(unsigned index) : index_(index) {}
    std::optional<std::string> found;

    int path(const std::string& path, uint32_t, bool) override {
      if (judged_++ < index_) return 0;
      found = path;
      return kAsk;
    }
    int nowhere(const std::string& path) override {
      if (judged_ == index_) found = path;
      return kAsk;
    }
    int address(const uint8_t*, size_t, uint32_t, uint32_t) override { return kAsk; }

   private:
    const unsigned index_;
    unsigned judged_ = 0;
  };

  // Decides for one call by the program's path and address rules, and finds out which handlers' filters it passes.
  class Bench : public Judge {
   public:
    explicit Bench(Case& c) : case_(c) {}

    int path(const std::string& path, uint32_t rights, bool tree) override {
      // Everything up to here was read through the thread's number: only now is it sure that it was this thread's.
      if (!case_.waits()) return ENOENT;
      compare(path);
      rv_access access{};
      const auto* bytes = reinterpret_cast<const uint8_t*>(path.data());
      if (!path.empty()) rv_eval_path(case_.all_.program(), bytes, path.size(), rights, tree ? RV_PATH_TREE : 0, &access);
      int nr = static_cast<int>(case_.call_.nr);
      uint64_t passed = access.filters & case_.decision_.pending & case_.all_.filtering(judged_register(nr, judged_));
      case_.wanted_ |= passed;
      judged_++;
      if (!path.empty() && case_.decision_.base == RV_ACTION_NOTIFY && access.verdict != RV_VERDICT_GRANTED) {
        case_.server_->report(case_.tid_, case_.call_, access.rule, EACCES, path, {});
        return EACCES;
      }
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
      if (case_.decision_.base == RV_ACTION_NOTIFY && verdict != RV_VERDICT_GRANTED) {
        int err = verdict == RV_VERDICT_UNSUPPORTED ? EAFNOSUPPORT : verdict == RV_VERDICT_MALFORMED ? EINVAL : EACCES;
        case_.server_->report(case_.tid_, case_.call_, access.rule, err, {}, std::string(reinterpret_cast<const char*>(bytes), size));
        return err;
      }
      return case_.must_ask() ? kAsk : 0;
    }

   private:
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

  // Carries the call out. False where handlers are to be asked first; the case is then still the caller's.
  bool act(std::unique_ptr<Case>& self, bool may_block) {
    Bench bench(*this);
    Answer answer = act_on_behalf(call_, Caller(tid_), bench, may_block, &copies_);
    switch (answer.kind) {
      case Answer::Kind::value: server_->listener_.answer_value(id_, answer.value); break;
      case Answer::Kind::error:
        if (answer.err == kAsk || wanted_ & ~asked_ || decision_.base == RV_ACTION_ERRNO) return false;
        server_->listener_.answer_errno(id_, answer.err);
        break;
      case Answer::Kind::later: defer(std::move(self)); return true;
      case Answer::Kind::descriptor: give(answer.fd.get(), answer.fd_flags); break;
    }
    self.reset();
    return true;
  }

  void give(int fd, uint32_t flags) {
    // The guest's own limit of open files, or a full table: the kernel says so here.
    if (int err = server_->listener_.answer_fd(id_, fd, flags); err && err != ENOENT) fail_with(err);
  }

  void fail_with(int err) { server_->listener_.answer_errno(id_, err); }

  void refuse() {
    server_->report(tid_, call_, decision_.rule, decision_.error, {}, {});
    fail_with(decision_.error);
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
    all_.desk_->ask(std::move(self), lane, put_, endless ? 0 : deadline);
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
      return c.fail_with(EAGAIN);
    }
    if (int err = start_thread(run_deferred, self.get())) {
      c.all_.deferred_.fetch_sub(1);
      return c.fail_with(err);
    }
    self.release();  // the thread's own now
  }

  static void* run_deferred(void* argument) {
    std::unique_ptr<Case> self(static_cast<Case*>(argument));
    unshare(CLONE_FS);
    Interception& all = self->all_;
    std::shared_ptr<Server> server = self->server_;
    if (!self->act(self, true)) proceed(std::move(self));
    all.deferred_.fetch_sub(1);
    return nullptr;
  }

  const std::shared_ptr<Server> server_;
  Interception& all_;
  const uint64_t id_;
  const pid_t tid_;
  const rv_call call_;
  const rv_decision decision_;
  Copies copies_;
  std::array<std::optional<std::string>, 2> shown_;  // paths as handlers were told
  uint64_t wanted_, asked_ = 0, put_ = 0;  // handlers: to be asked, asked before, being asked
  bool first_ = true, copied_ = false;
};

void Interception::Server::loop(const std::shared_ptr<Server>& self) {
  for (;;) {
    pollfd wait{listener_.fd(), POLLIN, 0};
    if (poll(&wait, 1, -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (!(wait.revents & POLLIN)) return;  // POLLHUP: nobody uses the filter any more
    seccomp_notif request;
    int err = listener_.receive(request);
    if (err == ENOENT) continue;  // withdrawn meanwhile
    if (err) return;
    const rv_call call = call_of(request);
    auto tid = static_cast<pid_t>(request.pid);
    rv_decision decision;
    rv_eval_call(all_.program(), &call, &decision);
    switch (decision.action) {
      case RV_ACTION_ALLOW: listener_.answer_continue(request.id); break;
      case RV_ACTION_ERRNO:
        report(tid, call, decision.rule, decision.error, {}, {});
        listener_.answer_errno(request.id, decision.error);
        break;
      case RV_ACTION_NOTIFY:
      case RV_ACTION_HANDLER: Case::proceed(std::make_unique<Case>(self, request.id, tid, call, decision)); break;
      // KILL, and what this backend has no point for: the call never returns.
      default: kill(tid, call, decision.rule);
    }
  }
}

void Interception::Server::kill(pid_t tid, const rv_call& call, uint32_t rule) {
  report(tid, call, rule, 0, {}, {});
  all_.refusals_.kill_guest(false, {});
}

void Interception::Server::report(pid_t tid, const rv_call& call, uint32_t rule, int err, std::string path, std::string address) {
  Violation violation;
  violation.tid = tid;
  violation.call = call;
  violation.rule = rule;
  violation.err = err;
  violation.path = std::move(path);
  violation.address = std::move(address);
  all_.record(std::move(violation));
}

Status Interception::serve(Fd listener) {
  auto server = std::make_unique<std::shared_ptr<Server>>(std::make_shared<Server>(*this, std::move(listener)));
  if (int err = start_thread(Server::run, server.get())) return fail("seccomp", "listener thread", err);
  server.release();
  return std::nullopt;
}

}  // namespace rvisor
