// SPDX-License-Identifier: Apache-2.0
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "cgroup_layout.h"

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

// The nearest group at or above this process's own where a child with these controllers can be made; "" if none.
std::string unified_parent(const Hierarchy& hierarchy, const std::string& own, const std::set<std::string>& needed) {
  std::string path = locate(hierarchy, own);
  while (!path.empty()) {
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
  return {};
}

// A group whose lock can be had has no living warden. Pids would not tell: other pid namespaces see the same groups.
void sweep_beside(const std::string& path) {
  std::string parent = path.substr(0, path.rfind('/'));
  std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(parent.c_str()), closedir);
  if (!directory) return;
  while (dirent* entry = readdir(directory.get())) {
    if (!std::string_view(entry->d_name).starts_with(kPrefix)) continue;
    std::string name = parent + "/" + entry->d_name;
    Fd group(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (group.valid() && !flock(group.get(), LOCK_EX | LOCK_NB)) rmdir(name.c_str());
  }
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
  std::string name = kPrefix + id;
  std::set<std::string> needed;
  if (limits.memory) needed.insert("memory");
  if (limits.processes) needed.insert("pids");
  if (limits.cpu_millis) needed.insert("cpu");

  auto mounted = hierarchies_of(slurp("/proc/self/mountinfo"));
  auto own = groups_of(slurp("/proc/self/cgroup"));
  Status failure;
  if (mounted.contains("") && own.contains("")) {
    std::string parent = unified_parent(mounted[""], own[""], needed);
    if (!parent.empty()) {
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

// Makes a group and locks it. Between the two another warden's sweep may take it for a dead one: then once more.
Status Cgroups::make(const std::string& parent, const std::string& name, std::string& path) {
  path = parent + "/" + name;
  for (int attempt = 0; attempt < 16; attempt++) {
    if (mkdir(path.c_str(), 0755) && errno != EEXIST) return fail("cgroup", path, errno);
    Fd group(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!group.valid() || flock(group.get(), LOCK_EX | LOCK_NB) || faccessat(group.get(), "cgroup.procs", F_OK, 0)) continue;
    paths_.push_back(path);
    locks_.push_back(std::move(group));
    return std::nullopt;
  }
  return fail("cgroup", path, EEXIST, "another sandbox has this id");
}

Status Cgroups::create_unified(const std::string& parent, const std::string& name, const Limits& limits) {
  std::string path;
  if (Status s = make(parent, name, path)) return s;
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
  auto mounted = hierarchies_of(slurp("/proc/self/mountinfo"));
  auto own = groups_of(slurp("/proc/self/cgroup"));
  auto make_for = [&](const char* controller, std::string& path) -> Status {
    if (!mounted.contains(controller) || !own.contains(controller)) return fail("cgroup", controller, ENOENT, "this host has no such controller for us");
    std::string parent = locate(mounted[controller], own[controller]);
    if (parent.empty()) return fail("cgroup", controller, ENOENT, "this process's own group is not mounted here");
    path = parent + "/" + name;
    if (std::find(paths_.begin(), paths_.end(), path) != paths_.end()) return std::nullopt;  // cpu and cpuacct are often one hierarchy
    return make(parent, name, path);
  };
  version_ = 1;
  if (limits.memory) {
    if (Status s = make_for("memory", memory_)) return s;
    if (Status s = put(memory_, "memory.limit_in_bytes", std::to_string(*limits.memory))) return s;
    if (Status s = put(memory_, "memory.memsw.limit_in_bytes", std::to_string(*limits.memory), true)) return s;
  }
  if (limits.processes) {
    if (Status s = make_for("pids", pids_)) return s;
    if (Status s = put(pids_, "pids.max", std::to_string(*limits.processes + 1))) return s;
  }
  if (limits.cpu_millis) {
    std::string path;
    if (Status s = make_for("cpu", path)) return s;
    if (Status s = put(path, "cpu.cfs_period_us", "100000")) return s;
    if (Status s = put(path, "cpu.cfs_quota_us", std::to_string(*limits.cpu_millis * 100))) return s;
  }
  if (limits.cpu_time_ms) {
    if (Status s = make_for("cpuacct", cpu_)) {
      cpu_.clear();  // /proc is the other source
      if (paths_.empty()) version_ = 0;
    }
  }
  return std::nullopt;
}

Status Cgroups::open_entry(CgroupEntry& out) const {
  for (const std::string& path : paths_) {
    std::string name = version_ == 2 ? path : path + "/tasks";
    Fd fd(open(name.c_str(), version_ == 2 ? O_PATH | O_DIRECTORY | O_CLOEXEC : O_WRONLY | O_CLOEXEC));
    if (!fd.valid()) return fail("cgroup", name, errno);
    if (version_ == 2) out.directory = std::move(fd);
    else out.tasks.emplace_back(name, std::move(fd));
  }
  return std::nullopt;
}

Status CgroupEntry::enter() {
  for (auto& [name, fd] : tasks) {
    if (write(fd.get(), "0", 1) < 0) return fail("cgroup", name, errno);
    fd.reset();
  }
  return std::nullopt;
}

void Cgroups::sweep() const {
  for (const std::string& path : paths_) sweep_beside(path);
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
      for (pid_t pid; pids >> pid;)
        if (pid > 0) kill(pid, SIGKILL);  // 0: a process of a pid namespace that is not beneath ours
      timespec pause{0, attempt < 20 ? 500'000 : 5'000'000};
      nanosleep(&pause, nullptr);
    }
  }
  paths_.clear();
  locks_.clear();
}

}  // namespace rvisor
