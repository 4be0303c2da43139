// SPDX-License-Identifier: Apache-2.0
#include "behalf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "mount_api.h"

namespace rvisor {
namespace {

constexpr size_t kXattrName = 256, kXattrValue = 65536;  // XATTR_NAME_MAX + 1, XATTR_SIZE_MAX
constexpr long kFchmodat2 = 452;

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
      case SYS_connect: return socket_address(RV_RIGHT_CONNECT);
      case SYS_bind: return socket_address(RV_RIGHT_BIND);
    }
    return Answer::error(ENOSYS);
  }

 private:
  uint32_t word(int i) const { return static_cast<uint32_t>(a_[i]); }
  int fd(int i) const { return static_cast<int>(a_[i]); }

  int read_path(uint64_t address, std::string& out) const { return memory_.read_string(address, PATH_MAX, out); }

  // As resolve(); but where nothing is, a handler may still answer for the name.
  int walk(int dirfd, const std::string& text, bool follow, Resolved& out) {
    int err = resolve(caller_, dirfd, text, follow, out);
    if (err && !out.nowhere.empty())
      if (int refused = judge_.nowhere(out.nowhere)) return refused;
    return err;
  }

  // Copies the path argument and resolves it. With AT_EMPTY_PATH an empty one means the descriptor itself.
  int look_up(int dirfd, uint64_t address, bool follow, bool empty_allowed, Resolved& out) {
    std::string text;
    // A null pointer with AT_EMPTY_PATH is an empty path since Linux 6.11.
    if (!(address == 0 && empty_allowed))
      if (int err = read_path(address, text)) return err;
    if (!text.empty() || !empty_allowed) return walk(dirfd, text, follow, out);
    if (int err = open_descriptor(caller_, dirfd, out.object)) return err;
    if (std::string given = stands_for(out.object.get()); !given.empty())
      if (int err = judge_.nowhere(given)) return err;
    out.path = path_of(out.object.get());
    out.magic = true;
    return keep_out_of_init(out.path, out.object);
  }

  // As look_up, and something must be there.
  int find(int dirfd, uint64_t address, bool follow, bool empty_allowed, uint32_t rights, Resolved& out) {
    if (int err = look_up(dirfd, address, follow, empty_allowed, out)) return err;
    if (int err = judge_.path(out.path, rights, false)) return err;
    return out.object.valid() ? 0 : ENOENT;
  }

  // As look_up, for a name that is to be made.
  int find_new(int dirfd, uint64_t address, uint32_t rights, Resolved& out) {
    if (int err = look_up(dirfd, address, false, false, out)) return err;
    return judge_.path(out.path, rights, false);
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
    if (how.flags >> 32 || how.mode & ~07777ULL) return Answer::error(EINVAL);
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
    const bool create = flags & O_CREAT && !(flags & O_PATH);
    const bool temporary = (flags & O_TMPFILE) == O_TMPFILE;
    const bool follow = !(flags & O_NOFOLLOW) && !(create && flags & O_EXCL);
    Resolved r;
    if (restrictions) {
      if (int err = look_up_restricted(dirfd, address, follow, restrictions, r)) return Answer::error(err);
    } else if (int err = look_up(dirfd, address, follow, false, r)) {
      return Answer::error(err);
    }
    struct stat st {};
    if (r.object.valid() && fstat(r.object.get(), &st)) return Answer::error(errno);
    if (temporary) {
      if (!r.object.valid()) return Answer::error(ENOENT);
      if (int err = judge_.path(r.path, RV_RIGHT_CREATE | RV_RIGHT_WRITE, false)) return Answer::error(err);
      return reopen(r.object, flags, mode, cloexec);
    }
    if (!r.object.valid()) {
      if (!create) return refuse_missing(r, rights_of_open(flags, false));
      if (r.slash) return Answer::error(EISDIR);
      if (int err = judge_.path(r.path, RV_RIGHT_CREATE | rights_of_open(flags, false), false)) return Answer::error(err);
      Umask mask(caller_);
      // O_NOFOLLOW: what stands there now, if anything, has not been judged. O_EXCL would be wrong for two that create at once.
      Fd made(openat(r.directory.get(), r.name.c_str(), static_cast<int>(flags | O_NOFOLLOW | O_CLOEXEC), mode & 07777));
      return made.valid() ? Answer::descriptor(std::move(made), cloexec) : Answer::error(errno);
    }
    if (int err = judge_.path(r.path, rights_of_open(flags, S_ISDIR(st.st_mode)), false)) return Answer::error(err);
    if (create && flags & O_EXCL) return Answer::error(EEXIST);
    if (create && S_ISDIR(st.st_mode)) return Answer::error(EISDIR);
    if (flags & O_DIRECTORY && !S_ISDIR(st.st_mode)) return Answer::error(ENOTDIR);
    if (S_ISLNK(st.st_mode)) return Answer::error(ELOOP);
    if (flags & O_PATH) {
      // SECCOMP_IOCTL_NOTIF_ADDFD takes no O_PATH descriptor. The guest gets one that it may read from, where it may.
      if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return Answer::error(EACCES);
      if (int err = judge_.path(r.path, S_ISDIR(st.st_mode) ? RV_RIGHT_LIST : RV_RIGHT_READ, false)) return Answer::error(err);
      return reopen(r.object, O_RDONLY, 0, cloexec);
    }
    // A FIFO waits for its other end, a device for what it likes: never on the thread that serves everybody.
    if (!may_block_ && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return Answer::later();
    return reopen(r.object, flags & ~static_cast<uint32_t>(O_CREAT | O_EXCL | O_NOFOLLOW), mode, cloexec);
  }

  // Opens what an O_PATH descriptor stands for: the very object that was judged.
  Answer reopen(const Fd& object, uint32_t flags, uint32_t mode, uint32_t cloexec) {
    std::optional<Umask> mask;  // looking it up takes longer than all else
    if ((flags & O_TMPFILE) == O_TMPFILE) mask.emplace(caller_);
    Fd opened(open(self_fd(object).c_str(), static_cast<int>(flags | O_CLOEXEC), mode & 07777));
    return opened.valid() ? Answer::descriptor(std::move(opened), cloexec) : Answer::error(errno);
  }

  Answer refuse_missing(const Resolved& r, uint32_t rights) {
    int err = judge_.path(r.path, rights, false);
    return Answer::error(err ? err : ENOENT);
  }

  // openat2(2) with RESOLVE_*: the kernel's own rules. What they admit cannot mean init in place of the caller, as `self` is a
  // symbolic link that leads elsewhere only within /proc: that is refused.
  int look_up_restricted(int dirfd, uint64_t address, bool follow, uint64_t restrictions, Resolved& out) {
    std::string text;
    if (int err = read_path(address, text)) return err;
    Fd start;
    if (int err = open_descriptor(caller_, dirfd, start)) return err;
    size_t end = text.find_last_not_of('/');
    if (end == std::string::npos) return text.empty() ? ENOENT : EXDEV;
    out.slash = end + 1 < text.size();
    restrictions |= RESOLVE_NO_MAGICLINKS;  // those of /proc that are init's own would be followed
    size_t split = text.rfind('/', end);
    std::string parent = split == std::string::npos ? "." : split == 0 ? "/" : text.substr(0, split);
    out.name = text.substr(split == std::string::npos ? 0 : split + 1, end - (split == std::string::npos ? 0 : split + 1) + 1);
    out.directory.reset(sys_openat2(start.get(), parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, restrictions));
    if (!out.directory.valid()) return errno;
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
    if (int err = look_up(dirfd, address, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, r)) return Answer::error(err);
    struct stat st;
    if (r.object.valid() && !fstat(r.object.get(), &st) && S_ISDIR(st.st_mode)) {
      // For a directory "x" is to pass through, which needs no right of its own, and "r" is to list.
      rights = (rights & ~static_cast<uint32_t>(RV_RIGHT_EXECUTE | RV_RIGHT_READ)) | (mode & R_OK ? RV_RIGHT_LIST : 0);
    }
    if (int err = judge_.path(r.path, rights, false)) return Answer::error(err);
    if (!r.object.valid()) return Answer::error(ENOENT);
    return result(syscall(SYS_faccessat2, r.object.get(), "", mode, AT_EMPTY_PATH | (flags & AT_EACCESS)));
  }

  Answer read_link(int dirfd, uint64_t address, uint64_t out, uint32_t size) {
    if (static_cast<int>(size) <= 0) return Answer::error(EINVAL);
    Resolved r;
    if (int err = find(dirfd, address, false, true, RV_RIGHT_STAT, r)) return Answer::error(err);
    char text[PATH_MAX];
    ssize_t length = readlinkat(r.object.get(), "", text, sizeof text);
    // With an empty name the kernel says ENOENT of what is no link.
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
    if (int err = find_new(dirfd, address, RV_RIGHT_CREATE, r)) return Answer::error(err);
    if (r.object.valid()) return Answer::error(EEXIST);
    Umask mask(caller_);
    return result(mkdirat(r.directory.get(), r.name.c_str(), mode));
  }

  Answer make_node(int dirfd, uint64_t address, uint32_t mode, uint64_t device) {
    Resolved r;
    bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
    if (int err = find_new(dirfd, address, RV_RIGHT_CREATE | (is_device ? RV_RIGHT_DEVICE : 0), r)) return Answer::error(err);
    if (r.object.valid()) return Answer::error(EEXIST);
    Umask mask(caller_);
    return result(mknodat(r.directory.get(), r.name.c_str(), mode, device));
  }

  Answer make_symlink(uint64_t content, int dirfd, uint64_t address) {
    std::string text;
    Resolved r;
    if (int err = read_path(content, text)) return Answer::error(err);
    if (int err = find_new(dirfd, address, RV_RIGHT_CREATE, r)) return Answer::error(err);
    if (r.object.valid()) return Answer::error(EEXIST);
    return result(symlinkat(text.c_str(), r.directory.get(), r.name.c_str()));
  }

  Answer remove(int dirfd, uint64_t address, uint32_t flags) {
    if (flags & ~static_cast<uint32_t>(AT_REMOVEDIR)) return Answer::error(EINVAL);
    std::string text;
    if (int err = read_path(address, text)) return Answer::error(err);
    Resolved r;
    if (int err = walk(dirfd, text, false, r)) return Answer::error(err);
    // rmdir("d/") resolves to the directory itself: the name to remove is its last component.
    if (r.name == ".") {
      size_t end = text.find_last_not_of('/');
      size_t begin = end == std::string::npos ? end : text.rfind('/', end);
      std::string last = end == std::string::npos ? "/" : text.substr(begin == std::string::npos ? 0 : begin + 1, end - (begin == std::string::npos ? -1 : begin));
      if (last == ".") return Answer::error(flags & AT_REMOVEDIR ? EINVAL : EISDIR);
      if (last == ".." || last == "/") return Answer::error(flags & AT_REMOVEDIR ? (last == "/" ? EBUSY : ENOTEMPTY) : EISDIR);
      Resolved again;
      if (int err = walk(dirfd, text.substr(0, end + 1), false, again)) return Answer::error(err);
      struct stat st;
      if (again.object.valid() && !fstat(again.object.get(), &st) && S_ISLNK(st.st_mode)) return Answer::error(ENOTDIR);
      if (!(flags & AT_REMOVEDIR)) return Answer::error(EISDIR);
      r = std::move(again);
    }
    if (int err = judge_.path(r.path, RV_RIGHT_DELETE, flags & AT_REMOVEDIR)) return Answer::error(err);
    if (!r.object.valid()) return Answer::error(ENOENT);
    return result(unlinkat(r.directory.get(), r.name.c_str(), static_cast<int>(flags)));
  }

  Answer link_file(int from_dir, uint64_t from, int to_dir, uint64_t to, uint32_t flags) {
    if (flags & ~static_cast<uint32_t>(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
    Resolved source, target;
    if (int err = find(from_dir, from, flags & AT_SYMLINK_FOLLOW, flags & AT_EMPTY_PATH, RV_RIGHT_LINK | RV_RIGHT_READ, source)) return Answer::error(err);
    if (int err = find_new(to_dir, to, RV_RIGHT_CREATE, target)) return Answer::error(err);
    if (target.object.valid()) return Answer::error(EEXIST);
    // By the descriptor that was judged; for a symbolic link itself its name is all there is, and it can only be one still.
    if (source.magic || flags & AT_SYMLINK_FOLLOW)
      return result(linkat(AT_FDCWD, self_fd(source.object).c_str(), target.directory.get(), target.name.c_str(), AT_SYMLINK_FOLLOW));
    return result(linkat(source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str(), 0));
  }

  Answer rename_file(int from_dir, uint64_t from, int to_dir, uint64_t to, uint32_t flags) {
    Resolved source, target;
    if (int err = find_renamed(from_dir, from, source)) return Answer::error(err);
    if (int err = find_renamed(to_dir, to, target)) return Answer::error(err);
    uint32_t leaving = RV_RIGHT_DELETE | RV_RIGHT_LINK, arriving = RV_RIGHT_CREATE;
    if (target.object.valid()) arriving |= RV_RIGHT_DELETE;
    if (flags & RENAME_EXCHANGE) leaving |= RV_RIGHT_CREATE, arriving |= RV_RIGHT_DELETE | RV_RIGHT_LINK;
    if (int err = judge_.path(source.path, leaving, true)) return Answer::error(err);
    if (int err = judge_.path(target.path, arriving, true)) return Answer::error(err);
    if (!source.object.valid()) return Answer::error(ENOENT);
    return result(syscall(SYS_renameat2, source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str(), flags));
  }

  // The name itself, also where it ends in a slash.
  int find_renamed(int dirfd, uint64_t address, Resolved& out) {
    std::string text;
    if (int err = read_path(address, text)) return err;
    size_t end = text.find_last_not_of('/');
    if (end != std::string::npos) text.resize(end + 1);
    if (int err = walk(dirfd, text, false, out)) return err;
    return out.name == "." ? EBUSY : 0;
  }

  Answer change_mode(int dirfd, uint64_t address, uint32_t mode, uint32_t flags) {
    if (flags & ~static_cast<uint32_t>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
    Resolved r;
    if (int err = find(dirfd, address, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, RV_RIGHT_METADATA, r)) return Answer::error(err);
    struct stat st;
    if (!fstat(r.object.get(), &st) && S_ISLNK(st.st_mode)) return Answer::error(EOPNOTSUPP);
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
    if (!address && nr_ == SYS_futimesat) return change_times(dirfd, 0, true, true, pointer ? times : nullptr);
    return change_times(dirfd, address, true, false, pointer ? times : nullptr);
  }

  Answer change_times_timespec() {
    timespec times[2]{};
    if (a_[2])
      if (int err = memory_.read_all(a_[2], times, sizeof times)) return Answer::error(err);
    uint32_t flags = word(3);
    if (flags & ~static_cast<uint32_t>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
    bool itself = !a_[1] || flags & AT_EMPTY_PATH;  // futimens(3) passes a null path
    return change_times(fd(0), a_[1], !(flags & AT_SYMLINK_NOFOLLOW), itself, a_[2] ? times : nullptr);
  }

  Answer truncate_file() {
    Resolved r;
    if (int err = find(AT_FDCWD, a_[0], true, false, RV_RIGHT_TRUNCATE, r)) return Answer::error(err);
    return result(truncate(self_fd(r.object).c_str(), static_cast<off_t>(a_[1])));
  }

  // Extended attributes of a symbolic link itself can be reached by no descriptor: "security" and "trusted" are out of
  // reach anyway, and "user" does not exist on links (xattr(7)).
  int find_attributes(bool follow, uint32_t rights, Resolved& r, std::string& name, bool named) {
    if (int err = find(AT_FDCWD, a_[0], follow, false, rights, r)) return err;
    struct stat st;
    if (!fstat(r.object.get(), &st) && S_ISLNK(st.st_mode)) return EPERM;
    if (!named) return 0;
    int err = memory_.read_string(a_[1], kXattrName, name);
    return err == ENAMETOOLONG ? ERANGE : err ? err : name.empty() ? ERANGE : 0;
  }

  Answer set_attribute(bool follow) {
    Resolved r;
    std::string name;
    if (int err = find_attributes(follow, RV_RIGHT_METADATA, r, name, true)) return Answer::error(err);
    if (a_[3] > kXattrValue) return Answer::error(E2BIG);
    std::vector<uint8_t> value(a_[3]);
    if (int err = memory_.read_all(a_[2], value.data(), value.size())) return Answer::error(err);
    return result(setxattr(self_fd(r.object).c_str(), name.c_str(), value.data(), value.size(), static_cast<int>(word(4))));
  }

  Answer give(const std::vector<uint8_t>& value, ssize_t size, uint64_t address, uint64_t room) {
    if (size < 0) return Answer::error(errno);
    if (room) {
      if (int err = memory_.write_all(address, value.data(), static_cast<size_t>(size))) return Answer::error(err);
    }
    return Answer::of(size);
  }

  Answer get_attribute(bool follow) {
    Resolved r;
    std::string name;
    if (int err = find_attributes(follow, RV_RIGHT_STAT, r, name, true)) return Answer::error(err == EPERM ? ENODATA : err);
    std::vector<uint8_t> value(std::min<uint64_t>(a_[3], kXattrValue));
    return give(value, getxattr(self_fd(r.object).c_str(), name.c_str(), value.data(), value.size()), a_[2], a_[3]);
  }

  Answer list_attributes(bool follow) {
    Resolved r;
    std::string name;
    if (int err = find_attributes(follow, RV_RIGHT_STAT, r, name, false)) return err == EPERM ? Answer::of(0) : Answer::error(err);
    std::vector<uint8_t> value(std::min<uint64_t>(a_[2], kXattrValue));
    return give(value, listxattr(self_fd(r.object).c_str(), reinterpret_cast<char*>(value.data()), value.size()), a_[1], a_[2]);
  }

  Answer remove_attribute(bool follow) {
    Resolved r;
    std::string name;
    if (int err = find_attributes(follow, RV_RIGHT_METADATA, r, name, true)) return Answer::error(err);
    return result(removexattr(self_fd(r.object).c_str(), name.c_str()));
  }

  Answer watch_file() {
    Resolved r;
    uint32_t mask = word(2);
    if (int err = find(AT_FDCWD, a_[1], !(mask & IN_DONT_FOLLOW), false, RV_RIGHT_READ, r)) return Answer::error(err);
    Fd watcher;
    if (int err = take_descriptor(caller_, fd(0), watcher)) return Answer::error(err);
    return result(inotify_add_watch(watcher.get(), self_fd(r.object).c_str(), mask & ~static_cast<uint32_t>(IN_DONT_FOLLOW)));
  }

  static uint32_t protocol_of(const Fd& socket) {
    int type = 0, protocol = 0;
    socklen_t size = sizeof type;
    getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size);
    size = sizeof protocol;
    getsockopt(socket.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
    if (protocol == IPPROTO_TCP) return RV_PROTOCOL_TCP;
    if (protocol == IPPROTO_UDP) return RV_PROTOCOL_UDP;
    return type == SOCK_RAW || type == SOCK_PACKET ? RV_PROTOCOL_RAW : RV_PROTOCOL_OTHER;
  }

  Answer socket_address(uint32_t right) {
    uint8_t address[sizeof(sockaddr_storage)];
    size_t size = word(2);
    if (static_cast<int>(word(2)) < 0 || size > sizeof address) return Answer::error(EINVAL);
    if (int err = memory_.read_all(a_[1], address, size)) return Answer::error(err);
    Fd socket;
    if (int err = take_descriptor(caller_, fd(0), socket)) return Answer::error(err);
    if (int err = judge_.address(address, size, protocol_of(socket), right)) return Answer::error(err);
    if (!may_block_ && right == RV_RIGHT_CONNECT && !(fcntl(socket.get(), F_GETFL) & O_NONBLOCK)) return Answer::later();
    auto* given = reinterpret_cast<const sockaddr*>(address);
    if (right == RV_RIGHT_CONNECT) return result(connect(socket.get(), given, static_cast<socklen_t>(size)));
    Umask mask(caller_);
    return result(bind(socket.get(), given, static_cast<socklen_t>(size)));
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
                          SYS_lgetxattr, SYS_listxattr, SYS_llistxattr, SYS_removexattr, SYS_lremovexattr, SYS_inotify_add_watch, SYS_connect, SYS_bind};

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
