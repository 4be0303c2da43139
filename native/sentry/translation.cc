// SPDX-License-Identifier: Apache-2.0
// The table: places of the guest's tree by their paths, and back from what the kernel reports. Kept small and read without a lock: it
// never changes once the guest runs, but for the names of executed copies.
#include "translation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "../core/rv_core.h"

namespace rvisor {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

bool is_number(std::string_view text) { return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string_view::npos; }

bool is_plain(std::string_view path) { return rv_path_is_resolved(reinterpret_cast<const uint8_t*>(path.data()), path.size()); }

// Whether `path` is `top` or beneath it.
bool within(std::string_view path, std::string_view top) {
  return top == "/" || (path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/'));
}

// `rest` is empty, or begins with a slash.
std::string below(std::string_view top, std::string_view rest) {
  if (rest.empty()) return std::string(top);
  return std::string(top == "/" ? std::string_view() : top).append(rest);
}

// What of `path`, which lies within `top`, follows it: empty, or from a slash on.
std::string_view after(std::string_view path, std::string_view top) {
  if (top == "/") return path == "/" ? std::string_view() : path;
  return path.substr(top.size());
}

// What a fresh procfs of the guest's own has covered (view.cc), or read-only: the machine's secrets and its settings. `path`: beneath /proc.
bool is_covered(std::string_view path, const struct stat& st, uint32_t rights) {
  constexpr std::string_view covered[] = {"kcore", "keys", "key-users", "kmsg", "timer_list", "sched_debug", "latency_stats", "acpi", "scsi", "kallsyms",
                                          "kpagecount", "kpageflags", "kpagecgroup", "vmallocinfo", "sysvipc", "sysrq-trigger"};
  if (path.size() < 2) return false;
  std::string_view first = path.substr(1, path.find('/', 1) - 1);
  if (is_number(first)) return false;
  if (rights & (RV_RIGHT_WRITE | RV_RIGHT_TRUNCATE)) return true;
  // A guest that is root in the host owns what not everybody may read.
  if (S_ISREG(st.st_mode) && !(st.st_mode & S_IROTH)) return true;
  return std::find(std::begin(covered), std::end(covered), first) != std::end(covered);
}

}  // namespace

int Translation::add(Entry entry) {
  struct stat st;
  if (!is_plain(entry.guest) || !entry.root.valid()) return EINVAL;
  if (fstat(entry.root.get(), &st)) return errno;
  entry.directory = S_ISDIR(st.st_mode);
  if (entry.host.empty()) {
    if (int err = link_of_own(entry.root.get(), entry.host)) return err;
  }
  if (entry.guest == "/" ? !entry.directory : entries_.empty()) return ENOTDIR;
  // What was at this place or beneath it is out of reach from now on.
  std::erase_if(entries_, [&](const Entry& old) { return within(old.guest, entry.guest); });
  std::erase_if(links_, [&](const auto& link) { return within(link.first, entry.guest); });
  entries_.push_back(std::move(entry));
  places_.clear();
  by_host_.clear();
  for (size_t i = 0; i < entries_.size(); i++) {
    places_[entries_[i].guest] = i;
    by_host_.push_back(i);
  }
  for (Entry& each : entries_) {
    each.in_proc = false;
    for (const Entry& other : entries_) each.in_proc |= other.kind == Entry::Kind::proc && within(each.guest, other.guest);
  }
  std::stable_sort(by_host_.begin(), by_host_.end(), [&](size_t a, size_t b) { return entries_[a].host.size() > entries_[b].host.size(); });
  return 0;
}

void Translation::add_link(std::string guest, std::string content) { links_[std::move(guest)] = std::move(content); }

void Translation::show_as(const std::string& host, const std::string& guest) {
  pthread_mutex_lock(&lock_);
  if (guest.empty()) shown_.erase(host);
  else shown_[host] = guest;
  pthread_mutex_unlock(&lock_);
}

size_t Translation::number_of(std::string_view path) const {
  for (;;) {
    auto found = places_.find(path.empty() ? std::string_view("/") : path);
    if (found != places_.end()) return found->second;
    path = path.substr(0, path.rfind('/'));
  }
}

const std::string* Translation::link_at(std::string_view path) const {
  auto found = links_.find(path);
  return found == links_.end() ? nullptr : &found->second;
}

std::optional<Named> Translation::names_itself(const std::string& path) const {
  const Entry& entry = entries_[number_of(path)];
  // Where the guest can make links, a look at what is there could lead to anywhere in the host.
  if (entry.kind != Entry::Kind::host || entry.writable || !entry.directory || entry.in_proc) return std::nullopt;
  std::string_view rest = after(path, entry.guest);
  if (rest.empty()) return std::nullopt;
  return Named{entry.root.get(), rest.data() + 1};
}

bool Translation::covers(std::string_view path) const {
  if (path == "/" || places_.contains(path)) return true;
  std::string beneath = std::string(path) + "/";
  auto next = places_.lower_bound(beneath);
  return next != places_.end() && next->first.starts_with(beneath);
}

std::optional<std::string> Translation::guest_path(std::string_view host) const {
  pthread_mutex_lock(&lock_);
  auto shown = shown_.find(host);
  std::optional<std::string> name = shown == shown_.end() ? std::nullopt : std::optional(shown->second);
  pthread_mutex_unlock(&lock_);
  if (name || host.empty() || host[0] != '/') return name;
  for (size_t number : by_host_) {
    const Entry& entry = entries_[number];
    if (!within(host, entry.host) || (!entry.directory && host != entry.host)) continue;
    std::string path = below(entry.guest, after(host, entry.host));
    // It is in the view only where nothing else covers it.
    if (number_of(path) == number) return path;
  }
  return std::nullopt;
}

std::string Translation::host_path(std::string_view path) const {
  const Entry& entry = entries_[number_of(path)];
  return below(entry.host, after(path, entry.guest));
}

std::string Translation::path_of(int fd) const {
  std::string path;
  bool unlinked = false;
  int number = place_of(fd, path, unlinked);
  if (number < 0 && path == "?") return path;
  return number < 0 || unlinked ? std::string() : path;
}

bool Translation::of_process(const Resolved& r) const {
  if (r.mount < 0 || entry(r.mount).kind != Entry::Kind::proc) return false;
  std::string_view rest = after(r.path, entry(r.mount).guest);
  if (rest.find("/net/") != rest.npos || rest.ends_with("/net")) return false;
  return rest.size() > 1 && is_number(rest.substr(1, rest.find('/', 1) - 1));
}

int Translation::refuses(const Resolved& r, uint32_t rights) const {
  constexpr uint32_t names = RV_RIGHT_CREATE | RV_RIGHT_DELETE | RV_RIGHT_BIND;
  if (rights & names) {
    const int place = r.holder >= 0 ? r.holder : r.mount;
    if (place >= 0 && !entry(place).writable) return EROFS;
  }
  constexpr uint32_t changes = RV_RIGHT_WRITE | RV_RIGHT_TRUNCATE | RV_RIGHT_METADATA;
  if (!(rights & (changes | RV_RIGHT_READ)) || r.mount < 0 || !r.object.valid()) return 0;
  const Entry& there = entry(r.mount);
  // A device of the host's is not the guest's to change, nor what procfs shows, whoever owns it.
  if (rights & RV_RIGHT_METADATA && there.kind == Entry::Kind::device) return EROFS;
  // Of a process of the guest's own the kernel says what can be changed, which is next to nothing.
  if (rights & RV_RIGHT_METADATA && there.in_proc && !there.writable) return EROFS;
  if (rights & RV_RIGHT_METADATA && there.in_proc && !of_process(r)) return EPERM;
  if (there.writable && there.devices) return 0;
  struct stat st;
  if (fstat(r.object.get(), &st)) return errno;
  if (there.kind == Entry::Kind::proc && is_covered(after(r.path, there.guest), st, rights)) return EACCES;
  const bool device = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode), kept = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
  if (device && !there.devices && rights & (RV_RIGHT_READ | RV_RIGHT_WRITE)) return EACCES;
  if (there.writable) return 0;
  if (rights & RV_RIGHT_METADATA) return EROFS;
  if (!kept) return 0;  // what goes through a pipe or a device changes nothing here
  if (rights & RV_RIGHT_TRUNCATE && S_ISREG(st.st_mode)) return EROFS;
  if (!(rights & RV_RIGHT_WRITE) || S_ISDIR(st.st_mode)) return 0;
  // The file's own permissions come first.
  if (syscall(SYS_faccessat2, r.object.get(), "", W_OK, AT_EMPTY_PATH | AT_EACCESS) && errno == EACCES) return EACCES;
  return EROFS;
}

std::string Translation::link_text(const std::string& text) const {
  if (text[0] != '/') return text;
  const bool unlinked = text.ends_with(kDeleted);
  std::string_view path = text;
  if (unlinked) path.remove_suffix(kDeleted.size());
  if (std::optional<std::string> name = guest_path(text)) return *name;
  if (unlinked)
    if (std::optional<std::string> name = guest_path(path)) return *name + std::string(kDeleted);
  if (unlinked && path.starts_with("/memfd:")) return text;
  return "(unreachable)";
}

int Translation::keep_out(const std::string& path, const Fd& place) const {
  if (path.empty() || path[0] != '/') return 0;
  const Entry& entry = entries_[number_of(path)];
  std::string_view rest = after(path, entry.guest);
  for (size_t begin = 1, end; begin < rest.size(); begin = end + 1) {
    end = std::min(rest.find('/', begin), rest.size());
    std::string_view name = rest.substr(begin, end - begin);
    if (!is_number(name)) continue;
    // What the view's own procfs shows is the guest's, for the walk has seen to it; but a descriptor may be of longer ago.
    if (entry.in_proc) return begin > 1 || !owns || owns(static_cast<pid_t>(strtol(std::string(name).c_str(), nullptr, 10))) ? 0 : EACCES;
    return is_proc(place.get()) ? EACCES : 0;
  }
  return 0;
}

int Translation::place_of(int fd, std::string& guest, bool& unlinked) const {
  std::string text;
  guest.clear();
  unlinked = false;
  if (link_of_own(fd, text)) return guest.assign(1, '?'), -1;
  if (text[0] != '/') return -1;
  if (text.ends_with(kDeleted)) {
    struct stat st, there;
    // A file may really be called so: then it is there under this name.
    unlinked = fstat(fd, &st) || st.st_nlink == 0 || lstat(text.c_str(), &there) || there.st_dev != st.st_dev || there.st_ino != st.st_ino;
    if (unlinked) text.resize(text.size() - kDeleted.size());
  }
  std::optional<std::string> path = guest_path(text);
  if (!path) return -1;
  guest = std::move(*path);
  return static_cast<int>(number_of(guest));
}

}  // namespace rvisor
