// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "cgroup.h"
#include "json_reader.h"
#include "landlock.h"
#include "mount_api.h"

namespace rvisor {
namespace {

struct Result {
  int err = 0;  // 0: the host has it
  std::string detail;
};

// Runs `test` in a child, which returns an errno; namespaces and filters stay in there.
int in_child(const std::function<int()>& test) {
  pid_t pid = fork();
  if (pid == 0) _exit(test() & 0xff);
  int status;
  if (pid < 0 || waitpid(pid, &status, 0) < 0) return errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : ENOTRECOVERABLE;
}

int errno_of(long rc) { return rc < 0 ? errno : 0; }

// A user namespace where the caller is mapped, so that the rest can be tried in it as rvisor would. Root may do without.
int enter_user_namespace() {
  uid_t uid = getuid();
  gid_t gid = getgid();
  if (unshare(CLONE_NEWUSER)) return uid == 0 ? 0 : errno;
  auto write_text = [](const char* path, const std::string& text) {
    Fd fd(open(path, O_WRONLY | O_CLOEXEC));
    return fd.valid() && write(fd.get(), text.data(), text.size()) > 0;
  };
  write_text("/proc/self/setgroups", "deny");
  std::string line = " " + std::to_string(uid) + " 1\n";
  if (!write_text("/proc/self/uid_map", std::to_string(uid) + line)) return errno;
  line = " " + std::to_string(gid) + " 1\n";
  if (!write_text("/proc/self/gid_map", std::to_string(gid) + line)) return errno;
  return 0;
}

Result namespace_of(int flag) {
  return {in_child([flag] {
            if (int err = enter_user_namespace()) return err;
            return errno_of(unshare(flag));
          }),
          {}};
}

// In a new mount namespace with a tmpfs over /tmp.
Result mounted(const std::function<int()>& test) {
  return {in_child([&test] {
            if (int err = enter_user_namespace()) return err;
            if (unshare(CLONE_NEWNS)) return errno;
            if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr)) return errno;
            if (mount("tmpfs", "/tmp", "tmpfs", 0, nullptr)) return errno;
            return test();
          }),
          {}};
}

int try_overlay() {
  for (const char* path : {"/tmp/l", "/tmp/u", "/tmp/w", "/tmp/m"}) mkdir(path, 0755);
  if (!mount("overlay", "/tmp/m", "overlay", 0, "lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w,userxattr")) return 0;
  return errno;
}

int try_tmpfs_xattr() {
  if (mkdir("/tmp/x", 0755)) return errno;
  return errno_of(setxattr("/tmp/x", "user.overlay.opaque", "y", 1, 0));
}

int try_proc() {
  if (unshare(CLONE_NEWPID)) return errno;
  return in_child([] { return errno_of(mount("proc", "/proc", "proc", 0, nullptr)); });
}

int try_filter(unsigned flags, std::function<int(int)> then = {}) {
  return in_child([&] {
    sock_filter allow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    sock_fprog program{1, &allow};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (fd < 0) return errno;
    return then ? then(static_cast<int>(fd)) : 0;
  });
}

int try_ptrace() {
  return in_child([] {
    pid_t pid = fork();
    if (pid == 0) {
      pause();
      _exit(0);
    }
    int err = errno_of(ptrace(PTRACE_SEIZE, pid, nullptr, nullptr));
    kill(pid, SIGKILL);
    return err;
  });
}

Result control_groups(bool unified) {
  Limits limits;
  limits.memory = 64 << 20;
  limits.processes = 16;
  Cgroups groups;
  Status s = groups.create("probe" + std::to_string(getpid()), limits, true);
  int version = s ? 0 : groups.open_gauges().version;
  groups.remove();
  if (version == (unified ? 2 : 1)) return {0, "memory, processes and cpu can be limited"};
  if (version) return {ENOENT, std::string("not used: version ") + (unified ? "1" : "2") + " serves here"};
  return {s->err ? s->err : ENOENT, s->object + ": " + s->message};
}

Result memfd_seal() {
  Fd fd(memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  return {fd.valid() ? errno_of(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE)) : errno, {}};
}

}  // namespace

int print_probe() {
  Json features = Json::array();
  auto add = [&](const char* name, Result r) {
    std::string detail = r.detail.empty() && r.err ? strerror(r.err) : r.detail;
    features.push_back({{"name", name}, {"ok", r.err == 0}, {"errno", r.err}, {"detail", detail}});
  };
  add("user-namespaces", {in_child([] { return errno_of(unshare(CLONE_NEWUSER)); }), {}});
  add("mount-namespace", mounted([] { return 0; }));
  add("pid-namespace", namespace_of(CLONE_NEWPID));
  add("net-namespace", namespace_of(CLONE_NEWNET));
  add("overlayfs", mounted(try_overlay));
  add("overlayfs-tmpfs-xattr", mounted(try_tmpfs_xattr));
  int abi = landlock_abi();
  add("landlock", {abi ? 0 : ENOSYS, abi ? "ABI " + std::to_string(abi) : ""});
  add("seccomp-filter", {try_filter(0), {}});
  add("seccomp-notify", {try_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER), {}});
  add("seccomp-notify-sync-wakeup", {try_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER, [](int fd) { return errno_of(ioctl(fd, _IOW('!', 4, uint64_t), 1UL)); }), {}});
  // An unknown notification: ENOENT from a kernel that has the command, ENOTTY or EINVAL from one that has not.
  add("seccomp-addfd", {try_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER,
                                   [](int fd) {
                                     seccomp_notif_addfd addfd{};
                                     addfd.id = 1;
                                     return ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0 && errno == ENOENT ? 0 : errno ? errno : EINVAL;
                                   }),
                        {}});
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  add("pidfd", {pidfd.valid() ? 0 : errno, {}});
  mount_attr none{};
  add("mount-setattr", {sys_mount_setattr(-1, "", 0, &none) < 0 && errno == ENOSYS ? ENOSYS : 0, {}});
  Fd root(sys_openat2(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS));
  add("openat2", {root.valid() ? 0 : errno, {}});
  add("close-range", {errno_of(close_range(~0U, ~0U, 0)), {}});
  add("cgroup-v2", control_groups(true));
  add("cgroup-v1", control_groups(false));
  add("ptrace", {try_ptrace(), {}});
  add("proc-mount", mounted(try_proc));
  add("memfd-seal", memfd_seal());
  utsname name{};
  uname(&name);
  Json all{{"kernel", name.release}, {"machine", name.machine}, {"uid", getuid()}, {"features", std::move(features)}};
  puts(all.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  return 0;
}

}  // namespace rvisor
