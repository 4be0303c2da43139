// SPDX-License-Identifier: Apache-2.0
// The kernel module's calls: those that its rules put to us, and those whose refusal in the kernel is appealed against. One thread fetches
// them; its answer to one goes along with its asking for the next.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <string>

#include "case.h"
#include "kmod.h"
#include "threads.h"

namespace rvisor {
namespace {

constexpr int64_t kRestart = -512;  // -ERESTARTSYS, which never leaves the kernel
constexpr int kSettleMs = 1000;

}  // namespace

class Interception::AskedPoint : public Point {
 public:
  AskedPoint(Asked& asked, Waits& all, uint64_t id) : asked_(asked), waits_(all), id_(id) {}
  bool waits() const override;
  void value(int64_t value) override;
  void error(int err) override;
  void run(std::unique_ptr<Case>) override;
  void give(std::unique_ptr<Case>, Fd fd, uint32_t flags) override;
  std::shared_ptr<Wait> wait(pid_t tid) override;
  void restart() override;

 private:
  Asked& asked_;
  Waits& waits_;
  const uint64_t id_;
};

class Interception::Asked {
 public:
  Asked(Interception& all, KernelModule& module) : all_(all), module_(module) {}

  Status start() {
    if (int err = start_thread(fetch, this)) return fail("kmod", "thread", err);
    return std::nullopt;
  }

  // Whoever asks for the next event takes along what the last one came to; anybody else answers at once.
  void answer(uint64_t id, uint32_t verdict, int64_t value = 0, int error = 0) {
    rv_device_reply reply{};
    reply.id = id;
    reply.verdict = verdict;
    reply.value = value;
    reply.error = error;
    if (pthread_equal(pthread_self(), fetcher_) && !exchange_.reply.id) exchange_.reply = reply;
    else module_.reply(reply);
  }

  // The guest's table may be full: the call then fails with the kernel's word for it.
  void give(uint64_t id, Fd fd, uint32_t flags) {
    rv_device_reply reply{};
    reply.id = id;
    reply.verdict = RV_REPLY_FD;
    reply.flags = RV_REPLY_MOVE | (flags & O_CLOEXEC ? RV_REPLY_CLOEXEC : 0);
    reply.fd = fd.release();
    if (int err = module_.reply(reply); err && err != ENOENT) {
      fd.reset(reply.fd);
      answer(id, RV_REPLY_ERRNO, 0, EIO);
    }
  }

  // What the module has refused on its own so far is told, before more is told of who was refused. It is on its way, and does not wait for long.
  void settle() {
    const rv_device_status now = module_.status();
    for (int i = 0; i < kSettleMs && (told_.load() < now.reported || counted_.load() < now.lost); i++) {
      timespec nap{0, 1'000'000};
      nanosleep(&nap, nullptr);
    }
  }

  // After a child was enrolled.
  void enrolled() {
    pthread_mutex_lock(&lock_);
    enrolled_++;
    pthread_cond_signal(&more_);
    pthread_mutex_unlock(&lock_);
  }

  KernelModule& module() { return module_; }

 private:
  static void* fetch(void* argument) {
    unshare(CLONE_FS);  // a umask of this thread's own
    static_cast<Asked*>(argument)->loop();
    return nullptr;
  }

  void loop() {
    fetcher_ = pthread_self();
    std::array<char, RV_DEVICE_MAX_TEXT> text;
    exchange_.text = reinterpret_cast<uint64_t>(text.data());
    exchange_.capacity = text.size();
    for (uint64_t enrolled = 0;;) {
      pthread_mutex_lock(&lock_);
      while (enrolled_ == enrolled) pthread_cond_wait(&more_, &lock_);
      enrolled = enrolled_;
      pthread_mutex_unlock(&lock_);
      int err;
      while (!(err = module_.exchange(exchange_)) || err == EINTR) {
        if (err) continue;
        if (exchange_.event.kind == RV_EVENT_CALL) ask(exchange_.event);
        else tell(exchange_.event, text.data());
      }
      if (err == ESRCH) continue;  // nobody is left; the next command may come
      if (!exchange_.reply.id) return all_.refusals_.kill_guest(false, "the kernel module failed");
      // An answer that it does not take: the call is still there, and must not wait for ever.
      uint64_t id = std::exchange(exchange_.reply, {}).id;
      answer(id, RV_REPLY_ERRNO, 0, EIO);
      enrolled = 0;
    }
  }

  void ask(const rv_device_event& event) {
    const auto tid = static_cast<pid_t>(event.tid);
    rv_decision decision;
    rv_eval_call(all_.program(), &event.call, &decision);
    switch (decision.action) {
      case RV_ACTION_ALLOW: return answer(event.id, RV_REPLY_CONTINUE);
      case RV_ACTION_ERRNO:
        all_.report(tid, event.call, decision.rule, decision.error, {}, {});
        return answer(event.id, RV_REPLY_ERRNO, 0, decision.error);
      case RV_ACTION_NOTIFY:
      case RV_ACTION_HANDLER: return Case::proceed(std::make_unique<Case>(all_, std::make_unique<AskedPoint>(*this, all_.waits_, event.id), tid, event.call, decision));
      default: all_.kill(tid, event.call, decision.rule);  // it never returns
    }
  }

  // What the module has refused on its own.
  void tell(const rv_device_event& event, const char* text) {
    if (event.kind == RV_EVENT_COUNT) {
      if (all_.plan_.report) all_.suppress(event.call.nr == RV_COUNT_OTHER ? kOtherCalls : kind_of(event.call), event.rule, event.count);
      counted_ += event.count;
      return;
    }
    std::string bytes(text, std::min<size_t>(event.text_size, RV_DEVICE_MAX_TEXT));
    const bool path = event.text == RV_TEXT_PATH;
    all_.report(static_cast<pid_t>(event.tid), event.call, event.rule, static_cast<int>(event.error), path ? bytes : "", path ? "" : bytes, static_cast<pid_t>(event.pid));
    if (!event.error) all_.refusals_.kill_guest(false, {});
    told_++;
  }

  Interception& all_;
  KernelModule& module_;
  pthread_t fetcher_{};
  rv_device_exchange exchange_{};
  std::atomic<uint64_t> told_{0}, counted_{0};
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t more_ = PTHREAD_COND_INITIALIZER;
  uint64_t enrolled_ = 0;
};

bool Interception::AskedPoint::waits() const { return asked_.module().waits(id_); }
void Interception::AskedPoint::value(int64_t value) { asked_.answer(id_, RV_REPLY_VALUE, value); }
void Interception::AskedPoint::error(int err) { asked_.answer(id_, RV_REPLY_ERRNO, 0, err); }
void Interception::AskedPoint::run(std::unique_ptr<Case>) { asked_.answer(id_, RV_REPLY_CONTINUE); }
void Interception::AskedPoint::give(std::unique_ptr<Case>, Fd fd, uint32_t flags) { asked_.give(id_, std::move(fd), flags); }
std::shared_ptr<Wait> Interception::AskedPoint::wait(pid_t tid) {
  return std::make_shared<Wait>(waits_, [asked = &asked_, id = id_] { return asked->module().waits(id); }, tid);
}
void Interception::AskedPoint::restart() { asked_.answer(id_, RV_REPLY_VALUE, kRestart); }

Status Interception::serve(KernelModule& module) {
  asked_ = std::make_shared<Asked>(*this, module);
  return asked_->start();
}

Status Interception::enroll(KernelModule& module, pid_t child) {
  if (Status s = module.enroll(child)) return s;
  asked_->enrolled();
  return std::nullopt;
}

void Interception::settle() {
  if (asked_) asked_->settle();
}

}  // namespace rvisor
