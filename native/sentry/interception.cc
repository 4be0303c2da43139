// SPDX-License-Identifier: Apache-2.0
#include "interception.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

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

Status Interception::validate(size_t size) const {
  rv_fault fault{};
  if (rv_validate(program_.data(), size, &fault) == RV_FAULT_NONE) return std::nullopt;
  return fail("plan", "interception program", 0, "fault " + std::to_string(fault.code) + " at byte " + std::to_string(fault.offset));
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
  struct Deferred {
    std::shared_ptr<Server> server;
    uint64_t id;
    pid_t tid;
    rv_call call;
  };

  void loop(const std::shared_ptr<Server>& self) {
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
      decide(self, request.id, static_cast<pid_t>(request.pid), call_of(request));
    }
  }

  void decide(const std::shared_ptr<Server>& self, uint64_t id, pid_t tid, const rv_call& call) {
    rv_decision decision;
    rv_eval_call(all_.program_.data(), &call, &decision);
    switch (decision.base) {
      case RV_ACTION_ALLOW: listener_.answer_continue(id); return;
      case RV_ACTION_NOTIFY: act(self, id, tid, call, false); return;
      case RV_ACTION_ERRNO: refuse(id, tid, call, decision.rule, decision.error); return;
    }
    // KILL, and what this backend has no point for: the call never returns.
    report(tid, call, decision.rule, 0, {}, {});
    all_.refusals_.kill_guest();
  }

  void refuse(uint64_t id, pid_t tid, const rv_call& call, uint32_t rule, int err) {
    report(tid, call, rule, err, {}, {});
    listener_.answer_errno(id, err);
  }

  void report(pid_t tid, const rv_call& call, uint32_t rule, int err, std::string path, std::string address) {
    Violation violation;
    violation.tid = tid;
    violation.call = call;
    violation.rule = rule;
    violation.err = err;
    violation.path = std::move(path);
    violation.address = std::move(address);
    all_.record(std::move(violation));
  }

  // Decides for one call by the program's path and address rules.
  class Bench : public Judge {
   public:
    Bench(Server& server, uint64_t id, pid_t tid, const rv_call& call) : server_(server), id_(id), tid_(tid), call_(call) {}

    int path(const std::string& path, uint32_t rights, bool tree) override {
      // Everything up to here was read through the thread's number: only now is it sure that it was this thread's.
      if (!server_.listener_.valid(id_)) return ENOENT;
      if (path.empty()) return 0;
      rv_access access;
      uint32_t verdict = rv_eval_path(server_.all_.program_.data(), reinterpret_cast<const uint8_t*>(path.data()), path.size(), rights, tree ? RV_PATH_TREE : 0, &access);
      if (verdict == RV_VERDICT_GRANTED) return 0;
      server_.report(tid_, call_, access.rule, EACCES, path, {});
      return EACCES;
    }

    int address(const uint8_t* bytes, size_t size, uint32_t protocol, uint32_t rights) override {
      if (!server_.listener_.valid(id_)) return ENOENT;
      rv_address address;
      rv_access access;
      uint32_t verdict = rv_eval_address(server_.all_.program_.data(), bytes, size, protocol, rights, &address, &access);
      if (verdict == RV_VERDICT_GRANTED) return 0;
      int err = verdict == RV_VERDICT_UNSUPPORTED ? EAFNOSUPPORT : verdict == RV_VERDICT_MALFORMED ? EINVAL : EACCES;
      server_.report(tid_, call_, access.rule, err, {}, std::string(reinterpret_cast<const char*>(bytes), size));
      return err;
    }

   private:
    Server& server_;
    const uint64_t id_;
    const pid_t tid_;
    const rv_call& call_;
  };

  void act(const std::shared_ptr<Server>& self, uint64_t id, pid_t tid, const rv_call& call, bool may_block) {
    Bench bench(*this, id, tid, call);
    Answer answer = act_on_behalf(call, Caller(tid), bench, may_block);
    switch (answer.kind) {
      case Answer::Kind::value: listener_.answer_value(id, answer.value); return;
      case Answer::Kind::error: listener_.answer_errno(id, answer.err); return;
      case Answer::Kind::later: defer(self, id, tid, call); return;
      case Answer::Kind::descriptor:
        // The guest's own limit of open files, or a full table: the kernel says so here.
        if (int err = listener_.answer_fd(id, answer.fd.get(), answer.fd_flags); err && err != ENOENT) listener_.answer_errno(id, err);
        return;
    }
  }

  void defer(const std::shared_ptr<Server>& self, uint64_t id, pid_t tid, const rv_call& call) {
    if (all_.deferred_.fetch_add(1) >= kMaxDeferred) {
      all_.deferred_.fetch_sub(1);
      listener_.answer_errno(id, EAGAIN);
      return;
    }
    auto deferred = std::make_unique<Deferred>(Deferred{self, id, tid, call});
    if (int err = start_thread(run_deferred, deferred.get())) {
      all_.deferred_.fetch_sub(1);
      listener_.answer_errno(id, err);
      return;
    }
    deferred.release();  // the thread's own now
  }

  static void* run_deferred(void* argument) {
    std::unique_ptr<Deferred> deferred(static_cast<Deferred*>(argument));
    unshare(CLONE_FS);
    Server& server = *deferred->server;
    server.act(deferred->server, deferred->id, deferred->tid, deferred->call, true);
    server.all_.deferred_.fetch_sub(1);
    return nullptr;
  }

  Interception& all_;
  Listener listener_;
};

Status Interception::serve(Fd listener) {
  auto server = std::make_unique<std::shared_ptr<Server>>(std::make_shared<Server>(*this, std::move(listener)));
  if (int err = start_thread(Server::run, server.get())) return fail("seccomp", "listener thread", err);
  server.release();
  return std::nullopt;
}

}  // namespace rvisor
