// SPDX-License-Identifier: Apache-2.0
#include "warden.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capabilities.h"
#include "cgroup.h"
#include "channel.h"
#include "plan.h"
#include "protocol.h"
#include "confinement.h"
#include "interception.h"
#include "kmod.h"
#include "landlock.h"
#include "layers.h"
#include "listener.h"
#include "sentry.h"
#include "state.h"

namespace rvisor {
namespace {

struct Namespace {
  int flag;
  const char* name;
};
constexpr Namespace kNamespaces[] = {{CLONE_NEWUSER, "user"}, {CLONE_NEWNS, "mount"}, {CLONE_NEWIPC, "ipc"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWNET, "net"}};

long fork_into(int flags) { return syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, 0); }

Status read_plan(Plan& plan) {
  struct stat st;
  if (fstat(kPlanFd, &st)) return fail("plan", "", errno);
  if (st.st_size <= 0 || st.st_size > 256 << 20) return fail("plan", "", EFBIG);
  void* text = mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ, MAP_PRIVATE, kPlanFd, 0);
  if (text == MAP_FAILED) return fail("plan", "", errno);
  Status status = parse_plan({static_cast<const char*>(text), static_cast<size_t>(st.st_size)}, plan);
  munmap(text, static_cast<size_t>(st.st_size));
  return status;
}

// A command, or an interpreter, that is a link to /proc/self/exe executes this very program inside the sandbox, and the guest
// can then reach the host's file of it through /proc/<pid>/exe (CVE-2019-5736). Landlock refuses that execution; where it will
// not hold, everything goes on from a sealed copy in memory.
Status leave_own_file(const Plan& plan) {
  if (plan.landlock && landlock_abi() > 0) return std::nullopt;
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  Fd self(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self.valid()) return fail("exec", "/proc/self/exe", errno);
  int seals = fcntl(self.get(), F_GET_SEALS);
  if (seals >= 0 && (seals & kSeals) == kSeals) return std::nullopt;
  struct stat st;
  Fd copy(memfd_create("rvisor-sentry", MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10 /* MFD_EXEC, Linux 6.3 */));
  if (!copy.valid() && errno == EINVAL) copy.reset(memfd_create("rvisor-sentry", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy.valid() || fstat(self.get(), &st)) return fail("exec", "rvisor-sentry", errno);
  for (off_t left = st.st_size; left > 0;) {
    ssize_t moved = sendfile(copy.get(), self.get(), nullptr, static_cast<size_t>(left));
    if (moved <= 0) return fail("exec", "rvisor-sentry", moved ? errno : EIO);
    left -= moved;
  }
  if (fcntl(copy.get(), F_ADD_SEALS, kSeals)) return fail("exec", "rvisor-sentry", errno);
  char name[] = "rvisor-sentry";
  char* argv[] = {name, nullptr};
  fexecve(copy.get(), argv, environ);
  return fail("exec", "rvisor-sentry", errno, "cannot run from memory");
}

Status write_file(const std::string& path, const std::string& text) {
  Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid() || write(fd.get(), text.data(), text.size()) < 0) return fail("id-map", path.substr(path.rfind('/') + 1), errno);
  return std::nullopt;
}

std::string format(const std::vector<IdMap>& maps) {
  std::string text;
  for (const IdMap& map : maps) text += std::to_string(map.inside) + " " + std::to_string(map.outside) + " " + std::to_string(map.count) + "\n";
  return text;
}

// user_namespaces(7): without CAP_SETGID in the parent namespace setgroups must be denied before the gid map is written.
Status write_maps(pid_t pid, const Plan& plan) {
  std::string base = "/proc/" + std::to_string(pid);
  if (!has_capability(CAP_SETGID))
    if (Status s = write_file(base + "/setgroups", "deny")) return s;
  if (Status s = write_file(base + "/uid_map", format(plan.uid_map))) return s;
  return write_file(base + "/gid_map", format(plan.gid_map));
}

// Which of the namespaces was refused: tried one by one in children that end at once.
Failure diagnose(int flags, int err) {
  int given = 0;
  for (const Namespace& ns : kNamespaces) {
    if (!(flags & ns.flag)) continue;
    given |= ns.flag;
    long pid = fork_into(given);
    if (pid == 0) _exit(0);
    if (pid < 0) return fail("namespaces", ns.name, errno);
    waitpid(static_cast<pid_t>(pid), nullptr, 0);
  }
  return fail("namespaces", "all together", err);
}

class Warden {
 public:
  int run() {
    prctl(PR_SET_NAME, "rvisor-warden");
    // Whatever the guest leaves behind comes to us when the sentry is gone, so that we can wait for it.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    // Whatever the host's own dispositions were: an ignored SIGCHLD would take our children's ends from us.
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    setsid();  // signals of the caller's terminal are not for us
    if (chdir("/")) return 1;
    // Sentry and init go on without an exec: what the host left open beyond the contract must not live on in them.
    close_range(kRingFd + kRingFds, ~0U, 0);
    if (Status s = launch()) {
      EventStream events(kEventsFd);
      events.line(event_failed(0, *s));
      events.drain(kControlFd);
      end();
      return 1;
    }
    watch();
    end();
    return 0;
  }

 private:
  Status launch() {
    if (Status s = read_plan(plan_)) return s;
    if (Status s = leave_own_file(plan_)) return s;
    close(kPlanFd);
    if (plan_.interception && !plan_.interception->module && !listener_available()) {
      plan_.interception->notifies = false;
      if (!plan_.interception->trace) plan_.interception->trace.emplace();
    }
    if (plan_.translated)
      if (Status s = make_state(plan_, plan_.state, state_)) return s;
    Fd device;
    if (plan_.interception && plan_.interception->module)
      if (Status s = KernelModule::open(device)) return s;
    if (plan_.command.tty)
      for (int i = 0; i < 3; i++) close(kFirstGuestFd + i);
    Limits limits = plan_.limits;
    if (limits.processes) *limits.processes += interception_tasks(plan_);
    if (Status s = cgroups_.create(plan_.id, limits, plan_.translated || plan_.host_uid() == 0)) return s;
    if (!cgroups_.paths().empty()) EventStream(kEventsFd).line(event_cgroups(cgroups_.paths()));
    CgroupEntry entry;
    if (Status s = cgroups_.open_entry(entry)) return s;

    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return fail("namespaces", "socketpair", errno);
    Fd ours(ends[0]), theirs(ends[1]);
    bool user = !plan_.translated && plan_.user_namespace != Plan::UserNamespace::none;
    int flags = plan_.translated ? 0 : CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | (plan_.net_namespace && !without("net") ? CLONE_NEWNET : 0);
    pid_t self = getpid();
    long pid = fork_into(flags | (user ? CLONE_NEWUSER : 0));
    if (pid < 0 && user && plan_.user_namespace == Plan::UserNamespace::automatic && geteuid() == 0 && has_capability(CAP_SYS_ADMIN)) {
      // Root on a host without user namespaces: the other namespaces need no permission. All capabilities are dropped either way.
      user = false;
      pid = fork_into(flags);
    }
    if (pid < 0) return diagnose(flags | (user ? CLONE_NEWUSER : 0), errno);
    if (pid == 0) {
      ours.reset();
      std::array<Fd, 3> stdio;
      if (!plan_.command.tty)
        for (int i = 0; i < 3; i++) stdio[static_cast<size_t>(i)].reset(kFirstGuestFd + i);
      Ring ring;
      if (plan_.interception && !plan_.interception->handlers.empty()) {
        ring.memory.reset(kRingFd);
        for (unsigned i = 0; i < RV_RING_SOCKETS; i++) ring.sockets[i].reset(kRingFd + 1 + static_cast<int>(i));
      }
      run_sentry({plan_, user, Fd(kControlFd), Fd(kEventsFd), std::move(theirs), self, std::move(stdio), cgroups_.open_gauges(), std::move(entry), std::move(ring), std::move(state_), std::move(device)});
    }
    sentry_ = static_cast<pid_t>(pid);
    theirs.reset();
    channel_ = std::move(ours);
    if (!plan_.command.tty)
      for (int i = 0; i < 3; i++) close(kFirstGuestFd + i);
    if (plan_.interception && !plan_.interception->handlers.empty())
      for (int i = 0; i < kRingFds; i++) close(kRingFd + i);
    Status status = user ? write_maps(sentry_, plan_) : std::nullopt;
    if (status) return abandon(*status);
    sentry_fd_.reset(static_cast<int>(syscall(SYS_pidfd_open, sentry_, 0)));
    if (!sentry_fd_.valid()) return abandon(fail("namespaces", "pidfd_open", errno));
    if (int err = send_packet(channel_.get(), "go")) return abandon(fail("namespaces", "sentry", err));
    // From here on the sentry works on its own; this process only waits.
    cgroups_.sweep();
    if (plan_.translated) sweep_states(plan_.temporary);
    if (prctl(PR_SET_DUMPABLE, 0)) return abandon(fail("credentials", "dumpable", errno));
    if (Status s = confine_self(Role::warden)) return abandon(*s);
    return std::nullopt;
  }

  Failure abandon(Failure failure) {
    kill(sentry_, SIGKILL);
    return failure;
  }

  // Until the sentry is gone. The host's end of the control socket closing means that the host is gone.
  void watch() {
    for (bool host = true;;) {
      pollfd wait[] = {{sentry_fd_.get(), POLLIN, 0}, {host ? kControlFd : -1, 0, 0}};
      if (poll(wait, 2, -1) < 0) continue;
      if (wait[0].revents) return;
      if (wait[1].revents) {
        host = false;
        kill(sentry_, SIGKILL);
      }
    }
  }

  // The sentry, and by inheritance init and what it left, are waited for; then nothing of ours remains.
  void end() {
    while (wait4(-1, nullptr, __WALL, nullptr) > 0 || errno == EINTR) {}
    cgroups_.remove();
    if (state_.valid()) remove_state(plan_.state, state_.get());
    EventStream events(kEventsFd);
    events.line(event_end());
    events.drain(kControlFd);
  }

  Plan plan_;
  Cgroups cgroups_;
  pid_t sentry_ = 0;
  Fd sentry_fd_, channel_, state_;
};

}  // namespace

int run_warden() { return Warden().run(); }

}  // namespace rvisor
