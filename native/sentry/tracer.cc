// SPDX-License-Identifier: Apache-2.0
// ptrace(2), as much of it as steering a call takes. What has to be known to read this:
//
// - A call with SECCOMP_RET_TRACE stops before it is made. Its registers may be changed there; the filter then looks at the changed
//   call once more (and takes RET_TRACE for "allow"), so nothing that is made from here is out of the filter's reach.
// - With PTRACE_SYSCALL in place of PTRACE_CONT the thread stops again where the call returns. Setting the instruction pointer back over
//   the two bytes of the `syscall` instruction there makes it enter the kernel once more: that is how calls are injected, and
//   how the first call is come back to. What the instruction really is by then is the guest's business: each entry is compared
//   with what was expected, and a thread that turns up elsewhere is let go.
// - While injected calls run, the thread's signals are blocked: they would run the guest's code in the middle.
#include "tracer.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>

#include "auxiliary.h"
#include "guest_memory.h"
#include "resolve.h"
#include "threads.h"

// wait4(-1, status, __WALL, 0), unless `*called` is set: EINTR then. The signal that says so may come between the look and the call:
// its handler moves a thread that is in between to the end, so that no call is missed.
extern "C" long rv_wait(const std::atomic<int>* called, int* status);
extern "C" const char rv_wait_begin[], rv_wait_end[], rv_wait_called[];
asm(R"(
  .text
  .p2align 4
  .hidden rv_wait, rv_wait_begin, rv_wait_end, rv_wait_called
  .globl rv_wait, rv_wait_begin, rv_wait_end, rv_wait_called
  .type rv_wait, @function
rv_wait:
rv_wait_begin:
  cmpl $0, (%rdi)
  jne rv_wait_called
  movq $-1, %rdi
  movl $0x40000000, %edx
  xorl %r10d, %r10d
  movl $61, %eax
  syscall
rv_wait_end:
  ret
rv_wait_called:
  movq $-4, %rax
  ret
  .size rv_wait, .-rv_wait
)");

namespace rvisor {
namespace {

constexpr long kOptions =
    PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
constexpr int kEventStop = 128;  // PTRACE_EVENT_STOP
constexpr uint64_t kAllSignals = ~0ULL;
constexpr int kSyscallInstruction = 2;  // bytes
constexpr uint64_t kVsyscall = 0xffffffffff600000, kVsyscallEnd = kVsyscall + 0x1000;
constexpr uint64_t kCode64 = 0x33;
constexpr size_t kTokensEach = 8;  // signal handlers may nest

// Everything but CLONE_FILES.
constexpr uint64_t kCourierFlags = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

void on_wake(int, siginfo_t*, void* context) {
  auto& ip = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  if (ip >= reinterpret_cast<greg_t>(rv_wait_begin) && ip < reinterpret_cast<greg_t>(rv_wait_end)) ip = reinterpret_cast<greg_t>(rv_wait_called);
}

constexpr int64_t kRestartSystem = -512;  // ERESTARTSYS

// What the kernel turns into another call, or into EINTR, before the guest sees it: -ERESTARTSYS and its relatives.
bool is_restart(int64_t raw) { return raw == -512 || raw == -513 || raw == -514 || raw == -516; }

rv_call call_of(const user_regs_struct& regs) {
  rv_call call{};
  call.nr = static_cast<uint32_t>(regs.orig_rax);
  call.arch = AUDIT_ARCH_X86_64;
  call.ip = regs.rip;
  const uint64_t args[] = {regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9};
  memcpy(call.args, args, sizeof args);
  return call;
}

void set_argument(user_regs_struct& regs, unsigned index, uint64_t value) {
  switch (index) {
    case 0: regs.rdi = value; break;
    case 1: regs.rsi = value; break;
    case 2: regs.rdx = value; break;
    case 3: regs.r10 = value; break;
    case 4: regs.r8 = value; break;
    default: regs.r9 = value; break;
  }
}

void set_arguments(user_regs_struct& regs, const std::array<uint64_t, 6>& values) {
  for (unsigned i = 0; i < 6; i++) set_argument(regs, i, values[i]);
}

bool same_call(const user_regs_struct& a, const user_regs_struct& b) {
  rv_call one = call_of(a), other = call_of(b);
  return one.nr == other.nr && one.ip == other.ip && !memcmp(one.args, other.args, sizeof one.args) && a.rsp == b.rsp;
}

}  // namespace

// A thread of the guest.
struct Tracer::Task {
  enum class Phase {
    running,    // nothing of ours
    attaching,  // a command that waits to be released
    entry,      // stands before its call
    exit,       // stands after a call: its own (`made`), or an injected one
    entering,   // goes into an injected call
    injected,   // is in one
    returning,  // goes back to its own call
    calling     // is in its own call, whose return is awaited
  };
  explicit Task(pid_t thread) : tid(thread) {}
  bool stands() const { return phase == Phase::entry || phase == Phase::exit; }

  pid_t tid;
  Phase phase = Phase::running;
  __ptrace_request resume = PTRACE_CONT;  // how it goes on from stops that are none of ours
  long* released = nullptr;
  std::shared_ptr<Stop> stop;
  user_regs_struct regs{};     // as the guest made its call
  user_regs_struct after{};    // as the call returned
  user_regs_struct expected{};  // how it should come in
  bool made = false, executed = false, masked = false;
  pid_t process = 0;            // where it is wanted
  std::shared_ptr<Stop> event;  // what has happened to it, while it is told
  int signal = 0;               // that is delivered then
  pid_t child = 0;              // that is born then
  bool exited = false;          // its end has been told
  uint64_t mask = 0;
  std::deque<Order> orders;
  Injected done;                          // of the injected call
  std::unique_ptr<Returning> returning;  // of its own
  std::unique_ptr<Becoming> becoming;    // what it may execute
  Standing standing;                     // who waits for it to stand
  std::shared_ptr<Courier> courier;      // it is one
};

Tracer::Tracer(TraceClient& client, bool hide_vdso, uint32_t events, bool foreign, bool guarded)
    : client_(client), hide_vdso_(hide_vdso), events_(events), foreign_(foreign), guarded_(guarded) {}
Tracer::~Tracer() = default;

void Tracer::prepare() {
  struct sigaction action {};
  action.sa_sigaction = on_wake;
  action.sa_flags = SA_SIGINFO;
  sigaction(kWake, &action, nullptr);
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, kWake);
  sigprocmask(SIG_BLOCK, &wake, nullptr);
}

Status Tracer::check() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return fail("trace", "ptrace", errno);
  Fd ours(ends[0]), theirs(ends[1]);
  pid_t pid = fork();
  if (pid < 0) return fail("trace", "ptrace", errno);
  if (pid == 0) {
    char byte = 0;
    prctl(PR_SET_DUMPABLE, 1);
    if (write(theirs.get(), &byte, 1) == 1)
      for (;;) pause();
    _exit(1);
  }
  theirs.reset();
  char byte;
  int err = read(ours.get(), &byte, 1) != 1 ? EIO : ptrace(PTRACE_SEIZE, pid, nullptr, kOptions) ? errno : 0;
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) {}
  if (err) return fail("trace", "ptrace", err);
  return std::nullopt;
}

Status Tracer::start() {
  ends_ready_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ends_ready_.valid()) return fail("exec", "eventfd", errno);
  if (int err = start_thread(run, this)) return fail("exec", "thread of the tracer", err);
  return std::nullopt;
}

void* Tracer::run(void* argument) {
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, kWake);
  pthread_sigmask(SIG_UNBLOCK, &wake, nullptr);
  auto* self = static_cast<Tracer*>(argument);
  self->loop();
  return nullptr;
}

void Tracer::loop() {
  thread_ = gettid();
  for (;;) {
    obey();
    int status = 0;
    waits_.store(true);
    long tid = rv_wait(&called_, &status);
    // No children, so no tracees: only orders can come.
    if (tid == -ECHILD) syscall(SYS_futex, &called_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    waits_.store(false);
    if (tid > 0) handle(static_cast<pid_t>(tid), status);
  }
}

// ------------------------------------------------------------------------------------------------------ the tracer's thread

void Tracer::obey() {
  if (!called_.exchange(0)) return;
  std::vector<Order> orders;
  {
    Claim claim(lock_);
    orders.swap(inbox_);
  }
  for (Order& order : orders) carry_out(std::move(order));
}

void Tracer::carry_out(Order order) {
  if (order.kind == Order::Kind::attach) return attach_now(order.pid, order.released);
  if (order.kind == Order::Kind::interrupt) return interrupt_now(std::move(order));
  auto found = order.stop->stands.load() ? tasks_.find(order.stop->tid) : tasks_.end();
  if (order.kind == Order::Kind::resume) {
    if (found == tasks_.end() || found->second->event != order.stop) return;
    Task& task = *found->second;
    std::exchange(task.event, nullptr)->stands.store(false);
    if (pid_t child = std::exchange(task.child, 0)) be_born(child);
    return release(task, std::exchange(task.signal, 0));
  }
  if (found == tasks_.end() || found->second->stop != order.stop) {
    if (order.done) order.done(false, 0);
    return;
  }
  found->second->orders.push_back(std::move(order));
  serve(*found->second);
}

void Tracer::attach_now(pid_t pid, long* released) {
  // It installs its filter meanwhile, which takes some ten microseconds, and is then traceable.
  for (int tries = 0;; tries++) {
    if (!ptrace(PTRACE_SEIZE, pid, nullptr, kOptions | (wants(RV_RING_EXITED) ? PTRACE_O_TRACEEXIT : 0))) break;
    if (errno == ESRCH) return;  // it has died: its end is on the way
    if (errno != EPERM) return client_.untraceable(strerror(errno));
    // Another process of the guest may have been quicker. It has won nothing, but this command cannot be held to the plan.
    if (tries >= 40 && (tries % 100 == 40) && Caller(pid).status("TracerPid:", 10) > 0) return client_.untraceable("another process traces the command");
    if (tries > 50'000) return client_.untraceable("the command does not become traceable");
    const timespec moment{0, tries < 40 ? 20'000 : 200'000};
    nanosleep(&moment, nullptr);
  }
  auto task = std::make_unique<Task>(pid);
  task->phase = Task::Phase::attaching;
  task->released = released;
  task->process = pid;
  tasks_[pid] = std::move(task);
  ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
}

void Tracer::handle(pid_t tid, int status) {
  if (!WIFSTOPPED(status)) return ended(tid, status);
  std::unique_ptr<Task>& slot = tasks_[tid];
  int signal = WSTOPSIG(status), event = status >> 16;
  if (!slot) {
    slot = std::make_unique<Task>(tid);  // attached by the kernel when it was made
    if (events_) slot->process = Caller(tid).process();
    if (event == kEventStop && signal == SIGTRAP && set_out(*slot)) return;
    if (wants(RV_RING_CLONE) && event == kEventStop && !expected_.erase(tid)) {
      slot->signal = signal;
      unborn_.insert(tid);
      return;
    }
  }
  Task& task = *slot;
  if (event) return at_event(task, event, signal);
  if (signal == (SIGTRAP | 0x80)) return at_syscall(task);
  if (wants(RV_RING_SIGNAL)) return at_signal(task, signal);
  release(task, signal);
}

void Tracer::ended(pid_t tid, int status) {
  auto found = tasks_.find(tid);
  unborn_.erase(tid);
  expected_.erase(tid);
  if (found != tasks_.end()) {
    bury(*found->second, status);
    tasks_.erase(found);
  }
  // Whoever was killed before it could say whom it had made leaves them to nobody.
  if (!unborn_.empty())
    for (pid_t child : std::exchange(unborn_, {})) {
      unborn_.insert(child);
      be_born(child);
    }
  Claim claim(lock_);
  std::erase_if(tokens_, [tid](const Token& token) { return token.tid == tid; });
  if (!commands_.erase(tid)) return;
  ends_.emplace_back(tid, status);
  const uint64_t one = 1;
  ssize_t ignored = write(ends_ready_.get(), &one, sizeof one);
  (void)ignored;
}

// The thread is no more.
void Tracer::bury(Task& task, int status) {
  drop(task);
  if (task.event) std::exchange(task.event, nullptr)->stands.store(false);
  if (pid_t child = std::exchange(task.child, 0)) be_born(child);
  // Where it was killed too quickly to stop before its end.
  if (!wants(RV_RING_EXITED) || std::exchange(task.exited, true)) return;
  Happening what;
  what.event.kind = RV_RING_EXITED;
  what.event.process = static_cast<uint32_t>(task.process);
  what.event.number = static_cast<uint32_t>(status);
  what.event.detail = last_of_process(task);
  auto gone = std::make_shared<Stop>(task.tid);
  gone->stands.store(false);
  client_.happened(std::move(gone), std::move(what));
}

// On from a stop that is none of ours. A thread that is being killed no longer obeys: its end is on the way.
void Tracer::release(Task& task, int signal) { ptrace(task.resume, task.tid, nullptr, signal); }

void Tracer::at_event(Task& task, int event, int signal) {
  switch (event) {
    case PTRACE_EVENT_SECCOMP: return at_seccomp(task);
    case PTRACE_EVENT_EXEC: return at_exec(task);
    case PTRACE_EVENT_EXIT: return at_end(task);
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
      if (wants(RV_RING_CLONE) && task.phase != Task::Phase::injected) return at_birth(task, event);  // but for couriers
      break;
    case kEventStop:
      // A group stop lasts until SIGCONT, and the thread may be killed or continued meanwhile.
      if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
        ptrace(PTRACE_LISTEN, task.tid, nullptr, nullptr);
        return;
      }
      if (task.standing) return at_standstill(task);
      if (set_out(task)) return;
      if (task.phase == Task::Phase::attaching) {
        task.phase = Task::Phase::running;
        if (ptrace(PTRACE_POKEDATA, task.tid, task.released, 1L) && errno != ESRCH) client_.untraceable(strerror(errno));
      }
  }
  release(task);
}

void Tracer::interrupt_now(Order order) {
  auto found = tasks_.find(order.pid);
  const bool free = found != tasks_.end() && found->second->phase == Task::Phase::running && !found->second->standing && !found->second->event;
  if (!free || ptrace(PTRACE_INTERRUPT, order.pid, nullptr, nullptr)) return order.stands(nullptr);
  // Where its call waits no more it stands for a moment, and for nobody.
  if (!order.leave()) return order.stands(nullptr);
  found->second->standing = std::move(order.stands);
}

void Tracer::at_standstill(Task& task) {
  user_regs_struct regs;
  if (ptrace(PTRACE_GETREGS, task.tid, nullptr, &regs)) return;  // killed meanwhile
  task.phase = Task::Phase::exit;
  task.resume = PTRACE_CONT;
  task.regs = regs;
  task.made = task.executed = false;
  task.stop = std::make_shared<Stop>(task.tid);
  task.stop->call = call_of(regs);
  task.stop->stack = regs.rsp;
  std::exchange(task.standing, nullptr)(task.stop);
  serve(task);
}

// A thread is seen for the first time. The registers that it was started with say what it is: as it has made no call, a courier's table of
// descriptors is still its own, whoever's copy it is.
bool Tracer::set_out(Task& task) {
  user_regs_struct regs;
  if (couriers_.empty() || task.phase != Task::Phase::running || ptrace(PTRACE_GETREGS, task.tid, nullptr, &regs)) return false;
  auto known = [&](const std::shared_ptr<Courier>& one) { return regs.orig_rax == SYS_clone && !regs.rax && regs.rdi == kCourierFlags && regs.r8 == one->mark; };
  auto found = std::find_if(couriers_.begin(), couriers_.end(), known);
  if (found == couriers_.end()) return false;
  std::shared_ptr<Courier> courier = std::move(*found);
  couriers_.erase(found);
  set_arguments(regs, courier->args);
  regs.orig_rax = courier->nr;
  task.expected = regs;
  regs.orig_rax = ~0ULL;
  regs.rax = courier->nr;
  regs.rip -= kSyscallInstruction;
  task.exited = true;  // of which nobody is told
  task.phase = Task::Phase::entering;
  task.done = courier->returns;
  task.courier = std::move(courier);
  task.resume = PTRACE_SYSCALL;
  ptrace(PTRACE_SETREGS, task.tid, nullptr, &regs);
  release(task);
  return true;
}

// A courier ends.
void Tracer::dismiss(Task& task, const user_regs_struct& returned) {
  user_regs_struct regs = returned;
  regs.orig_rax = ~0ULL;
  regs.rax = SYS_exit;
  regs.rdi = 0;
  regs.rip -= kSyscallInstruction;
  task.phase = Task::Phase::running;
  task.resume = PTRACE_CONT;
  ptrace(PTRACE_SETREGS, task.tid, nullptr, &regs);
  release(task);
}

// The thread stands until this has been told.
void Tracer::tell(Task& task, Happening what, int signal) {
  what.event.process = static_cast<uint32_t>(task.process);
  task.event = std::make_shared<Stop>(task.tid);
  task.signal = signal;
  client_.happened(task.event, std::move(what));
}

void Tracer::at_signal(Task& task, int signal) {
  Happening what;
  what.event.kind = RV_RING_SIGNAL;
  what.event.number = static_cast<uint32_t>(signal);
  siginfo_t info{};
  static_assert(sizeof info == sizeof what.event.info);
  ptrace(PTRACE_GETSIGINFO, task.tid, nullptr, &info);
  memcpy(what.event.info, &info, sizeof info);
  tell(task, std::move(what), signal);
}

void Tracer::at_birth(Task& parent, int event) {
  unsigned long child = 0;
  user_regs_struct regs;
  if (ptrace(PTRACE_GETEVENTMSG, parent.tid, nullptr, &child) || ptrace(PTRACE_GETREGS, parent.tid, nullptr, &regs)) return;
  Happening what;
  what.event.kind = RV_RING_CLONE;
  what.event.number = static_cast<uint32_t>(child);
  what.event.flags = regs.orig_rax == SYS_clone ? regs.rdi : ~0ULL;
  bool thread = Caller(static_cast<pid_t>(child)).process() != static_cast<pid_t>(child);
  what.event.detail = thread ? RV_RING_THREAD : event == PTRACE_EVENT_VFORK ? RV_RING_VFORK : RV_RING_FORK;
  parent.child = static_cast<pid_t>(child);
  tell(parent, std::move(what), 0);
}

void Tracer::be_born(pid_t tid) {
  auto found = tasks_.find(tid);
  if (!unborn_.erase(tid)) {
    if (found == tasks_.end()) expected_.insert(tid);
    return;
  }
  at_event(*found->second, kEventStop, std::exchange(found->second->signal, 0));
}

bool Tracer::last_of_process(const Task& task) const {
  for (const auto& [tid, other] : tasks_)
    if (other.get() != &task && other->process == task.process && !other->exited) return false;
  return true;
}

// A thread ends, and has not yet: it can be looked at for the last time.
void Tracer::at_end(Task& task) {
  unsigned long status = 0;
  if (ptrace(PTRACE_GETEVENTMSG, task.tid, nullptr, &status)) return;
  drop(task);
  if (task.courier) return release(task);
  Happening what;
  what.event.kind = RV_RING_EXITED;
  what.event.number = static_cast<uint32_t>(status);
  what.event.detail = last_of_process(task);
  task.exited = true;
  tell(task, std::move(what), 0);
}

void Tracer::at_seccomp(Task& task) {
  using Phase = Task::Phase;
  if (task.phase == Phase::injected) return release(task);  // a call that is traced itself: decided before it was injected
  user_regs_struct regs;
  if (ptrace(PTRACE_GETREGS, task.tid, nullptr, &regs)) return;
  if (task.phase == Phase::returning && same_call(regs, task.regs)) {
    task.phase = Phase::entry;
    return serve(task);
  }
  if (task.phase != Phase::running) drop(task);
  if (regs.orig_rax == SYS_clone && regs.rdi & CLONE_UNTRACED && regs.cs == kCode64) {
    // Made again without the flag, so that the filter, and whoever stands at the call, see what happens.
    regs.rdi &= ~static_cast<uint64_t>(CLONE_UNTRACED);
    regs.rip -= kSyscallInstruction;
    regs.rax = regs.orig_rax;
    regs.orig_rax = ~0ULL;
    ptrace(PTRACE_SETREGS, task.tid, nullptr, &regs);
    return release(task);
  }
  task.phase = Phase::entry;
  task.resume = PTRACE_CONT;
  task.regs = regs;
  task.made = task.executed = false;
  task.stop = std::make_shared<Stop>(task.tid);
  task.stop->call = call_of(regs);
  if (foreign_) {
    __ptrace_syscall_info info;
    long size = ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), task.tid, sizeof info, &info);
    if (size < static_cast<long>(offsetof(__ptrace_syscall_info, seccomp)) + 56) return;  // killed meanwhile
    task.stop->call.arch = info.arch;
    memcpy(task.stop->call.args, info.seccomp.args, sizeof task.stop->call.args);
  }
  task.stop->stack = regs.rsp;
  client_.trapped(task.stop);
}

void Tracer::at_syscall(Task& task) {
  using Phase = Task::Phase;
  user_regs_struct regs;
  if (ptrace(PTRACE_GETREGS, task.tid, nullptr, &regs)) return;
  switch (task.phase) {
    case Phase::entering:
      if (!same_call(regs, task.expected)) break;
      task.phase = Phase::injected;
      if (task.courier) task.courier->sets_out(task.tid);
      return release(task);
    case Phase::injected: {
      task.phase = Phase::exit;
      auto result = static_cast<int64_t>(regs.rax);
      if (Injected done = std::exchange(task.done, nullptr)) done(true, is_restart(result) ? -EINTR : result);
      return task.courier ? dismiss(task, regs) : serve(task);
    }
    case Phase::calling:
      task.phase = Phase::exit;
      task.made = true;
      task.after = regs;
      if (!task.executed) {
        // The guest finds its registers as the kernel leaves them; a call that is to be restarted is the one that it made.
        rv_call own = call_of(task.regs);
        for (unsigned i = 0; i < 6; i++) set_argument(task.after, i, own.args[i]);
        task.after.orig_rax = task.regs.orig_rax;
      }
      if (task.returning) {
        Returning& returning = *task.returning;
        returning.returned(std::move(task.returning), static_cast<int64_t>(regs.rax));
        return serve(task);
      }
      return go_on(task, task.after);
    default: break;
  }
  drop(task);
  release(task);
}

void Tracer::at_exec(Task& stopped) {
  pid_t tid = stopped.tid;
  unsigned long former = 0;
  ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &former);
  // The thread that executes takes the number of its process's first thread, whose end is not told.
  if (auto other = tasks_.find(static_cast<pid_t>(former)); static_cast<pid_t>(former) != tid && other != tasks_.end()) {
    stopped.masked = false;  // its number is another thread's now
    bury(stopped, 0);
    tasks_[tid] = std::move(other->second);
    tasks_.erase(other);
    tasks_[tid]->tid = tid;
    if (tasks_[tid]->stop) tasks_[tid]->stop->tid = tid;
  }
  Task& task = *tasks_[tid];
  {
    Claim claim(lock_);
    std::erase_if(tokens_, [&](const Token& token) { return token.tid == tid || token.tid == static_cast<pid_t>(former); });
  }
  task.executed = true;
  std::unique_ptr<Becoming> becoming = std::exchange(task.becoming, nullptr);
  if (task.phase != Task::Phase::calling) drop(task);
  user_regs_struct regs;
  if (guarded_) {
    if (ptrace(PTRACE_GETREGS, tid, nullptr, &regs)) return;  // killed meanwhile
    if (!becoming || !becoming->became(tid, regs)) {
      if (ptrace(PTRACE_GETREGS, tid, nullptr, &regs)) return;
      return client_.untraceable("a program was executed that is not the one that was decided on");  // and stands for ever
    }
  }
  if (hide_vdso_ && !ptrace(PTRACE_GETREGS, tid, nullptr, &regs) && !hide_vdso(task, regs)) {
    if (ptrace(PTRACE_GETREGS, tid, nullptr, &regs)) return;  // killed meanwhile
    return client_.untraceable("the vDSO of a program could not be hidden: a program that cannot be read cannot be traced");
  }
  if (!wants(RV_RING_EXEC)) return release(task);
  Happening what;
  what.event.kind = RV_RING_EXEC;
  what.event.number = static_cast<uint32_t>(former);
  what.path = program_of(Caller(tid));
  tell(task, std::move(what), 0);
}

// Programs find the vDSO by an entry of the auxiliary vector.
bool Tracer::hide_vdso(Task& task, const user_regs_struct& regs) {
  if (regs.cs != kCode64) return true;  // no program of ours to serve: its calls are refused
  GuestMemory memory(task.tid);
  AuxiliaryEntry entry;
  if (!find_auxiliary(memory, regs, AT_SYSINFO_EHDR, entry)) return false;
  const uint64_t nothing = AT_IGNORE;
  return !entry.address || !memory.write_all(entry.address, &nothing, sizeof nothing);
}

// Orders, as long as the thread stands.
void Tracer::serve(Task& task) {
  while (task.stands() && !task.orders.empty()) {
    Order order = std::move(task.orders.front());
    task.orders.pop_front();
    if (!execute(task, order)) task.orders.push_front(std::move(order));
  }
}

// False where the thread has to come back to its call first.
bool Tracer::execute(Task& task, Order& order) {
  using Phase = Task::Phase;
  using Kind = Order::Kind;
  const bool odd = task.regs.rip >= kVsyscall && task.regs.rip < kVsyscallEnd;  // no instruction to go back to, and no stop on the way out
  user_regs_struct regs = task.regs;
  switch (order.kind) {
    case Kind::answer:
      if (task.made) return true;
      regs.orig_rax = ~0ULL;
      regs.rax = static_cast<uint64_t>(order.raw);
      go_on(task, regs);
      return true;
    case Kind::unmask:
      unmask(task);
      return true;
    case Kind::restart:
      if (task.made) return true;
      unmask(task);
      // The kernel looks at this result, and at the number, on the way out: where the thread stops once more.
      regs.rax = static_cast<uint64_t>(kRestartSystem);
      if (task.phase == Phase::exit) {
        go_on(task, regs);
        return true;
      }
      regs.orig_rax = ~0ULL;
      task.phase = Phase::calling;
      task.resume = PTRACE_SYSCALL;
      ptrace(PTRACE_SETREGS, task.tid, nullptr, &regs);
      release(task);
      return true;
    case Kind::again:
      if (task.made) return true;
      regs.rip -= kSyscallInstruction;
      regs.rax = regs.orig_rax;
      regs.orig_rax = ~0ULL;
      go_on(task, regs);
      return true;
    case Kind::finish:
      if (!task.made) return true;
      regs = task.after;
      if (!is_restart(static_cast<int64_t>(regs.rax)) && !task.executed) regs.rax = static_cast<uint64_t>(order.raw);
      go_on(task, regs);
      return true;
    case Kind::dispatch:
      std::erase_if(couriers_, [](const std::shared_ptr<Courier>& one) { return one.use_count() == 1; });  // for whom nobody waits any more
      order.nr = SYS_clone;
      order.registers = {kCourierFlags, 0, 0, 0, order.courier->mark, 0};
      couriers_.push_back(std::move(order.courier));
      [[fallthrough]];
    case Kind::install:
    case Kind::inject:
      if (odd || task.executed) {
        order.done(true, -ENOSYS);
        return true;
      }
      if (!task.masked && !ptrace(PTRACE_GETSIGMASK, task.tid, sizeof task.mask, &task.mask)) {
        uint64_t all = kAllSignals;
        task.masked = !ptrace(PTRACE_SETSIGMASK, task.tid, sizeof all, &all);
      }
      if (task.made) regs = task.after;
      set_arguments(regs, order.registers);
      if (order.kind == Kind::install) order.nr = kBounced;
      regs.orig_rax = order.nr;
      task.expected = regs;
      if (order.kind == Kind::install) bounce(task, call_of(regs), order);
      if (task.phase == Phase::entry) {
        task.phase = Phase::injected;
      } else {
        task.phase = Phase::entering;
        regs.orig_rax = ~0ULL;
        regs.rax = order.nr;
        regs.rip -= kSyscallInstruction;
      }
      task.done = std::move(order.done);
      task.resume = PTRACE_SYSCALL;
      ptrace(PTRACE_SETREGS, task.tid, nullptr, &regs);
      release(task);
      return true;
    case Kind::proceed:
    case Kind::give:
      if (task.made) return true;
      if (odd && (order.changed || order.returning || order.becoming || order.kind == Kind::give)) {
        regs.orig_rax = ~0ULL;
        regs.rax = static_cast<uint64_t>(-ENOSYS);
        go_on(task, regs);
        return true;
      }
      if (task.phase == Phase::exit) {
        come_back(task);
        return false;
      }
      if (order.kind == Kind::give) {
        bounce(task, task.stop->call, order);
        regs.orig_rax = kBounced;
      }
      for (unsigned i = 0; i < 6; i++)
        if (order.changed >> i & 1) set_argument(regs, i, order.registers[i]);
      if (task.regs.orig_rax == SYS_clone) regs.rdi &= ~static_cast<uint64_t>(CLONE_UNTRACED);
      if (task.regs.orig_rax == SYS_clone3) {  // whose flags lie in memory
        regs = task.regs;
        regs.orig_rax = ~0ULL;
        regs.rax = static_cast<uint64_t>(-ENOSYS);
        go_on(task, regs);
        return true;
      }
      if (!order.changed && !order.returning && !order.becoming) {
        if (order.kind == Kind::give) {
          go_on(task, regs);
        } else {
          drop(task);
          release(task);
        }
        return true;
      }
      unmask(task);
      task.returning = std::move(order.returning);
      task.becoming = std::move(order.becoming);
      task.phase = Phase::calling;
      task.resume = PTRACE_SYSCALL;
      ptrace(PTRACE_SETREGS, task.tid, nullptr, &regs);
      release(task);
      return true;
    case Kind::attach:
    case Kind::interrupt:
    case Kind::resume: break;
  }
  return true;
}

// Leaves what the listener is to find when this call comes there.
void Tracer::bounce(const Task& task, const rv_call& call, Order& order) {
  Claim claim(lock_);
  auto own = [&](const Token& token) { return token.tid == task.tid; };
  if (std::count_if(tokens_.begin(), tokens_.end(), own) >= static_cast<long>(kTokensEach)) tokens_.erase(std::find_if(tokens_.begin(), tokens_.end(), own));
  tokens_.push_back({task.tid, call, {std::move(order.fd), order.flags}});
}

// The thread makes its own call once more, to stop before it.
void Tracer::come_back(Task& task) {
  user_regs_struct regs = task.regs;
  regs.rip -= kSyscallInstruction;
  regs.rax = regs.orig_rax;
  regs.orig_rax = ~0ULL;
  task.phase = Task::Phase::returning;
  task.resume = PTRACE_CONT;
  ptrace(PTRACE_SETREGS, task.tid, nullptr, &regs);
  release(task);
}

// The stop is over: the thread goes on with these registers.
void Tracer::go_on(Task& task, const user_regs_struct& regs) {
  user_regs_struct copy = regs;
  ptrace(PTRACE_SETREGS, task.tid, nullptr, &copy);
  drop(task);
  release(task);
}

void Tracer::unmask(Task& task) {
  if (task.masked) ptrace(PTRACE_SETSIGMASK, task.tid, sizeof task.mask, &task.mask);
  task.masked = false;
}

// Nothing more is wanted of this thread: who waits for something is told, or finds that it is gone.
void Tracer::drop(Task& task) {
  unmask(task);
  task.phase = Task::Phase::running;
  task.resume = PTRACE_CONT;
  if (std::shared_ptr<Stop> stop = std::exchange(task.stop, nullptr)) stop->stands.store(false);
  if (Injected done = std::exchange(task.done, nullptr)) done(false, 0);
  if (Standing standing = std::exchange(task.standing, nullptr)) standing(nullptr);
  task.returning.reset();
  task.becoming.reset();
  for (Order& order : std::exchange(task.orders, {}))
    if (order.done) order.done(false, 0);
}

}  // namespace rvisor
