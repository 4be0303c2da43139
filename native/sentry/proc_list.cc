// SPDX-License-Identifier: Apache-2.0
#include "proc_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <memory>

#include "kin.h"
#include "resolve.h"

namespace rvisor {
namespace {

using Names = std::unique_ptr<DIR, int (*)(DIR*)>;

Names names_in(int directory) {
  int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Names names(copy < 0 ? nullptr : fdopendir(copy), closedir);
  if (!names && copy >= 0) close(copy);
  return names;
}

bool is_dot(const char* name) { return !strcmp(name, ".") || !strcmp(name, ".."); }

void empty_out(int directory) {
  Names names = names_in(directory);
  while (names) {
    const dirent* entry = readdir(names.get());
    if (!entry) return;
    if (!is_dot(entry->d_name)) unlinkat(directory, entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
  }
}

// Something of that name and kind; what it holds nobody sees.
int stand_in(int directory, const char* name, unsigned char kind) {
  if (kind == DT_DIR) return mkdirat(directory, name, 0555) ? errno : 0;
  if (kind == DT_LNK) return symlinkat("/", directory, name) ? errno : 0;
  return mknodat(directory, name, S_IFREG | 0444, 0) ? errno : 0;
}

}  // namespace

Status ProcList::open(int directory, Translation& view) {
  directory_.reset(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_.valid()) return fail("state", "proc", errno);
  if (int err = link_of_own(directory_.get(), path_)) return fail("state", "proc", err);
  view_ = &view;
  return std::nullopt;
}

int ProcList::list(Fd& out) {
  pthread_mutex_lock(&lock_);
  const uint64_t number = next_++;
  pthread_mutex_unlock(&lock_);
  auto name_of = [](uint64_t which) { return std::to_string(which % kKept); };
  const std::string name = name_of(number);
  if (Fd old(openat(directory_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); old.valid()) {
    empty_out(old.get());
    old.reset();
    if (unlinkat(directory_.get(), name.c_str(), AT_REMOVEDIR)) return errno;
  }
  if (mkdirat(directory_.get(), name.c_str(), 0755)) return errno;
  Fd made(openat(directory_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Fd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!made.valid() || !proc.valid()) return errno;
  Names names = names_in(proc.get());
  while (names) {
    const dirent* entry = readdir(names.get());
    if (!entry) break;
    const long process = atol(entry->d_name);
    if (is_dot(entry->d_name) || (process > 0 && !is_kin(static_cast<pid_t>(process)))) continue;
    if (int err = stand_in(made.get(), entry->d_name, entry->d_type); err && err != EEXIST) return err;
  }
  if (fchmod(made.get(), 0555)) return errno;
  view_->show_as(path_ + "/" + name, "/proc");
  out = std::move(made);
  return 0;
}

}  // namespace rvisor
