// SPDX-License-Identifier: Apache-2.0
#include "images.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>

#include "claim.h"
#include "program.h"
#include "resolve.h"

namespace rvisor {
namespace {

// One stretch of bytes, by whatever way the kernel has. 0 or an errno.
int copy_stretch(int from, int to, off_t at, off_t end) {
  bool ranges = true;
  while (at < end) {
    off_t source = at, target = at;
    ssize_t moved;
    if (ranges) {
      moved = copy_file_range(from, &source, to, &target, static_cast<size_t>(end - at), 0);
      if (moved < 0 && errno != EINTR && errno != ENOSPC && errno != EDQUOT) {
        ranges = false;
        continue;
      }
      if (moved == 0) ranges = false;  // some file systems make bytes up as they are read
    } else {
      if (lseek(to, at, SEEK_SET) < 0) return errno;
      moved = sendfile(to, from, &source, static_cast<size_t>(std::min<off_t>(end - at, 1 << 20)));
      if (moved == 0) return ETXTBSY;  // it has become shorter
    }
    if (moved < 0 && errno != EINTR) return errno;
    if (moved > 0) at += moved;
  }
  return 0;
}

// All of a file's bytes but its holes.
int copy_bytes(int from, int to, off_t size) {
  if (!ioctl(to, FICLONE, from)) return 0;
  if (ftruncate(to, size)) return errno;
  for (off_t at = 0; at < size;) {
    off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return 0;
    if (data < 0) data = at;  // no holes there
    off_t hole = lseek(from, data, SEEK_HOLE);
    if (hole <= data || hole > size) hole = size;
    if (data >= size) return 0;
    if (int err = copy_stretch(from, to, data, hole)) return err;
    at = hole;
  }
  return 0;
}

// A process that init forks has our descriptor for a moment, and the kernel executes nothing that is open for writing.
int wait_until_unwritten(int fd) {
  const timespec moment{0, 200'000};
  for (int tries = 0; tries < 5000; tries++) {
    if (!is_written(fd)) return 0;
    nanosleep(&moment, nullptr);
  }
  return ETXTBSY;
}

Status make_directory(int parent, const char* name, Fd& out, std::string& path) {
  if (mkdirat(parent, name, 0755) && errno != EEXIST) return fail("view", name, errno);
  out.reset(openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!out.valid()) return fail("view", name, errno);
  if (int err = link_of_own(out.get(), path)) return fail("view", name, err);
  return std::nullopt;
}

}  // namespace

int identify(int fd, Identity& out) {
  struct stat st;
  if (fstatat(fd, "", &st, AT_EMPTY_PATH)) return errno;
  out = identity_of(st);
  return 0;
}

bool is_written(int fd) {
  if (fcntl(fd, F_SETLEASE, F_RDLCK)) return errno == EAGAIN;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return false;
}

Status Images::open(int state_dir, std::function<void(const std::string&, const std::string&)> told) {
  told_ = std::move(told);
  signal(SIGIO, SIG_IGN);
  if (Status s = make_directory(state_dir, "programs", directory_, path_)) return s;
  return make_directory(state_dir, "names", names_, names_path_);
}

int Images::copy(int fd, const std::string& interpreter, const std::string& loader, const std::string& guest, Image& out) {
  return copy(fd, &interpreter, &loader, guest, out);
}

int Images::copy(int fd, const std::string& guest, Image& out) { return copy(fd, nullptr, nullptr, guest, out); }

int Images::copy(int fd, const std::string* interpreter, const std::string* loader, const std::string& guest, Image& out) {
  struct stat st;
  if (fstat(fd, &st)) return errno;
  if (!S_ISREG(st.st_mode)) return EACCES;
  if (static_cast<uint64_t>(st.st_size) > kLargest) return EFBIG;
  const Key key{identity_of(st), st.st_size, st.st_ctim.tv_sec, st.st_ctim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, loader ? *loader : std::string()};
  {
    Claim claim(lock_);
    if (auto found = by_key_.find(key); found != by_key_.end()) {
      copies_.splice(copies_.end(), copies_, found->second);
      out = found->second->image;
      return 0;
    }
  }
  // Made without the lock: two that make the same do it twice, and the second is thrown away.
  Copy made;
  made.key = key;
  made.guest = guest;
  made.bytes = static_cast<uint64_t>(st.st_blocks) * 512;
  {
    Claim claim(lock_);
    made.file = std::to_string(++next_);
  }
  if (int err = make(fd, st, interpreter, loader, made)) {
    unlinkat(directory_.get(), ("." + made.file).c_str(), 0);
    return err;
  }
  Claim claim(lock_);
  if (auto found = by_key_.find(key); found != by_key_.end()) {
    unlinkat(directory_.get(), ("." + made.file).c_str(), 0);
    out = found->second->image;
    return 0;
  }
  make_room(made.bytes);
  if (renameat(directory_.get(), ("." + made.file).c_str(), directory_.get(), made.file.c_str())) return errno;
  made.image.path = path_ + "/" + made.file;
  out = made.image;
  if (told_) told_(out.path, guest);
  total_ += made.bytes;
  copies_.push_back(std::move(made));
  by_key_[key] = by_identity_[out.identity] = std::prev(copies_.end());
  return 0;
}

int Images::make(int fd, const struct stat& st, const std::string* interpreter, const std::string* loader, Copy& made) {
  const std::string name = "." + made.file;
  Fd file(openat(directory_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700));
  if (!file.valid()) return errno;
  if (int err = copy_bytes(fd, file.get(), st.st_size)) return err;
  if (interpreter) {
    // What was decided on may have been changed since; what is copied here can no longer be.
    ProgramHead head;
    Elf elf;
    if (int err = read_head(file.get(), head)) return err;
    if (parse_elf(head, read_at(file.get()), elf) || elf.interpreter != *interpreter) return ETXTBSY;
    if (loader->size() >= PATH_MAX) return ENAMETOOLONG;
    // Only where in the file the name is changes: in memory the program finds what it was made with.
    Elf64_Phdr header;
    struct stat now;
    if (fstat(file.get(), &now)) return errno;
    if (!read_at(file.get())(elf.interpreter_header, &header, sizeof header)) return EIO;
    header.p_offset = static_cast<uint64_t>(now.st_size);
    header.p_filesz = loader->size() + 1;
    const auto size = static_cast<ssize_t>(header.p_filesz);
    if (pwrite(file.get(), loader->c_str(), header.p_filesz, now.st_size) != size) return errno ? errno : EIO;
    if (pwrite(file.get(), &header, sizeof header, static_cast<off_t>(elf.interpreter_header)) != sizeof header) return errno ? errno : EIO;
  }
  if (fchmod(file.get(), 0555)) return errno;
  file.reset(openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) return errno;
  if (int err = wait_until_unwritten(file.get())) return err;
  made.held.reset(openat(directory_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!made.held.valid()) return errno;
  if (int err = identify(made.held.get(), made.image.identity)) return err;
  made.original.reset(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_PATH | O_CLOEXEC));
  return made.original.valid() ? 0 : errno;
}

// Programs that run keep their files.
void Images::make_room(uint64_t bytes) {
  while (!copies_.empty() && (copies_.size() >= kCopies || total_ + bytes > kTotal)) {
    Copy& oldest = copies_.front();
    unlinkat(directory_.get(), oldest.file.c_str(), 0);
    if (told_) told_(oldest.image.path, {});
    total_ -= oldest.bytes;
    by_key_.erase(oldest.key);
    by_identity_.erase(oldest.image.identity);
    copies_.pop_front();
  }
}

int Images::name(const std::string& path, const std::string& base, std::string& out) {
  const std::pair<std::string, std::string> key{path, base.substr(0, kComm)};
  Claim claim(lock_);
  if (auto found = named_.find(key); found != named_.end()) {
    out = found->second.path;
    return 0;
  }
  if (oldest_names_.size() >= kNames) {
    auto last = named_.find(oldest_names_.front());
    const std::string directory = std::to_string(last->second.number);
    unlinkat(names_.get(), (directory + "/" + last->first.second).c_str(), 0);
    unlinkat(names_.get(), directory.c_str(), AT_REMOVEDIR);
    named_.erase(last);
    oldest_names_.pop_front();
  }
  const uint64_t number = ++next_;
  const std::string directory = std::to_string(number);
  if (mkdirat(names_.get(), directory.c_str(), 0755)) return errno;
  if (symlinkat(path.c_str(), names_.get(), (directory + "/" + key.second).c_str())) {
    int err = errno;
    unlinkat(names_.get(), directory.c_str(), AT_REMOVEDIR);
    return err;
  }
  out = names_path_ + "/" + directory + "/" + key.second;
  named_[key] = {number, out};
  oldest_names_.push_back(key);
  return 0;
}

std::optional<Images::Original> Images::original(const Identity& identity) {
  Claim claim(lock_);
  auto found = by_identity_.find(identity);
  if (found == by_identity_.end()) return std::nullopt;
  Original result{found->second->guest, Fd(fcntl(found->second->original.get(), F_DUPFD_CLOEXEC, 3))};
  if (!result.file.valid()) return std::nullopt;
  return result;
}

}  // namespace rvisor
