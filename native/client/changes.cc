// SPDX-License-Identifier: Apache-2.0
// What an overlay's upper directory says that its guest changed: listed, or carried over to the lower directory.
//
// The tree was written by somebody hostile, who may still be writing. It is walked by descriptors, one name at a time and
// never through a symbolic link; what a name is, is asked of the opened file; nothing is opened that could block; depth is
// bounded. The lower tree is walked the same way. A file is written beside its place and renamed into it.
//
// How overlayfs notes a change (Documentation/filesystems/overlayfs.rst): a deleted name is a character device 0:0, or an
// empty file with the attribute overlay.whiteout; a directory that hides the one below has overlay.opaque. The attributes
// are user.* inside a user namespace and trusted.* outside. overlay.metacopy and overlay.redirect are not used by our
// mounts: a file or directory that has one is refused.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "../sentry/channel.h"
#include "rvisor.h"

namespace rvisor {
namespace {

constexpr int kDeepest = 256;
constexpr size_t kStack = 4 << 20;  // 16 KiB for each level
constexpr mode_t kFileBits = 0777, kDirectoryBits = 01777;

bool has_attribute(int fd, const char* name, std::string_view expected = {}) {
  for (const char* space : {"user.overlay.", "trusted.overlay."}) {
    char value[64];
    ssize_t size = fgetxattr(fd, (std::string(space) + name).c_str(), value, sizeof value);
    if (size >= 0 ? expected.empty() || std::string_view(value, static_cast<size_t>(size)) == expected : errno == ERANGE) return true;
  }
  return false;
}

const char* type_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "directory";
    case S_IFLNK: return "symlink";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    case S_IFBLK: return "block-device";
    default: return "character-device";
  }
}

// The next byte at or after `at` that is not in a hole; the size where there is none; `at` where holes cannot be told.
off_t next_data(int fd, off_t at, off_t size) {
  off_t data = lseek(fd, at, SEEK_DATA);
  return data >= 0 ? data : errno == ENXIO ? size : at;
}

// Two files of this size. Holes that both have are not read.
bool same_content(int a, int b, off_t size) {
  char left[32768], right[32768];
  for (off_t at = 0; at < size;) {
    at = std::min(next_data(a, at, size), next_data(b, at, size));
    if (at >= size) return true;
    ssize_t x = pread(a, left, sizeof left, at), y = pread(b, right, sizeof right, at);
    if (x <= 0 || x != y || memcmp(left, right, static_cast<size_t>(x))) return false;
    at += x;
  }
  return true;
}

std::string link_target(int directory, const std::string& name) {
  std::string target(PATH_MAX, '\0');
  ssize_t size = readlinkat(directory, name.c_str(), target.data(), target.size());
  target.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return target;
}

class Walk {
 public:
  explicit Walk(bool commit) : commit_(commit) {}

  // False after a failure, which is the last record then.
  bool run(int upper, int lower) {
    bool opaque = has_attribute(upper, "opaque", "y");
    return merge(upper, lower, opaque, "", 0);
  }

  bool clear(int directory) {
    std::vector<std::string> names;
    if (!list(directory, names)) return failed("", errno);
    for (const std::string& name : names)
      if (!remove(directory, name, name, 0)) return false;
    return true;
  }

  bool failed(const std::string& path, int error) {
    record('E', rvisor_errno_name(error), error, path, strerrordesc_np(error));
    return false;
  }

  const std::string& records() const { return records_; }

 private:
  void record(char kind, const char* type, long long number, const std::string& path, const char* note = "") {
    records_ += kind;
    for (const std::string& field : {std::string(type), std::to_string(number), path, std::string(note ? note : "")}) records_.append(1, '\0').append(field);
    records_.append(1, '\0');
  }

  static bool list(int directory, std::vector<std::string>& names) {
    Fd copy(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    DIR* stream = copy.valid() ? fdopendir(copy.get()) : nullptr;
    if (!stream) return false;
    copy.release();
    errno = 0;
    while (dirent* entry = readdir(stream))
      if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) names.emplace_back(entry->d_name);
    int error = errno;
    closedir(stream);
    errno = error;
    std::sort(names.begin(), names.end());
    return error == 0;
  }

  // Opens one name for reading, also where its owner, who is the caller, has taken the right to read away.
  static Fd open_name(int directory, const std::string& name, int flags, const struct stat& st) {
    int all = flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    Fd fd(openat(directory, name.c_str(), all));
    if (fd.valid() || errno != EACCES) return fd;
    Fd place(openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat now;
    if (!place.valid() || fstat(place.get(), &now) || now.st_ino != st.st_ino || S_ISLNK(now.st_mode)) return Fd();
    std::string path = "/proc/self/fd/" + std::to_string(place.get());
    if (chmod(path.c_str(), (st.st_mode & 07777) | (S_ISDIR(st.st_mode) ? 0700 : 0400))) {
      errno = EACCES;
      return Fd();
    }
    fd.reset(openat(directory, name.c_str(), all));
    int error = errno;
    // A directory stays open to its owner: the names in it are still to be read.
    if (!S_ISDIR(st.st_mode)) chmod(path.c_str(), st.st_mode & 07777);
    errno = error;
    return fd;
  }

  bool merge(int upper, int lower, bool opaque, const std::string& prefix, int depth) {
    if (depth > kDeepest) return failed(prefix, ELOOP);
    std::vector<std::string> names;
    if (!list(upper, names)) return failed(prefix, errno);
    auto path_of = [&](const std::string& name) { return prefix.empty() ? name : prefix + "/" + name; };
    if (opaque && lower >= 0) {
      std::vector<std::string> below;
      if (!list(lower, below)) return failed(prefix, errno);
      for (const std::string& name : below) {
        if (std::binary_search(names.begin(), names.end(), name)) continue;
        struct stat st;
        if (fstatat(lower, name.c_str(), &st, AT_SYMLINK_NOFOLLOW)) return failed(path_of(name), errno);
        if (!deleted(lower, name, path_of(name), st)) return false;
      }
    }
    for (const std::string& name : names)
      if (!entry(upper, lower, name, path_of(name), depth)) return false;
    return true;
  }

  bool entry(int upper, int lower, const std::string& name, const std::string& path, int depth) {
    struct stat st, old{};
    if (fstatat(upper, name.c_str(), &st, AT_SYMLINK_NOFOLLOW)) return errno == ENOENT || failed(path, errno);
    bool exists = lower >= 0 && !fstatat(lower, name.c_str(), &old, AT_SYMLINK_NOFOLLOW);
    if (lower >= 0 && !exists && errno != ENOENT) return failed(path, errno);
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) return !exists || deleted(lower, name, path, old);
    char kind = exists ? 'M' : 'A';
    if (S_ISDIR(st.st_mode)) return directory(upper, lower, name, path, st, exists ? &old : nullptr, depth);
    if (S_ISREG(st.st_mode)) return file(upper, lower, name, path, st, exists ? &old : nullptr);
    if (S_ISLNK(st.st_mode)) {
      std::string target = link_target(upper, name);
      if (exists && S_ISLNK(old.st_mode) && link_target(lower, name) == target) return true;
      record(kind, "symlink", static_cast<long long>(target.size()), path);
      if (!commit_) return true;
      std::string temporary = temporary_name();
      if (symlinkat(target.c_str(), lower, temporary.c_str())) return failed(path, errno);
      return place(lower, temporary, name, path, exists ? &old : nullptr);
    }
    if (commit_) record('S', type_name(st.st_mode), 0, path, "devices, fifos and sockets are not carried over");
    else record(kind, type_name(st.st_mode), 0, path);
    return true;
  }

  bool deleted(int lower, const std::string& name, const std::string& path, const struct stat& old) {
    record('D', type_name(old.st_mode), 0, path);
    return !commit_ || remove(lower, name, path, 0);
  }

  bool directory(int upper, int lower, const std::string& name, const std::string& path, const struct stat& st, const struct stat* old, int depth) {
    Fd from = open_name(upper, name, O_DIRECTORY, st);
    if (!from.valid()) return failed(path, errno);
    if (has_attribute(from.get(), "redirect")) return failed(path, EPROTO);
    bool merged = old && S_ISDIR(old->st_mode);
    bool other_mode = merged && ((st.st_mode ^ old->st_mode) & kDirectoryBits);
    if (!merged || other_mode) record(old ? 'M' : 'A', "directory", 0, path);
    Fd to;
    if (commit_ && !merged) {
      if (old && unlinkat(lower, name.c_str(), 0)) return failed(path, errno);
      if (mkdirat(lower, name.c_str(), 0700)) return failed(path, errno);
    }
    if (merged || commit_) {
      to.reset(openat(lower, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!to.valid()) return failed(path, errno);
    }
    if (!merge(from.get(), to.get(), merged && has_attribute(from.get(), "opaque", "y"), path, depth + 1)) return false;
    if (!commit_ || (merged && !other_mode)) return true;
    // A group bit that the lower directory has makes its files inherit the group: that is the host's arrangement.
    if (fchmod(to.get(), (st.st_mode & kDirectoryBits) | (merged ? old->st_mode & S_ISGID : 0))) return failed(path, errno);
    timespec times[] = {st.st_atim, st.st_mtim};
    if (!merged && futimens(to.get(), times)) return failed(path, errno);
    return true;
  }

  bool file(int upper, int lower, const std::string& name, const std::string& path, const struct stat& seen, const struct stat* old) {
    Fd from = open_name(upper, name, 0, seen);
    struct stat st;
    if (!from.valid() || fstat(from.get(), &st)) return failed(path, errno);
    if (!S_ISREG(st.st_mode)) return failed(path, EBUSY);  // changed under our hands
    st.st_mode = (st.st_mode & S_IFMT) | (seen.st_mode & 07777);
    if (st.st_size == 0 && has_attribute(from.get(), "whiteout")) return !old || deleted(lower, name, path, *old);
    if (has_attribute(from.get(), "metacopy")) return failed(path, EPROTO);
    bool changed = !old || !S_ISREG(old->st_mode) || ((st.st_mode ^ old->st_mode) & kFileBits) || st.st_size != old->st_size;
    if (!changed) {
      Fd below(openat(lower, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      changed = !below.valid() || !same_content(from.get(), below.get(), st.st_size);
    }
    if (changed) record(old ? 'M' : 'A', "file", st.st_size, path);
    if (!commit_) return true;
    if (st.st_mode & (S_ISUID | S_ISGID) & ~(old ? old->st_mode : 0)) record('S', "file", st.st_size, path, "its set-user-id and set-group-id bits are not carried over");
    if (!changed) return true;

    std::string temporary = temporary_name();
    Fd to(openat(lower, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to.valid()) return failed(path, errno);
    int error = copy(from.get(), to.get(), st.st_size);
    // The owner stays who it was, where the caller may say so.
    if (!error && old && (old->st_uid != geteuid() || old->st_gid != getegid()) && fchown(to.get(), old->st_uid, old->st_gid) && errno != EPERM) error = errno;
    if (!error && fchmod(to.get(), st.st_mode & kFileBits)) error = errno;
    timespec times[] = {st.st_atim, st.st_mtim};
    if (!error && futimens(to.get(), times)) error = errno;
    if (error) {
      unlinkat(lower, temporary.c_str(), 0);
      return failed(path, error);
    }
    return place(lower, temporary, name, path, old);
  }

  // The data without the holes: a guest can make a file that is larger than the host's disk.
  static int copy(int from, int to, off_t size) {
    for (off_t at = 0; at < size;) {
      off_t data = lseek(from, at, SEEK_DATA);
      if (data < 0 && errno == ENXIO) break;  // nothing but a hole is left
      off_t hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
      if (data < 0) data = at;
      if (hole < 0 || hole > size) hole = size;
      if (lseek(to, data, SEEK_SET) < 0) return errno;
      for (off_t next = data; next < hole;) {
        ssize_t moved = sendfile(to, from, &next, static_cast<size_t>(std::min<off_t>(hole - next, 1 << 30)));
        if (moved < 0 && errno == EINTR) continue;
        if (moved < 0) return errno;
        if (moved == 0) return 0;  // it was cut short meanwhile
      }
      at = hole;
    }
    return ftruncate(to, size) ? errno : 0;
  }

  bool place(int lower, const std::string& temporary, const std::string& name, const std::string& path, const struct stat* old) {
    if (old && S_ISDIR(old->st_mode) && !remove(lower, name, path, 0)) {
      unlinkat(lower, temporary.c_str(), 0);
      return false;
    }
    if (!renameat(lower, temporary.c_str(), lower, name.c_str())) return true;
    int error = errno;
    unlinkat(lower, temporary.c_str(), 0);
    return failed(path, error);
  }

  bool remove(int parent, const std::string& name, const std::string& path, int depth) {
    if (!unlinkat(parent, name.c_str(), 0) || errno == ENOENT) return true;
    if (errno != EISDIR && errno != EPERM) return failed(path, errno);
    if (depth > kDeepest) return failed(path, ELOOP);
    struct stat st;
    if (fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW)) return errno == ENOENT || failed(path, errno);
    if (!S_ISDIR(st.st_mode)) return failed(path, EPERM);
    Fd directory = open_name(parent, name, O_DIRECTORY, st);
    std::vector<std::string> names;
    if (!directory.valid() || !list(directory.get(), names)) return failed(path, errno);
    for (const std::string& child : names)
      if (!remove(directory.get(), child, path + "/" + child, depth + 1)) return false;
    return !unlinkat(parent, name.c_str(), AT_REMOVEDIR) || errno == ENOENT || failed(path, errno);
  }

  static std::string temporary_name() {
    unsigned long long number = 0;
    while (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {}
    char name[40];
    snprintf(name, sizeof name, ".rvisor-%016llx", number);
    return name;
  }

  bool commit_;
  std::string records_;
};

// A directory by its absolute path, no component of which may be a symbolic link.
Fd open_directory(const char* path) {
  Fd directory(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string_view rest(path);
  while (directory.valid() && !rest.empty()) {
    size_t slash = std::min(rest.find('/'), rest.size());
    std::string name(rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (!name.empty()) directory = Fd(openat(directory.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (directory.valid()) directory = Fd(openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory;
}

}  // namespace
}  // namespace rvisor

using namespace rvisor;

namespace rvisor {
namespace {

struct Task {
  int operation;
  Fd upper;
  const char* lower;
  std::string records;
};

void* carry_out(void* argument) {
  auto* task = static_cast<Task*>(argument);
  Walk walk(task->operation == RVISOR_CHANGES_COMMIT);
  if (task->operation == RVISOR_CHANGES_DISCARD) {
    walk.clear(task->upper.get());
  } else {
    Fd lower = open_directory(task->lower);
    if (lower.valid()) walk.run(task->upper.get(), lower.get());
    else walk.failed("", errno);
  }
  task->records = walk.records();
  return nullptr;
}

}  // namespace
}  // namespace rvisor

int32_t rvisor_changes(int32_t operation, int32_t upper, const char* lower) {
  Task task{operation, Fd(upper), lower, {}};
  // On a stack of its own: the caller's may be too small for the deepest tree (koffi's are 256 KiB).
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, carry_out, &task);
  pthread_attr_destroy(&attributes);
  if (error) return -error;
  pthread_join(thread, nullptr);
  Fd out;
  if ((error = seal_text(task.records, out))) return -error;
  return out.release();
}
