// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

namespace rvisor {
namespace {

constexpr const char* kPrefix = "rvisor-";
constexpr int kFreshSeconds = 10;    // made, and not locked yet
constexpr unsigned kDepth = 64;      // descriptors that are open at once while a tree is removed

// Where temporary files go, the caller's wish first: absolute, and without symbolic links.
std::vector<std::string> bases(const std::string& wish) {
  std::vector<std::string> result;
  for (const char* base : {wish.starts_with('/') ? wish.c_str() : "/tmp", "/tmp", "/var/tmp", "/dev/shm"}) {
    char real[PATH_MAX];
    if (realpath(base, real) && std::find(result.begin(), result.end(), real) == result.end()) result.emplace_back(real);
  }
  return result;
}

bool within(std::string_view path, std::string_view tree) {
  return tree == "/" || path == tree || (path.starts_with(tree) && path.size() > tree.size() && path[tree.size()] == '/');
}

// A name of the guest's view leads to this directory of the host.
bool is_shown(const Plan& plan, const std::string& base) {
  auto shown = [&](const std::string& source, const std::string& target) {
    if (!within(base, source)) return false;
    std::string rest = source == "/" ? base : base.substr(source.size());
    std::string name = target == "/" ? rest : target + rest;
    for (const Mount& other : plan.mounts)
      if (other.target.size() > target.size() && within(other.target, target) && within(name, other.target)) return false;  // something else lies over it
    return true;
  };
  if (!plan.root.empty() && shown(plan.root, "/")) return true;
  for (const Mount& m : plan.mounts)
    if (m.type == Mount::Type::bind && shown(m.source, m.target)) return true;
  return false;
}

struct Closedir {
  void operator()(DIR* directory) const { closedir(directory); }
};

// Removes what is in `directory`. What lies deeper than `depth` levels is moved up to `top`, and goes when its turn comes.
void empty_out(int top, int directory, unsigned depth, uint64_t& moved) {
  int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return;
  std::unique_ptr<DIR, Closedir> entries(fdopendir(copy));
  if (!entries) return void(close(copy));
  while (const dirent* entry = readdir(entries.get())) {
    const char* name = entry->d_name;
    if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
    if (!unlinkat(directory, name, 0) || errno == ENOENT) continue;
    if (!unlinkat(directory, name, AT_REMOVEDIR) || errno == ENOENT) continue;
    if (!depth && !renameat(directory, name, top, ("moved-" + std::to_string(moved)).c_str())) {
      moved++;
      continue;
    }
    Fd next(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // Its owner took the right to look into it.
    if (!next.valid() && errno == EACCES && !fchmodat(directory, name, 0700, 0)) {
      next.reset(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    struct stat st;
    if (!next.valid() || fstat(next.get(), &st)) continue;
    if ((st.st_mode & 0700) != 0700 && fchmod(next.get(), 0700)) continue;
    if (depth) empty_out(top, next.get(), depth - 1, moved);
    next.reset();
    unlinkat(directory, name, AT_REMOVEDIR);
  }
}

}  // namespace

Status make_state(const Plan& plan, std::string& path, Fd& directory) {
  Failure last = fail("state", "/tmp", ENOENT, "there is no directory for temporary files");
  for (const std::string& base : bases(plan.temporary)) {
    if (is_shown(plan, base)) {
      last = fail("state", base, EACCES, "the directory for temporary files lies in what the policy shows the guest");
      continue;
    }
    struct statvfs fs;
    if (statvfs(base.c_str(), &fs) || fs.f_flag & (ST_NOEXEC | ST_RDONLY)) {
      last = fail("state", base, EACCES, "the directory for temporary files is mounted read-only, or so that nothing in it can be executed");
      continue;
    }
    std::string name = base + (base == "/" ? "" : "/") + kPrefix + plan.id + "-XXXXXX";
    if (!mkdtemp(name.data())) {
      last = fail("state", base, errno);
      continue;
    }
    directory.reset(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory.valid() || flock(directory.get(), LOCK_SH | LOCK_NB)) return fail("state", name, errno);
    for (const char* part : {"view", "proc", "exec"})
      if (mkdirat(directory.get(), part, 0700)) return fail("state", name, errno);
    path = name;
    return std::nullopt;
  }
  return last;
}

void remove_state(const std::string& path, int directory) {
  uint64_t moved = 0, before;
  do {
    before = moved;
    empty_out(directory, directory, kDepth, moved);
  } while (moved != before);
  unlinkat(AT_FDCWD, path.c_str(), AT_REMOVEDIR);
}

namespace {

// rvisor-<id>-XXXXXX, with an id as the SDK makes them: sixteen hexadecimal digits. A directory for temporary files is everybody's, and whoever calls
// something else of theirs `rvisor-…` is to find it again.
bool is_state(std::string_view name) {
  constexpr std::string_view prefix = kPrefix;
  constexpr size_t id = 16, suffix = 7;
  return name.size() == prefix.size() + id + suffix && name.starts_with(prefix) && name[prefix.size() + id] == '-' &&
         name.substr(prefix.size(), id).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

void sweep_states(const std::string& wish, const std::string& id) {
  std::string prefix = kPrefix + id + (id.empty() ? "" : "-");
  for (const std::string& base : bases(wish)) {
    std::unique_ptr<DIR, Closedir> entries(opendir(base.c_str()));
    while (entries) {
      const dirent* entry = readdir(entries.get());
      if (!entry) break;
      std::string_view name = entry->d_name;
      if (!name.starts_with(prefix) || !is_state(name)) continue;
      Fd state(openat(dirfd(entries.get()), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      struct stat st;
      if (!state.valid() || fstat(state.get(), &st) || st.st_uid != geteuid() || (st.st_mode & 07777) != 0700) continue;
      if (id.empty() && st.st_ctime > time(nullptr) - kFreshSeconds) continue;
      if (flock(state.get(), LOCK_EX | LOCK_NB)) continue;  // somebody lives
      remove_state(base + "/" + entry->d_name, state.get());
    }
  }
}

}  // namespace rvisor
