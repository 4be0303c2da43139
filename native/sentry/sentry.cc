// SPDX-License-Identifier: Apache-2.0
#include "sentry.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <map>
#include <memory>

#include "capabilities.h"
#include "channel.h"
#include "init.h"
#include "processes.h"
#include "protocol.h"
#include "relay.h"
#include "filter.h"

namespace rvisor {
namespace {

constexpr long kTickMs = 50;  // how often memory kills and CPU time are looked at, where the policy limits them

double now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

bool same_file(int a, int b) {
  struct stat x, y;
  return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

class Sentry {
 public:
  explicit Sentry(SentryContext context)
      : context_(std::move(context)), events_(context_.events.get()), limits_(context_.plan.limits) {}

  void run() {
    prctl(PR_SET_NAME, "rvisor-sentry");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Packet go;  // the id maps are written
    if (receive_packet(context_.warden.get(), go, true) != Received::packet) return;
    if (Status s = set_up()) {
      if (init_ > 0) kill(init_, SIGKILL);
      while (waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {}
      events_.line(event_failed(0, *s));
      events_.drain();
      return;
    }
    loop();
    finish();
  }

 private:
  struct Exec {
    int pid = 0;         // in the host
    bool pty = false;
    bool started = false;
    bool ended = false;
  };

  Status set_up() {
    const Plan& plan = context_.plan;
    if (Status s = configure_network()) return s;
    if (sethostname(plan.hostname.data(), plan.hostname.size())) return fail("namespaces", "hostname", errno);
    Filter filter;
    if (Status s = build_filter(plan, filter)) return s;
    if (Status s = divert_output()) return s;

    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return fail("exec", "socketpair", errno);
    Fd ours(ends[0]), theirs(ends[1]);
    int on = 1;
    if (setsockopt(ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on)) return fail("exec", "SO_PASSCRED", errno);
    long pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, nullptr, nullptr, nullptr, 0);
    if (pid < 0) return fail("namespaces", "pid", errno);
    if (pid == 0) {
      ours.reset();
      context_.control.reset();
      context_.events.release();
      close(events_.fd());
      context_.warden.reset();
      bool nproc = limits_.processes && !context_.gauges.counts_processes;
      run_init({plan, filter, context_.in_user_namespace, nproc, std::move(theirs), std::move(context_.stdio)});
    }
    init_ = static_cast<pid_t>(pid);
    started_ms_ = now_ms();
    for (Fd& fd : context_.stdio) fd.reset();  // or a reader would never see the end
    theirs.reset();
    channel_ = std::move(ours);
    init_fd_.reset(static_cast<int>(syscall(SYS_pidfd_open, init_, 0)));
    if (!init_fd_.valid()) return fail("exec", "pidfd_open", errno);

    // The warden moves init into the control groups, then init may begin.
    if (int err = send_packet(context_.warden.get(), std::to_string(init_))) return fail("cgroup", "warden", err);
    Packet moved;
    if (receive_packet(context_.warden.get(), moved, true) != Received::packet) return fail("cgroup", "warden", EPIPE);
    if (moved.text != "ok") {
      Report why;
      if (parse_report(moved.text, why)) return why.failure;
      return fail("cgroup", "init", EIO);
    }
    if (int err = send_packet(channel_.get(), "go")) return fail("exec", "init", err);

    Packet packet;
    if (receive_packet(channel_.get(), packet, true) != Received::packet) return init_died();
    Report report;
    if (!parse_report(packet.text, report)) return fail("protocol", "init", EIO);
    if (report.kind == Report::Kind::failed) return report.failure;
    layers_ = report.text;
    if (context_.in_user_namespace) layers_ += " user";
    if (plan.net_namespace) layers_ += " net";
    if (context_.gauges.version) layers_ += " cgroup-v" + std::to_string(context_.gauges.version);
    overlays_ = packet.fds.size();
    if (overlays_) {
      std::vector<int> fds;
      for (const Fd& fd : packet.fds) fds.push_back(fd.get());
      if (int err = send_packet(context_.control.get(), grant_overlays(overlays_), fds)) return fail("protocol", "host", err);
    }
    execs_[0].pty = plan.command.tty.has_value();

    // From here on: the guest's identity, no capability, its root, and a filter of our own.
    if (chdir("/")) return fail("chdir", "/", errno);
    proc_.reset(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (Status s = arm_timers()) return s;
    if (Status s = drop_privileges(plan.uid, plan.gid)) return s;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (relay_)
      if (Status s = relay_->start()) return s;
    if (getppid() != context_.warden_pid) _exit(1);
    return confine_self(Role::sentry);
  }

  // Init was killed before it could say anything; what a control group knows explains it.
  Failure init_died() {
    if (context_.gauges.oom_kills() > 0) return fail("cgroup", "memory", ENOMEM, "the memory limit is too small to start anything in");
    return fail("exec", "init", EPIPE, "the guest's init was killed during set-up");
  }

  // A loopback of the guest's own, where any port may be bound without a capability.
  Status configure_network() {
    if (!context_.plan.net_namespace) return std::nullopt;
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (!socket.valid() || ioctl(socket.get(), SIOCSIFFLAGS, &request)) return fail("namespaces", "loopback", errno);
    Fd ports(open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY | O_CLOEXEC));
    // Read-only in some containers: then low ports stay closed to the guest, and it is told so by EACCES.
    if (ports.valid() && write(ports.get(), "0", 1) < 0) return std::nullopt;
    return std::nullopt;
  }

  Status divert_output() {
    if (!limits_.output || context_.plan.command.tty) return std::nullopt;
    relay_ = std::make_unique<Relay>(*limits_.output);
    bool joined = same_file(context_.stdio[1].get(), context_.stdio[2].get());
    Fd out;
    if (Status s = relay_->add(std::move(context_.stdio[1]), out)) return s;
    if (joined) {  // 2>&1: one pipe keeps the order
      context_.stdio[2].reset(fcntl(out.get(), F_DUPFD_CLOEXEC, 3));
      if (!context_.stdio[2].valid()) return fail("output", "dup", errno);
    } else {
      Fd err;
      if (Status s = relay_->add(std::move(context_.stdio[2]), err)) return s;
      context_.stdio[2] = std::move(err);
    }
    context_.stdio[1] = std::move(out);
    return std::nullopt;
  }

  static Status arm(Fd& timer, uint64_t first_ms, uint64_t every_ms) {
    timer.reset(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    auto split = [](uint64_t ms) { return timespec{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1000000}; };
    itimerspec when{split(every_ms), split(first_ms ? first_ms : 1)};
    if (!timer.valid() || timerfd_settime(timer.get(), 0, &when, nullptr)) return fail("limits", "timer", errno);
    return std::nullopt;
  }

  Status arm_timers() {
    if (limits_.wall_time_ms)
      if (Status s = arm(wall_, *limits_.wall_time_ms, 0)) return s;
    if (limits_.cpu_time_ms || limits_.memory)
      if (Status s = arm(tick_, kTickMs, kTickMs)) return s;
    return std::nullopt;
  }

  enum Slot { kControl, kChannel, kInit, kWarden, kWall, kTick, kOutput, kEvents, kSlots };

  void loop() {
    while (!main_ended_) {
      pollfd wait[kSlots] = {{context_.control.get(), POLLIN, 0}, {channel_.get(), POLLIN, 0},
                             {init_fd_.get(), POLLIN, 0},         {context_.warden.get(), POLLIN, 0},
                             {wall_.get(), POLLIN, 0},            {tick_.get(), POLLIN, 0},
                             {relay_ ? relay_->exceeded() : -1, POLLIN, 0}, {events_.pending() ? events_.fd() : -1, POLLOUT, 0}};
      if (poll(wait, kSlots, -1) < 0) {
        if (errno == EINTR) continue;
        return;
      }
      if (wait[kEvents].revents) events_.flush();
      if (wait[kChannel].revents && !hear_init()) return;
      if (wait[kInit].revents) return;
      if (wait[kWarden].revents) return;  // it sends nothing any more: it is gone
      if (wait[kControl].revents && !hear_host()) return;
      if (wait[kWall].revents) return end_guest("wallTime");
      if (wait[kTick].revents && !check_limits()) return;
      if (wait[kOutput].revents) return end_guest("output");
    }
  }

  void end_guest(const char* reason) {
    if (reason_.empty()) reason_ = reason;
    syscall(SYS_pidfd_send_signal, init_fd_.get(), SIGKILL, nullptr, 0);
  }

  bool check_limits() {
    uint64_t expirations;
    if (read(tick_.get(), &expirations, sizeof expirations) < 0) return true;
    if (limits_.memory && context_.gauges.oom_kills() > 0) return end_guest("memory"), false;
    if (limits_.cpu_time_ms && cpu_ms() >= static_cast<double>(*limits_.cpu_time_ms)) return end_guest("cpuTime"), false;
    return true;
  }

  double cpu_ms() {
    double counted = context_.gauges.cpu_ms();
    return counted >= 0 ? counted : cpu_time_ms(proc_.get());
  }

  // False when init is gone.
  bool hear_init() {
    for (;;) {
      Packet packet;
      switch (receive_packet(channel_.get(), packet, false)) {
        case Received::nothing: return true;
        case Received::closed: return false;
        case Received::broken: continue;
        case Received::packet: break;
      }
      Report report;
      if (!parse_report(packet.text, report)) continue;
      Exec& exec = execs_[report.id];
      switch (report.kind) {
        case Report::Kind::child: exec.pid = packet.sender; break;
        case Report::Kind::pty:
          exec.pty = true;
          if (!packet.fds.empty()) send_packet(context_.control.get(), grant_pty(report.id), {packet.fds[0].get()});
          break;
        case Report::Kind::started:
          exec.started = true;
          events_.line(event_started({report.id, exec.pid, exec.pty, init_, getpid(), report.id == 0 ? overlays_ : 0, layers_}));
          break;
        case Report::Kind::failed:
          exec.ended = true;
          events_.line(event_failed(report.id, report.failure));
          if (report.id == 0) return main_failed_ = true, false;
          break;
        case Report::Kind::exit:
          exec.ended = true;
          if (report.id == 0) {
            main_status_ = report.status;
            main_ended_ = true;
            return true;
          }
          events_.line(event_exit(report.id, report.status, reason_of(report.status), nullptr));
          break;
        case Report::Kind::refused: {
          Request request{};
          request.op = Request::Op::signal;
          request.id = report.id;
          events_.line(event_refused(request, report.text));
          break;
        }
        case Report::Kind::ready: break;
      }
    }
  }

  std::string reason_of(int status) const {
    if (!reason_.empty()) return reason_;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) return "syscall";
    return {};
  }

  // False when the host is gone.
  bool hear_host() {
    for (;;) {
      Packet packet;
      switch (receive_packet(context_.control.get(), packet, false, true)) {
        case Received::nothing: return true;
        case Received::closed: return false;
        case Received::broken: {
          events_.line(event_refused({}, "the request is damaged"));
          continue;
        }
        case Received::packet: break;
      }
      Request request{};
      std::string error;
      if (!parse_request(packet.text, request, error)) {
        events_.line(event_refused(request, error));
        continue;
      }
      serve(request, packet);
    }
  }

  void serve(const Request& request, Packet& packet) {
    switch (request.op) {
      case Request::Op::processes: events_.line(event_processes(request.seq, list_processes(proc_.get()))); return;
      case Request::Op::kill: return end_guest(request.reason.c_str());
      case Request::Op::signal:
        if (request.scope != Request::Scope::all && !running(request.id)) {
          events_.line(event_refused(request, "no such command is running"));
          return;
        }
        break;
      case Request::Op::exec:
        if (execs_.contains(request.id)) return events_.line(event_refused(request, "this id is taken"));
        if (packet.fds.size() != (request.command.tty ? 0u : 3u)) return events_.line(event_refused(request, "three descriptors, or a terminal, are needed"));
        execs_[request.id] = {};
        break;
    }
    std::vector<int> fds;
    for (const Fd& fd : packet.fds) fds.push_back(fd.get());
    if (int err = send_packet(channel_.get(), packet.text, fds)) events_.line(event_refused(request, strerror(err)));
  }

  bool running(uint32_t id) const {
    auto found = execs_.find(id);
    return found != execs_.end() && !found->second.ended;
  }

  // The main command has ended, or must: everything of the guest goes with it.
  void finish() {
    syscall(SYS_pidfd_send_signal, init_fd_.get(), SIGKILL, nullptr, 0);
    int status = 0;
    rusage used{};
    while (wait4(init_, &status, __WALL, &used) < 0 && errno == EINTR) {}
    hear_init();  // what it still said
    double wall = now_ms() - started_ms_;
    if (reason_.empty() && limits_.memory && context_.gauges.oom_kills() > 0) reason_ = "memory";
    if (!main_ended_ && reason_.empty()) reason_ = "sentry";
    if (relay_) relay_->join();
    if (main_failed_) return events_.drain();

    Usage usage;
    usage.wall_ms = wall;
    auto ms = [](const timeval& t) { return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3; };
    usage.user_ms = ms(used.ru_utime);
    usage.system_ms = ms(used.ru_stime);
    usage.max_memory = static_cast<uint64_t>(used.ru_maxrss) * 1024;
    if (uint64_t peak = context_.gauges.memory_peak()) {
      usage.max_memory = peak;
      usage.from_cgroup = true;
    }
    usage.minor_faults = static_cast<uint64_t>(used.ru_minflt);
    usage.major_faults = static_cast<uint64_t>(used.ru_majflt);
    if (relay_) usage.output = relay_->bytes();
    if (context_.gauges.counts_processes) usage.forks_refused = context_.gauges.forks_refused();
    for (auto& [id, exec] : execs_)
      if (id != 0 && exec.started && !exec.ended) events_.line(event_exit(id, SIGKILL, reason_.empty() ? "killed" : reason_, nullptr));
    events_.line(event_exit(0, main_ended_ ? main_status_ : SIGKILL, reason_of(main_ended_ ? main_status_ : SIGKILL), &usage));
    events_.drain();
  }

  SentryContext context_;
  EventStream events_;
  const Limits& limits_;
  std::unique_ptr<Relay> relay_;
  Fd channel_, init_fd_, wall_, tick_, proc_;
  pid_t init_ = 0;
  std::map<uint32_t, Exec> execs_;
  std::string layers_, reason_;
  size_t overlays_ = 0;
  double started_ms_ = 0;
  int main_status_ = 0;
  bool main_ended_ = false, main_failed_ = false;
};

}  // namespace

void run_sentry(SentryContext context) {
  Sentry(std::move(context)).run();
  _exit(0);
}

}  // namespace rvisor
