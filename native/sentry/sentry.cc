// SPDX-License-Identifier: Apache-2.0
#include "sentry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
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
#include "interception.h"
#include "kmod.h"
#include "layers.h"
#include "processes.h"
#include "protocol.h"
#include "relay.h"
#include "confinement.h"
#include "filter.h"

namespace rvisor {
namespace {

constexpr size_t kMaxDetail = 1024;
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
    if (!without("parent-death")) prctl(PR_SET_PDEATHSIG, SIGKILL);
    Packet go;  // the id maps are written
    if (receive_packet(context_.warden.get(), go, true) != Received::packet) return;
    if (Status s = set_up()) {
      if (init_ > 0) kill(init_, SIGKILL);
      while (waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {}
      events_.line(event_failed(0, *s));
      events_.drain(context_.control.get());
      return;
    }
    loop();
    finish();
  }

 private:
  struct Exec {
    int pid = 0;         // in the host
    bool terminal = false;  // asked for
    bool pty = false;       // granted
    bool started = false;
    bool ended = false;
  };

  Status set_up() {
    const Plan& plan = context_.plan;
    if (Status s = divert_output()) return s;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return fail("exec", "socketpair", errno);
    Fd ours(ends[0]), theirs(ends[1]);
    int on = 1;
    if (setsockopt(ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on)) return fail("exec", "SO_PASSCRED", errno);
    // Opened now: once init has built the view, /proc here is the guest's, where settings are read-only.
    Fd ports = open_setting(plan.net_namespace && !plan.translated, "net/ipv4/ip_unprivileged_port_start");
    // A second layer behind the filter, whatever gap it may have (clone3 has its flags in memory). user_namespaces(7): the limit of a
    // namespace holds for all its users.
    Fd nested = open_setting(context_.in_user_namespace && !plan.nested_namespaces, "user/max_user_namespaces");
    const Fd& group = context_.entry.directory;
    long pid = fork_init(group, plan.translated);
    if (pid < 0) return group.valid() && errno != EPERM && errno != ENOSPC ? fail("cgroup", "init", errno) : fail("namespaces", "pid", errno);
    if (pid == 0) begin_init(std::move(theirs));
    init_ = static_cast<pid_t>(pid);
    started_ms_ = now_ms();
    for (Fd& fd : context_.stdio) fd.reset();  // or a reader would never see the end
    context_.entry = {};
    context_.ring = {};
    context_.device.reset();
    theirs.reset();
    channel_ = std::move(ours);
    init_fd_.reset(static_cast<int>(syscall(SYS_pidfd_open, init_, 0)));
    if (!init_fd_.valid()) return fail("exec", "pidfd_open", errno);

    // While init builds the view: the rest of the namespaces, and the filters (libseccomp takes a millisecond or two).
    if (Status s = configure_network(ports)) return s;
    if (!plan.translated) {
      if (sethostname(plan.hostname.data(), plan.hostname.size())) return fail("namespaces", "hostname", errno);
      if (setdomainname("", 0)) return fail("namespaces", "domain name", errno);
    }
    if (Status s = write_setting(nested)) return s;
    Filter filter;
    if (plan.interception && plan.interception->module) {
      filter = module_filter();
    } else if (plan.seccomp_program.empty()) {
      if (Status s = build_filter(plan, filter)) return s;
    } else {
      filter.resize(plan.seccomp_program.size() / sizeof(sock_filter));
      memcpy(filter.data(), plan.seccomp_program.data(), plan.seccomp_program.size());
    }
    // Init may go on once it has the guest's filter. Where it has failed before that its report is in the channel already.
    std::string_view program{reinterpret_cast<const char*>(filter.data()), filter.size() * sizeof(sock_filter)};
    int sent = send_packet(channel_.get(), program);
    if (sent && sent != EPIPE && sent != ECONNRESET) return fail("exec", "init", sent);
    if (plan.seccomp_share) {
      Fd memory;
      if (int err = seal_text(program, memory)) return fail("seccomp", "memfd", err);
      if (int err = send_packet(context_.control.get(), grant_filter(), {memory.get()})) return fail("protocol", "host", err);
    }

    Packet packet;
    if (receive_packet(channel_.get(), packet, true) != Received::packet) return init_gone();
    Report report;
    if (!parse_report(packet.text, report)) return fail("protocol", "init", EIO);
    if (report.kind == Report::Kind::failed) return report.failure;
    layers_ = report.text;
    if (context_.in_user_namespace) layers_ += " user";
    if (plan.net_namespace && !plan.translated) layers_ += " net";
    if (context_.gauges.version) layers_ += " cgroup-v" + std::to_string(context_.gauges.version);
    overlays_ = packet.fds.size();
    if (overlays_) {
      std::vector<int> fds;
      for (const Fd& fd : packet.fds) fds.push_back(fd.get());
      if (int err = send_packet(context_.control.get(), grant_overlays(overlays_), fds)) return fail("protocol", "host", err);
      packet.fds.clear();
    }
    execs_[0].terminal = plan.command.tty.has_value();

    // From here on: the guest's identity, no capability, its root, and a filter of our own.
    if (chdir("/")) return fail("chdir", "/", errno);
    proc_.reset(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (Status s = arm_timers()) return s;
    if (Status s = drop_privileges(plan.uid, plan.gid)) return s;
    if (!without("parent-death")) prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (relay_)
      if (Status s = relay_->start()) return s;
    if (getppid() != context_.warden_pid) _exit(1);
    return confine_self(Role::sentry);
  }

  // Straight into its control group where that is a v2 one.
  static long fork_init(const Fd& group, bool translated) {
    clone_args args{};
    args.flags = (translated || without("pid") ? 0 : CLONE_NEWPID) | (group.valid() ? CLONE_INTO_CGROUP : 0);
    args.exit_signal = SIGCHLD;
    args.cgroup = group.valid() ? static_cast<uint64_t>(group.get()) : 0;
    long pid = syscall(SYS_clone3, &args, sizeof args);
    // A container's seccomp profile may not know it: the group is then entered like any other.
    return pid < 0 && errno == ENOSYS && translated && !group.valid() ? syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0) : pid;
  }

  [[noreturn]] void begin_init(Fd channel) {
    std::vector<int> kept{channel.get()};
    for (const Fd& fd : context_.stdio) kept.push_back(fd.get());
    for (const auto& [name, fd] : context_.entry.tasks) kept.push_back(fd.get());
    kept.push_back(context_.ring.memory.get());
    for (const Fd& fd : context_.ring.sockets) kept.push_back(fd.get());
    kept.push_back(context_.state.get());
    kept.push_back(context_.device.get());
    close_all_but(std::move(kept));  // the host's sockets, gauges, pipes of the relay, and the warden's
    unsigned supervisors = 2 + static_cast<unsigned>(relay_ ? relay_->threads() : 0) + interception_tasks(context_.plan);
    bool by_rlimit = limits_.processes && !context_.gauges.counts_processes;
    run_init({context_.plan, context_.in_user_namespace, by_rlimit ? supervisors : 0, std::move(channel), std::move(context_.stdio), std::move(context_.entry), std::move(context_.state), std::move(context_.ring), std::move(context_.device)});
  }

  // Init was killed before it could say anything; what a control group knows explains it.
  Failure init_gone() {
    if (context_.gauges.oom_kills() > 0) return fail("cgroup", "memory", ENOMEM, "the memory limit is too small to start anything in");
    return fail("exec", "init", EPIPE, "the guest's init was killed during set-up");
  }

  // A loopback of the guest's own, where any port may be bound without a capability.
  Status configure_network(const Fd& ports) {
    if (!context_.plan.net_namespace || context_.plan.translated || without("net")) return std::nullopt;
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (!socket.valid() || ioctl(socket.get(), SIOCSIFFLAGS, &request)) return fail("namespaces", "loopback", errno);
    return write_setting(ports);
  }

  // A setting of the guest's own namespaces. Read-only in some containers: then low ports stay closed to the guest, which it is told by
  // EACCES, and the filter alone keeps it from nested user namespaces.
  static Fd open_setting(bool wanted, const char* name) { return wanted ? Fd(open((std::string("/proc/sys/") + name).c_str(), O_WRONLY | O_CLOEXEC)) : Fd(); }

  static Status write_setting(const Fd& setting) {
    if (setting.valid() && write(setting.get(), "0", 1) < 0) return fail("namespaces", "setting", errno);
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
      bool take = !events_.crowded();
      pollfd wait[kSlots] = {{take && !unsent_ ? context_.control.get() : -1, POLLIN, 0},
                             {take ? channel_.get() : -1, static_cast<short>(POLLIN | (unsent_ ? POLLOUT : 0)), 0},
                             {init_fd_.get(), POLLIN, 0},         {context_.warden.get(), POLLIN, 0},
                             {wall_.get(), POLLIN, 0},            {tick_.get(), POLLIN, 0},
                             {relay_ ? relay_->exceeded() : -1, POLLIN, 0}, {events_.pending() ? events_.fd() : -1, POLLOUT, 0}};
      if (poll(wait, kSlots, -1) < 0) {
        if (errno == EINTR) continue;
        return;
      }
      if (wait[kEvents].revents) events_.flush();
      if (wait[kChannel].revents & ~POLLOUT && !hear_init()) return;
      if (wait[kChannel].revents & POLLOUT) pass_on(*std::exchange(unsent_, std::nullopt));
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
    if (limits_.cpu_time_ms && !without("clock") && cpu_ms() >= static_cast<double>(*limits_.cpu_time_ms)) return end_guest("cpuTime"), false;
    return true;
  }

  // Whose descendants the guest's processes are, where /proc shows others too.
  pid_t own_tree() const { return context_.plan.translated ? init_ : 0; }

  double cpu_ms() {
    double counted = context_.gauges.cpu_ms();
    return counted >= 0 ? counted : cpu_time_ms(proc_.get(), own_tree());
  }

  // False when init is gone. What it says is believed no more than what a guest would say: nothing but the ids of commands
  // that the host asked for, and no more than fits.
  bool hear_init() {
    while (!events_.crowded()) {
      Packet packet;
      switch (receive_packet(channel_.get(), packet, false)) {
        case Received::nothing: return true;
        case Received::closed: return false;
        case Received::broken: continue;
        case Received::packet: break;
      }
      Report report;
      if (!parse_report(packet.text, report)) continue;
      auto found = execs_.find(report.id);
      if (found == execs_.end() || found->second.ended) continue;
      Exec& exec = found->second;
      switch (report.kind) {
        case Report::Kind::child: exec.pid = packet.sender; break;
        case Report::Kind::pty:
          if (!exec.terminal || exec.pty || packet.fds.empty()) break;
          // Not waiting: a host that takes no grants must not stop the clocks of its guest.
          exec.pty = send_packet(context_.control.get(), grant_pty(report.id), {packet.fds[0].get()}, false) == 0;
          break;
        case Report::Kind::started:
          announce(report.id);
          break;
        case Report::Kind::failed:
          events_.line(event_failed(report.id, report.failure));
          if (report.id == 0) return main_failed_ = true, false;
          execs_.erase(found);
          break;
        case Report::Kind::exit:
          if (report.id == 0) {
            main_status_ = report.status;
            return exec.ended = main_ended_ = true;
          }
          events_.line(event_exit(report.id, report.status, reason_of(report.status), detail_, nullptr));
          execs_.erase(found);
          break;
        case Report::Kind::refused: {
          Request request{};
          request.op = Request::Op::signal;
          request.id = report.id;
          events_.line(event_refused(request, report.text));
          break;
        }
        case Report::Kind::violation:
          if (is_event(report.text)) events_.line(report.text);
          break;
        case Report::Kind::forbidden:
          if (reason_.empty()) detail_ = report.text.substr(0, kMaxDetail);
          end_guest(report.status ? "handler" : "syscall");
          break;
        case Report::Kind::ready: break;
      }
    }
    return true;
  }

  // Every command's exit comes after this.
  void announce(uint32_t id) {
    Exec& exec = execs_[id];
    if (std::exchange(exec.started, true)) return;
    events_.line(event_started({id, exec.pid, exec.pty, init_, getpid(), id == 0 ? overlays_ : 0, layers_}));
  }

  std::string reason_of(int status) const {
    if (!reason_.empty()) return reason_;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) return "syscall";
    return {};
  }

  // False when the host is gone.
  bool hear_host() {
    while (!unsent_ && !events_.crowded()) {
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
    return true;
  }

  void serve(const Request& request, Packet& packet) {
    switch (request.op) {
      case Request::Op::processes: events_.line(event_processes(request.seq, list_processes(proc_.get(), own_tree()))); return;
      case Request::Op::kill: return end_guest(request.reason.c_str());
      case Request::Op::signal:
        if (request.scope != Request::Scope::all && !running(request.id)) {
          events_.line(event_refused(request, "no such command is running"));
          return;
        }
        break;
      case Request::Op::exec:
        if (request.id <= last_exec_) return events_.line(event_refused(request, "ids of commands must ascend"));
        if (packet.fds.size() != (request.command.tty ? 0u : 3u)) return events_.line(event_refused(request, "three descriptors, or a terminal, are needed"));
        last_exec_ = request.id;
        execs_[request.id].terminal = request.command.tty.has_value();
        break;
    }
    pass_on(std::move(packet));
  }

  // To init, which may be busy telling us something: neither waits for the other.
  void pass_on(Packet packet) {
    std::vector<int> fds;
    for (const Fd& fd : packet.fds) fds.push_back(fd.get());
    int err = send_packet(channel_.get(), packet.text, fds, false);
    if (err == EAGAIN) unsent_ = std::move(packet);  // its being gone is seen elsewhere
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
    if (relay_) deliver();
    if (main_failed_) return events_.drain(context_.control.get());
    announce(0);  // a limit or a forbidden call may end it before init could say that it runs

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
      if (id != 0 && exec.started && !exec.ended) events_.line(event_exit(id, SIGKILL, reason_.empty() ? "killed" : reason_, detail_, nullptr));
    events_.line(event_exit(0, main_ended_ ? main_status_ : SIGKILL, reason_of(main_ended_ ? main_status_ : SIGKILL), detail_, &usage));
    events_.drain(context_.control.get());
  }

  // What the guest left in the pipes is still delivered, however slowly the host reads, unless the host is gone or asks
  // (again) for the end.
  void deliver() {
    for (;;) {
      pollfd wait[] = {{relay_->finished(), POLLIN, 0}, {context_.control.get(), POLLIN, 0}, {events_.pending() ? events_.fd() : -1, POLLOUT, 0}};
      if (poll(wait, 3, -1) < 0) continue;
      if (wait[2].revents) events_.flush();
      if (wait[0].revents || (wait[1].revents && !hear_late())) return;
    }
  }

  bool hear_late() {
    Packet packet;
    Received received = receive_packet(context_.control.get(), packet, false, true);
    if (received == Received::nothing) return true;
    if (received == Received::closed) return false;
    Request request{};
    std::string error;
    if (received == Received::broken || !parse_request(packet.text, request, error)) return true;
    if (request.op == Request::Op::kill) return false;
    events_.line(event_refused(request, "the guest has ended"));
    return true;
  }

  SentryContext context_;
  EventStream events_;
  const Limits& limits_;
  std::unique_ptr<Relay> relay_;
  Fd channel_, init_fd_, wall_, tick_, proc_;
  pid_t init_ = 0;
  std::map<uint32_t, Exec> execs_;  // those that have not ended
  uint32_t last_exec_ = 0;
  std::optional<Packet> unsent_;   // to init
  std::string layers_, reason_, detail_;
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
