// SPDX-License-Identifier: Apache-2.0
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <map>
#include <memory>

#include "capabilities.h"
#include "channel.h"
#include "desk.h"
#include "guest.h"
#include "kin.h"
#include "interception.h"
#include "kmod.h"
#include "landlock.h"
#include "layers.h"
#include "protocol.h"
#include "tracer.h"
#include "translated_init.h"
#include "view.h"
#include "waits.h"

namespace rvisor {
namespace {

constexpr int kCountsMs = 200;  // how often counts of refusals that were not reported one by one are passed on

class Init : public Refusals, public TraceClient {
 public:
  explicit Init(InitContext context) : context_(std::move(context)) {}

  void run() {
    prctl(PR_SET_NAME, "rvisor-init");
    // The sentry may already be gone: then its end of the channel is closed and nothing is received.
    if (!without("parent-death")) prctl(PR_SET_PDEATHSIG, SIGKILL);
    int abi = 0;
    if (Status s = prepare(abi)) return give_up(*s);
    // Namespaces are complete and the guest's filter is built. Nothing comes from a sentry that failed, or is gone.
    Packet filter;
    if (receive_packet(channel(), filter, true) != Received::packet) return;
    filter_.resize(filter.text.size() / sizeof(sock_filter));
    memcpy(filter_.data(), filter.text.data(), filter_.size() * sizeof(sock_filter));
    std::string layers = context_.plan.translated ? "translated seccomp" : "pid mount ipc uts cgroup seccomp";
    if (abi) layers += " landlock:" + std::to_string(abi);
    if (context_.plan.interception && context_.plan.interception->notifies) layers += " notify";
    if (tracer_) layers += " ptrace";
    if (module_) layers += " kmod";
    if (!report({Report::Kind::ready, 0, 0, {}, layers}, raw(uppers_))) return;
    uppers_.clear();
    start(0, context_.plan.command, std::move(context_.stdio));
    loop();
  }

  void refused(const Violation& violation) override {
    if (!tell({Report::Kind::violation, 0, 0, {}, event_violation(violation)})) interception_->suppress(kind_of(violation.call), violation.rule);
  }

  bool suppressed(uint32_t nr, uint32_t rule, uint64_t count) override { return tell({Report::Kind::violation, 0, 0, {}, event_suppressed(nr, rule, count)}); }

  void trapped(std::shared_ptr<Stop> stop) override { interception_->trapped(std::move(stop)); }

  void happened(std::shared_ptr<Stop> stop, Happening what) override { interception_->happened(std::move(stop), std::move(what)); }

  void untraceable(const char* why) override { kill_guest(true, std::string("it cannot be traced: ") + why); }

  void kill_guest(bool handler, const std::string& reason) override { report({Report::Kind::forbidden, 0, handler, {}, reason}); }

 private:
  struct Child {
    uint32_t id;
    bool starting = true, failed = false;
    Fd status;  // end of file: the program runs; bytes: why it does not
    Fd ready;   // traced: a byte when it is about to become traceable
  };

  int channel() const { return context_.channel.get(); }

  static std::vector<int> raw(const std::vector<Fd>& fds) {
    std::vector<int> result;
    for (const Fd& fd : fds) result.push_back(fd.get());
    return result;
  }

  // Without waiting for the sentry; false when it has not read what was told before.
  bool tell(const Report& report) { return send_packet(channel(), encode_report(report), {}, false) == 0; }

  bool report(const Report& report, const std::vector<int>& fds = {}) { return send_packet(channel(), encode_report(report), fds) == 0; }

  void give_up(const Failure& failure) {
    Report message{Report::Kind::failed, 0, 0, failure, {}};
    report(message);
  }

  Status prepare(int& abi) {
    const Plan& plan = context_.plan;
    if (Status s = context_.entry.enter()) return s;
    spare_nobody();
    // The caller's session keyring (its tickets and disk keys) would be inherited. A second layer behind the filter, which
    // refuses keyctl(2): a host that refuses it to us, or has no quota left for a key, refuses the guest too.
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
    if (plan.translated) {
      if (Status s = translated_.build(plan, context_.state)) return s;
    } else {
      if (unshare(CLONE_NEWCGROUP) && errno != EINVAL) return fail("namespaces", "cgroup", errno);
      if (Status s = build_view(plan, context_.in_user_namespace, uppers_)) return s;
    }
    if (Status s = drop_privileges(plan.uid, plan.gid)) return s;
    if (!without("parent-death")) prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of credentials forgets it
    if (plan.translated) {
      if (Status s = translated_.restrict(plan, abi)) return s;
    } else if (plan.landlock) {
      if (Status s = restrict_by_landlock(*plan.landlock, plan.host_uid() == 0, abi)) return s;
    }
    if (plan.interception) {
      bool handlers = !plan.interception->handlers.empty();
      if (handlers)
        if (Status s = desk_.open(std::move(context_.ring.memory), std::move(context_.ring.sockets))) return s;
      if (plan.interception->trace) {
        if (Status s = Tracer::check()) return s;
        Tracer::prepare();
        uint32_t events = 0;
        for (const Handler& handler : plan.interception->handlers)
          if (handler.event) events |= 1U << handler.event;
        tracer_ = std::make_unique<Tracer>(*this, plan.interception->trace->hide_vdso, events, !plan.interception->notifies, plan.translated);
      }
      interception_ = std::make_unique<Interception>(*plan.interception, *this, handlers ? &desk_ : nullptr, tracer_.get(), filter_);
      if (Status s = interception_->validate()) return s;
      if (plan.translated)
        if (Status s = translated_.serve(*tracer_, *interception_)) return s;
      if (plan.interception->notifies) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return fail("seccomp", "socketpair", errno);
        listeners_.reset(ends[0]);
        listeners_out_.reset(ends[1]);
      }
    }
    if (plan.interception && plan.interception->module) {
      module_ = std::make_unique<KernelModule>(std::move(context_.device));
      if (Status s = module_->begin(*plan.interception->module)) return s;
    }
    Waits::prepare();
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, nullptr);
    signals_.reset(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_.valid()) return fail("exec", "signalfd", errno);
    // Only now: its thread has what init has given up and blocked.
    if (plan.interception && !plan.interception->handlers.empty())
      if (Status s = desk_.start()) return s;
    if (module_) return interception_->serve(*module_);
    if (!tracer_) return std::nullopt;
    if (Status s = interception_->start()) return s;
    return tracer_->start();
  }

  // A host program that the kernel is to spare when memory runs out (proc_pid_oom_score_adj(5)) does not spare its guest. To raise it
  // takes no right; where /proc cannot be written the value is the host's to begin with.
  static void spare_nobody() {
    char text[16] = "";
    Fd file(open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
    if (file.valid() && read(file.get(), text, sizeof text - 1) > 0 && text[0] == '-') {
      ssize_t ignored = pwrite(file.get(), "0", 1, 0);
      (void)ignored;
    }
  }

  Status open_terminal(const Terminal& size, Fd& master, Fd& slave) {
    const char* path = context_.plan.translated ? "/dev/ptmx" : "/dev/pts/ptmx";
    master.reset(open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master.valid()) return fail("terminal", path, errno);
    int unlock = 0;
    if (ioctl(master.get(), TIOCSPTLCK, &unlock)) return fail("terminal", path, errno);
    slave.reset(ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave.valid()) return fail("terminal", "/dev/pts", errno);
    winsize window{};
    window.ws_col = size.columns;
    window.ws_row = size.rows;
    if (ioctl(slave.get(), TIOCSWINSZ, &window)) return fail("terminal", "/dev/pts", errno);
    return std::nullopt;
  }

  void start(uint32_t id, const Command& command, std::array<Fd, 3> stdio) {
    Fd master, slave;
    if (command.tty) {
      if (Status s = open_terminal(*command.tty, master, slave)) return refuse(id, *s);
    }
    Fd directory;
    if (context_.plan.translated)
      if (Status s = translated_.find_directory(command.cwd, directory)) return refuse(id, *s);
    int status[2], gate[2];
    if (pipe2(status, O_CLOEXEC)) return refuse(id, fail("exec", "pipe", errno));
    Fd status_read(status[0]), status_write(status[1]);
    if (pipe2(gate, O_CLOEXEC)) return refuse(id, fail("exec", "pipe", errno));
    Fd gate_read(gate[0]), gate_write(gate[1]);
    Fd ready_read, ready_write;
    if (tracer_) {
      int ready[2];
      if (pipe2(ready, O_CLOEXEC)) return refuse(id, fail("exec", "pipe", errno));
      ready_read.reset(ready[0]);
      ready_write.reset(ready[1]);
    }
    const pid_t init = getpid();
    pid_t pid = tracer_ ? tracer_->fork_command(fork) : fork();
    if (pid < 0) return refuse(id, fail("exec", command.argv[0], errno));
    if (pid == 0) {
      gate_write.reset();
      report({Report::Kind::child, id, 0, {}, {}});  // tells the sentry this process's pid in the host, by its credentials
      char byte;
      while (read(gate_read.get(), &byte, 1) < 0 && errno == EINTR) {}
      std::array<int, 3> fds{};
      for (int i = 0; i < 3; i++) fds[static_cast<size_t>(i)] = command.tty ? slave.get() : stdio[static_cast<size_t>(i)].get();
      GuestContext guest{context_.plan.limits, filter_, listeners_out_.get(), tracer_ != nullptr, ready_write.get(), status_write.get(), directory.get(), translated_.ruleset(), context_.plan.translated ? init : 0, context_.supervisors};
      Failure why = enter_command(guest, command, fds);
      std::string text = encode_report({Report::Kind::failed, id, 0, why, {}});
      ssize_t ignored = write(status_write.get(), text.data(), text.size());
      (void)ignored;
      _exit(127);
    }
    if (module_) {
      if (Status s = interception_->enroll(*module_, pid)) {
        kill(pid, SIGKILL);  // it waits at the gate
        return refuse(id, *s);
      }
    }
    if (command.tty) report({Report::Kind::pty, id, 0, {}, {}}, {master.get()});
    children_.emplace(pid, Child{id, true, false, std::move(status_read), std::move(ready_read)});
  }

  void refuse(uint32_t id, const Failure& failure) { report({Report::Kind::failed, id, 0, failure, {}}); }

  void loop() {
    for (;;) {
      std::vector<pollfd> wait{{channel(), POLLIN, 0}, {tracer_ ? tracer_->ends_fd() : signals_.get(), POLLIN, 0}, {listeners_.get(), POLLIN, 0}};
      const size_t fixed = wait.size();
      std::vector<pid_t> starting;
      for (auto& [pid, child] : children_) {
        if (!child.starting) continue;
        wait.push_back({child.status.get(), POLLIN, 0});
        wait.push_back({child.ready.get(), POLLIN, 0});
        starting.push_back(pid);
      }
      int patience = interception_ ? interception_->watch(wait) : -1;
      if (patience < 0 && interception_ && interception_->suppressing()) patience = kCountsMs;
      int ready = poll(wait.data(), wait.size(), patience);
      if (ready < 0 && errno != EINTR) return;
      if (interception_) interception_->look();
      if (interception_) interception_->flush();
      if (ready < 0) continue;
      if (wait[2].revents) serve_listener();
      for (size_t i = 0; i < starting.size(); i++) {
        if (wait[2 * i + fixed + 1].revents) trace(starting[i]);
        if (wait[2 * i + fixed].revents) settle(starting[i]);
      }
      if (wait[1].revents) reap();
      if (wait[0].revents && !serve()) return;
    }
  }

  // A new command's filter wants answers.
  void serve_listener() {
    Packet packet;
    if (receive_packet(listeners_.get(), packet, false) != Received::packet || packet.fds.size() != 1) return;
    // Without a thread its calls would wait for ever: closing the listener makes them fail with ENOSYS.
    if (Status s = interception_->serve(std::move(packet.fds[0]))) report({Report::Kind::forbidden, 0, 0, {}, s->message});
  }

  // A command is about to wait for the tracer, unless it has died before.
  void trace(pid_t pid) {
    Child& child = children_.at(pid);
    char byte;
    if (read(child.ready.get(), &byte, 1) == 1) tracer_->attach(pid, released());
    child.ready.reset();
  }

  // The program has started, or told why not.
  void settle(pid_t pid) {
    Child& child = children_.at(pid);
    if (!child.starting) return;
    child.starting = false;
    std::string text;
    char buffer[4096];
    ssize_t size;
    while ((size = read(child.status.get(), buffer, sizeof buffer)) > 0 || (size < 0 && errno == EINTR))
      if (size > 0) text.append(buffer, static_cast<size_t>(size));
    child.status.reset();
    Report failed;
    if (text.empty()) {
      report({Report::Kind::started, child.id, 0, {}, {}});
    } else {
      if (!parse_report(text, failed)) failed = {Report::Kind::failed, child.id, 0, fail("exec", "", EIO), {}};
      report(failed);
      child.failed = true;  // its exit is no news
    }
  }

  void reap() {
    if (tracer_) {
      for (auto& [pid, status] : tracer_->take_ends()) ended(pid, status);
      return;
    }
    signalfd_siginfo info;
    while (read(signals_.get(), &info, sizeof info) > 0) {}
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0;) ended(pid, status);
  }

  void ended(pid_t pid, int status) {
    auto found = children_.find(pid);
    if (found == children_.end()) return;  // an orphan of the guest
    settle(pid);
    if (interception_) interception_->settle();
    if (!found->second.failed) report({Report::Kind::exit, found->second.id, status, {}, {}});
    children_.erase(found);
  }

  bool serve() {
    for (;;) {
      Packet packet;
      Received received = receive_packet(channel(), packet, false, true);
      if (received == Received::nothing) return true;
      if (received == Received::closed) return false;
      Request request;
      std::string error;
      if (!parse_request(packet.text, request, error)) continue;  // the sentry has checked it already
      if (request.op == Request::Op::exec && received == Received::broken) {
        // The guest has our uid and may lower our limits (prlimit(2)): it shall not keep the host waiting.
        refuse(request.id, fail("exec", "descriptors", EMFILE, "no room for descriptors: the guest has lowered init's limits"));
      } else if (request.op == Request::Op::exec) {
        std::array<Fd, 3> stdio;
        for (size_t i = 0; i < 3 && i < packet.fds.size(); i++) stdio[i] = std::move(packet.fds[i]);
        start(request.id, request.command, std::move(stdio));
      } else if (request.op == Request::Op::signal) {
        signal_guest(request);
      }
    }
  }

  void signal_guest(const Request& request) {
    int rc = -1, err = ESRCH;
    if (request.scope == Request::Scope::all) {
      if (context_.plan.translated) {
        err = signal_kin(request.signal, 0, [](pid_t) { return true; });
        rc = err ? -1 : 0;
      } else {
        rc = kill(-1, request.signal);  // from pid 1: every process of the guest but init itself
        err = errno;
      }
    } else {
      for (auto& [pid, child] : children_) {
        if (child.id != request.id || child.failed) continue;
        rc = kill(request.scope == Request::Scope::group ? -pid : pid, request.signal);
        err = errno;
      }
    }
    if (rc && err == ESRCH) return;  // ended meanwhile: its exit is on the way
    if (rc) report({Report::Kind::refused, request.id, 0, {}, strerror(err)});
  }

  InitContext context_;
  Filter filter_;
  Fd signals_;
  std::vector<Fd> uppers_;
  TranslatedInit translated_;
  Desk desk_;
  std::unique_ptr<Tracer> tracer_;
  std::unique_ptr<KernelModule> module_;
  std::unique_ptr<Interception> interception_;
  Fd listeners_, listeners_out_;  // listeners come in, and are sent by new commands
  std::map<pid_t, Child> children_;
};

}  // namespace

void run_init(InitContext context) {
  Init(std::move(context)).run();
  _exit(0);
}

}  // namespace rvisor
