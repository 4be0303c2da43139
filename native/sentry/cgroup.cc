// SPDX-License-Identifier: Apache-2.0
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace rvisor {
namespace {

constexpr const char* kPrefix = "rvisor-";

std::string slurp(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  for (ssize_t size; fd.valid() && (size = read(fd.get(), buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(size));
  return text;
}

Status put(const std::string& directory, const char* file, const std::string& value, bool optional = false) {
  std::string path = directory + "/" + file;
  Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return optional && errno == ENOENT ? std::nullopt : Status(fail("cgroup", path, errno));
  if (write(fd.get(), value.data(), value.size()) < 0) return optional ? std::nullopt : Status(fail("cgroup", path, errno));
  return std::nullopt;
}

std::set<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::set<std::string> result;
  for (std::string word; stream >> word;) result.insert(word);
  return result;
}

// This process's own group in each hierarchy: controller name ("" for v2) → path.
std::map<std::string, std::string> own_groups() {
  std::map<std::string, std::string> result;
  std::istringstream lines(slurp("/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) result[""] = path;
    std::istringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');) result[name] = path;
  }
  return result;
}

struct Hierarchy {
  std::string mount, root;  // mount point, and the group that it shows (not "/" inside some containers)
};

// Mounted hierarchies: controller name ("" for v2) → mount.
std::map<std::string, Hierarchy> hierarchies() {
  std::map<std::string, Hierarchy> result;
  std::istringstream lines(slurp("/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash)), after(line.substr(dash + 3));
    std::string id, parent, device, root, point, type, source, options;
    before >> id >> parent >> device >> root >> point;
    after >> type >> source >> options;
    if (type == "cgroup2") result[""] = {point, root};
    if (type != "cgroup") continue;
    std::istringstream names(options);
    for (std::string name; std::getline(names, name, ',');) result[name] = {point, root};
  }
  return result;
}

// Where a group lies in the file system.
std::string locate(const Hierarchy& hierarchy, const std::string& group) {
  std::string path = group;
  if (hierarchy.root != "/" && path.starts_with(hierarchy.root)) path = path.substr(hierarchy.root.size());
  while (path.ends_with('/')) path.pop_back();
  return hierarchy.mount + path;
}

// The nearest group at or above this process's own where a child with these controllers can be made; "" if none.
std::string unified_parent(const Hierarchy& hierarchy, const std::string& own, const std::set<std::string>& needed) {
  std::string path = locate(hierarchy, own);
  for (;;) {
    auto has = [&](const std::set<std::string>& set) {
      for (const std::string& name : needed)
        if (!set.contains(name)) return false;
      return true;
    };
    if (access(path.c_str(), W_OK) == 0 && has(words(slurp(path + "/cgroup.controllers")))) {
      if (has(words(slurp(path + "/cgroup.subtree_control")))) return path;
      bool enabled = true;  // refused by the kernel (EBUSY) in a group that has processes of its own
      for (const std::string& name : needed) enabled = enabled && !put(path, "cgroup.subtree_control", "+" + name);
      if (enabled) return path;
    }
    if (path.size() <= hierarchy.mount.size()) return {};
    path.erase(path.rfind('/'));
  }
}

// Groups of sandboxes whose warden is dead too: their name holds its pid.
void sweep(const std::string& parent) {
  DIR* directory = opendir(parent.c_str());
  if (!directory) return;
  while (dirent* entry = readdir(directory)) {
    std::string name = entry->d_name;
    if (!name.starts_with(kPrefix)) continue;
    size_t dash = name.rfind('-');
    pid_t warden = static_cast<pid_t>(strtol(name.c_str() + dash + 1, nullptr, 10));
    if (warden > 0 && kill(warden, 0) && errno == ESRCH) rmdir((parent + "/" + name).c_str());
  }
  closedir(directory);
}

uint64_t field(const Fd& file, const char* key) {
  char text[1024];
  if (!file.valid()) return 0;
  ssize_t size = pread(file.get(), text, sizeof text - 1, 0);
  if (size <= 0) return 0;
  text[size] = 0;
  if (!*key) return strtoull(text, nullptr, 10);
  size_t length = strlen(key);
  for (char* line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (!strncmp(line, key, length) && line[length] == ' ') return strtoull(line + length, nullptr, 10);
  }
  return 0;
}

Fd open_gauge(const std::string& directory, const char* name) { return directory.empty() ? Fd() : Fd(open((directory + "/" + name).c_str(), O_RDONLY | O_CLOEXEC)); }

}  // namespace

uint64_t CgroupGauges::oom_kills() const { return field(memory_events, "oom_kill"); }
uint64_t CgroupGauges::memory_peak() const { return field(memory_peak_file, ""); }
uint64_t CgroupGauges::forks_refused() const { return field(pids_events, "max"); }

double CgroupGauges::cpu_ms() const {
  if (!cpu.valid()) return -1;
  return version == 2 ? static_cast<double>(field(cpu, "usage_usec")) / 1e3 : static_cast<double>(field(cpu, "")) / 1e6;
}

Status Cgroups::create(const std::string& id, const Limits& limits, bool root) {
  // A plain user's processes can be counted by RLIMIT_NPROC of the new user namespace; root is exempt from it.
  bool must = limits.memory || limits.cpu_millis || (limits.processes && root);
  if (!must && !limits.processes && !limits.cpu_time_ms) return std::nullopt;
  std::string name = kPrefix + id + "-" + std::to_string(getpid());
  std::set<std::string> needed;
  if (limits.memory) needed.insert("memory");
  if (limits.processes) needed.insert("pids");
  if (limits.cpu_millis) needed.insert("cpu");

  auto mounted = hierarchies();
  auto own = own_groups();
  Status failure;
  if (mounted.contains("") && own.contains("")) {
    std::string parent = unified_parent(mounted[""], own[""], needed);
    if (!parent.empty()) {
      sweep(parent);
      failure = create_unified(parent, name, limits);
      if (!failure) return std::nullopt;
      remove();
    }
  }
  Status legacy = create_legacy(name, limits);
  if (!legacy) return std::nullopt;
  remove();
  if (!must) return std::nullopt;
  if (!failure) failure = legacy;
  failure->message += " (no control group can be made here for the limits of this policy)";
  return failure;
}

Status Cgroups::create_unified(const std::string& parent, const std::string& name, const Limits& limits) {
  std::string path = parent + "/" + name;
  if (mkdir(path.c_str(), 0755)) return fail("cgroup", path, errno);
  paths_.push_back(path);
  version_ = 2;
  cpu_ = path;
  if (limits.memory) {
    memory_ = path;
    if (Status s = put(path, "memory.max", std::to_string(*limits.memory))) return s;
    if (Status s = put(path, "memory.swap.max", "0", true)) return s;
    if (Status s = put(path, "memory.oom.group", "1", true)) return s;
  }
  if (limits.processes) {
    pids_ = path;
    if (Status s = put(path, "pids.max", std::to_string(*limits.processes + 1))) return s;  // init counts
  }
  if (limits.cpu_millis)
    if (Status s = put(path, "cpu.max", std::to_string(*limits.cpu_millis * 100) + " 100000")) return s;
  return std::nullopt;
}

Status Cgroups::create_legacy(const std::string& name, const Limits& limits) {
  auto mounted = hierarchies();
  auto own = own_groups();
  auto make = [&](const char* controller, std::string& path) -> Status {
    if (!mounted.contains(controller) || !own.contains(controller)) return fail("cgroup", controller, ENOENT, "this host has no such controller for us");
    std::string parent = locate(mounted[controller], own[controller]);
    sweep(parent);
    path = parent + "/" + name;
    if (mkdir(path.c_str(), 0755)) {
      if (errno != EEXIST) return fail("cgroup", path, errno);  // cpu and cpuacct are often one hierarchy
      return std::nullopt;
    }
    paths_.push_back(path);
    return std::nullopt;
  };
  version_ = 1;
  if (limits.memory) {
    if (Status s = make("memory", memory_)) return s;
    if (Status s = put(memory_, "memory.limit_in_bytes", std::to_string(*limits.memory))) return s;
    if (Status s = put(memory_, "memory.memsw.limit_in_bytes", std::to_string(*limits.memory), true)) return s;
  }
  if (limits.processes) {
    if (Status s = make("pids", pids_)) return s;
    if (Status s = put(pids_, "pids.max", std::to_string(*limits.processes + 1))) return s;
  }
  if (limits.cpu_millis) {
    std::string path;
    if (Status s = make("cpu", path)) return s;
    if (Status s = put(path, "cpu.cfs_period_us", "100000")) return s;
    if (Status s = put(path, "cpu.cfs_quota_us", std::to_string(*limits.cpu_millis * 100))) return s;
  }
  if (limits.cpu_time_ms) {
    if (Status s = make("cpuacct", cpu_)) {
      cpu_.clear();  // /proc is the other source
      if (paths_.empty()) version_ = 0;
    }
  }
  return std::nullopt;
}

Status Cgroups::attach(pid_t pid) const {
  for (const std::string& path : paths_)
    if (Status s = put(path, "cgroup.procs", std::to_string(pid))) return s;
  return std::nullopt;
}

CgroupGauges Cgroups::open_gauges() const {
  CgroupGauges gauges;
  if (paths_.empty()) return gauges;
  gauges.version = version_;
  gauges.counts_processes = !pids_.empty();
  gauges.memory_events = open_gauge(memory_, version_ == 2 ? "memory.events" : "memory.oom_control");
  gauges.memory_peak_file = open_gauge(memory_, version_ == 2 ? "memory.peak" : "memory.max_usage_in_bytes");
  gauges.cpu = open_gauge(cpu_, version_ == 2 ? "cpu.stat" : "cpuacct.usage");
  gauges.pids_events = open_gauge(pids_, "pids.events");
  return gauges;
}

void Cgroups::remove() {
  for (const std::string& path : paths_) {
    for (int attempt = 0; attempt < 400; attempt++) {
      if (!rmdir(path.c_str()) || errno == ENOENT) break;
      std::istringstream pids(slurp(path + "/cgroup.procs"));
      for (pid_t pid; pids >> pid;) kill(pid, SIGKILL);
      timespec pause{0, attempt < 20 ? 500'000 : 5'000'000};
      nanosleep(&pause, nullptr);
    }
  }
  paths_.clear();
}

}  // namespace rvisor
