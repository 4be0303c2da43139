// SPDX-License-Identifier: Apache-2.0
// Remedies: the knowledge of which host setting stands behind which errno of which step.
#include "failure.h"

#include <errno.h>
#include <string.h>

#include <string_view>

namespace rvisor {
namespace {

constexpr const char* kUserNamespaces =
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces and kernel.unprivileged_userns_clone; on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile with `userns,`), or run rvisor as root; inside a "
    "container, start it with a seccomp profile that permits unshare and mount (docker: --privileged, or --security-opt seccomp=… "
    "--security-opt systempaths=unconfined)";

std::string remedy_for(std::string_view step, int err) {
  if (step == "namespaces") {
    if (err == ENOSPC || err == EUSERS) return std::string("a namespace limit is reached: ") + kUserNamespaces;
    if (err == EINVAL || err == ENOSYS) return "this kernel lacks the namespace: it needs CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS, CONFIG_IPC_NS, CONFIG_UTS_NS";
    return kUserNamespaces;
  }
  if (step == "id-map") return "the caller may map only its own user and group id, or needs CAP_SETUID and CAP_SETGID in its user namespace";
  if (step == "proc") return "the host's /proc is covered (inside a container it usually is): start the container with --security-opt systempaths=unconfined, or as privileged";
  if (step == "overlay") {
    if (err == ENODEV) return "load the overlay module (modprobe overlay)";
    if (err == EPERM) return "overlayfs inside a user namespace needs kernel 5.11 or newer";
    return "the upper directory must be empty, on a file system with extended attributes (a tmpfs needs kernel 6.6), and not be an overlay itself";
  }
  if (step == "landlock") return "Landlock needs kernel 5.13 or newer with CONFIG_SECURITY_LANDLOCK and `landlock` in the lsm= list; `landlock: \"optional\"` in the policy does without";
  if (step == "seccomp") return "seccomp filters need CONFIG_SECCOMP_FILTER";
  if (step == "trace")
    return "handlers of power `steer`, of events, and of the time need ptrace(2): set kernel.yama.ptrace_scope to 0 or 1, start a container with a seccomp "
           "profile that permits it (docker: any newer engine, or --security-opt seccomp=…), or do without such handlers";
  if (step == "kmod") {
    if (err == ENOENT || err == ENXIO || err == ENODEV) return "build and load the module: rvisor kmod build, then sudo rvisor kmod load (rvisor kmod status says what is missing), or take another `backend`";
    if (err == EACCES || err == EPERM) return "/dev/rvisor is root's: give it a group by a rule of udev (docs/kernel-module.md), or take another `backend`";
    if (err == EPROTO) return "build and load the module of this version: rvisor kmod build, sudo rvisor kmod unload, sudo rvisor kmod load";
    if (err == EBUSY) return "an outer sandbox has put a seccomp filter on rvisor, which the module would overrule: start rvisor outside of it, or take another `backend`";
    if (err == EFBIG) return "write fewer rules, or take another `backend`";
    return "rvisor kmod status says what is wrong; or take another `backend`";
  }
  if (step == "cgroup")
    return "limits on memory, processes and cpus need a writable control group: run as root, or under a delegated one "
           "(systemd-run --user --scope -p Delegate=yes rvisor …), or take the limit out of the policy";
  if (step == "exec") {
    if (err == ENOENT) return "name a program that the guest can see: grant its directory with `read`, or add it to PATH with `env`";
    if (err == EACCES) return "make the file executable, or grant it with `read`";
    if (err == ENOEXEC) return "the file is neither a program for this machine nor a script that starts with #!";
    if (err == ELIBACC) return "install the interpreter, or grant its directory with `read`";
    if (err == EISDIR) return "name a program, not a directory";
    if (err == E2BIG) return "pass fewer or shorter arguments, or a smaller environment (see getconf ARG_MAX)";
    return {};
  }
  if (step == "chdir") return "grant the directory with `read`, or choose another `cwd`";
  if (step == "plan" || step == "protocol") return "the SDK and rvisor-sentry must be of the same version: reinstall rvisor";
  if (err == ENOENT) return "the path is gone since the policy was compiled, or the view has no place to mount it: grant its parent, or create it";
  if (err == ELOOP) return "the path has become a symbolic link since the policy was compiled: name the real path";
  if (err == EPERM || err == EACCES) return kUserNamespaces;
  if (err == ENOSYS) return "this kernel is too old: rvisor needs 5.14 or newer";
  if (err == ENOMEM || err == EAGAIN) return "the host is short of memory or of processes (ulimit -u)";
  return {};
}

}  // namespace

const char* errno_name(int err) {
  const char* name = strerrorname_np(err);
  return name ? name : "";
}

Failure fail(std::string step, std::string object, int err, std::string message) {
  if (message.empty()) message = err ? strerror(err) : "failed";
  std::string remedy = remedy_for(step, err);
  return Failure{std::move(step), std::move(object), err, std::move(message), std::move(remedy)};
}

}  // namespace rvisor
