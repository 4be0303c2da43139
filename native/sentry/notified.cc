// SPDX-License-Identifier: Apache-2.0
// The listener's calls: seccomp(2)'s user notifications, one thread for each listener.
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#include "case.h"
#include "threads.h"

namespace rvisor {
namespace {

rv_call call_of(const seccomp_notif& request) {
  rv_call call{};
  static_assert(sizeof call == sizeof request.data);
  memcpy(&call, &request.data, sizeof call);
  return call;
}

}  // namespace

// One listener's thread, and the threads of its deferred calls.
class Interception::Server {
 public:
  Server(Interception& all, Fd listener) : all_(all), listener_(std::move(listener)) {}

  static void* run(void* argument) {
    std::unique_ptr<std::shared_ptr<Server>> owner(static_cast<std::shared_ptr<Server>*>(argument));
    std::shared_ptr<Server> self = *owner;
    owner.reset();
    unshare(CLONE_FS);  // a umask of this thread's own
    Waits::may_interrupt(true);
    self->thread_ = pthread_self();
    self->state_ = State::answers;
    self->loop(self);
    self->leave();
    return nullptr;
  }

  // Among those that init's own thread looks after.
  void join() {
    pthread_mutex_lock(&all_.servers_lock_);
    all_.servers_.push_back(this);
    pthread_mutex_unlock(&all_.servers_lock_);
  }

  void leave() {
    pthread_mutex_lock(&all_.servers_lock_);
    std::erase(all_.servers_, this);
    pthread_mutex_unlock(&all_.servers_lock_);
  }

  // What is polled for its end; -1 where that is known.
  int fd() const { return state_ == State::unused ? -1 : listener_.fd(); }

  // Before Linux 6.11 the kernel does not tell the thread, which waits for a call, that none will come.
  void end() {
    if (state_ == State::starts || !listener_.unused()) return;
    state_ = State::unused;
    Waits::interrupt(thread_);
  }

 private:
  friend class Interception::NotifyPoint;
  void loop(const std::shared_ptr<Server>& self);
  void serve_bounced(const seccomp_notif& request, const rv_call& call);
  void serve_courier(const seccomp_notif& request, Parcel parcel);
  void give_up();

  enum class State { starts, answers, unused };
  Interception& all_;
  Listener listener_;
  std::atomic<State> state_{State::starts};
  pthread_t thread_{};
  Loan loan_{listener_.fd()};
};

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
    return std::make_shared<Wait>(server_->all_.waits_, [server = server_, id = id_] { return server->listener_.valid(id); }, tid);
  }
  void restart() override { server_->listener_.answer_restart(id_); }
  void stand(std::unique_ptr<Case> self) override {
    Tracer* tracer = server_->all_.tracer_;
    if (!tracer || !server_->listener_.killable()) return Case::stands(std::move(self), nullptr);
    const pid_t tid = self->tid();
    auto owner = std::make_shared<std::unique_ptr<Case>>(std::move(self));
    auto leave = [server = server_, id = id_] { return !server->listener_.answer_value(id, 0); };
    tracer->interrupt(tid, leave, [owner](std::shared_ptr<Stop> stop) { Case::stands(std::move(*owner), std::move(stop)); });
  }
  Direct direct() const override { return {&server_->loan_, id_, RV_RING_MAY_ANSWER | RV_RING_MAY_CONTINUE}; }

 private:
  const std::shared_ptr<Server> server_;
  const uint64_t id_;
};

void Interception::Server::loop(const std::shared_ptr<Server>& self) {
  for (;;) {
    seccomp_notif request;
    if (int err = listener_.receive(request)) {
      if (err != ENOENT && err != EINTR) return give_up();
      if (listener_.unused()) return;
      continue;
    }
    const rv_call call = call_of(request);
    auto tid = static_cast<pid_t>(request.pid);
    if (all_.tracer_ && call.arch == RV_ARCH_X86_64 && call.nr == kBounced) {
      serve_bounced(request, call);
      continue;
    }
    if (call.nr == SYS_sendmsg && call.arch == RV_ARCH_X86_64)
      if (std::optional<Parcel> parcel = all_.parcels_.take(tid)) {
        serve_courier(request, std::move(*parcel));
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

// It sends by the socket that it finds now in its own table, at the number that its register has.
void Interception::Server::serve_courier(const seccomp_notif& request, Parcel parcel) {
  if (int err = listener_.put_fd(request.id, parcel.socket, parcel.number)) listener_.answer_errno(request.id, err);
  else listener_.answer_continue(request.id);
}

// Nobody takes calls here any more, and the host may have the listener too: they would wait for ever.
void Interception::Server::give_up() { all_.refusals_.kill_guest(false, "the listener failed"); }

Status Interception::serve(Fd listener) {
  auto server = std::make_unique<std::shared_ptr<Server>>(std::make_shared<Server>(*this, std::move(listener)));
  Server& made = **server;
  made.join();
  if (int err = start_thread(Server::run, server.get())) {
    made.leave();
    return fail("seccomp", "listener thread", err);
  }
  server.release();
  return std::nullopt;
}

int Interception::watch(std::vector<pollfd>& polled) {
  int patience = waits_.patience();
  polled.push_back({waits_.fd(), POLLIN, 0});
  pthread_mutex_lock(&servers_lock_);
  for (const Server* server : servers_) {
    if (server->fd() >= 0) polled.push_back({server->fd(), 0, 0});
    else patience = Waits::kLookMs;
  }
  pthread_mutex_unlock(&servers_lock_);
  return patience;
}

void Interception::look() {
  waits_.look();
  pthread_mutex_lock(&servers_lock_);
  // Again at each look: the thread may have been about to wait.
  for (Server* server : servers_) server->end();
  pthread_mutex_unlock(&servers_lock_);
}

}  // namespace rvisor
