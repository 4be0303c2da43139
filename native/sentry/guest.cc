// SPDX-License-Identifier: Apache-2.0
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "fd.h"
#include "handoff.h"
#include "landlock.h"
#include "layers.h"

namespace rvisor {
namespace {

Status limit(int resource, const char* name, rlim_t soft, rlim_t hard) {
  rlimit current;
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &current)) return fail("limits", name, errno);
  if (hard > current.rlim_max) hard = current.rlim_max;  // never raised: that takes a capability
  rlimit wanted{std::min(soft, hard), hard};
  if (setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted)) return fail("limits", name, errno);
  return std::nullopt;
}

Status set_limits(const GuestContext& context) {
  const Limits& l = context.limits;
  // 1 and not 0: with 0 a core_pattern that names a program would still run it, as root of the host, over a process of the
  // guest's making. core(5), and "RLIMIT_CORE is set to 1" in fs/coredump.c.
  if (Status s = limit(RLIMIT_CORE, "core", 1, 1)) return s;
  if (l.open_files)
    if (Status s = limit(RLIMIT_NOFILE, "openFiles", *l.open_files, *l.open_files)) return s;
  if (l.file_size)
    if (Status s = limit(RLIMIT_FSIZE, "fileSize", *l.file_size, *l.file_size)) return s;
  if (l.cpu_time_ms) {
    // Second layer, per process: the sentry ends the whole guest at the limit, the kernel a single process a second later.
    rlim_t seconds = *l.cpu_time_ms / 1000 + 2;
    if (Status s = limit(RLIMIT_CPU, "cpuTime", seconds, seconds + 1)) return s;
  }
  // Counted per user namespace since 5.14.
  if (l.processes && context.supervisors) {
    rlim_t tasks = *l.processes + context.supervisors;
    if (Status s = limit(RLIMIT_NPROC, "processes", tasks, tasks)) return s;
  }
  // Rights of the caller that no policy grants: real-time scheduling and a better nice value.
  if (Status s = limit(RLIMIT_RTPRIO, "real-time priority", 0, 0)) return s;
  if (Status s = limit(RLIMIT_NICE, "nice", 0, 0)) return s;
  return std::nullopt;
}

void reset_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// Why execve(2) of an existing file said ENOENT, EACCES or ENOEXEC, in one errno and in words.
Failure explain(const std::string& path, int err) {
  struct stat st;
  bool exists = !stat(path.c_str(), &st);
  if (exists && S_ISDIR(st.st_mode)) return fail("exec", path, EISDIR, "is a directory");
  if (err == ENOENT && exists) {
    char head[256] = {};
    Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ssize_t size = fd.valid() ? read(fd.get(), head, sizeof head - 1) : 0;
    if (size > 2 && head[0] == '#' && head[1] == '!') {
      std::string_view line(head + 2, static_cast<size_t>(size - 2));
      line = line.substr(0, line.find('\n'));
      line = line.substr(std::min(line.size(), line.find_first_not_of(" \t")));
      line = line.substr(0, line.find_first_of(" \t\r"));
      return fail("exec", path, ELIBACC, "its interpreter " + std::string(line) + " is not there");
    }
    return fail("exec", path, ELIBACC, "the loader or interpreter that it names is not there");
  }
  if (err == ENOENT) return fail("exec", path, ENOENT, "no such program in the sandbox");
  if (err == ENOEXEC) return fail("exec", path, ENOEXEC, "is not a program for this machine");
  return fail("exec", path, err);
}

// As execvp(3), with the command's own PATH, and without handing files to a shell.
Failure execute(const Command& command) {
  std::vector<char*> argv = pointers(command.argv), env = pointers(command.env);
  const std::string& name = command.argv[0];
  if (name.find('/') != std::string::npos) {
    execve(name.c_str(), argv.data(), env.data());
    return explain(name, errno);
  }
  std::string_view path = "/usr/local/bin:/usr/bin:/bin";
  for (const std::string& entry : command.env)
    if (entry.starts_with("PATH=")) path = std::string_view(entry).substr(5);
  std::optional<Failure> denied;
  while (true) {
    size_t colon = path.find(':');
    std::string directory(path.substr(0, colon));
    std::string file = (directory.empty() ? "." : directory) + "/" + name;
    execve(file.c_str(), argv.data(), env.data());
    int err = errno;
    if (err == EACCES) {
      if (!denied) denied = explain(file, err);
    } else if (err != ENOTDIR && !(err == ENOENT && access(file.c_str(), F_OK))) {
      return explain(file, err);
    }
    if (colon == std::string_view::npos) break;
    path.remove_prefix(colon + 1);
  }
  return denied ? *denied : fail("exec", name, ENOENT, "no such program in the sandbox's PATH");
}

long release_word = 0;

// What is traceable is open to the guest's other processes too. So this comes last: the filter holds, no descriptor of init's is left, and
// what was init's memory is but a copy of what the guest may know. From here on no call is made but the two that the filter is sure to let pass.
void await_tracer() {
  syscall(SYS_prctl, PR_SET_DUMPABLE, 1L, 0L, 0L, 0L, static_cast<long>(kTraceable));
  volatile long* word = &release_word;
  while (!*word) syscall(SYS_sched_yield, 0L, 0L, 0L, 0L, 0L, static_cast<long>(kTraceable));
}

}  // namespace

long* released() { return &release_word; }

Failure enter_command(const GuestContext& context, const Command& command, const std::array<int, 3>& stdio) {
  if (setsid() < 0) return fail("exec", "setsid", errno);
  if (command.tty && ioctl(stdio[0], TIOCSCTTY, 0)) return fail("terminal", "controlling terminal", errno);
  // Sources may stand in each other's places: move them out of the way first.
  std::array<int, 3> high{};
  for (int i = 0; i < 3; i++)
    if ((high[i] = fcntl(stdio[i], F_DUPFD_CLOEXEC, 10)) < 0) return fail("exec", "stdio", errno);
  for (int i = 0; i < 3; i++)
    if (dup2(high[i], i) < 0) return fail("exec", "stdio", errno);
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC)) return fail("exec", "close_range", errno);
  if (context.directory < 0 ? chdir(command.cwd.c_str()) : fchdir(context.directory)) return fail("chdir", command.cwd, errno);
  umask(022);
  if (Status s = set_limits(context)) return *s;
  reset_signals();
  if (context.init) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != context.init) _exit(1);
  }
  if (context.ruleset >= 0)
    if (Status s = enter_ruleset(context.ruleset)) return *s;
  if (context.traced) {
    char byte = 0;
    if (write(context.ready, &byte, 1) != 1) return fail("exec", "tracer", errno);
    close_all_but({context.status, context.listener});
    const bool notifies = context.listener >= 0;
    const Filter filter = traceable(context.filter, notifies);
    if (Status s = notifies ? install_filter_and_send_listener(filter, context.listener, "listener", true) : install_filter(filter)) return *s;
    await_tracer();
  } else if (without("filter")) {
    // Nothing.
  } else if (Status s = context.listener < 0 ? install_filter(context.filter) : install_filter_and_send_listener(context.filter, context.listener, "listener")) {
    return *s;
  }
  return execute(command);
}

}  // namespace rvisor
