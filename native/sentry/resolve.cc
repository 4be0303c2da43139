// SPDX-License-Identifier: Apache-2.0
// Component by component, so that the two kinds of link in /proc that mean "whoever follows me" are never left to the kernel:
// `self` and `thread-self` become the caller's own numbers. A path without any symbolic link takes one call.
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "../core/rv_ring.h"
#include "../core/rv_core.h"
#include "mount_api.h"
#include "translation.h"

namespace rvisor {
namespace {

constexpr int kMaxLinks = 40;        // as in fs/namei.c
constexpr ino_t kProcRootInode = 1;  // PROC_ROOT_INO

Fd open_path(int directory, const char* name, int flags) { return Fd(openat(directory, name, O_PATH | O_CLOEXEC | flags)); }

enum class Place { elsewhere, proc_root, in_proc };

Place place_of(int directory) {
  struct statfs fs;
  struct stat st;
  if (fstatfs(directory, &fs) || fs.f_type != PROC_SUPER_MAGIC) return Place::elsewhere;
  return !fstat(directory, &st) && st.st_ino == kProcRootInode ? Place::proc_root : Place::in_proc;
}

// What every process may see of any other in /proc. The rest is shown to none but the process itself and its tracers.
constexpr std::string_view kPublic[] = {"cgroup", "cmdline", "comm", "limits", "mountinfo", "mounts", "oom_score", "stat", "statm", "status"};

bool is_number(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }

// /proc/self/fd, which all threads share; opened once, so that a descriptor's link is one step away.
int own_descriptors() {
  static const int directory = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return directory;
}

struct Decimal {
  explicit Decimal(int number) { snprintf(text, sizeof text, "%d", number); }
  char text[12];
};

int read_link(int directory, const char* name, std::string& out) {
  char text[PATH_MAX];
  ssize_t size = readlinkat(directory, name, text, sizeof text);
  if (size < 0) return errno;
  if (size == 0) return ENOENT;
  if (size == sizeof text) return ENAMETOOLONG;
  out.assign(text, static_cast<size_t>(size));
  return 0;
}

// `text` beneath an absolute path, without empty components, `.` and `..`.
std::string joined(const std::string& base, const std::string& text) {
  std::string path;
  for (std::string_view left : {std::string_view(base), std::string_view(text)}) {
    while (!left.empty()) {
      size_t end = std::min(left.find('/'), left.size());
      std::string_view part = left.substr(0, end);
      left.remove_prefix(std::min(end + 1, left.size()));
      if (part == "..") path.resize(path.empty() ? 0 : path.rfind('/'));
      else if (!part.empty() && part != ".") path.append("/").append(part);
    }
  }
  return path.empty() ? "/" : path;
}

class Walk {
 public:
  Walk(const Caller& caller, bool follow, bool create, Resolved& out) : caller_(caller), follow_(follow), create_(create), out_(out) {}

  int run(int dirfd, const std::string& path) {
    if (path.empty()) return ENOENT;
    if (path.size() >= PATH_MAX) return ENAMETOOLONG;
    if (int err = path[0] == '/' ? to_root() : open_descriptor(caller_, dirfd, out_.directory)) return err;
    out_.name = ".";
    rest_ = path;
    while (!rest_.empty() && !out_.magic) {
      size_t begin = rest_.find_first_not_of('/');
      if (begin == std::string::npos) break;
      size_t end = rest_.find('/', begin);
      std::string name = rest_.substr(begin, end == std::string::npos ? end : end - begin);
      rest_ = end == std::string::npos ? std::string() : rest_.substr(end);
      if (int err = take(name)) return leads_nowhere(err, name);
    }
    return finish();
  }

 private:
  int to_root() {
    out_.directory = open_path(AT_FDCWD, "/", O_DIRECTORY);
    return out_.directory.valid() ? 0 : errno;
  }

  int descend(Fd next) {
    if (!next.valid()) return errno;
    out_.directory = std::move(next);
    out_.name = ".";
    return 0;
  }

  int take(const std::string& name) {
    if (name == "." || name == "..") return descend(open_path(out_.directory.get(), name.c_str(), O_DIRECTORY));
    bool last = rest_.find_first_not_of('/') == std::string::npos;
    out_.slash = last && !rest_.empty();
    if (out_.slash && create_) return EISDIR;
    Fd next = open_path(out_.directory.get(), name.c_str(), O_NOFOLLOW);
    if (!next.valid() && (errno != ENOENT || !last)) return errno;
    out_.name = name;
    if (!next.valid()) return rest_.clear(), 0;
    struct stat st;
    if (fstat(next.get(), &st)) return errno;
    if (S_ISLNK(st.st_mode) && (follow_ || !last || out_.slash)) return expand(name, last);
    if (last && !out_.slash) return out_.object = std::move(next), 0;
    return S_ISDIR(st.st_mode) ? descend(std::move(next)) : ENOTDIR;
  }

  // Nothing is there, or the descriptor that a name is relative to is a handler's memory file.
  int leads_nowhere(int err, const std::string& name) {
    std::string base = err == ENOENT ? path_of(out_.directory.get()) : err == ENOTDIR ? stands_for(out_.directory.get()) : std::string();
    if (!base.empty()) out_.nowhere = joined(base, name + rest_);
    return err;
  }

  // A symbolic link: its text stands before what is left of the path.
  int expand(const std::string& name, bool last) {
    if (++links_ > kMaxLinks) return ELOOP;
    std::string text;
    Place place = place_of(out_.directory.get());
    if (place == Place::in_proc) return jump(name, last && !out_.slash);
    if (place == Place::proc_root && name == "self") {
      text = std::to_string(caller_.process());
    } else if (place == Place::proc_root && name == "thread-self") {
      text = std::to_string(caller_.process()) + "/task/" + std::to_string(caller_.tid);
    } else if (int err = read_link(out_.directory.get(), name.c_str(), text)) {
      return err;
    }
    if (text.size() + rest_.size() >= PATH_MAX) return ENAMETOOLONG;
    rest_.insert(0, text);
    out_.name = ".";
    return text[0] == '/' ? to_root() : 0;
  }

  // A link of /proc/<pid>: the kernel goes straight to the object, whatever the text says.
  int jump(const std::string& name, bool ends_here) {
    if (int err = keep_out_of_init(path_of(out_.directory.get()) + "/" + name, out_.directory)) return err;
    Fd next = open_path(out_.directory.get(), name.c_str(), 0);
    if (!next.valid()) return errno;
    struct stat st;
    if (fstat(next.get(), &st)) return errno;
    if (!ends_here) return S_ISDIR(st.st_mode) ? descend(std::move(next)) : ENOTDIR;
    out_.object = std::move(next);
    out_.magic = true;
    return 0;
  }

  int finish() {
    if (out_.magic) {
      out_.path = path_of(out_.object.get());
      return keep_out_of_init(out_.path, out_.object);
    }
    out_.path = path_of(out_.directory.get());
    if (out_.name != "." && !out_.path.empty()) out_.path += (out_.path == "/" ? "" : "/") + out_.name;
    if (int err = keep_out_of_init(out_.path, out_.directory)) return err;
    if (out_.name != ".") return 0;
    out_.object = open_path(out_.directory.get(), ".", O_DIRECTORY);
    return out_.object.valid() ? 0 : errno;
  }

  const Caller& caller_;
  const bool follow_, create_;
  Resolved& out_;
  std::string rest_;
  int links_ = 0;
};

// The kernel's own walk, in one step. It is init's, so whatever it has to do with /proc is not taken from it; nor is what leads
// nowhere, of which more is to be said than the kernel says.
class Shortcut {
 public:
  Shortcut(const Caller& caller, int dirfd, const std::string& path, bool follow) : path_(path), follow_(follow) {
    if (path[0] != '/') usable_ = open_descriptor(caller, dirfd, start_) == 0;
  }

  // Only what is there.
  bool object(Resolved& out) const {
    if (!usable_) return false;
    const int flags = follow_ ? 0 : O_NOFOLLOW;
    out.name = ".";
    // An absolute path that passes no link says itself where it leads.
    if (is_plain(path_)) {
      out.object.reset(step(path_.c_str(), flags, RESOLVE_NO_SYMLINKS));
      if (out.object.valid()) return out.path = path_, elsewhere(out.path, out.object);
      // Nothing has that name in a directory that is there: that is all there is to know.
      if (errno == ENOENT && hold_parent(out, RESOLVE_NO_SYMLINKS)) return out.path = path_, elsewhere(out.path, out.directory);
      if (errno != ELOOP) return false;
    }
    out.object.reset(step(path_.c_str(), flags));
    if (!out.object.valid()) return false;
    out.path = path_of(out.object.get());
    return elsewhere(out.path, out.object);
  }

  // The directory, the name in it, and what has that name.
  bool place(Resolved& out) const {
    out = Resolved();
    if (!usable_) return false;
    if (is_plain(path_) && hold_parent(out, RESOLVE_NO_SYMLINKS)) {
      out.path = path_;
    } else {
      if (!hold_parent(out, RESOLVE_NO_MAGICLINKS)) return false;
      out.path = path_of(out.directory.get());
      if (out.path.empty() || out.path[0] != '/') return false;
      out.path += (out.path == "/" ? "" : "/") + out.name;
    }
    out.object = open_path(out.directory.get(), out.name.c_str(), O_NOFOLLOW);
    if (!out.object.valid() && errno != ENOENT) return false;
    struct stat st;
    if (out.object.valid() && follow_ && (fstat(out.object.get(), &st) || S_ISLNK(st.st_mode))) return false;
    return elsewhere(out.path, out.directory);
  }

  // Absolute, without empty components, `.` and `..`, and without a slash at the end.
  static bool is_plain(const std::string& path) {
    return rv_path_is_resolved(reinterpret_cast<const uint8_t*>(path.data()), path.size());
  }

  // Not one of /proc by its text, whichever procfs is where.
  static bool is_ordinary(std::string_view path) { return names_no_proc(path) && !has_number(path); }

 private:
  // The directory that the last name stands in, and the name.
  bool hold_parent(Resolved& out, uint64_t restrictions) const {
    size_t split = path_.rfind('/');
    out.name = path_.substr(split == std::string::npos ? 0 : split + 1);
    if (out.name.empty() || out.name == "." || out.name == ".." || out.name.size() > NAME_MAX) return false;
    out.directory.reset(step(split == std::string::npos ? "." : split == 0 ? "/" : path_.substr(0, split).c_str(), O_DIRECTORY, restrictions));
    return out.directory.valid();
  }

  int step(const char* path, int flags, uint64_t restrictions = RESOLVE_NO_MAGICLINKS) const {
    return sys_openat2(path[0] == '/' ? AT_FDCWD : start_.get(), path, static_cast<uint64_t>(O_PATH | O_CLOEXEC | flags), 0, restrictions);
  }

  static bool names_no_proc(std::string_view path) { return !path.empty() && path[0] == '/' && path != "/proc" && !path.starts_with("/proc/"); }

  static bool has_number(std::string_view path) {
    for (size_t begin = 1, end; begin < path.size(); begin = end + 1) {
      end = std::min(path.find('/', begin), path.size());
      if (is_number(path.substr(begin, end - begin))) return true;
    }
    return false;
  }

  // A path that is known, and not one of /proc: another procfs has numbers in its paths too.
  static bool elsewhere(std::string_view path, const Fd& held) {
    return names_no_proc(path) && (!has_number(path) || place_of(held.get()) == Place::elsewhere);
  }

  const std::string& path_;
  const bool follow_;
  Fd start_;
  bool usable_ = true;
};

const Translation* translated = nullptr;

// What is held open of the threads that called last, one listener's thread each. The number may have become another thread's: what is
// held is of the old one, and says so.
struct Held {
  pid_t tid = 0;
  Fd process, directory;
};

Held& held_of(pid_t tid) {
  thread_local std::array<Held, 16> all;
  Held& held = all[static_cast<size_t>(tid) % all.size()];
  if (held.tid != tid) held = Held{tid, Fd(), Fd()};
  return held;
}

// pidfd_getfd(2) of the thread itself where the kernel can (PIDFD_THREAD, Linux 6.9): it may have a table of its own.
int take(const Caller& caller, int fd, Fd& out) {
  Held& held = held_of(caller.tid);
  for (bool again = held.process.valid();; again = false) {
    if (!held.process.valid()) {
      held.process.reset(static_cast<int>(syscall(SYS_pidfd_open, caller.tid, O_EXCL)));
      if (!held.process.valid() && errno == EINVAL) held.process.reset(static_cast<int>(syscall(SYS_pidfd_open, caller.process(), 0)));
      if (!held.process.valid()) return errno;
    }
    out.reset(static_cast<int>(syscall(SYS_pidfd_getfd, held.process.get(), fd, 0)));
    if (out.valid()) return 0;
    if (errno != ESRCH || !again) return errno;
    held.process.reset();
  }
}

// The thread's working directory.
Fd open_cwd(const Caller& caller) {
  Held& held = held_of(caller.tid);
  for (bool again = held.directory.valid();; again = false) {
    if (!held.directory.valid()) held.directory = open_path(AT_FDCWD, ("/proc/" + std::to_string(caller.tid)).c_str(), O_DIRECTORY);
    Fd cwd = open_path(held.directory.get(), "cwd", 0);
    if (cwd.valid() || !again) return cwd;
    held.directory.reset();
  }
}

}  // namespace

std::string Caller::proc(const char* name) const { return "/proc/" + std::to_string(tid) + "/" + name; }

long Caller::status(const char* field, int base) const {
  char text[2048];
  Fd file(open(proc("status").c_str(), O_RDONLY | O_CLOEXEC));
  ssize_t size = file.valid() ? read(file.get(), text, sizeof text - 1) : -1;
  if (size <= 0) return -1;
  text[size] = 0;
  // The first line holds the thread's name, its own choice; the kernel escapes line feeds in it.
  std::string key = "\n" + std::string(field);
  const char* line = strstr(text, key.c_str());
  return line ? strtol(line + key.size(), nullptr, base) : -1;
}

pid_t Caller::process() const {
  if (process_ < 0) process_ = static_cast<pid_t>(std::max(0L, status("Tgid:", 10)));
  return process_;
}

void take_paths_in(const Translation* view) { translated = view; }

const Translation* translated_view() { return translated; }

int link_of_own(int fd, std::string& out) { return read_link(own_descriptors(), Decimal(fd).text, out); }

bool is_proc_root(int fd) { return place_of(fd) == Place::proc_root; }

bool is_proc(int fd) { return place_of(fd) != Place::elsewhere; }

int link_of(const Caller& caller, const char* name, std::string& out) {
  Held& held = held_of(caller.tid);
  for (bool again = held.directory.valid();; again = false) {
    if (!held.directory.valid()) held.directory = open_path(AT_FDCWD, ("/proc/" + std::to_string(caller.tid)).c_str(), O_DIRECTORY);
    int err = read_link(held.directory.get(), name, out);
    if (!err || !again) return err == ENOENT && name[0] == 'f' ? EBADF : err;
    held.directory.reset();
  }
}

int open_descriptor(const Caller& caller, int fd, Fd& out) {
  if (fd == AT_FDCWD) {
    out = open_cwd(caller);
    return out.valid() ? 0 : errno;
  }
  if (int err = take(caller, fd, out); !err || err == EBADF) return err;
  // Where a container's seccomp profile refuses pidfd_getfd(2).
  out = open_path(AT_FDCWD, caller.proc(("fd/" + std::to_string(fd)).c_str()).c_str(), 0);
  return out.valid() ? 0 : errno == ENOENT ? EBADF : errno;
}

int descriptor_state(const Caller& caller, int fd, uint32_t& flags, long long& position) {
  char text[512];
  Fd info(open(caller.proc(("fdinfo/" + std::to_string(fd)).c_str()).c_str(), O_RDONLY | O_CLOEXEC));
  ssize_t size = info.valid() ? read(info.get(), text, sizeof text - 1) : 0;
  text[std::max<ssize_t>(size, 0)] = 0;
  return sscanf(text, "pos: %lld flags: %o", &position, &flags) == 2 ? 0 : EBADF;
}

std::string path_of(int fd) {
  if (translated) return translated->path_of(fd);
  std::string text;
  // Too long to be told: no path that could be decided on, and not none either.
  if (read_link(own_descriptors(), Decimal(fd).text, text)) return "?";
  if (text[0] != '/') return {};
  struct stat st;
  constexpr std::string_view deleted = " (deleted)";
  // The kernel marks what has no name any more. A file may really be called so: then it is there under this name.
  if (text.ends_with(deleted) && (lstat(text.c_str(), &st) || fstat(fd, &st) || st.st_nlink == 0)) return {};
  return text;
}

int keep_out_of_init(const std::string& path, const Fd& place) {
  if (translated) return translated->keep_out(path, place);
  bool ours = path.starts_with("/proc/");
  std::vector<std::string_view> names;
  for (size_t begin = ours ? 6 : 1, end; begin < path.size(); begin = end + 1) {
    end = std::min(path.find('/', begin), path.size());
    names.push_back(std::string_view(path).substr(begin, end - begin));
  }
  if (!ours) {
    // In another procfs, one of the host's that a policy shows, init has a number that it does not know itself.
    bool numbered = std::any_of(names.begin(), names.end(), is_number);
    return numbered && place_of(place.get()) != Place::elsewhere ? EACCES : 0;
  }
  // `place` is held: its number cannot have become one of init's since.
  if (names.empty() || !is_number(names[0]) || access(("/proc/self/task/" + std::string(names[0])).c_str(), F_OK)) return 0;
  size_t base = names.size() >= 3 && names[1] == "task" ? 3 : 1;
  if (names.size() == base || (base == 1 && names.size() == 2 && names[1] == "task")) return 0;
  return names.size() == base + 1 && std::find(std::begin(kPublic), std::end(kPublic), names[base]) != std::end(kPublic) ? 0 : EACCES;
}

std::string stands_for(int fd) {
  constexpr std::string_view begin = "/memfd:", end = " (deleted)";
  std::string text;
  struct stat st;
  if (read_link(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str(), text) || !text.starts_with(begin) || !text.ends_with(end)) return {};
  if (text.size() < begin.size() + 1 + end.size() || text[begin.size()] != '/' || fstat(fd, &st) || st.st_nlink != 0 || !S_ISREG(st.st_mode)) return {};
  return text.substr(begin.size(), text.size() - begin.size() - end.size());
}

int take_descriptor(const Caller& caller, int fd, Fd& out) {
  if (Handed* handed = caller.handed)
    if (auto own = handed->given.find(fd); own != handed->given.end()) {
      out.reset(fcntl(own->second.get(), F_DUPFD_CLOEXEC, 0));
      return out.valid() ? 0 : errno;
    }
  int err = take(caller, fd, out);
  if ((err != EPERM && err != ENOSYS) || !caller.handed) return err;
  caller.handed->wanted = fd;
  return kHandOver;
}

int open_program(const Caller& caller, Fd& out) {
  out = open_path(AT_FDCWD, caller.proc("exe").c_str(), 0);
  if (!out.valid()) return errno;
  if (translated && translated->original)
    if (Fd own = translated->original(out.get()); own.valid()) out = std::move(own);
  return 0;
}

std::string program_of(const Caller& caller) {
  std::string path;
  Fd program;
  if (translated) return open_program(caller, program) ? path : path_of(program.get());
  char text[PATH_MAX];
  ssize_t size = readlink(caller.proc("exe").c_str(), text, sizeof text);
  if (size > 0) path.assign(text, static_cast<size_t>(size));
  return path;
}

ssize_t inspect(const Caller& caller, int fd, void* out, size_t room) {
  Fd object;
  struct stat st;
  const bool executable = fd == static_cast<int>(RV_RING_EXECUTABLE);
  if (executable) {
    if (int err = open_program(caller, object)) return -err;
  } else if (int err = open_descriptor(caller, fd, object)) {
    return -err;
  }
  if (fstat(object.get(), &st)) return -errno;
  rv_ring_descriptor found{};
  found.device = st.st_dev;
  found.inode = st.st_ino;
  found.size = st.st_size;
  found.mode = st.st_mode;
  found.position = -1;
  if (fd != AT_FDCWD && !executable) {
    long long position;
    if (int err = descriptor_state(caller, fd, found.flags, position)) return -err;
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode)) found.position = position;
  }
  std::string path = stands_for(object.get());
  found.stands = !path.empty();
  if (path.empty()) {
    // What the guest has from outside (its stdout, say) has a path of the host's, where the guest has something else or nothing.
    struct stat there;
    path = path_of(object.get());
    if (!path.empty() && !translated && (lstat(path.c_str(), &there) || there.st_dev != st.st_dev || there.st_ino != st.st_ino)) path.clear();
  }
  if (sizeof found + path.size() > room) return -ENAMETOOLONG;
  found.path = static_cast<uint32_t>(path.size());
  memcpy(out, &found, sizeof found);
  memcpy(static_cast<char*>(out) + sizeof found, path.data(), path.size());
  return static_cast<ssize_t>(sizeof found + path.size());
}

ssize_t take_bytes(const Caller& caller, int fd, void* out, size_t size) {
  Fd shared;
  struct stat st;
  if (int err = take_descriptor(caller, fd, shared)) return -err;
  if (fstat(shared.get(), &st)) return -errno;
  if (!S_ISREG(st.st_mode)) return -EINVAL;  // whatever else there is may let one wait
  if (int err = keep_out_of_init(path_of(shared.get()), shared)) return -err;
  // It may be open for writing only, or for nothing at all.
  Fd readable(open(("/proc/self/fd/" + std::to_string(shared.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable.valid()) return -errno;
  off_t at = lseek(shared.get(), 0, SEEK_CUR);
  if (at < 0) return -errno;
  ssize_t got = pread(readable.get(), out, size, at);
  if (got < 0) return -errno;
  return lseek(shared.get(), at + got, SEEK_SET) < 0 ? -errno : got;
}

int reopen(int fd, int flags, unsigned mode) { return openat(own_descriptors(), Decimal(fd).text, flags | O_CLOEXEC, mode); }

std::optional<Named> names_itself(const std::string& path) {
  if (path.size() >= PATH_MAX || !Shortcut::is_plain(path) || !Shortcut::is_ordinary(path)) return std::nullopt;
  return translated ? translated->names_itself(path) : Named{AT_FDCWD, path.c_str()};
}

int resolve(const Caller& caller, int dirfd, const std::string& path, bool follow, Resolved& out, bool create, Want want) {
  if (translated) return translated->resolve(caller, dirfd, path, follow, out, create, want);
  if (!path.empty() && path.size() < PATH_MAX) {
    Shortcut shortcut(caller, dirfd, path, follow);
    if (want == Want::object && shortcut.object(out)) return 0;
    if (shortcut.place(out)) return 0;
  }
  out = Resolved();
  return Walk(caller, follow, create, out).run(dirfd, path);
}

}  // namespace rvisor
