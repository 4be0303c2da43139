// SPDX-License-Identifier: Apache-2.0
// Answering the calls of the guest that are not the kernel's alone, wherever they wait (case.h: one call; notified.cc, traced.cc: where they
// come from). Decides by the core's program, carries out on the guest's behalf what is decided by path or address, and reports
// refusals. Lives in init: the guest's identity, pid namespace and Landlock domain are its own, so what it does for the guest is
// what the guest may do; and pid 1 can be neither signalled nor traced from inside.
#pragma once
#include <poll.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../core/rv_core.h"
#include "behalf.h"
#include "budget.h"
#include "desk.h"
#include "failure.h"
#include "fd.h"
#include "filter.h"
#include "listener.h"
#include "parcels.h"
#include "plan.h"
#include "tracer.h"
#include "waits.h"

namespace rvisor {

class SelfCalls;

// A call that was refused, or that ended the guest.
struct Violation {
  uint64_t time_ns = 0;  // CLOCK_REALTIME
  pid_t tid = 0;
  pid_t process = 0;
  std::string executable;
  rv_call call{};
  uint32_t rule = RV_ID_NONE;
  int err = 0;        // 0: the guest is killed
  std::string path;   // what was decided on, where a path was
  std::string address;  // likewise the bytes of a socket address
};

// Tasks of ours among those that a limit of processes counts: a listener's thread and the helper that hands it out, or the thread of the
// module's calls; the thread that takes the answers of handlers, the tracer, and the one that works for it.
inline unsigned interception_tasks(const Plan& plan) {
  return !plan.interception ? 0 : 2U + !plan.interception->handlers.empty() + 2U * plan.interception->trace.has_value();
}

// Where refusals go. Called from several threads; must not wait.
class Refusals {
 public:
  virtual ~Refusals() = default;
  virtual void refused(const Violation& violation) = 0;
  // `count` more of (syscall, rule) were refused than were reported one by one.
  // False when it could not be said now: it is tried again.
  virtual bool suppressed(uint32_t nr, uint32_t rule, uint64_t count) = 0;
  // A call asked for the guest's end: the policy's rule, or (`handler`) a handler, with its reason.
  virtual void kill_guest(bool handler, const std::string& reason) = 0;
};

class KernelModule;

class Interception {
 public:
  // `plan` has the compiled rules (rv_abi.h), checked here. All must outlive every thread that `serve` starts. `desk`: where
  // handlers are asked; null where there are none. `tracer`: null where nothing is traced. `filter`: the
  // guest's, as soon as there is a guest.
  Interception(const InterceptionPlan& plan, Refusals& refusals, Desk* desk, Tracer* tracer, const Filter& filter)
      : plan_(plan), refusals_(refusals), desk_(desk), tracer_(tracer), filter_(filter) {}

  Status validate() const;

  // Where a tracer is: the thread that works for it.
  Status start() { return tracer_ ? acts_.start() : std::nullopt; }

  // In the translated view: who carries out what changes the thread itself. Before there is a guest; must outlive the tracer's thread.
  void translate(SelfCalls* self_calls) { self_calls_ = self_calls; }

  // What the rules say to a path that such a call leads to: 0 or the errno of a refusal, which is reported. Empty: of what has no name.
  int judge(pid_t tid, uint32_t nr, const std::string& path, uint32_t rights);

  // Whether the guest's filter lets pass a call that is injected.
  bool lets_pass(uint32_t nr, const std::array<uint64_t, 6>& registers) const;

  // Starts a thread that answers this listener until no task uses its filter any more.
  Status serve(Fd listener);

  // What init's own thread looks after for those that answer, which sleep until there is something to answer: calls of ours that wait for
  // something (waits.h), and the ends of listeners. Adds what it is to poll for that, and how long it may sleep (-1: for ever).
  int watch(std::vector<pollfd>& polled);
  void look();

  // Starts the threads that answer the kernel module's calls. It outlives them.
  Status serve(KernelModule& module);
  // Makes a child a guest of the module.
  Status enroll(KernelModule& module, pid_t child);
  // Before the end of a command is told: what it was refused without being asked for is told by then.
  void settle();

  // A thread stands at a trace point: decides, and has it go on. On the tracer's thread; does not wait.
  void trapped(std::shared_ptr<Stop> stop);

  // Something has happened to a thread that stands until it has been told. As above.
  void happened(std::shared_ptr<Stop> stop, Happening what);

  // A refusal that could not be reported after all.
  void suppress(uint32_t nr, uint32_t rule, uint64_t count = 1);
  bool suppressing();
  // Reports counts of what was suppressed. Called now and then, and at the end.
  void flush();

 private:
  class Server;
  class Point;
  class NotifyPoint;
  class TracePoint;
  class InjectedPoint;
  class Delivery;
  class Handover;
  class Case;
  class News;
  class Asked;
  class AskedPoint;
  // `process`: where the thread may be gone by now.
  void report(pid_t tid, const rv_call& call, uint32_t rule, int err, std::string path, std::string address, pid_t process = 0);
  void kill(pid_t tid, const rv_call& call, uint32_t rule);
  std::unique_ptr<Point> trace_point(std::shared_ptr<Stop> stop);
  uint32_t filtered(uint32_t nr, const std::array<uint64_t, 6>& registers) const;
  int64_t may_inject(uint64_t nr, const std::array<uint64_t, 6>& registers) const;
  void inject(const std::shared_ptr<Stop>& stop, uint32_t nr, const std::array<uint64_t, 6>& registers, const Served& served);
  void injected(std::shared_ptr<Stop> stop, uint64_t nr, const std::array<uint64_t, 6>& registers, uint64_t free, const Served& served);

  class Acts {
   public:
    Status start();
    void put(std::unique_ptr<Case> made);

   private:
    static void* run(void* argument);
    pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
    Fd some_;
    std::deque<Case*> cases_;
  };

  void record(Violation violation);
  const uint64_t* program() const { return plan_.program.data(); }
  uint64_t boundaries(uint64_t handlers) const;
  uint64_t filtering(int argument) const;

  const InterceptionPlan& plan_;
  Refusals& refusals_;
  Desk* const desk_;
  Tracer* const tracer_;
  const Filter& filter_;
  SelfCalls* self_calls_ = nullptr;
  Acts acts_;
  Waits waits_;
  Parcels parcels_;
  pthread_mutex_t servers_lock_ = PTHREAD_MUTEX_INITIALIZER;
  std::vector<Server*> servers_;
  std::shared_ptr<Asked> asked_;
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  Budget budget_;
  std::atomic<int> deferred_{0};
};

}  // namespace rvisor
