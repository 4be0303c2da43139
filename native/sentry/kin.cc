// SPDX-License-Identifier: Apache-2.0
// A number may become another process's once the process is gone and waited for. So whoever is to be acted on is held first, by a
// pidfd, then looked at, and then acted on by the pidfd. What has no such form is left to the kernel where the target is the caller's own
// process, which exists as long as it waits here; or where the call tells, and changes nothing.
#include "kin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

namespace rvisor {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;     // PIDFD_THREAD, Linux 6.9
constexpr unsigned kSignalThread = 1;         // PIDFD_SIGNAL_THREAD, likewise
constexpr int kMaxPasses = 16;                // over a guest that makes processes meanwhile
constexpr int kIoprioProcess = 1, kIoprioGroup = 2;

struct Status4 {
  pid_t process = 0, parent = 0, tracer = 0;
  char state = 0;
};

// /proc/<tid>/status: proc_pid_status(5). The name in its first line is the guest's own choice, with line feeds escaped.
bool read_status(pid_t tid, Status4& out) {
  char text[2048];
  Fd file(open(("/proc/" + std::to_string(tid) + "/status").c_str(), O_RDONLY | O_CLOEXEC));
  ssize_t size = file.valid() ? read(file.get(), text, sizeof text - 1) : -1;
  if (size <= 0) return false;
  text[size] = 0;
  auto field = [&](const char* name) -> const char* {
    const char* at = strstr(text, name);
    return at ? at + strlen(name) : "";
  };
  out.state = field("\nState:\t")[0];
  out.process = static_cast<pid_t>(atol(field("\nTgid:\t")));
  out.parent = static_cast<pid_t>(atol(field("\nPPid:\t")));
  out.tracer = static_cast<pid_t>(atol(field("\nTracerPid:\t")));
  return out.process > 0;
}

bool is_own_thread(pid_t tid) { return tid > 0 && access(("/proc/self/task/" + std::to_string(tid)).c_str(), F_OK) == 0; }

bool belongs(const Status4& status, unsigned depth) {
  if (is_own_thread(status.tracer)) return true;
  if (status.state != 'Z' && status.state != 'X') return false;
  if (status.parent == getpid()) return true;
  Status4 parent;
  return depth && read_status(status.parent, parent) && belongs(parent, depth - 1);
}

int send_by(const Fd& pidfd, int signal, siginfo_t* info = nullptr, unsigned flags = 0) {
  return syscall(SYS_pidfd_send_signal, pidfd.get(), signal, info, flags) ? errno : 0;
}

// Holds a process of the guest. A number of one of its threads is taken for it, as kill(2) does.
int hold(pid_t number, Fd& out) {
  if (number <= 0) return ESRCH;
  Status4 status;
  out.reset(static_cast<int>(syscall(SYS_pidfd_open, number, 0)));
  if (!out.valid() && (errno == EINVAL || errno == ENOENT) && read_status(number, status) && status.process != number)
    out.reset(static_cast<int>(syscall(SYS_pidfd_open, status.process, 0)));
  if (!out.valid()) return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? errno : ESRCH;
  if (!is_kin(number)) return ESRCH;
  return send_by(out, 0);  // it was still there, so what was looked at was this one
}

// Signals one thread of the guest. `info`: none for tkill(2).
int signal_thread(pid_t tid, int signal, siginfo_t* info) {
  if (signal < 0 || signal >= _NSIG) return EINVAL;
  Fd thread(static_cast<int>(syscall(SYS_pidfd_open, tid, kPidfdThread)));
  Status4 status;
  if (thread.valid()) {
    if (!is_kin(tid)) return ESRCH;
    return send_by(thread, signal, info, kSignalThread);
  }
  if (errno != EINVAL || !is_kin(tid) || !read_status(tid, status)) return ESRCH;
  // Without pidfds of threads: by both numbers, which must belong together.
  long rc = info ? syscall(SYS_rt_tgsigqueueinfo, status.process, tid, signal, info) : syscall(SYS_tgkill, status.process, tid, signal);
  return rc ? errno : 0;
}

class Act {
 public:
  Act(const rv_call& call, const Caller& caller, const GuestMemory& memory) : a_(call.args), nr_(static_cast<int>(call.nr)), caller_(caller), memory_(memory) {}

  Answer run() {
    switch (nr_) {
      case SYS_kill: return send_signal();
      case SYS_tkill: return to_thread(word(0), word(1), 0);
      case SYS_tgkill: return word(0) == caller_.process() ? Answer::proceed() : to_thread(word(1), word(2), word(0));
      case SYS_rt_sigqueueinfo: return queue_signal();
      case SYS_rt_tgsigqueueinfo: return queue_to_thread();
      case SYS_pidfd_open: return open_pidfd();
      case SYS_pidfd_send_signal: return signal_by_pidfd();
      case SYS_setpriority:
      case SYS_getpriority: return by_kind(PRIO_PROCESS, PRIO_PGRP);
      case SYS_ioprio_set:
      case SYS_ioprio_get: return by_kind(kIoprioProcess, kIoprioGroup);
      case SYS_prlimit64: return limits();
      case SYS_fcntl: return own_descriptor();
      case SYS_prctl: return dumpable();
    }
    return !word(0) || mine(word(0)) || is_kin(word(0)) ? Answer::proceed() : Answer::error(ESRCH);
  }

 private:
  int word(int i) const { return static_cast<int>(a_[i]); }
  bool mine(pid_t number) const { return number == caller_.tid || number == caller_.process(); }
  static Answer result(int err) { return err ? Answer::error(err) : Answer::of(0); }

  Answer send_signal() {
    const pid_t number = word(0);
    const int signal = word(1);
    if (signal < 0 || signal >= _NSIG) return Answer::error(EINVAL);
    if (number == caller_.process()) return Answer::proceed();
    if (number > 0) {
      Fd target;
      if (int err = hold(number, target)) return Answer::error(err);
      return result(send_by(target, signal));
    }
    const pid_t own = caller_.process();
    if (number == -1) return result(signal_kin(signal, 0, [own](pid_t pid) { return pid != own; }));
    const pid_t group = number ? -number : getpgid(own);
    if (group <= 0) return Answer::error(ESRCH);
    return result(signal_kin(signal, own, [group](pid_t pid) { return getpgid(pid) == group; }));
  }

  Answer to_thread(pid_t tid, int signal, pid_t process) {
    Status4 status;
    if (tid <= 0) return Answer::error(EINVAL);
    if (process && (!read_status(tid, status) || status.process != process)) return Answer::error(ESRCH);
    return result(signal_thread(tid, signal, nullptr));
  }

  // What a process may say of itself in a signal to another.
  int read_info(uint64_t address, int signal, siginfo_t& info) const {
    if (int err = memory_.read_all(address, &info, sizeof info)) return err;
    info.si_signo = signal;
    return info.si_code >= 0 || info.si_code == SI_TKILL ? EPERM : 0;
  }

  Answer queue_signal() {
    siginfo_t info;
    Fd target;
    if (word(0) == caller_.process()) return Answer::proceed();
    if (int err = read_info(a_[2], word(1), info)) return Answer::error(err);
    if (int err = hold(word(0), target)) return Answer::error(err);
    return result(send_by(target, word(1), &info));
  }

  Answer queue_to_thread() {
    siginfo_t info;
    Status4 status;
    if (word(0) == caller_.process()) return Answer::proceed();
    if (word(0) <= 0 || word(1) <= 0) return Answer::error(EINVAL);
    if (int err = read_info(a_[3], word(2), info)) return Answer::error(err);
    if (!read_status(word(1), status) || status.process != word(0)) return Answer::error(ESRCH);
    return result(signal_thread(word(1), word(2), &info));
  }

  Answer open_pidfd() {
    Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, word(0), static_cast<unsigned>(word(1)))));
    if (!pidfd.valid()) return Answer::error(errno);
    if (!mine(word(0)) && !is_kin(word(0))) return Answer::error(ESRCH);
    if (int err = send_by(pidfd, 0)) return Answer::error(err);
    return Answer::descriptor(std::move(pidfd), O_CLOEXEC);
  }

  // Sockets give pidfds of whoever is at their other end (SO_PEERPIDFD).
  Answer signal_by_pidfd() {
    Fd pidfd;
    siginfo_t info;
    if (int err = take_descriptor(caller_, word(0), pidfd)) return Answer::error(err);
    char text[1024];
    Fd told(open(("/proc/self/fdinfo/" + std::to_string(pidfd.get())).c_str(), O_RDONLY | O_CLOEXEC));
    ssize_t size = told.valid() ? read(told.get(), text, sizeof text - 1) : 0;
    text[std::max<ssize_t>(size, 0)] = 0;
    const char* line = strstr(text, "\nPid:\t");
    if (!line) return Answer::error(EBADF);
    const auto number = static_cast<pid_t>(atol(line + 6));
    if (number <= 0 || (!mine(number) && !is_kin(number))) return Answer::error(ESRCH);
    if (a_[2]) {
      if (int err = memory_.read_all(a_[2], &info, sizeof info)) return Answer::error(err);
      if (info.si_signo != word(1)) return Answer::error(EINVAL);
      if (info.si_code >= 0 || info.si_code == SI_TKILL) return Answer::error(EPERM);
    }
    return result(send_by(pidfd, word(1), a_[2] ? &info : nullptr, static_cast<unsigned>(word(3))));
  }

  static bool has_group(pid_t group) {
    for (pid_t pid : kin())
      if (getpgid(pid) == group) return true;
    return false;
  }

  // A process, a process group, or all of a user, which is more than the guest.
  Answer by_kind(int process, int group) {
    if (word(0) == process && (!word(1) || mine(word(1)) || is_kin(word(1)))) return Answer::proceed();
    if (word(0) == group && (!word(1) || has_group(word(1)))) return Answer::proceed();
    return Answer::error(word(0) == process || word(0) == group || nr_ == SYS_getpriority || nr_ == SYS_ioprio_get ? ESRCH : EPERM);
  }

  // Of another process of the guest's they are told, and not set: the number could become another's in between.
  Answer limits() {
    if (!word(0) || word(0) == caller_.process()) return Answer::proceed();
    if (!is_kin(word(0))) return Answer::error(ESRCH);
    return a_[2] ? Answer::error(EPERM) : Answer::proceed();
  }

  // Who gets the signals of a descriptor (F_SETOWN). Set by init on the same open file, since the number means a process from then on.
  Answer own_descriptor() {
    f_owner_ex owner{F_OWNER_PID, word(2)};
    if (word(1) == F_SETOWN_EX) {
      if (int err = memory_.read_all(a_[2], &owner, sizeof owner)) return Answer::error(err);
    } else if (word(1) != F_SETOWN) {
      return Answer::proceed();
    } else if (owner.pid < 0) {
      owner = {F_OWNER_PGRP, -owner.pid};
    }
    auto known = [&] { return owner.type == F_OWNER_PGRP ? has_group(owner.pid) : mine(owner.pid) || is_kin(owner.pid); };
    Fd file;
    if (owner.pid < 0) return Answer::error(EINVAL);
    if (int err = take_descriptor(caller_, word(0), file)) return Answer::error(err);
    if (owner.pid && !known()) return Answer::error(ESRCH);
    if (fcntl(file.get(), F_SETOWN_EX, &owner)) return Answer::error(errno);
    if (!owner.pid || known()) return Answer::of(0);
    owner.pid = 0;
    fcntl(file.get(), F_SETOWN_EX, &owner);
    return Answer::error(ESRCH);
  }

  // Init could not look after a process that is not dumpable, as nobody may who has no capability. Nobody else looks at the guest's either way.
  Answer dumpable() {
    if (word(0) != PR_SET_DUMPABLE) return Answer::proceed();
    return a_[1] <= 1 ? Answer::of(0) : Answer::error(EINVAL);
  }

  const uint64_t* a_;
  const int nr_;
  const Caller& caller_;
  const GuestMemory& memory_;
};

constexpr int kCalls[] = {SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_getpgid, SYS_getsid,
                          SYS_setpriority, SYS_getpriority, SYS_ioprio_set, SYS_ioprio_get, SYS_sched_setscheduler, SYS_sched_getscheduler, SYS_sched_setparam,
                          SYS_sched_getparam, SYS_sched_setaffinity, SYS_sched_getaffinity, SYS_sched_setattr, SYS_sched_getattr, SYS_sched_rr_get_interval,
                          SYS_prlimit64, SYS_get_robust_list, SYS_fcntl, SYS_prctl};

}  // namespace

bool is_kin(pid_t tid) {
  Status4 status;
  return tid > 0 && read_status(tid, status) && belongs(status, 8);
}

std::vector<pid_t> kin() {
  std::vector<pid_t> result;
  std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir("/proc"), closedir);
  while (entries) {
    const dirent* entry = readdir(entries.get());
    if (!entry) break;
    auto number = static_cast<pid_t>(atol(entry->d_name));
    if (number > 0 && is_kin(number)) result.push_back(number);
  }
  return result;
}

int signal_kin(int signal, pid_t last, const std::function<bool(pid_t)>& which) {
  std::set<pid_t> done;
  int err = ESRCH;
  auto send = [&](pid_t pid) {
    Fd target;
    if (hold(pid, target)) return;
    int rc = send_by(target, signal);
    if (!rc || err == ESRCH) err = err ? rc : 0;
  };
  bool self = false;
  for (int pass = 0; pass < kMaxPasses; pass++) {
    bool more = false;
    for (pid_t pid : kin()) {
      if (!which(pid) || !done.insert(pid).second) continue;
      more = true;
      if (pid == last) self = true;
      else send(pid);
    }
    if (!more || !signal) break;
  }
  if (self) send(last);
  return err;
}

bool names_processes(int nr) { return std::find(std::begin(kCalls), std::end(kCalls), nr) != std::end(kCalls); }

Answer act_on_process(const rv_call& call, const Caller& caller, const GuestMemory& memory) { return Act(call, caller, memory).run(); }

}  // namespace rvisor
