// SPDX-License-Identifier: Apache-2.0
#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <map>

#include "fd.h"

namespace rvisor {
namespace {

std::string read_file(int directory, const std::string& name, size_t limit) {
  Fd fd(openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string result;
  if (!fd.valid()) return result;
  char buffer[4096];
  while (result.size() < limit) {
    ssize_t size = read(fd.get(), buffer, sizeof buffer);
    if (size <= 0) break;
    result.append(buffer, static_cast<size_t>(size));
  }
  return result;
}

}  // namespace

bool parse_stat(const std::string& text, ProcessStat& out) {
  size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return false;
  out.info.pid = static_cast<uint32_t>(strtoul(text.c_str(), nullptr, 10));
  out.info.command = text.substr(open + 1, close - open - 1);
  char state;
  unsigned ppid;
  unsigned long utime, stime;
  long cutime, cstime, threads, rss;
  int fields = sscanf(text.c_str() + close + 1, " %c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld %*d %*d %ld %*d %*u %*u %ld", &state, &ppid,
                      &utime, &stime, &cutime, &cstime, &threads, &rss);
  if (fields != 8) return false;
  static const double tick = 1000.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  static const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  out.info.ppid = ppid;
  out.info.state = state;
  out.info.memory = rss > 0 ? static_cast<uint64_t>(rss) * page : 0;
  out.info.cpu_ms = (static_cast<double>(utime) + static_cast<double>(stime)) * tick;
  out.info.threads = static_cast<uint32_t>(threads);
  out.waited_ms = (static_cast<double>(cutime) + static_cast<double>(cstime)) * tick;
  return true;
}

namespace {

// `ancestor` and those that come from it, by who is whose parent. A number seen twice belongs to the later one.
void keep_descendants(std::vector<ProcessStat>& all, uint32_t ancestor) {
  std::map<uint32_t, uint32_t> parents;
  for (const ProcessStat& one : all) parents[one.info.pid] = one.info.ppid;
  std::erase_if(all, [&](const ProcessStat& one) {
    uint32_t at = one.info.pid;
    for (size_t steps = 0; at != ancestor; steps++) {
      auto found = parents.find(at);
      if (found == parents.end() || steps > parents.size()) return true;
      at = found->second;
    }
    return false;
  });
}

template <typename F>
void each_process(int proc, F visit) {
  int copy = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return;
  DIR* directory = fdopendir(copy);
  if (!directory) {
    close(copy);
    return;
  }
  while (dirent* entry = readdir(directory)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    ProcessStat stat{};
    if (parse_stat(read_file(proc, std::string(entry->d_name) + "/stat", 4096), stat) && !visit(entry->d_name, stat)) break;
  }
  closedir(directory);
}

template <typename F>
void each_process(int proc, pid_t ancestor, F visit) {
  if (!ancestor) return each_process(proc, visit);
  std::vector<ProcessStat> all;
  each_process(proc, [&](const char*, ProcessStat& stat) {
    all.push_back(std::move(stat));
    return true;
  });
  keep_descendants(all, static_cast<uint32_t>(ancestor));
  for (ProcessStat& stat : all)
    if (!visit(std::to_string(stat.info.pid).c_str(), stat)) return;
}

}  // namespace

std::vector<ProcessInfo> list_processes(int proc, pid_t ancestor, size_t limit) {
  std::vector<ProcessInfo> result;
  each_process(proc, ancestor, [&](const char* name, ProcessStat& stat) {
    if (stat.info.pid == static_cast<uint32_t>(ancestor ? ancestor : 1)) return true;
    std::string line = read_file(proc, std::string(name) + "/cmdline", 16384);
    for (size_t at = 0; at < line.size();) {
      size_t end = line.find('\0', at);
      if (end == std::string::npos) end = line.size();
      stat.info.argv.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    result.push_back(std::move(stat.info));
    return result.size() < limit;
  });
  return result;
}

double cpu_time_ms(int proc, pid_t ancestor) {
  double total = 0;
  each_process(proc, ancestor, [&](const char*, ProcessStat& stat) {
    total += stat.info.cpu_ms + stat.waited_ms;
    return true;
  });
  return total;
}

}  // namespace rvisor
