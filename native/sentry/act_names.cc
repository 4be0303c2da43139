// SPDX-License-Identifier: Apache-2.0
// Names: made, linked, moved and removed, in the directories that were found.
#include "act.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <string_view>

#include "translation.h"

namespace rvisor {
namespace {

constexpr size_t kMaxMoved = 100'000;  // names in a directory that is looked through before it moves
constexpr unsigned kMaxDepth = 100;    // and how deep they lie: each level holds a descriptor

}  // namespace

bool Act::is_mount_point(const Resolved& r) {
  const Translation* view = translated_view();
  return view && r.object.valid() && !r.path.empty() && view->covers(r.path);
}

bool Act::is_read_only(int entry) {
  const Translation* view = translated_view();
  return view && entry >= 0 && !view->entry(entry).writable;
}

Answer Act::make_directory(int dirfd, uint64_t address, uint32_t mode) {
  Resolved r;
  Names names;
  if (int err = find_new(dirfd, address, RV_RIGHT_CREATE, r, true)) return Answer::error(err);
  Umask mask(caller_);
  return result(mkdirat(r.directory.get(), r.name.c_str(), mode));
}

Answer Act::make_node(int dirfd, uint64_t address, uint32_t mode, uint64_t device) {
  Resolved r;
  if (S_ISDIR(mode)) return Answer::error(EPERM);
  if (mode & S_IFMT && !S_ISREG(mode) && !S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode)) return Answer::error(EINVAL);
  bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
  Names names;
  if (int err = find_new(dirfd, address, RV_RIGHT_CREATE | (is_device ? RV_RIGHT_DEVICE : 0), r)) return Answer::error(err);
  Umask mask(caller_);
  return result(mknodat(r.directory.get(), r.name.c_str(), mode, device));
}

Answer Act::make_symlink(uint64_t content, int dirfd, uint64_t address) {
  std::string text;
  Resolved r;
  if (int err = read_path(content, text)) return Answer::error(err);
  if (text.empty()) return Answer::error(ENOENT);
  Names names;
  if (int err = find_new(dirfd, address, RV_RIGHT_CREATE, r)) return Answer::error(err);
  return result(symlinkat(text.c_str(), r.directory.get(), r.name.c_str()));
}

Answer Act::remove(int dirfd, uint64_t address, uint32_t flags) {
  if (flags & ~static_cast<uint32_t>(AT_REMOVEDIR)) return Answer::error(EINVAL);
  std::string text;
  bool slash = false;
  Resolved r;
  if (int err = look_up_name(dirfd, address, text, slash, r)) return Answer::error(err);
  if (r.name == ".") return Answer::error(!(flags & AT_REMOVEDIR) ? EISDIR : text.ends_with("..") ? ENOTEMPTY : text.ends_with('.') ? EINVAL : EBUSY);
  // A directory goes only when it is empty: nothing that is denied goes with it.
  if (int err = allow(r, RV_RIGHT_DELETE)) return Answer::error(err);
  if (r.mount != r.holder && r.object.valid()) {
    struct stat st;
    const bool directory = !fstat(r.object.get(), &st) && S_ISDIR(st.st_mode), wanted = flags & AT_REMOVEDIR;
    return Answer::error(directory == wanted ? EBUSY : directory ? EISDIR : ENOTDIR);
  }
  if (slash) r.name += '/';
  if (!unlinkat(r.directory.get(), r.name.c_str(), static_cast<int>(flags))) return Answer::of(0);
  int err = errno;
  // The permissions of /proc/<pid>/fd do not hold for the process itself, which is then told what holds for every link of /proc.
  if (err == EACCES && !slash && r.object.valid() && path_of(r.directory.get()) == "/proc/" + std::to_string(caller_.process()) + "/fd")
    err = flags & AT_REMOVEDIR ? ENOTDIR : EPERM;
  return Answer::error(err);
}

Answer Act::link_file(int from_dir, uint64_t from, int to_dir, uint64_t to, uint32_t flags) {
  if (flags & ~static_cast<uint32_t>(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return Answer::error(EINVAL);
  Resolved source, target;
  Names names;
  if (int err = look_up(from_dir, from, flags & AT_SYMLINK_FOLLOW, flags & AT_EMPTY_PATH, source)) return Answer::error(err);
  if (!source.object.valid()) return refuse_missing(source, RV_RIGHT_READ);
  if (int err = look_up_new(to_dir, to, false, target)) return Answer::error(err);
  // From mount to mount nothing is linked, as the kernel then says: EXDEV, at which programs copy.
  const bool possible = same_mount(source.object, source.mount, target.directory, target.holder);
  if (int err = allow(source, RV_RIGHT_READ | (possible && !target.object.valid() ? RV_RIGHT_LINK : 0))) return Answer::error(err);
  if (int err = allow(target, possible && !target.object.valid() ? RV_RIGHT_CREATE : RV_RIGHT_STAT)) return Answer::error(err);
  if (target.object.valid()) return Answer::error(EEXIST);
  if (!possible) return Answer::error(is_read_only(target.holder) ? EROFS : EXDEV);
  // By the descriptor that was judged; for a symbolic link itself its name is all there is, and it can only be one still.
  Answer answer = source.magic || flags & AT_SYMLINK_FOLLOW
                      ? result(linkat(AT_FDCWD, self_fd(source.object).c_str(), target.directory.get(), target.name.c_str(), AT_SYMLINK_FOLLOW))
                      : result(linkat(source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str(), 0));
  // Of a mount point Landlock says so for the directory above it, which is none of the view's; no directory is linked anyway.
  struct stat st;
  if (translated_view() && answer.kind == Answer::Kind::error && answer.err == EXDEV && !fstat(source.object.get(), &st) && S_ISDIR(st.st_mode))
    return Answer::error(syscall(SYS_faccessat2, target.directory.get(), "", W_OK | X_OK, AT_EMPTY_PATH | AT_EACCESS) ? errno : EPERM);
  return answer;
}

Answer Act::rename_file(int from_dir, uint64_t from, int to_dir, uint64_t to, uint32_t flags) {
  constexpr uint32_t known = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
  if (flags & ~known || (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))) return Answer::error(EINVAL);
  Moving source, target;
  Names names;
  if (int err = find_moving(from_dir, from, source)) return Answer::error(err);
  if (int err = find_moving(to_dir, to, target)) return Answer::error(err);
  const bool mount = source.up || target.up || same_mount(source.directory, source.holder, target.directory, target.holder);
  if (mount && source.special) return Answer::error(EBUSY);
  if (mount && target.special) return Answer::error(flags & RENAME_NOREPLACE ? EEXIST : EBUSY);
  uint32_t leaving = RV_RIGHT_DELETE | RV_RIGHT_LINK, arriving = RV_RIGHT_CREATE;
  if (target.object.valid()) arriving |= RV_RIGHT_DELETE;
  if (flags & RENAME_EXCHANGE) leaving |= RV_RIGHT_CREATE, arriving |= RV_RIGHT_DELETE | RV_RIGHT_LINK;
  if (!mount) leaving = arriving = RV_RIGHT_STAT;
  if (int err = allow(source, leaving)) return Answer::error(err);
  if (int err = allow(target, arriving)) return Answer::error(err);
  if (!mount) return Answer::error(EXDEV);
  if (source.path != target.path && (is_mount_point(source) || is_mount_point(target))) return Answer::error(EBUSY);
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

int Act::find_moving(int dirfd, uint64_t address, Moving& out) {
  std::string text;
  struct stat st;
  if (int err = look_up_name(dirfd, address, text, out.slash, out)) return err;
  out.special = out.name == ".";
  out.up = out.special && text.ends_with("..");
  out.is_directory = out.object.valid() && !fstat(out.object.get(), &st) && S_ISDIR(st.st_mode);
  return 0;
}

// A directory takes along what is beneath it: nothing there may be denied, under its present name or its next.
int Act::look_through(const Fd& object, const std::string& from, const std::string& to) {
  struct stat st;
  if (from.empty() || !(judge_.denies_beneath(from) || judge_.denies_beneath(to)) || fstat(object.get(), &st) || !S_ISDIR(st.st_mode)) return 0;
  size_t left = kMaxMoved;
  return look_through(openat(object.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), from, to, left, 0);
}

int Act::look_through(int directory, const std::string& from, const std::string& to, size_t& left, unsigned depth) {
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

}  // namespace rvisor
