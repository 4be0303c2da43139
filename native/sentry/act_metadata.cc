// SPDX-License-Identifier: Apache-2.0
// What files are: asked, and changed.
#include "act.h"

#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>

#include "translation.h"

namespace rvisor {
namespace {

constexpr size_t kXattrName = 256, kXattrValue = 65536;  // XATTR_NAME_MAX + 1, XATTR_SIZE_MAX

}  // namespace

Answer Act::stat_file(int dirfd, uint64_t address, uint64_t out, uint32_t flags) {
  if (flags & ~static_cast<uint32_t>(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) return Answer::error(EINVAL);
  Resolved r;
  if (int err = find(dirfd, address, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, RV_RIGHT_STAT, r)) return Answer::error(err);
  struct stat st;
  if (fstat(r.object.get(), &st)) return Answer::error(errno);
  return write_back(out, &st, sizeof st);
}

Answer Act::statx_file() {
  uint32_t flags = word(2);
  constexpr uint32_t known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
  if (flags & ~known || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || word(3) & STATX__RESERVED) return Answer::error(EINVAL);
  Resolved r;
  if (int err = find(fd(0), a_[1], !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, RV_RIGHT_STAT, r)) return Answer::error(err);
  struct statx stx;
  if (statx(r.object.get(), "", static_cast<int>(flags | AT_EMPTY_PATH), word(3), &stx)) return Answer::error(errno);
  return write_back(a_[4], &stx, sizeof stx);
}

Answer Act::access_file(int dirfd, uint64_t address, uint32_t mode, uint32_t flags) {
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
  Answer answer = result(syscall(SYS_faccessat2, r.object.get(), "", mode, AT_EMPTY_PATH | (flags & AT_EACCESS)));
  if (const Translation* view = translated_view(); view && answer.kind == Answer::Kind::value && r.mount >= 0) {
    const bool kept = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode);
    if (mode & W_OK && kept && !view->entry(r.mount).writable) return Answer::error(EROFS);
    if (mode & X_OK && S_ISREG(st.st_mode) && !view->entry(r.mount).executable) return Answer::error(EACCES);
  }
  return answer;
}

Answer Act::read_link(int dirfd, uint64_t address, uint64_t out, uint32_t size) {
  if (static_cast<int>(size) <= 0) return Answer::error(EINVAL);
  Resolved r;
  if (int err = find(dirfd, address, false, true, RV_RIGHT_STAT, r)) return Answer::error(err);
  char text[PATH_MAX];
  ssize_t length = readlinkat(r.object.get(), "", text, sizeof text);
  // By an empty path, which is how it was asked for here, what is no link is said not to be there.
  if (length < 0) return Answer::error(errno == ENOENT && !r.magic ? EINVAL : errno);
  // What the links of /proc/<pid> say is the host's.
  if (const Translation* view = translated_view(); view && r.mount >= 0 && text[0] == '/' && view->entry(r.mount).in_proc) {
    std::string said = r.path.ends_with("/root") && !r.path.ends_with("/fd/root") ? "/" : view->link_text(std::string(text, static_cast<size_t>(length)));
    length = static_cast<ssize_t>(said.copy(text, sizeof text));
  }
  // /proc/self is the caller, not us who read it.
  if (r.path == "/proc/self") length = snprintf(text, sizeof text, "%d", caller_.process());
  else if (r.path == "/proc/thread-self") length = snprintf(text, sizeof text, "%d/task/%d", caller_.process(), caller_.tid);
  length = std::min<ssize_t>(length, size);
  int err = memory_.write_all(out, text, static_cast<size_t>(length));
  return err ? Answer::error(err) : Answer::of(length);
}

Answer Act::statfs_file() {
  Resolved r;
  if (int err = find(AT_FDCWD, a_[0], true, false, RV_RIGHT_STAT, r)) return Answer::error(err);
  struct statfs fs;
  if (fstatfs(r.object.get(), &fs)) return Answer::error(errno);
  // What a mount would have.
  if (const Translation* view = translated_view(); view && r.mount >= 0) {
    const Translation::Entry& entry = view->entry(r.mount);
    const bool writable = entry.writable && entry.kind != Translation::Entry::Kind::device;
    fs.f_flags |= ST_NOSUID | (writable ? 0 : ST_RDONLY) | (entry.devices ? 0 : ST_NODEV) | (entry.executable ? 0 : ST_NOEXEC);
  }
  return write_back(a_[1], &fs, sizeof fs);
}

Answer Act::change_mode(int dirfd, uint64_t address, uint32_t mode, uint32_t flags) {
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

Answer Act::change_owner(int dirfd, uint64_t address, uid_t uid, gid_t gid, uint32_t flags) {
  if (flags & ~static_cast<uint32_t>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
  Resolved r;
  if (int err = find(dirfd, address, !(flags & AT_SYMLINK_NOFOLLOW), flags & AT_EMPTY_PATH, RV_RIGHT_METADATA, r)) return Answer::error(err);
  return result(fchownat(r.object.get(), "", uid, gid, AT_EMPTY_PATH));
}

Answer Act::change_times(int dirfd, uint64_t address, bool follow, bool empty_allowed, const timespec* times) {
  Resolved r;
  if (int err = find(dirfd, address, follow, empty_allowed, RV_RIGHT_METADATA, r)) return Answer::error(err);
  return result(syscall(SYS_utimensat, r.object.get(), "", times, AT_EMPTY_PATH));
}

Answer Act::change_times_utime() {
  timespec times[2]{};
  utimbuf given{};
  if (a_[1])
    if (int err = memory_.read_all(a_[1], &given, sizeof given)) return Answer::error(err);
  times[0].tv_sec = given.actime;
  times[1].tv_sec = given.modtime;
  return change_times(AT_FDCWD, a_[0], true, false, a_[1] ? times : nullptr);
}

Answer Act::change_times_timeval(int dirfd, uint64_t address, uint64_t pointer) {
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

Answer Act::change_times_timespec() {
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

// The calls that change what is open anyway: no mount stands in their way in the translated view, where files can be opened that are
// not to be changed.
int Act::find_open(uint32_t rights, Fd& out) {
  Resolved r;
  uint32_t flags;
  long long position;
  if (int err = open_descriptor(caller_, fd(0), out)) return err;
  if (int err = descriptor_state(caller_, fd(0), flags, position)) return err;
  if (flags & O_PATH) return EBADF;
  std::string place;
  bool unlinked;
  r.mount = translated_view()->place_of(out.get(), place, unlinked);
  r.path = unlinked ? std::string() : place;
  r.object.reset(fcntl(out.get(), F_DUPFD_CLOEXEC, 3));
  if (int err = keep_out_of_init(r.path, r.object)) return err;
  return allow(r, rights);
}

Answer Act::change_open() {
  Fd open;
  if (int err = find_open(RV_RIGHT_METADATA, open)) return Answer::error(err);
  const std::string link = self_fd(open);
  if (nr_ == SYS_fchmod) return result(chmod(link.c_str(), word(1) & 07777));
  if (nr_ == SYS_fchown) return result(fchownat(open.get(), "", word(1), word(2), AT_EMPTY_PATH));
  std::string name;
  int err = memory_.read_string(a_[1], kXattrName, name);
  if (err || name.empty()) return Answer::error(err && err != ENAMETOOLONG ? err : ERANGE);
  if (nr_ == SYS_fremovexattr) return result(removexattr(link.c_str(), name.c_str()));
  if (a_[3] > kXattrValue) return Answer::error(E2BIG);
  std::vector<uint8_t> value(a_[3]);
  if ((err = memory_.read_all(a_[2], value.data(), value.size()))) return Answer::error(err);
  return result(setxattr(link.c_str(), name.c_str(), value.data(), value.size(), static_cast<int>(word(4))));
}

Answer Act::tell_directory() {
  std::string text;
  if (int err = link_of(caller_, "cwd", text)) return Answer::error(err);
  // Unlinked, or nowhere in the view.
  std::optional<std::string> path = translated_view()->guest_path(text);
  if (!path) return Answer::error(ENOENT);
  if (path->size() + 1 > a_[1]) return Answer::error(ERANGE);
  int err = memory_.write_all(a_[0], path->c_str(), path->size() + 1);
  return err ? Answer::error(err) : Answer::of(static_cast<int64_t>(path->size() + 1));
}

Answer Act::truncate_file() {
  Resolved r;
  const auto length = static_cast<off_t>(a_[1]);
  if (length < 0) return Answer::error(EINVAL);
  if (int err = find(AT_FDCWD, a_[0], true, false, RV_RIGHT_TRUNCATE, r)) return Answer::error(err);
  if (!may_block_) return Answer::later();  // a lease on the file is waited for
  if (int err = within_limit(r.object, length)) return Answer::error(err);
  return result(truncate(self_fd(r.object).c_str(), length));
}

// The caller's own limit on the size of files; init has another.
int Act::within_limit(const Fd& object, off_t length) {
  struct stat st;
  rlimit limit;
  if (fstat(object.get(), &st) || prlimit(caller_.tid, RLIMIT_FSIZE, nullptr, &limit)) return errno;
  if (!S_ISREG(st.st_mode) || length <= st.st_size || static_cast<rlim_t>(length) <= limit.rlim_cur) return 0;
  syscall(SYS_tgkill, caller_.process(), caller_.tid, SIGXFSZ);
  return EFBIG;
}

int Act::read_attribute_name(std::string& out) const {
  int err = memory_.read_string(a_[1], kXattrName, out);
  return err == ENAMETOOLONG ? ERANGE : err ? err : out.empty() ? ERANGE : 0;
}

int Act::find_attribute(bool follow, uint32_t rights, Attribute& out) {
  if (int err = look_up(AT_FDCWD, a_[0], follow, false, out.r, false, follow ? Want::object : Want::place)) return err;
  if (int err = allow(out.r, rights)) return err;
  if (!out.r.object.valid()) return ENOENT;
  struct stat st;
  out.link = !fstat(out.r.object.get(), &st) && S_ISLNK(st.st_mode);
  out.object = out.link ? self_fd(out.r.directory) + "/" + out.r.name : self_fd(out.r.object);
  return 0;
}

Answer Act::set_attribute(bool follow) {
  Attribute a;
  if (word(4) & ~static_cast<uint32_t>(XATTR_CREATE | XATTR_REPLACE)) return Answer::error(EINVAL);
  if (int err = read_attribute_name(a.name)) return Answer::error(err);
  if (a_[3] > kXattrValue) return Answer::error(E2BIG);
  std::vector<uint8_t> value(a_[3]);
  if (int err = memory_.read_all(a_[2], value.data(), value.size())) return Answer::error(err);
  if (int err = find_attribute(follow, RV_RIGHT_METADATA, a)) return Answer::error(err);
  return result((a.link ? lsetxattr : setxattr)(a.object.c_str(), a.name.c_str(), value.data(), value.size(), static_cast<int>(word(4))));
}

Answer Act::get_attribute(bool follow) {
  Attribute a;
  if (int err = read_attribute_name(a.name)) return Answer::error(err);
  if (int err = find_attribute(follow, RV_RIGHT_STAT, a)) return Answer::error(err);
  std::vector<uint8_t> value(std::min<uint64_t>(a_[3], kXattrValue));
  return give(value, (a.link ? lgetxattr : getxattr)(a.object.c_str(), a.name.c_str(), value.data(), value.size()), a_[2], a_[3]);
}

Answer Act::list_attributes(bool follow) {
  Attribute a;
  if (int err = find_attribute(follow, RV_RIGHT_STAT, a)) return Answer::error(err);
  std::vector<uint8_t> value(std::min<uint64_t>(a_[2], kXattrValue));
  return give(value, (a.link ? llistxattr : listxattr)(a.object.c_str(), reinterpret_cast<char*>(value.data()), value.size()), a_[1], a_[2]);
}

Answer Act::remove_attribute(bool follow) {
  Attribute a;
  if (int err = read_attribute_name(a.name)) return Answer::error(err);
  if (int err = find_attribute(follow, RV_RIGHT_METADATA, a)) return Answer::error(err);
  return result((a.link ? lremovexattr : removexattr)(a.object.c_str(), a.name.c_str()));
}

Answer Act::watch_file() {
  Resolved r;
  uint32_t mask = word(2);
  if (int err = find(AT_FDCWD, a_[1], !(mask & IN_DONT_FOLLOW), false, RV_RIGHT_READ, r)) return Answer::error(err);
  Fd watcher;
  if (int err = take_descriptor(caller_, fd(0), watcher)) return Answer::error(err);
  return result(inotify_add_watch(watcher.get(), self_fd(r.object).c_str(), mask & ~static_cast<uint32_t>(IN_DONT_FOLLOW)));
}

}  // namespace rvisor
