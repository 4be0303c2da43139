// SPDX-License-Identifier: Apache-2.0
// open(2) and its relatives: the very object that was judged is opened, by descriptor.
#include "act.h"

#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <memory>
#include <optional>

#include "listener.h"
#include "mount_api.h"
#include "proc_text.h"
#include "translation.h"

namespace rvisor {
namespace {

constexpr uint32_t kTmpfile = O_TMPFILE & ~O_DIRECTORY;

// Of a file or directory: when the last one of those who hold it open for reading lets go matters to a lock of flock(2) alone.
uint32_t may_be_held_on(uint32_t flags) { return (flags & O_ACCMODE) == O_RDONLY ? Listener::kHeldOn : 0; }

}  // namespace

Answer Act::open_how_file() {
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

uint32_t Act::rights_of_open(uint32_t flags, bool directory) {
  if (flags & O_PATH) return RV_RIGHT_STAT;
  uint32_t rights = 0;
  uint32_t mode = flags & O_ACCMODE;
  if (mode != O_WRONLY) rights |= directory ? RV_RIGHT_LIST : RV_RIGHT_READ;
  if (mode != O_RDONLY) rights |= RV_RIGHT_WRITE;
  if (flags & O_TRUNC) rights |= RV_RIGHT_TRUNCATE;
  return rights ? rights : RV_RIGHT_STAT;
}

Answer Act::open_file(int dirfd, uint64_t address, uint32_t flags, uint32_t mode, uint64_t restrictions) {
  const uint32_t cloexec = flags & O_CLOEXEC;
  if (flags & O_PATH) flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const bool create = flags & O_CREAT;
  const bool temporary = (flags & O_TMPFILE) == O_TMPFILE;
  const bool follow = !(flags & O_NOFOLLOW) && !(create && flags & O_EXCL);
  Resolved r;
  if (flags & kTmpfile || (create && flags & O_DIRECTORY))
    if (openat(-1, "", static_cast<int>(flags), 0) < 0 && errno == EINVAL) return Answer::error(EINVAL);
  Names names(create || temporary);  // and where a container lets no thread have a umask of its own, they take turns
  if (restrictions) {
    if (int err = look_up_restricted(dirfd, address, follow, create, restrictions, r)) return Answer::error(err);
  } else {
    std::string text;
    if (int err = read_path(address, text)) return Answer::error(err);
    if (std::optional<Answer> opened = open_by_name(text, flags)) return std::move(*opened);
    if (int err = walk(dirfd, text, follow, r, create, create ? Want::place : Want::object)) return Answer::error(err);
  }
  struct stat st {};
  if (r.object.valid() && fstat(r.object.get(), &st)) return Answer::error(errno);
  const bool directory = S_ISDIR(st.st_mode), writes = flags & (O_ACCMODE | O_TRUNC);
  if (r.object.valid()) {
    // What comes of it whoever asks, in the kernel's order: that takes no more than the right to know what is there.
    const int always = create && flags & O_EXCL                               ? EEXIST
                       : create && directory                                  ? EISDIR
                       : flags & O_DIRECTORY && !directory                    ? ENOTDIR
                       : S_ISLNK(st.st_mode) && !(flags & O_PATH)             ? ELOOP
                       : directory && writes && !temporary && !(flags & O_PATH) ? EISDIR
                                                                              : 0;
    if (always) {
      int err = allow(r, RV_RIGHT_STAT);
      return Answer::error(err ? err : always);
    }
  }
  if (temporary) {
    if (!r.object.valid()) return Answer::error(ENOENT);
    if (int err = allow(r, RV_RIGHT_CREATE | RV_RIGHT_WRITE)) return Answer::error(err);
    return reopen(r.object, flags, mode, cloexec);
  }
  if (!r.object.valid()) {
    if (!create) return refuse_missing(r, rights_of_open(flags, false));
    if (r.slash) return Answer::error(EISDIR);
    if (takes_no_name(r)) return refuse_missing(r, RV_RIGHT_STAT);
    if (int err = allow(r, RV_RIGHT_CREATE | rights_of_open(flags, false))) return Answer::error(err);
    Umask mask(caller_);
    // O_NOFOLLOW: what stands there now, if anything, has not been judged. O_EXCL would be wrong for two that create at once. And
    // O_NONBLOCK: it may be a FIFO by now.
    Fd made(openat(r.directory.get(), r.name.c_str(), static_cast<int>(flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), mode & 07777));
    if (!made.valid()) return Answer::error(errno);
    if (!(flags & O_NONBLOCK) && fcntl(made.get(), F_SETFL, flags)) return Answer::error(errno);
    return Answer::descriptor(std::move(made), cloexec);
  }
  if (int err = allow(r, rights_of_open(flags, directory))) return Answer::error(err);
  // No O_PATH descriptor can be given into the guest (SECCOMP_IOCTL_NOTIF_ADDFD takes files that are open). The kernel makes it, from
  // whatever the path then says: its flags are in a register, so it reads and writes nothing, whatever it stands for. Those of
  // openat2 are in memory; programs have another way where there is no openat2.
  // In the translated view these calls are a trace point's: the thread receives it as a message.
  if (flags & O_PATH && translated_view()) return Answer::descriptor(std::move(r.object), cloexec);
  if (flags & O_PATH && !judge_.binding()) return nr_ == SYS_openat2 ? Answer::error(ENOSYS) : Answer::proceed();
  if (flags & O_PATH) {
    // What a handler saw must be what happens. The guest gets a descriptor that it may read from, where it may.
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return Answer::error(EOPNOTSUPP);
    if (int err = allow(r, S_ISDIR(st.st_mode) ? RV_RIGHT_LIST : RV_RIGHT_READ)) return Answer::error(err);
    return reopen(r.object, O_RDONLY, 0, cloexec);
  }
  if (const Translation* view = translated_view(); view && !(flags & O_ACCMODE)) {
    Fd text;
    if (int err = translated_text(*view, caller_, r, text); err != ENOENT) return err ? Answer::error(err) : Answer::descriptor(std::move(text), cloexec);
  }
  if (const Translation* view = translated_view(); view && view->list_proc && directory && is_proc_root(r.object.get()) && view->entry_of(r.path)->in_proc) {
    Fd list;
    if (int err = view->list_proc(list)) return Answer::error(err);
    return Answer::descriptor(std::move(list), cloexec);
  }
  // A FIFO waits for its other end, a device for what it likes: never on the thread that serves everybody.
  if (!may_block_ && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return Answer::later();
  names.release();
  if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 0)) return open_terminal(cloexec);
  const uint32_t held_on = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? may_be_held_on(flags) : 0;
  return reopen(r.object, flags & ~static_cast<uint32_t>(O_CREAT | O_EXCL | O_NOFOLLOW), mode, cloexec | held_on);
}

// What has a name that passes no link is judged by that name and opened by it in one step: a link that comes to stand in the way makes it
// fail (RESOLVE_NO_SYMLINKS). Not everything is opened without consequences, so what is there is looked at first, and again at
// what was opened. Nothing, and nothing done, where this way does not lead: the long one says why.
std::optional<Answer> Act::open_by_name(const std::string& text, uint32_t flags) {
  if (may_block_ || flags & (O_CREAT | O_TRUNC | O_PATH | kTmpfile)) return std::nullopt;
  const std::optional<Named> named = names_itself(text);
  if (!named || (translated_view() && flags & O_ACCMODE)) return std::nullopt;
  if (!judge_.grants(text, rights_of_open(flags, false) | rights_of_open(flags, true))) return std::nullopt;
  struct stat before, now;
  if (fstatat(named->directory, named->name, &before, AT_SYMLINK_NOFOLLOW) || !(S_ISREG(before.st_mode) || S_ISDIR(before.st_mode))) return std::nullopt;
  // Who holds a lease on the file is not waited for.
  Fd file(sys_openat2(named->directory, named->name, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS));
  if (!file.valid() || fstat(file.get(), &now) || (before.st_mode ^ now.st_mode) & S_IFMT) return std::nullopt;
  if (!(flags & O_NONBLOCK) && fcntl(file.get(), F_SETFL, flags)) return Answer::error(errno);
  return Answer::descriptor(std::move(file), (flags & O_CLOEXEC) | may_be_held_on(flags));
}

// Opens what an O_PATH descriptor stands for: the very object that was judged.
Answer Act::reopen(const Fd& object, uint32_t flags, uint32_t mode, uint32_t fd_flags) {
  std::optional<Umask> mask;  // looking it up takes longer than all else
  if ((flags & O_TMPFILE) == O_TMPFILE) mask.emplace(caller_);
  // Who holds a lease on the file is waited for (fcntl(2), F_SETLEASE), but not here.
  const uint32_t at_once = may_block_ || mask ? 0 : O_NONBLOCK;
  // A terminal that init opened would otherwise become init's own.
  Fd opened(rvisor::reopen(object.get(), static_cast<int>(flags | at_once | O_NOCTTY), mode & 07777));
  if (!opened.valid()) return errno == EWOULDBLOCK && at_once && !(flags & O_NONBLOCK) ? Answer::later() : Answer::error(errno);
  if (at_once && !(flags & O_NONBLOCK) && fcntl(opened.get(), F_SETFL, flags)) return Answer::error(errno);
  return Answer::descriptor(std::move(opened), fd_flags);
}

// /dev/tty is the terminal of whoever opens it, which init has none of: the caller's, where it holds it open itself.
Answer Act::open_terminal(uint32_t cloexec) {
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

// openat2(2) with RESOLVE_*: the kernel's own rules. What they admit cannot mean init in place of the caller, as `self` is a
// symbolic link that leads elsewhere only within /proc: that is refused.
int Act::look_up_restricted(int dirfd, uint64_t address, bool follow, bool create, uint64_t restrictions, Resolved& out) {
  std::string text;
  if (int err = read_path(address, text)) return err;
  if (const Translation* view = translated_view())
    return view->resolve(caller_, dirfd, text, follow, out, create, create ? Want::place : Want::object, restrictions & ~static_cast<uint64_t>(RESOLVE_CACHED));
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

}  // namespace rvisor
