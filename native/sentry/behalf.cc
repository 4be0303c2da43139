// SPDX-License-Identifier: Apache-2.0
#include "behalf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "../core/rv_core.h"
#include "message.h"
#include "mount_api.h"

namespace rvisor {
namespace {

constexpr size_t kXattrName = 256, kXattrValue = 65536;  // XATTR_NAME_MAX + 1, XATTR_SIZE_MAX
constexpr long kFchmodat2 = 452;
constexpr uint32_t kTmpfile = O_TMPFILE & ~O_DIRECTORY;
constexpr size_t kMaxMoved = 100'000;         // names in a directory that is looked through before it moves
constexpr unsigned kMaxDepth = 100;           // and how deep they lie: each level holds a descriptor
constexpr size_t kSentAtOnce = 32 * 1024;     // what a stream takes without a wait, mostly
constexpr uint32_t kMaxMessages = 1024;       // UIO_MAXIOV

std::string self_fd(const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

Answer result(long rc) { return rc < 0 ? Answer::error(errno) : Answer::of(rc); }

// The caller's file mode creation mask, set for this thread while a file is made.
class Umask {
 public:
  explicit Umask(const Caller& caller) {
    long mask = caller.status("Umask:", 8);
    before_ = umask(mask < 0 ? 0777 : static_cast<mode_t>(mask));  // unknown: nobody gets anything
  }
  ~Umask() { umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t before_;
};

// Held while a name is decided on and made or moved, by whichever thread of ours: nothing of the guest's can come to lie in a
// directory between the look through it and its move.
class Names {
 public:
  Names() { pthread_mutex_lock(&lock); }
  ~Names() { release(); }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  void release() {
    if (held_) pthread_mutex_unlock(&lock);
    held_ = false;
  }

 private:
  static inline pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  bool held_ = true;
};

struct Closedir {
  void operator()(DIR* directory) const { closedir(directory); }
};

class Act {
 public:
  Act(const rv_call& call, const Caller& caller, Judge& judge, bool may_block, Copies* copies)
      : a_(call.args), nr_(static_cast<int>(call.nr)), caller_(caller), memory_(caller.tid, copies), judge_(judge), may_block_(may_block) {}

  Answer run() {
    switch (nr_) {
      case SYS_open: return open_file(AT_FDCWD, a_[0], word(1), word(2), 0);
      case SYS_creat: return open_file(AT_FDCWD, a_[0], O_CREAT | O_WRONLY | O_TRUNC, word(1), 0);
      case SYS_openat: return open_file(fd(0), a_[1], word(2), word(3), 0);
      case SYS_openat2: return open_how_file();
      case SYS_stat: return stat_file(AT_FDCWD, a_[0], a_[1], 0);
      case SYS_lstat: return stat_file(AT_FDCWD, a_[0], a_[1], AT_SYMLINK_NOFOLLOW);
      case SYS_newfstatat: return stat_file(fd(0), a_[1], a_[2], word(3));
      case SYS_statx: return statx_file();
      case SYS_access: return access_file(AT_FDCWD, a_[0], word(1), 0);
      case SYS_faccessat: return access_file(fd(0), a_[1], word(2), 0);
      case SYS_faccessat2: return access_file(fd(0), a_[1], word(2), word(3));
      case SYS_readlink: return read_link(AT_FDCWD, a_[0], a_[1], word(2));
      case SYS_readlinkat: return read_link(fd(0), a_[1], a_[2], word(3));
      case SYS_statfs: return statfs_file();
      case SYS_mkdir: return make_directory(AT_FDCWD, a_[0], word(1));
      case SYS_mkdirat: return make_directory(fd(0), a_[1], word(2));
      case SYS_mknod: return make_node(AT_FDCWD, a_[0], word(1), a_[2]);
      case SYS_mknodat: return make_node(fd(0), a_[1], word(2), a_[3]);
      case SYS_symlink: return make_symlink(a_[0], AT_FDCWD, a_[1]);
      case SYS_symlinkat: return make_symlink(a_[0], fd(1), a_[2]);
      case SYS_rmdir: return remove(AT_FDCWD, a_[0], AT_REMOVEDIR);
      case SYS_unlink: return remove(AT_FDCWD, a_[0], 0);
      case SYS_unlinkat: return remove(fd(0), a_[1], word(2));
      case SYS_link: return link_file(AT_FDCWD, a_[0], AT_FDCWD, a_[1], 0);
      case SYS_linkat: return link_file(fd(0), a_[1], fd(2), a_[3], word(4));
      case SYS_rename: return rename_file(AT_FDCWD, a_[0], AT_FDCWD, a_[1], 0);
      case SYS_renameat: return rename_file(fd(0), a_[1], fd(2), a_[3], 0);
      case SYS_renameat2: return rename_file(fd(0), a_[1], fd(2), a_[3], word(4));
      case SYS_chmod: return change_mode(AT_FDCWD, a_[0], word(1), 0);
      case SYS_fchmodat: return change_mode(fd(0), a_[1], word(2), 0);
      case kFchmodat2: return change_mode(fd(0), a_[1], word(2), word(3));
      case SYS_chown: return change_owner(AT_FDCWD, a_[0], word(1), word(2), 0);
      case SYS_lchown: return change_owner(AT_FDCWD, a_[0], word(1), word(2), AT_SYMLINK_NOFOLLOW);
      case SYS_fchownat: return change_owner(fd(0), a_[1], word(2), word(3), word(4));
      case SYS_utime: return change_times_utime();
      case SYS_utimes: return change_times_timeval(AT_FDCWD, a_[0], a_[1]);
      case SYS_futimesat: return change_times_timeval(fd(0), a_[1], a_[2]);
      case SYS_utimensat: return change_times_timespec();
      case SYS_truncate: return truncate_file();
      case SYS_setxattr: return set_attribute(true);
      case SYS_lsetxattr: return set_attribute(false);
      case SYS_getxattr: return get_attribute(true);
      case SYS_lgetxattr: return get_attribute(false);
      case SYS_listxattr: return list_attributes(true);
      case SYS_llistxattr: return list_attributes(false);
      case SYS_removexattr: return remove_attribute(true);
      case SYS_lremovexattr: return remove_attribute(false);
      case SYS_inotify_add_watch: return watch_file();
      case SYS_connect: return connect_socket();
      case SYS_bind: return bind_socket();
      case SYS_listen: return listen_socket();
      case SYS_sendto: return send_bytes();
      case SYS_sendmsg: return send_message();
      case SYS_sendmmsg: return send_messages();
    }
    return Answer::error(ENOSYS);
  }

 private:
  uint32_t word(int i) const { return static_cast<uint32_t>(a_[i]); }
  int fd(int i) const { return static_cast<int>(a_[i]); }

  int read_path(uint64_t address, std::string& out) const { return memory_.read_string(address, PATH_MAX, out); }

  // As resolve(); but where nothing is, a handler may still answer for the name.
  int walk(int dirfd, const std::string& text, bool follow, Resolved& out, bool create = false, Want want = Want::place) {
    int err = resolve(caller_, dirfd, text, follow, out, create, want);
    if (err && !out.nowhere.empty())
      if (int refused = judge_.nowhere(out.nowhere)) return refused;
    return err;
  }

  // Copies the path argument and resolves it. With AT_EMPTY_PATH an empty one means the descriptor itself.
  int look_up(int dirfd, uint64_t address, bool follow, bool empty_allowed, Resolved& out, bool create = false, Want want = Want::place) {
    std::string text;
    // For these a null pointer is an empty path: since Linux 6.11, and for futimens(3).
    const bool null_allowed = nr_ == SYS_newfstatat || nr_ == SYS_statx || nr_ == SYS_utimensat || nr_ == SYS_futimesat;
    if (address || !empty_allowed || !null_allowed)
      if (int err = read_path(address, text)) return err;
    if (!text.empty() || !empty_allowed) return walk(dirfd, text, follow, out, create, want);
    if (int err = open_descriptor(caller_, dirfd, out.object)) return err;
    if (std::string given = stands_for(out.object.get()); !given.empty())
      if (int err = judge_.nowhere(given)) return err;
    out.path = path_of(out.object.get());
    out.magic = true;
    return keep_out_of_init(out.path, out.object);
  }

  // As look_up, and something must be there.
  int find(int dirfd, uint64_t address, bool follow, bool empty_allowed, uint32_t rights, Resolved& out) {
    if (int err = look_up(dirfd, address, follow, empty_allowed, out, false, Want::object)) return err;
    if (int err = judge_.path(out.path, rights)) return err;
    return out.object.valid() ? 0 : ENOENT;
  }

  // The name itself, also where it ends in a slash, which only one of a directory may: others are then not found.
  int look_up_new(int dirfd, uint64_t address, bool directory, Resolved& out) {
    std::string text;
    bool slash = false;
    if (int err = look_up_name(dirfd, address, text, slash, out)) return err;
    return slash && !directory && !out.object.valid() ? ENOENT : 0;
  }

  // `text`: the path without slashes at its end.
  int look_up_name(int dirfd, uint64_t address, std::string& text, bool& slash, Resolved& out) {
    if (int err = read_path(address, text)) return err;
    size_t end = text.find_last_not_of('/');
    slash = end != std::string::npos && end + 1 < text.size();
    if (slash) text.resize(end + 1);
    return walk(dirfd, text, false, out);
  }

  // As look_up, for a name that is to be made. Where it is there already, to say so takes no more than the right to know it.
  int find_new(int dirfd, uint64_t address, uint32_t rights, Resolved& out, bool directory = false) {
    if (int err = look_up_new(dirfd, address, directory, out)) return err;
    if (int err = judge_.path(out.path, out.object.valid() ? RV_RIGHT_STAT : rights)) return err;
    return out.object.valid() ? EEXIST : 0;
  }

  Answer open_how_file() {
    open_how how{};
    uint64_t size = a_[3];
    if (size < sizeof how) return Answer::error(EINVAL);
    if (size > 4096) return Answer::error(E2BIG);
    std::vector<uint8_t> bytes(size);
    if (int err = memory_.read_all(a_[2], bytes.data(), size)) return Answer::error(err);
    for (size_t i = sizeof how; i < size; i++)
      if (bytes[i]) return Answer::error(E2BIG);
    memcpy(&how, bytes.data(), sizeof how);
    // Which flags there are, and which go together, the kernel says itself: about no file.
    if (sys_openat2(-1, "", how.flags, how.mode, how.resolve) < 0 && errno != ENOENT) return Answer::error(errno);
    return open_file(fd(0), a_[1], static_cast<uint32_t>(how.flags), static_cast<uint32_t>(how.mode), how.resolve);
  }

  static uint32_t rights_of_open(uint32_t flags, bool directory) {
    if (flags & O_PATH) return RV_RIGHT_STAT;
    uint32_t rights = 0;
    uint32_t mode = flags & O_ACCMODE;
    if (mode != O_WRONLY) rights |= directory ? RV_RIGHT_LIST : RV_RIGHT_READ;
    if (mode != O_RDONLY) rights |= RV_RIGHT_WRITE;
    if (flags & O_TRUNC) rights |= RV_RIGHT_TRUNCATE;
    return rights ? rights : RV_RIGHT_STAT;
  }

  Answer open_file(int dirfd, uint64_t address, uint32_t flags, uint32_t mode, uint64_t restrictions) {
    const uint32_t cloexec = flags & O_CLOEXEC;
    if (flags & O_PATH) flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const bool create = flags & O_CREAT;
    const bool temporary = (flags & O_TMPFILE) == O_TMPFILE;
    const bool follow = !(flags & O_NOFOLLOW) && !(create && flags & O_EXCL);
    Resolved r;
    if (flags & kTmpfile || (create && flags & O_DIRECTORY))
      if (openat(-1, "", static_cast<int>(flags), 0) < 0 && errno == EINVAL) return Answer::error(EINVAL);
    std::optional<Names> names;
    if (create) names.emplace();
    if (restrictions) {
      if (int err = look_up_restricted(dirfd, address, follow, create, restrictions, r)) return Answer::error(err);
    } else if (int err = look_up(dirfd, address, follow, false, r, create, create ? Want::place : Want::object)) {
      return Answer::error(err);
    }
    struct stat st {};
    if (r.object.valid() && fstat(r.object.get(), &st)) return Answer::error(errno);
    if (temporary) {
      if (!r.object.valid()) return Answer::error(ENOENT);
      if (int err = judge_.path(r.path, RV_RIGHT_CREATE | RV_RIGHT_WRITE)) return Answer::error(err);
      return reopen(r.object, flags, mode, cloexec);
    }
    if (!r.object.valid()) {
      if (!create) return refuse_missing(r, rights_of_open(flags, false));
      if (r.slash) return Answer::error(EISDIR);
      if (int err = judge_.path(r.path, RV_RIGHT_CREATE | rights_of_open(flags, false))) return Answer::error(err);
      Umask mask(caller_);
      // O_NOFOLLOW: what stands there now, if anything, has not been judged. O_EXCL would be wrong for two that create at once. And
      // O_NONBLOCK: it may be a FIFO by now.
      Fd made(openat(r.directory.get(), r.name.c_str(), static_cast<int>(flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), mode & 07777));
      if (!made.valid()) return Answer::error(errno);
      if (!(flags & O_NONBLOCK) && fcntl(made.get(), F_SETFL, flags)) return Answer::error(errno);
      return Answer::descriptor(std::move(made), cloexec);
    }
    if (int err = judge_.path(r.path, rights_of_open(flags, S_ISDIR(st.st_mode)))) return Answer::error(err);
    if (create && flags & O_EXCL) return Answer::error(EEXIST);
    if (create && S_ISDIR(st.st_mode)) return Answer::error(EISDIR);
    if (flags & O_DIRECTORY && !S_ISDIR(st.st_mode)) return Answer::error(ENOTDIR);
    // No O_PATH descriptor can be given into the guest (SECCOMP_IOCTL_NOTIF_ADDFD takes files that are open). The kernel makes it, from
    // whatever the path then says: its flags are in a register, so it reads and writes nothing, whatever it stands for. Those of
    // openat2 are in memory; programs have another way where there is no openat2.
    if (flags & O_PATH && !judge_.binding()) return nr_ == SYS_openat2 ? Answer::error(ENOSYS) : Answer::proceed();
    if (flags & O_PATH) {
      // What a handler saw must be what happens. The guest gets a descriptor that it may read from, where it may.
      if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return Answer::error(EOPNOTSUPP);
      if (int err = judge_.path(r.path, S_ISDIR(st.st_mode) ? RV_RIGHT_LIST : RV_RIGHT_READ)) return Answer::error(err);
      return reopen(r.object, O_RDONLY, 0, cloexec);
    }
    if (S_ISLNK(st.st_mode)) return Answer::error(ELOOP);
    // A FIFO waits for its other end, a device for what it likes: never on the thread that serves everybody.
    if (!may_block_ && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return Answer::later();
    names.reset();
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 0)) return open_terminal(cloexec);
    return reopen(r.object, flags & ~static_cast<uint32_t>(O_CREAT | O_EXCL | O_NOFOLLOW), mode, cloexec);
  }

  // Opens what an O_PATH descriptor stands for: the very object that was judged.
  Answer reopen(const Fd& object, uint32_t flags, uint32_t mode, uint32_t cloexec) {
    std::optional<Umask> mask;  // looking it up takes longer than all else
    if ((flags & O_TMPFILE) == O_TMPFILE) mask.emplace(caller_);
    // Who holds a lease on the file is waited for (fcntl(2), F_SETLEASE), but not here.
    const uint32_t at_once = may_block_ || mask ? 0 : O_NONBLOCK;
    // A terminal that init opened would otherwise become init's own.
    Fd opened(rvisor::reopen(object.get(), static_cast<int>(flags | at_once | O_NOCTTY), mode & 07777));
    if (!opened.valid()) return errno == EWOULDBLOCK && at_once && !(flags & O_NONBLOCK) ? Answer::later() : Answer::error(errno);
    if (at_once && !(flags & O_NONBLOCK) && fcntl(opened.get(), F_SETFL, flags)) return Answer::error(errno);
    return Answer::descriptor(std::move(opened), cloexec);
  }

  // /dev/tty is the terminal of whoever opens it, which init has none of: the caller's, where it holds it open itself.
  Answer open_terminal(uint32_t cloexec) {
    char text[1024];
    Fd file(open(caller_.proc("stat").c_str(), O_RDONLY | O_CLOEXEC));
    ssize_t size = file.valid() ? read(file.get(), text, sizeof text - 1) : -1;
    if (size <= 0) return Answer::error(ENXIO);
    text[size] = 0;
    int terminal = 0;  // tty_nr, seventh field: proc_pid_stat(5); the name before it may hold anything
    const char* end = strrchr(text, ')');
    if (!end || sscanf(end + 1, " %*c %*d %*d %*d %d", &terminal) != 1 || !terminal) return Answer::error(ENXIO);
    dev_t device = makedev((static_cast<unsigned>(terminal) >> 8) & 0xfff, (static_cast<unsigned>(terminal) & 0xff) | ((static_cast<unsigned>(terminal) >> 12) & 0xfff00));
    std::unique_ptr<DIR, Closedir> open_files(opendir(caller_.proc("fd").c_str()));
    if (!open_files) return Answer::error(ENXIO);
    while (const dirent* entry = readdir(open_files.get())) {
      struct stat st;
      if (fstatat(dirfd(open_files.get()), entry->d_name, &st, 0) || !S_ISCHR(st.st_mode) || st.st_rdev != device) continue;
      Fd own;
      if (take_descriptor(caller_, atoi(entry->d_name), own) == 0) return Answer::descriptor(std::move(own), cloexec);
    }
    return Answer::error(ENXIO);
  }

  Answer refuse_missing(const Resolved& r, uint32_t rights) {
    int err = judge_.path(r.path, rights);
    return Answer::error(err ? err : ENOENT);
  }

  // openat2(2) with RESOLVE_*: the kernel's own rules. What they admit cannot mean init in place of the caller, as `self` is a
  // symbolic link that leads elsewhere only within /proc: that is refused.
  int look_up_restricted(int dirfd, uint64_t address, bool follow, bool create, uint64_t restrictions, Resolved& out) {
    std::string text;
    if (int err = read_path(address, text)) return err;
    Fd start;
    if (int err = open_descriptor(caller_, dirfd, start)) return err;
    size_t end = text.find_last_not_of('/');
    restrictions |= RESOLVE_NO_MAGICLINKS;  // those of /proc that are init's own would be followed
    if (text.empty()) return ENOENT;
    if (end == std::string::npos) end = text.size() - 1;
    else out.slash = end + 1 < text.size();
    size_t split = text.rfind('/', end);
    std::string parent = split == std::string::npos ? "." : split == 0 ? "/" : text.substr(0, split);
    out.name = text.substr(split == std::string::npos ? 0 : split + 1, end - (split == std::string::npos ? 0 : split + 1) + 1);
    if (out.name.empty()) out.name = ".";
    out.directory.reset(sys_openat2(start.get(), parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, restrictions));
    if (!out.directory.valid()) return errno;
    if (create && out.slash && out.name != "." && out.name != "..") return EISDIR;
    out.object.reset(sys_openat2(start.get(), text.c_str(), O_PATH | O_CLOEXEC | (follow ? 0U : static_cast<unsigned>(O_NOFOLLOW)), 0, restrictions));
    if (!out.object.valid() && errno != ENOENT) return errno;
    if (out.object.valid()) {
      out.path = path_of(out.object.get());
    } else {
      out.path = path_of(out.directory.get());
      if (!out.path.empty()) out.path += (out.path == "/" ? "" : "/") + out.name;
    }
    std::string own = "/proc/" + std::to_string(getpid());
    if (out.path == own || out.path.starts_with(own + "/")) return EXDEV;
    return keep_out_of_init(out.path, out.directory);
  }

  Answer write_back(uint64_t address, const void* from, size_t size) {
    int err = memory_.write_all(address, from, size);
    return err ? Answer::error(err) : Answer::of(0);
  }

  Answer stat_file(int dirfd, uint64_t address, uint64_t out, uint32_t flags) {
    if (flags & ~static_cast<uint32_t>(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) return Answer::error(EINVAL);
    Resolved r;
    if (int err = find(dirfd, address, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, RV_RIGHT_STAT, r)) return Answer::error(err);
    struct stat st;
    if (fstat(r.object.get(), &st)) return Answer::error(errno);
    return write_back(out, &st, sizeof st);
  }

  Answer statx_file() {
    uint32_t flags = word(2);
    constexpr uint32_t known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
    if (flags & ~known || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || word(3) & STATX__RESERVED) return Answer::error(EINVAL);
    Resolved r;
    if (int err = find(fd(0), a_[1], !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, RV_RIGHT_STAT, r)) return Answer::error(err);
    struct statx stx;
    if (statx(r.object.get(), "", static_cast<int>(flags | AT_EMPTY_PATH), word(3), &stx)) return Answer::error(errno);
    return write_back(a_[4], &stx, sizeof stx);
  }

  Answer access_file(int dirfd, uint64_t address, uint32_t mode, uint32_t flags) {
    if (mode & ~7U) return Answer::error(EINVAL);
    if (flags & ~static_cast<uint32_t>(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
    Resolved r;
    uint32_t rights = RV_RIGHT_STAT;
    if (mode & R_OK) rights |= RV_RIGHT_READ;
    if (mode & W_OK) rights |= RV_RIGHT_WRITE;
    if (mode & X_OK) rights |= RV_RIGHT_EXECUTE;
    if (int err = look_up(dirfd, address, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, r, false, Want::object)) return Answer::error(err);
    struct stat st;
    if (r.object.valid() && !fstat(r.object.get(), &st) && S_ISDIR(st.st_mode)) {
      // For a directory "x" is to pass through, which needs no right of its own, and "r" is to list.
      rights = (rights & ~static_cast<uint32_t>(RV_RIGHT_EXECUTE | RV_RIGHT_READ)) | (mode & R_OK ? RV_RIGHT_LIST : 0);
    }
    if (int err = judge_.path(r.path, rights)) return Answer::error(err);
    if (!r.object.valid()) return Answer::error(ENOENT);
    return result(syscall(SYS_faccessat2, r.object.get(), "", mode, AT_EMPTY_PATH | (flags & AT_EACCESS)));
  }

  Answer read_link(int dirfd, uint64_t address, uint64_t out, uint32_t size) {
    if (static_cast<int>(size) <= 0) return Answer::error(EINVAL);
    Resolved r;
    if (int err = find(dirfd, address, false, true, RV_RIGHT_STAT, r)) return Answer::error(err);
    char text[PATH_MAX];
    ssize_t length = readlinkat(r.object.get(), "", text, sizeof text);
    // By an empty path, which is how it was asked for here, what is no link is said not to be there.
    if (length < 0) return Answer::error(errno == ENOENT && !r.magic ? EINVAL : errno);
    // /proc/self is the caller, not us who read it.
    if (r.path == "/proc/self") length = snprintf(text, sizeof text, "%d", caller_.process());
    else if (r.path == "/proc/thread-self") length = snprintf(text, sizeof text, "%d/task/%d", caller_.process(), caller_.tid);
    length = std::min<ssize_t>(length, size);
    int err = memory_.write_all(out, text, static_cast<size_t>(length));
    return err ? Answer::error(err) : Answer::of(length);
  }

  Answer statfs_file() {
    Resolved r;
    if (int err = find(AT_FDCWD, a_[0], true, false, RV_RIGHT_STAT, r)) return Answer::error(err);
    struct statfs fs;
    if (fstatfs(r.object.get(), &fs)) return Answer::error(errno);
    return write_back(a_[1], &fs, sizeof fs);
  }

  Answer make_directory(int dirfd, uint64_t address, uint32_t mode) {
    Resolved r;
    Names names;
    if (int err = find_new(dirfd, address, RV_RIGHT_CREATE, r, true)) return Answer::error(err);
    Umask mask(caller_);
    return result(mkdirat(r.directory.get(), r.name.c_str(), mode));
  }

  Answer make_node(int dirfd, uint64_t address, uint32_t mode, uint64_t device) {
    Resolved r;
    if (S_ISDIR(mode)) return Answer::error(EPERM);
    if (mode & S_IFMT && !S_ISREG(mode) && !S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode)) return Answer::error(EINVAL);
    bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
    Names names;
    if (int err = find_new(dirfd, address, RV_RIGHT_CREATE | (is_device ? RV_RIGHT_DEVICE : 0), r)) return Answer::error(err);
    Umask mask(caller_);
    return result(mknodat(r.directory.get(), r.name.c_str(), mode, device));
  }

  Answer make_symlink(uint64_t content, int dirfd, uint64_t address) {
    std::string text;
    Resolved r;
    if (int err = read_path(content, text)) return Answer::error(err);
    if (text.empty()) return Answer::error(ENOENT);
    Names names;
    if (int err = find_new(dirfd, address, RV_RIGHT_CREATE, r)) return Answer::error(err);
    return result(symlinkat(text.c_str(), r.directory.get(), r.name.c_str()));
  }

  Answer remove(int dirfd, uint64_t address, uint32_t flags) {
    if (flags & ~static_cast<uint32_t>(AT_REMOVEDIR)) return Answer::error(EINVAL);
    std::string text;
    bool slash = false;
    Resolved r;
    if (int err = look_up_name(dirfd, address, text, slash, r)) return Answer::error(err);
    if (r.name == ".") return Answer::error(!(flags & AT_REMOVEDIR) ? EISDIR : text.ends_with("..") ? ENOTEMPTY : text.ends_with('.') ? EINVAL : EBUSY);
    // A directory goes only when it is empty: nothing that is denied goes with it.
    if (int err = judge_.path(r.path, RV_RIGHT_DELETE)) return Answer::error(err);
    if (slash) r.name += '/';
    if (!unlinkat(r.directory.get(), r.name.c_str(), static_cast<int>(flags))) return Answer::of(0);
    int err = errno;
    // The permissions of /proc/<pid>/fd do not hold for the process itself, which is then told what holds for every link of /proc.
    if (err == EACCES && !slash && r.object.valid() && path_of(r.directory.get()) == "/proc/" + std::to_string(caller_.process()) + "/fd")
      err = flags & AT_REMOVEDIR ? ENOTDIR : EPERM;
    return Answer::error(err);
  }

  Answer link_file(int from_dir, uint64_t from, int to_dir, uint64_t to, uint32_t flags) {
    if (flags & ~static_cast<uint32_t>(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
    Resolved source, target;
    Names names;
    if (int err = look_up(from_dir, from, flags & AT_SYMLINK_FOLLOW, flags & AT_EMPTY_PATH, source)) return Answer::error(err);
    if (!source.object.valid()) return refuse_missing(source, RV_RIGHT_READ);
    if (int err = look_up_new(to_dir, to, false, target)) return Answer::error(err);
    // From mount to mount nothing is linked, as the kernel then says: EXDEV, at which programs copy.
    const bool possible = same_mount(source.object, target.directory);
    if (int err = judge_.path(source.path, RV_RIGHT_READ | (possible ? RV_RIGHT_LINK : 0))) return Answer::error(err);
    if (int err = judge_.path(target.path, possible && !target.object.valid() ? RV_RIGHT_CREATE : RV_RIGHT_STAT)) return Answer::error(err);
    if (target.object.valid()) return Answer::error(EEXIST);
    // By the descriptor that was judged; for a symbolic link itself its name is all there is, and it can only be one still.
    if (source.magic || flags & AT_SYMLINK_FOLLOW)
      return result(linkat(AT_FDCWD, self_fd(source.object).c_str(), target.directory.get(), target.name.c_str(), AT_SYMLINK_FOLLOW));
    return result(linkat(source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str(), 0));
  }

  // A name that moves: itself, also where it ends in a slash.
  struct Moving : Resolved {
    bool slash = false;    // only a directory may
    bool special = false;  // "/", "." or "..": no name
    bool up = false;       // "..", which stands in the directory that it leads out of
    bool is_directory = false;
  };

  Answer rename_file(int from_dir, uint64_t from, int to_dir, uint64_t to, uint32_t flags) {
    constexpr uint32_t known = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
    if (flags & ~known || (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))) return Answer::error(EINVAL);
    Moving source, target;
    Names names;
    if (int err = find_moving(from_dir, from, source)) return Answer::error(err);
    if (int err = find_moving(to_dir, to, target)) return Answer::error(err);
    const bool mount = source.up || target.up || same_mount(source.directory, target.directory);
    if (mount && source.special) return Answer::error(EBUSY);
    if (mount && target.special) return Answer::error(flags & RENAME_NOREPLACE ? EEXIST : EBUSY);
    uint32_t leaving = RV_RIGHT_DELETE | RV_RIGHT_LINK, arriving = RV_RIGHT_CREATE;
    if (target.object.valid()) arriving |= RV_RIGHT_DELETE;
    if (flags & RENAME_EXCHANGE) leaving |= RV_RIGHT_CREATE, arriving |= RV_RIGHT_DELETE | RV_RIGHT_LINK;
    if (!mount) leaving = arriving = RV_RIGHT_STAT;
    if (int err = judge_.path(source.path, leaving)) return Answer::error(err);
    if (int err = judge_.path(target.path, arriving)) return Answer::error(err);
    if (!mount) return Answer::error(EXDEV);
    if (!source.object.valid()) return Answer::error(ENOENT);
    if (flags & RENAME_NOREPLACE && target.object.valid()) return Answer::error(EEXIST);
    if (flags & RENAME_EXCHANGE && !target.object.valid()) return Answer::error(ENOENT);
    if (flags & RENAME_EXCHANGE ? target.slash && !target.is_directory : target.slash && !source.is_directory) return Answer::error(ENOTDIR);
    if (source.slash && !source.is_directory) return Answer::error(ENOTDIR);
    if (int err = look_through(source.object, source.path, target.path)) return Answer::error(err);
    if (flags & RENAME_EXCHANGE)
      if (int err = look_through(target.object, target.path, source.path)) return Answer::error(err);
    return result(syscall(SYS_renameat2, source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str(), flags));
  }

  int find_moving(int dirfd, uint64_t address, Moving& out) {
    std::string text;
    struct stat st;
    if (int err = look_up_name(dirfd, address, text, out.slash, out)) return err;
    out.special = out.name == ".";
    out.up = out.special && text.ends_with("..");
    out.is_directory = out.object.valid() && !fstat(out.object.get(), &st) && S_ISDIR(st.st_mode);
    return 0;
  }

  static bool same_mount(const Fd& a, const Fd& b) {
    struct statx x{}, y{};
    return !statx(a.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &x) && !statx(b.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &y) && x.stx_mnt_id == y.stx_mnt_id;
  }

  // A directory takes along what is beneath it: nothing there may be denied, under its present name or its next.
  int look_through(const Fd& object, const std::string& from, const std::string& to) {
    struct stat st;
    if (from.empty() || !(judge_.denies_beneath(from) || judge_.denies_beneath(to)) || fstat(object.get(), &st) || !S_ISDIR(st.st_mode)) return 0;
    size_t left = kMaxMoved;
    return look_through(openat(object.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), from, to, left, 0);
  }

  int look_through(int directory, const std::string& from, const std::string& to, size_t& left, unsigned depth) {
    Fd opened(directory);
    // What cannot be looked at may hold anything: refused as if it did.
    if (!opened.valid() || depth > kMaxDepth) return judge_.moved(std::string(), from);
    std::unique_ptr<DIR, Closedir> entries(fdopendir(opened.get()));
    if (!entries) return errno;
    opened.release();
    while (const dirent* entry = readdir(entries.get())) {
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (left-- == 0) return judge_.moved(std::string(), from);
      std::string now = from + "/" + entry->d_name, then = to + "/" + entry->d_name;
      if (int err = judge_.moved(now, now)) return err;
      if (int err = judge_.moved(then, then)) return err;
      if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) continue;
      int inner = openat(dirfd(entries.get()), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner < 0 && entry->d_type == DT_UNKNOWN && (errno == ENOTDIR || errno == ELOOP)) continue;
      if (int err = look_through(inner, now, then, left, depth + 1)) return err;
    }
    return 0;
  }

  Answer change_mode(int dirfd, uint64_t address, uint32_t mode, uint32_t flags) {
    if (flags & ~static_cast<uint32_t>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
    Resolved r;
    if (int err = find(dirfd, address, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, RV_RIGHT_METADATA, r)) return Answer::error(err);
    struct stat st;
    if (!fstat(r.object.get(), &st) && S_ISLNK(st.st_mode)) {  // a link has no mode of its own; what the kernel says to that depends
      long rc = syscall(kFchmodat2, r.object.get(), "", mode, AT_EMPTY_PATH);
      return rc < 0 && errno == ENOSYS ? Answer::error(EOPNOTSUPP) : result(rc);
    }
    return result(chmod(self_fd(r.object).c_str(), mode & 07777));
  }

  Answer change_owner(int dirfd, uint64_t address, uid_t uid, gid_t gid, uint32_t flags) {
    if (flags & ~static_cast<uint32_t>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
    Resolved r;
    if (int err = find(dirfd, address, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, RV_RIGHT_METADATA, r)) return Answer::error(err);
    return result(fchownat(r.object.get(), "", uid, gid, AT_EMPTY_PATH));
  }

  Answer change_times(int dirfd, uint64_t address, bool follow, bool empty_allowed, const timespec* times) {
    Resolved r;
    if (int err = find(dirfd, address, follow, empty_allowed, RV_RIGHT_METADATA, r)) return Answer::error(err);
    return result(syscall(SYS_utimensat, r.object.get(), "", times, AT_EMPTY_PATH));
  }

  Answer change_times_utime() {
    timespec times[2]{};
    utimbuf given{};
    if (a_[1])
      if (int err = memory_.read_all(a_[1], &given, sizeof given)) return Answer::error(err);
    times[0].tv_sec = given.actime;
    times[1].tv_sec = given.modtime;
    return change_times(AT_FDCWD, a_[0], true, false, a_[1] ? times : nullptr);
  }

  Answer change_times_timeval(int dirfd, uint64_t address, uint64_t pointer) {
    timespec times[2]{};
    timeval given[2]{};
    if (pointer)
      if (int err = memory_.read_all(pointer, given, sizeof given)) return Answer::error(err);
    for (int i = 0; i < 2; i++) {
      if (given[i].tv_usec < 0 || given[i].tv_usec > 999999) return Answer::error(EINVAL);
      times[i] = {given[i].tv_sec, given[i].tv_usec * 1000};
    }
    if (!address && nr_ == SYS_futimesat && dirfd != AT_FDCWD) return change_times(dirfd, 0, true, true, pointer ? times : nullptr);
    return change_times(dirfd, address, true, false, pointer ? times : nullptr);
  }

  Answer change_times_timespec() {
    timespec times[2]{};
    if (a_[2])
      if (int err = memory_.read_all(a_[2], times, sizeof times)) return Answer::error(err);
    uint32_t flags = word(3);
    if (a_[2] && times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT) return Answer::of(0);  // nothing is looked at
    if (flags & ~static_cast<uint32_t>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
    bool itself = a_[1] ? flags & AT_EMPTY_PATH : fd(0) != AT_FDCWD;
    if (!a_[1] && itself && flags) return Answer::error(EINVAL);
    return change_times(fd(0), a_[1], !(flags & AT_SYMLINK_NOFOLLOW), itself, a_[2] ? times : nullptr);
  }

  Answer truncate_file() {
    Resolved r;
    const auto length = static_cast<off_t>(a_[1]);
    if (length < 0) return Answer::error(EINVAL);
    if (int err = find(AT_FDCWD, a_[0], true, false, RV_RIGHT_TRUNCATE, r)) return Answer::error(err);
    if (!may_block_) return Answer::later();  // a lease on the file is waited for
    if (int err = within_limit(r.object, length)) return Answer::error(err);
    return result(truncate(self_fd(r.object).c_str(), length));
  }

  // The caller's own limit on the size of files; init has another.
  int within_limit(const Fd& object, off_t length) {
    struct stat st;
    rlimit limit;
    if (fstat(object.get(), &st) || prlimit(caller_.tid, RLIMIT_FSIZE, nullptr, &limit)) return errno;
    if (!S_ISREG(st.st_mode) || length <= st.st_size || static_cast<rlim_t>(length) <= limit.rlim_cur) return 0;
    syscall(SYS_tgkill, caller_.process(), caller_.tid, SIGXFSZ);
    return EFBIG;
  }

  // Whose attributes are asked for, and which. By descriptor; for a symbolic link itself its name in the directory that was found is
  // all there is.
  struct Attribute {
    Resolved r;
    bool link = false;
    std::string object, name;
  };

  int find_attribute(bool follow, uint32_t rights, bool named, Attribute& out) {
    if (int err = look_up(AT_FDCWD, a_[0], follow, false, out.r, false, follow ? Want::object : Want::place)) return err;
    if (int err = judge_.path(out.r.path, rights)) return err;
    if (!out.r.object.valid()) return ENOENT;
    struct stat st;
    out.link = !fstat(out.r.object.get(), &st) && S_ISLNK(st.st_mode);
    out.object = out.link ? self_fd(out.r.directory) + "/" + out.r.name : self_fd(out.r.object);
    if (!named) return 0;
    int err = memory_.read_string(a_[1], kXattrName, out.name);
    return err == ENAMETOOLONG ? ERANGE : err ? err : out.name.empty() ? ERANGE : 0;
  }

  Answer set_attribute(bool follow) {
    Attribute a;
    if (int err = find_attribute(follow, RV_RIGHT_METADATA, true, a)) return Answer::error(err);
    if (a_[3] > kXattrValue) return Answer::error(E2BIG);
    std::vector<uint8_t> value(a_[3]);
    if (int err = memory_.read_all(a_[2], value.data(), value.size())) return Answer::error(err);
    return result((a.link ? lsetxattr : setxattr)(a.object.c_str(), a.name.c_str(), value.data(), value.size(), static_cast<int>(word(4))));
  }

  Answer give(const std::vector<uint8_t>& value, ssize_t size, uint64_t address, uint64_t room) {
    if (size < 0) return Answer::error(errno);
    if (room) {
      if (int err = memory_.write_all(address, value.data(), static_cast<size_t>(size))) return Answer::error(err);
    }
    return Answer::of(size);
  }

  Answer get_attribute(bool follow) {
    Attribute a;
    if (int err = find_attribute(follow, RV_RIGHT_STAT, true, a)) return Answer::error(err);
    std::vector<uint8_t> value(std::min<uint64_t>(a_[3], kXattrValue));
    return give(value, (a.link ? lgetxattr : getxattr)(a.object.c_str(), a.name.c_str(), value.data(), value.size()), a_[2], a_[3]);
  }

  Answer list_attributes(bool follow) {
    Attribute a;
    if (int err = find_attribute(follow, RV_RIGHT_STAT, false, a)) return Answer::error(err);
    std::vector<uint8_t> value(std::min<uint64_t>(a_[2], kXattrValue));
    return give(value, (a.link ? llistxattr : listxattr)(a.object.c_str(), reinterpret_cast<char*>(value.data()), value.size()), a_[1], a_[2]);
  }

  Answer remove_attribute(bool follow) {
    Attribute a;
    if (int err = find_attribute(follow, RV_RIGHT_METADATA, true, a)) return Answer::error(err);
    return result((a.link ? lremovexattr : removexattr)(a.object.c_str(), a.name.c_str()));
  }

  Answer watch_file() {
    Resolved r;
    uint32_t mask = word(2);
    if (int err = find(AT_FDCWD, a_[1], !(mask & IN_DONT_FOLLOW), false, RV_RIGHT_READ, r)) return Answer::error(err);
    Fd watcher;
    if (int err = take_descriptor(caller_, fd(0), watcher)) return Answer::error(err);
    return result(inotify_add_watch(watcher.get(), self_fd(r.object).c_str(), mask & ~static_cast<uint32_t>(IN_DONT_FOLLOW)));
  }

  struct Socket {
    Fd fd;
    int family = 0, type = 0;
    uint32_t protocol = RV_PROTOCOL_OTHER;
    bool waits() const { return !(fcntl(fd.get(), F_GETFL) & O_NONBLOCK); }
  };

  int take_socket(Socket& out) {
    if (int err = take_descriptor(caller_, fd(0), out.fd)) return err;
    int protocol = 0;
    socklen_t size = sizeof protocol;
    if (getsockopt(out.fd.get(), SOL_SOCKET, SO_DOMAIN, &out.family, &size) || getsockopt(out.fd.get(), SOL_SOCKET, SO_TYPE, &out.type, &size) ||
        getsockopt(out.fd.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size))
      return errno;
    out.protocol = protocol == IPPROTO_TCP                                  ? RV_PROTOCOL_TCP
                   : protocol == IPPROTO_UDP                                ? RV_PROTOCOL_UDP
                   : out.type == SOCK_RAW || out.type == SOCK_PACKET        ? RV_PROTOCOL_RAW
                                                                            : RV_PROTOCOL_OTHER;
    return 0;
  }

  // An address in the form that was decided on, which is the one that is used.
  struct Destination {
    uint8_t bytes[sizeof(sockaddr_storage)] = {};
    socklen_t size = 0;
    Fd object;  // AF_UNIX by path: the socket's file, which `bytes` names by descriptor
    const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(bytes); }
  };

  static uint16_t family_of(const uint8_t* bytes, size_t size) { return size < 2 ? 0 : static_cast<uint16_t>(bytes[0] | bytes[1] << 8); }

  // Decides on an address to connect or send to.
  int decide(const Socket& socket, const uint8_t* bytes, size_t size, uint32_t right, Destination& out) {
    rv_address address;
    if (size > sizeof out.bytes) return EINVAL;
    memcpy(out.bytes, bytes, size);
    out.size = static_cast<socklen_t>(size);
    bool known = rv_parse_address(bytes, size, right, &address) == RV_VERDICT_GRANTED;
    if ((socket.family == AF_UNIX) != (family_of(bytes, size) == AF_UNIX)) {
      if (socket.family == AF_UNIX || family_of(bytes, size) == AF_UNIX) return socket.family == AF_UNIX ? EINVAL : EAFNOSUPPORT;
    }
    if (known && address.kind == RV_ADDRESS_PATH) {
      Resolved r;
      std::string path(reinterpret_cast<const char*>(bytes) + address.name, address.name_length);
      if (int err = resolve(caller_, AT_FDCWD, path, true, r, false, Want::object)) return err;
      if (int err = judge_.path(r.path, right)) return err;
      if (!r.object.valid()) return ENOENT;
      out.object = std::move(r.object);
      auto* name = reinterpret_cast<sockaddr_un*>(out.bytes);
      memset(name->sun_path, 0, sizeof name->sun_path);
      snprintf(name->sun_path, sizeof name->sun_path, "/proc/self/fd/%d", out.object.get());
      out.size = sizeof *name;
      return 0;
    }
    if (int err = judge_.address(bytes, size, socket.protocol, right)) return err;
    if (!known) return 0;
    if (address.family == AF_INET6) memset(out.bytes + offsetof(sockaddr_in6, sin6_flowinfo), 0, 4);  // may name a route of its own
    if (address.flags & RV_ADDRESS_UNSPECIFIED) {
      if (address.kind == RV_ADDRESS_IPV6) memcpy(out.bytes + offsetof(sockaddr_in6, sin6_addr), address.bytes, 16);
      else memcpy(out.bytes + (address.family == AF_INET6 ? offsetof(sockaddr_in6, sin6_addr) + 12 : offsetof(sockaddr_in, sin_addr)), address.bytes, 4);
    }
    return 0;
  }

  int read_address(uint8_t (&bytes)[sizeof(sockaddr_storage)], size_t& size) {
    size = word(2);
    if (static_cast<int>(word(2)) < 0 || size > sizeof bytes) return EINVAL;
    return memory_.read_all(a_[1], bytes, size);
  }

  Answer connect_socket() {
    uint8_t bytes[sizeof(sockaddr_storage)] = {};
    size_t size;
    Socket socket;
    Destination to;
    if (int err = read_address(bytes, size)) return Answer::error(err);
    if (int err = take_socket(socket)) return Answer::error(err);
    // Takes the peer away, and gives none.
    if (size >= 2 && family_of(bytes, size) == AF_UNSPEC) return result(connect(socket.fd.get(), reinterpret_cast<const sockaddr*>(bytes), static_cast<socklen_t>(size)));
    if (int err = decide(socket, bytes, size, RV_RIGHT_CONNECT, to)) return Answer::error(err);
    if (!may_block_ && socket.type != SOCK_DGRAM && socket.waits()) return Answer::later();
    return result(connect(socket.fd.get(), to.address(), to.size));
  }

  Answer bind_socket() {
    uint8_t bytes[sizeof(sockaddr_storage)] = {};
    size_t size;
    Socket socket;
    rv_address address;
    if (int err = read_address(bytes, size)) return Answer::error(err);
    if (int err = take_socket(socket)) return Answer::error(err);
    if (socket.family == AF_UNIX && family_of(bytes, size) == AF_UNIX) {
      if (rv_parse_address(bytes, size, RV_RIGHT_BIND, &address) == RV_VERDICT_GRANTED && address.kind == RV_ADDRESS_PATH)
        return bind_name(socket, std::string(reinterpret_cast<const char*>(bytes) + address.name, address.name_length));
      if (size == 2) {  // the kernel takes an abstract name of five digits that is free: unix(7)
        static constexpr uint8_t taken[] = {AF_UNIX, 0, 0, '0', '0', '0', '0', '0'};
        if (int err = judge_.address(taken, sizeof taken, socket.protocol, RV_RIGHT_BIND)) return Answer::error(err);
        return result(bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(bytes), 2));
      }
    }
    // inet_bind takes AF_UNSPEC for AF_INET where the address is 0.0.0.0.
    if (socket.family == AF_INET && family_of(bytes, size) == AF_UNSPEC && size >= sizeof(sockaddr_in)) bytes[0] = AF_INET;
    if (int err = judge_.address(bytes, size, socket.protocol, RV_RIGHT_BIND)) return Answer::error(err);
    return result(bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(bytes), static_cast<socklen_t>(size)));
  }

  // The name is made in the directory that was found, by this thread's working directory.
  Answer bind_name(const Socket& socket, const std::string& path) {
    Resolved r;
    Names names;
    if (int err = resolve(caller_, AT_FDCWD, path, false, r)) return Answer::error(err);
    if (int err = judge_.path(r.path, RV_RIGHT_BIND)) return Answer::error(err);
    sockaddr_un name{};
    if (r.object.valid()) return Answer::error(EADDRINUSE);
    if (r.slash) return Answer::error(ENOENT);
    if (r.name.size() > sizeof name.sun_path) return Answer::error(ENAMETOOLONG);
    name.sun_family = AF_UNIX;
    memcpy(name.sun_path, r.name.data(), r.name.size());
    Umask mask(caller_);
    if (fchdir(r.directory.get())) return Answer::error(errno);
    Answer answer = result(bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(&name), static_cast<socklen_t>(std::min(offsetof(sockaddr_un, sun_path) + r.name.size() + 1, sizeof name))));
    return chdir("/") ? Answer::error(errno) : std::move(answer);
  }

  // A TCP socket that has no address yet gets a port of every address of the host: that is a bind.
  Answer listen_socket() {
    Socket socket;
    uint8_t bytes[sizeof(sockaddr_storage)] = {};
    socklen_t size = sizeof bytes;
    if (int err = take_socket(socket)) return Answer::error(err);
    bool internet = socket.family == AF_INET || socket.family == AF_INET6;
    if (internet && !getsockname(socket.fd.get(), reinterpret_cast<sockaddr*>(bytes), &size) && !bytes[2] && !bytes[3]) {
      if (int err = judge_.address(bytes, size, socket.protocol, RV_RIGHT_BIND)) return Answer::error(err);
    }
    return result(listen(socket.fd.get(), static_cast<int>(word(1))));
  }

  TakeDescriptor taking() {
    return [this](int number, Fd& out) { return take_descriptor(caller_, number, out); };
  }

  // With an address a stream connects (MSG_FASTOPEN, tcp(7)); everything else sends there.
  int decide(const Socket& socket, const Message& message, Destination& to) {
    if (message.address.empty()) return 0;
    uint32_t right = socket.type == SOCK_STREAM && socket.family != AF_UNIX ? RV_RIGHT_CONNECT : RV_RIGHT_SEND;
    return decide(socket, message.address.data(), message.address.size(), right, to);
  }

  Answer transmit(const Socket& socket, const Message& message, const Destination& to, uint32_t flags) {
    if (flags & MSG_ZEROCOPY) return Answer::error(EOPNOTSUPP);  // the pages would be ours, and gone before the kernel has sent them
    const bool stream = socket.type == SOCK_STREAM;
    if (message.cut && !stream) return Answer::error(EMSGSIZE);
    const bool waits = !may_block_ && !(flags & MSG_DONTWAIT) && socket.waits();
    if (waits && (flags & MSG_FASTOPEN || (stream && message.payload.size() > kSentAtOnce))) return Answer::later();
    iovec part{const_cast<uint8_t*>(message.payload.data()), message.payload.size()};
    msghdr header{};
    if (to.size) header.msg_name = const_cast<uint8_t*>(to.bytes), header.msg_namelen = to.size;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!message.control.empty()) header.msg_control = const_cast<uint8_t*>(message.control.data()), header.msg_controllen = message.control.size();
    ssize_t sent = sendmsg(socket.fd.get(), &header, static_cast<int>(flags | MSG_NOSIGNAL | (waits ? static_cast<uint32_t>(MSG_DONTWAIT) : 0U)));
    if (sent >= 0) return Answer::of(sent);
    int err = errno;
    if (err == EAGAIN && waits) return Answer::later();
    // The signal is the sender's, and to this thread of it.
    if (err == EPIPE && !(flags & MSG_NOSIGNAL)) syscall(SYS_tgkill, caller_.process(), caller_.tid, SIGPIPE);
    return Answer::error(err);
  }

  Answer send_bytes() {
    Message message;
    Socket socket;
    Destination to;
    if (static_cast<int>(word(5)) < 0) return Answer::error(EINVAL);
    if (int err = take_socket(socket)) return Answer::error(err);
    if (int err = message.read_plain(memory_, a_[1], a_[2], a_[4], word(5))) return Answer::error(err);
    if (int err = decide(socket, message, to)) return Answer::error(err);
    return transmit(socket, message, to, word(3));
  }

  Answer send_message() {
    Message message;
    Socket socket;
    Destination to;
    if (int err = take_socket(socket)) return Answer::error(err);
    if (int err = message.read_header(memory_, a_[1], caller_.process(), taking())) return Answer::error(err);
    if (int err = decide(socket, message, to)) return Answer::error(err);
    return transmit(socket, message, to, word(2));
  }

  // All are read and decided on before the first is sent: whoever decides may want to be asked again.
  Answer send_messages() {
    struct Each {
      Message message;
      Destination to;
    };
    Socket socket;
    if (int err = take_socket(socket)) return Answer::error(err);
    const uint32_t wanted = std::min(word(2), kMaxMessages);
    std::vector<std::unique_ptr<Each>> all;
    for (uint32_t i = 0; i < wanted; i++) {
      auto each = std::make_unique<Each>();
      int err = each->message.read_header(memory_, a_[1] + i * sizeof(mmsghdr), caller_.process(), taking());
      if (!err) err = decide(socket, each->message, each->to);
      if (err && i == 0) return Answer::error(err);
      if (err) break;
      all.push_back(std::move(each));
    }
    for (size_t i = 0; i < all.size(); i++) {
      Answer answer = transmit(socket, all[i]->message, all[i]->to, word(3));
      if (answer.kind != Answer::Kind::value) return i ? Answer::of(static_cast<int64_t>(i)) : std::move(answer);
      auto length = static_cast<uint32_t>(answer.value);
      if (int err = memory_.write_all(a_[1] + i * sizeof(mmsghdr) + offsetof(mmsghdr, msg_len), &length, sizeof length)) return i ? Answer::of(static_cast<int64_t>(i)) : Answer::error(err);
    }
    return Answer::of(static_cast<int64_t>(all.size()));
  }

  const uint64_t* a_;
  const int nr_;
  const Caller& caller_;
  const GuestMemory memory_;
  Judge& judge_;
  const bool may_block_;
};

constexpr int kCalls[] = {SYS_open, SYS_creat, SYS_openat, SYS_openat2, SYS_stat, SYS_lstat, SYS_newfstatat, SYS_statx, SYS_access, SYS_faccessat, SYS_faccessat2,
                          SYS_readlink, SYS_readlinkat, SYS_statfs, SYS_mkdir, SYS_mkdirat, SYS_mknod, SYS_mknodat, SYS_symlink, SYS_symlinkat, SYS_rmdir, SYS_unlink,
                          SYS_unlinkat, SYS_link, SYS_linkat, SYS_rename, SYS_renameat, SYS_renameat2, SYS_chmod, SYS_fchmodat, static_cast<int>(kFchmodat2), SYS_chown,
                          SYS_lchown, SYS_fchownat, SYS_utime, SYS_utimes, SYS_futimesat, SYS_utimensat, SYS_truncate, SYS_setxattr, SYS_lsetxattr, SYS_getxattr,
                          SYS_lgetxattr, SYS_listxattr, SYS_llistxattr, SYS_removexattr, SYS_lremovexattr, SYS_inotify_add_watch, SYS_connect, SYS_bind, SYS_listen,
                          SYS_sendto, SYS_sendmsg, SYS_sendmmsg};

}  // namespace

bool can_act_on_behalf(int nr) { return std::find(std::begin(kCalls), std::end(kCalls), nr) != std::end(kCalls); }

unsigned judged_paths(int nr) { return judged_register(nr, 1) < 0 ? 1 : 2; }

int judged_register(int nr, unsigned index) {
  switch (nr) {
    case SYS_link:
    case SYS_rename: return index ? 1 : 0;
    case SYS_linkat:
    case SYS_renameat:
    case SYS_renameat2: return index ? 3 : 1;
  }
  return -1;
}

Answer act_on_behalf(const rv_call& call, const Caller& caller, Judge& judge, bool may_block, Copies* copies) {
  return Act(call, caller, judge, may_block, copies).run();
}

}  // namespace rvisor
