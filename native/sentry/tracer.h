// SPDX-License-Identifier: Apache-2.0
// The trace point: one thread of init traces every thread of the guest (ptrace(2)) and makes the requests, which only it may. Calls
// with SECCOMP_RET_TRACE stop before they are made; whoever decides on them gives orders from any thread, and the guest's thread
// stays stopped until then, while the others go on. As init's children are its tracees too, this thread does all of init's waiting.
#pragma once
#include <pthread.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../core/rv_ring.h"
#include "claim.h"
#include "failure.h"
#include "fd.h"

namespace rvisor {

// The number of a call that a trace point has sent to the listener: one that the kernel does not have, and that the seccomp profiles of
// containers let pass (of numbers that they do not know they answer for themselves).
constexpr uint32_t kBounced = 214;  // epoll_ctl_old

// One thread at a trace point: from its call's entry until it goes on. Shared with whoever decides; a stop that is over takes no orders.
struct Stop {
  explicit Stop(pid_t thread) : tid(thread) {}
  std::atomic<pid_t> tid;         // changes when a thread that is not the first executes a program
  std::atomic<bool> stands{true};  // false: the thread has died, or gone on
  rv_call call{};                 // as the guest made it
  uint64_t stack = 0;             // its stack pointer
};

// Who wants the result of a call. Destroyed without having been called where there will be none.
class Returning {
 public:
  virtual ~Returning() = default;
  // The call was made and gave `raw`; the thread stands until `Tracer::finish`. On the tracer's thread: must not wait.
  virtual void returned(std::unique_ptr<Returning> self, int64_t raw) = 0;
  // The call was not made after all, and shall give `raw`. On the thread of whoever says so.
  virtual void withheld(std::unique_ptr<Returning> self, int64_t raw) = 0;
};

// What a thread may become by a call that executes a program.
class Becoming {
 public:
  virtual ~Becoming() = default;
  // It has executed one, of which no instruction has run. False where it is not to. On the tracer's thread: must not wait.
  virtual bool became(pid_t tid, const user_regs_struct& regs) = 0;
};

// Result of an injected call; false where the thread died or would not go where it was sent.
using Injected = std::function<void(bool, int64_t)>;

// A thread that one of the guest's is made to start. It has all that the other has, but of the table of descriptors a copy of its own. It makes
// one call and ends, and runs nothing of the guest's code but the instruction that enters the kernel.
struct Courier {
  uint64_t mark = 0;  // known to it and us: in a register of its clone(2) that the kernel does not look at
  uint32_t nr = 0;
  std::array<uint64_t, 6> args{};
  std::function<void(pid_t)> sets_out;  // it stands before its call. On the tracer's thread: must not wait
  Injected returns;                     // the call's result; false where it did not get that far
};

// A thread that stands as it was asked to; null where it does not.
using Standing = std::function<void(std::shared_ptr<Stop>)>;

// Something that has happened to a thread.
struct Happening {
  rv_ring_event event{};
  std::string path;  // of the program that is executed
};

class TraceClient {
 public:
  virtual ~TraceClient() = default;
  // A thread stands before its call. On the tracer's thread: must not wait.
  virtual void trapped(std::shared_ptr<Stop> stop) = 0;
  // A thread stands, where it lives on, until `Tracer::resume`. Only what is wanted is told. On the tracer's thread: must not wait.
  virtual void happened(std::shared_ptr<Stop> stop, Happening what) = 0;
  // The guest can no longer be traced as the plan wants it.
  virtual void untraceable(const char* why) = 0;
};

class Tracer {
 public:
  // `hide_vdso`: programs are started without the kernel's own code for asking the time, so that they make calls.
  // `events`: what `happened` is told of, bit N for kind N. `foreign`: calls of other ABIs may stop too. `guarded`: whoever executes
  // a program becomes what its stop's order said, or the guest can no longer be traced.
  Tracer(TraceClient& client, bool hide_vdso, uint32_t events, bool foreign, bool guarded);
  ~Tracer();

  // Whether a process may be traced here at all: tried on one of our own.
  static Status check();
  // Blocks the signals that wake this thread, in the calling thread and those that it makes later.
  static void prepare();
  Status start();

  // Forks with `make`, so that the new process is known as a command before its end can be seen.
  pid_t fork_command(const std::function<pid_t()>& make);
  // Traces a command that is about to make itself traceable and then waits for `*released`, a word of its memory.
  void attach(pid_t command, long* released);
  // Ends of commands, (pid, wait status). `ends_fd` is readable where there are some.
  int ends_fd() const { return ends_ready_.get(); }
  std::vector<std::pair<pid_t, int>> take_ends();

  // Orders for a thread that stands. Each but `inject` makes it go on.
  // The call is made, `changed` registers (bit N) replaced; `returning` is told its result, if given.
  void proceed(const std::shared_ptr<Stop>& stop, uint32_t changed, const std::array<uint64_t, 6>& registers, std::unique_ptr<Returning> returning,
               std::unique_ptr<Becoming> becoming = nullptr);
  // The call is not made and gives `raw`.
  void answer(const std::shared_ptr<Stop>& stop, int64_t raw);
  // The call gives a copy of `fd` by way of the listener, which takes it with `take`.
  void give(const std::shared_ptr<Stop>& stop, Fd fd, uint32_t flags, std::unique_ptr<Returning> returning);
  // The call is not made: as if a signal had come for it, which must be there. It is made again, or fails with EINTR, as the kernel sees fit.
  void restart(const std::shared_ptr<Stop>& stop);
  // The call is not made yet: first come the signals that are there, and then it is made as if it had not been.
  void again(const std::shared_ptr<Stop>& stop);
  // No more calls will be injected before the thread's own: it gets its signal mask back, and stands on.
  void unmask(const std::shared_ptr<Stop>& stop);
  // After `returned`: the thread goes on with this result.
  void finish(const std::shared_ptr<Stop>& stop, int64_t raw);
  // Another call is made now, and the thread stands again as it did.
  void inject(const std::shared_ptr<Stop>& stop, uint32_t nr, const std::array<uint64_t, 6>& args, Injected done);

  // A copy of `fd` is put into the guest by way of the listener (`take`), and the thread stands again as it did: its number, or a negated errno.
  void install(const std::shared_ptr<Stop>& stop, Fd fd, uint32_t flags, Injected done);
  // The thread is made to start a courier; `started` is told the result of that.
  void dispatch(const std::shared_ptr<Stop>& stop, std::shared_ptr<Courier> courier, Injected started);

  // Has a thread stand that waits for the answer to a notification, of which no signal but a deadly one takes it out. `leave` gives the
  // answer, which nobody sees, and says whether it was still waited for. It then stands as after its call. On the tracer's thread: must not wait.
  void interrupt(pid_t tid, std::function<bool()> leave, Standing stands);

  // After `happened`.
  void resume(const std::shared_ptr<Stop>& stop);

  // What a trace point has left for a bounced call.
  struct Gift {
    Fd fd;
    uint32_t flags = 0;
  };
  Gift take(pid_t tid, const rv_call& bounced);

 private:
  struct Task;
  // Wakes the tracer's thread.
  static constexpr int kWake = SIGUSR1;

  struct Order {
    enum class Kind { attach, proceed, answer, restart, again, unmask, give, finish, inject, install, dispatch, interrupt, resume };
    explicit Order(Kind what, std::shared_ptr<Stop> where = nullptr) : kind(what), stop(std::move(where)) {}
    Kind kind;
    std::shared_ptr<Stop> stop;
    pid_t pid = 0;
    long* released = nullptr;
    uint32_t changed = 0, nr = 0;
    std::array<uint64_t, 6> registers{};
    int64_t raw = 0;
    Fd fd;
    uint32_t flags = 0;
    std::unique_ptr<Returning> returning;
    std::unique_ptr<Becoming> becoming;
    Injected done;
    std::shared_ptr<Courier> courier;
    std::function<bool()> leave;
    Standing stands;
  };
  struct Token {
    pid_t tid;
    rv_call call;
    Gift gift;
  };

  static void* run(void* argument);
  void loop();
  void post(Order order);
  void obey();
  void carry_out(Order order);
  void attach_now(pid_t pid, long* released);
  void handle(pid_t tid, int status);
  void ended(pid_t tid, int status);
  void release(Task& task, int signal = 0);
  void at_syscall(Task& task);
  void at_seccomp(Task& task);
  void at_event(Task& task, int event, int signal);
  void at_exec(Task& task);
  void interrupt_now(Order order);
  void at_standstill(Task& task);
  bool set_out(Task& task);
  void bounce(const Task& task, const rv_call& call, Order& order);
  void dismiss(Task& task, const user_regs_struct& regs);
  bool hide_vdso(Task& task, const user_regs_struct& regs);
  bool wants(uint32_t kind) const { return events_ >> kind & 1; }
  void tell(Task& task, Happening what, int signal);
  void at_signal(Task& task, int signal);
  void at_birth(Task& parent, int event);
  void at_end(Task& task);
  void bury(Task& task, int status);
  bool last_of_process(const Task& task) const;
  void be_born(pid_t tid);
  void serve(Task& task);
  bool execute(Task& task, Order& order);
  void go_on(Task& task, const user_regs_struct& regs);
  void come_back(Task& task);
  void unmask(Task& task);
  void drop(Task& task);

  TraceClient& client_;
  const bool hide_vdso_;
  const uint32_t events_;
  const bool foreign_, guarded_;
  pid_t thread_ = 0;
  std::map<pid_t, std::unique_ptr<Task>> tasks_;
  std::set<pid_t> unborn_;    // new threads that stand until their making has been told
  std::set<pid_t> expected_;  // told before they were seen
  std::vector<std::shared_ptr<Courier>> couriers_;  // that have not appeared

  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  std::vector<Order> inbox_;
  std::set<pid_t> commands_;  // whose end is wanted
  std::vector<std::pair<pid_t, int>> ends_;
  std::deque<Token> tokens_;
  Fd ends_ready_;
  std::atomic<int> called_{0};    // something is in the inbox
  std::atomic<bool> waits_{false};  // the thread is in wait4(2), or about to be
};

}  // namespace rvisor
