// SPDX-License-Identifier: Apache-2.0
// Order of work. Host paths are opened first, all of them, because the staging tmpfs then covers one host directory.
// After that the new root is assembled step by step beneath `root_`, by descriptors: a target is looked up without
// following any symbolic link and without leaving the new root, so a tree that an earlier guest could write holds no trap.
#include "view.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <memory>
#include <string_view>

#include "layers.h"
#include "mount_api.h"

namespace rvisor {
namespace {

constexpr uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom", "tty"};

std::string self_fd(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// "/a/b" → "a/b"; "/" → "."
std::string relative(const std::string& path) {
  size_t start = path.find_first_not_of('/');
  return start == std::string::npos ? "." : path.substr(start);
}

// A superblock from fsopen(2) to a detached mount. Options are key-value pairs, a null value is a flag.
Status make_filesystem(const char* type, std::initializer_list<std::pair<const char*, std::string>> options, unsigned attributes, Fd& out,
                       const char* step, const std::string& object) {
  Fd fs(sys_fsopen(type));
  if (!fs.valid()) return fail(step, object, errno);
  for (const auto& [key, value] : options) {
    int rc = value.empty() ? sys_fsconfig(fs.get(), FSCONFIG_SET_FLAG, key, nullptr, 0) : sys_fsconfig(fs.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0);
    if (rc) return fail(step, object, errno, std::string(strerror(errno)) + " (option " + key + ")");
  }
  if (sys_fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0)) {
    int err = errno;
    char log[512];  // the kernel's own explanation, "e overlay: …"
    ssize_t size = read(fs.get(), log, sizeof log - 1);
    std::string message = strerror(err);
    if (size > 2) message += " (" + std::string(log + 2, static_cast<size_t>(size - 2)) + ")";
    return fail(step, object, err, message);
  }
  out.reset(sys_fsmount(fs.get(), attributes));
  if (!out.valid()) return fail(step, object, errno);
  return std::nullopt;
}

std::string octal(uint32_t mode) {
  char text[16];
  snprintf(text, sizeof text, "%o", mode);
  return text;
}

class View {
 public:
  View(const Plan& plan, bool in_user_namespace) : plan_(plan), in_user_namespace_(in_user_namespace) {}

  Status build(std::vector<Fd>& uppers) {
    // Nothing of ours may reach the host's mount table, and nothing of the host's may appear in the view later.
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr)) return fail("mount", "/", errno);
    umask(0);
    if (Status s = open_sources()) return s;
    if (Status s = stage()) return s;
    for (size_t i = 0; i < plan_.mounts.size(); i++)
      if (Status s = apply(plan_.mounts[i], sources_[i], uppers)) return s;
    if (Status s = seal()) return s;
    umask(022);
    return enter();
  }

 private:
  // Binds become detached copies at once; overlays keep a plain descriptor, as overlayfs wants mounts of this namespace.
  Status open_sources() {
    sources_.resize(plan_.mounts.size());
    for (size_t i = 0; i < plan_.mounts.size(); i++) {
      const Mount& m = plan_.mounts[i];
      if (m.type == Mount::Type::bind) {
        if (Status s = clone_tree(m.source, m.writable, m.dev, m.noexec, sources_[i].tree)) return s;
      } else if (m.type == Mount::Type::copy) {
        sources_[i].tree.reset(sys_openat2(AT_FDCWD, m.source.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS));
        if (!sources_[i].tree.valid()) return fail("mount", m.source, errno);
      } else if (m.type == Mount::Type::overlay) {
        sources_[i].lower.reset(sys_openat2(AT_FDCWD, m.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS));
        if (!sources_[i].lower.valid()) return fail("overlay", m.source, errno);
        if (!m.upper.empty()) {
          sources_[i].upper.reset(sys_openat2(AT_FDCWD, m.upper.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS));
          if (!sources_[i].upper.valid()) return fail("overlay", m.upper, errno);
        }
      }
    }
    if (!plan_.root.empty()) return clone_tree(plan_.root, plan_.root_writable, false, false, root_tree_);
    return std::nullopt;
  }

  static Status clone_tree(const std::string& path, bool writable, bool dev, bool noexec, Fd& out) {
    Fd source(sys_openat2(AT_FDCWD, path.c_str(), O_PATH | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS));
    if (!source.valid()) return fail("mount", path, errno);
    // Recursive always: in a user namespace a mount with others beneath may not be copied without them.
    out.reset(sys_open_tree(source.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
    if (!out.valid()) return fail("mount", path, errno);
    mount_attr attributes{};
    attributes.attr_set = without("nosuid") ? 0 : MOUNT_ATTR_NOSUID;
    if (!dev) attributes.attr_set |= MOUNT_ATTR_NODEV;
    if (!writable && !without("readonly")) attributes.attr_set |= MOUNT_ATTR_RDONLY;
    if (noexec) attributes.attr_set |= MOUNT_ATTR_NOEXEC;
    if (sys_mount_setattr(out.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes)) return fail("mount", path, errno);
    return std::nullopt;
  }

  // A tmpfs over some host directory holds what the build needs; pivot_root leaves it behind.
  Status stage() {
    Fd staging;
    if (Status s = make_filesystem("tmpfs", {{"mode", "700"}, {"size", "64m"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, staging, "mount", "tmpfs")) return s;
    int err = ENOENT;
    for (const char* base : {"/tmp", "/run", "/mnt", "/var", "/usr"}) {
      if (!sys_move_mount(staging.get(), "", AT_FDCWD, base, MOVE_MOUNT_F_EMPTY_PATH)) {
        err = 0;
        break;
      }
      err = errno;
    }
    if (err) return fail("mount", "tmpfs", err);
    staging_ = std::move(staging);
    if (mkdirat(staging_.get(), "root", 0755) || mkdirat(staging_.get(), "empty", 0)) return fail("mount", "staging", errno);
    Fd empty(openat(staging_.get(), "blank", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
    if (!empty.valid()) return fail("mount", "staging", errno);
    // The same files again by a mount that has the attributes of all that is taken from it.
    Fd sealed(sys_open_tree(staging_.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    if (!sealed.valid() || sys_mount_setattr(sealed.get(), "", AT_EMPTY_PATH, &attributes)) return fail("mount", "staging", errno);
    if (mkdirat(staging_.get(), "sealed", 0700) || sys_move_mount(sealed.get(), "", staging_.get(), "sealed", MOVE_MOUNT_F_EMPTY_PATH)) return fail("mount", "staging", errno);
    sealed_ = std::move(sealed);

    Fd root = std::move(root_tree_);
    if (!root.valid()) {
      if (Status s = make_filesystem("tmpfs", {{"mode", "755"}, {"size", "16m"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, root, "mount", "/")) return s;
    }
    if (sys_move_mount(root.get(), "", staging_.get(), "root", MOVE_MOUNT_F_EMPTY_PATH)) return fail("mount", "/", errno);
    root_.reset(openat(staging_.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root_.valid()) return fail("mount", "/", errno);
    return std::nullopt;
  }

  // Opens what is at `path` in the new root, O_PATH.
  Fd lookup(const std::string& path) { return Fd(sys_openat2(root_.get(), relative(path).c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, kBeneath)); }

  // Directories of the skeleton are made as needed; nothing is ever created in a tree of the host.
  bool ours(int directory) {
    struct statfs fs;
    struct stat st;
    return !fstatfs(directory, &fs) && fs.f_type == 0x01021994 /* tmpfs */ && !fstat(directory, &st) && is_private(st.st_dev);
  }

  bool is_private(dev_t device) {
    for (dev_t known : private_)
      if (known == device) return true;
    return false;
  }

  void remember(int directory) {
    struct stat st;
    if (!fstat(directory, &st)) private_.push_back(st.st_dev);
  }

  Status parent(const std::string& target, Fd& out, std::string& name) {
    if (private_.empty() && plan_.root.empty()) remember(root_.get());
    std::string path = relative(target);
    // Mostly all of it is there.
    size_t last = path.rfind('/');
    if (last != std::string::npos && last + 1 < path.size()) {
      out.reset(sys_openat2(root_.get(), path.substr(0, last).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, kBeneath));
      if (out.valid()) return name = path.substr(last + 1), std::nullopt;
    }
    out = Fd(openat(root_.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!out.valid()) return fail("mount", target, errno);
    for (;;) {
      size_t slash = path.find('/');
      if (slash == std::string::npos) break;
      std::string part = path.substr(0, slash);
      path.erase(0, path.find_first_not_of('/', slash) == std::string::npos ? path.size() : path.find_first_not_of('/', slash));
      Fd next(sys_openat2(out.get(), part.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, kBeneath));
      if (!next.valid() && errno == ENOENT && ours(out.get())) {
        if (mkdirat(out.get(), part.c_str(), 0755)) return fail("mount", target, errno);
        next.reset(sys_openat2(out.get(), part.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, kBeneath));
      }
      if (!next.valid()) return fail("mount", target, errno);
      out = std::move(next);
    }
    name = path;
    return std::nullopt;
  }

  // The place where a mount goes: existing, or made in the skeleton as a directory or an empty file.
  Status place(const std::string& target, bool directory, Fd& out) {
    out = lookup(target);
    if (out.valid()) {
      struct stat found;
      if (fstat(out.get(), &found)) return fail("mount", target, errno);
      if (!S_ISLNK(found.st_mode)) return std::nullopt;
    }
    Fd dir;
    std::string name;
    if (Status s = parent(target, dir, name)) return s;
    for (int attempt = 0; attempt < 2; attempt++) {
      out.reset(sys_openat2(dir.get(), name.empty() ? "." : name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, RESOLVE_BENEATH));
      if (out.valid() || errno != ENOENT || !ours(dir.get())) break;
      if (directory) {
        if (mkdirat(dir.get(), name.c_str(), 0755)) return fail("mount", target, errno);
      } else {
        Fd made(openat(dir.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
        if (!made.valid()) return fail("mount", target, errno);
      }
    }
    if (!out.valid()) return fail("mount", target, errno);
    struct stat st;
    if (fstat(out.get(), &st)) return fail("mount", target, errno);
    if (S_ISLNK(st.st_mode)) return fail("mount", target, ELOOP, "a symbolic link stands where the mount goes");
    return std::nullopt;
  }

  Status attach(Fd& tree, const std::string& target, bool directory, const char* step = "mount") {
    Fd at;
    if (Status s = place(target, directory, at)) return s;
    if (sys_move_mount(tree.get(), "", at.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)) return fail(step, target, errno);
    return std::nullopt;
  }

  struct Source {
    Fd tree, lower, upper;
  };

  Status apply(const Mount& m, Source& source, std::vector<Fd>& uppers) {
    switch (m.type) {
      case Mount::Type::bind: {
        struct stat st;
        if (fstat(source.tree.get(), &st)) return fail("mount", m.source, errno);
        return attach(source.tree, m.target, S_ISDIR(st.st_mode));
      }
      case Mount::Type::copy: return copy_file(m, source.tree);
      case Mount::Type::symlink: return make_symlink(m);
      case Mount::Type::dir: return make_directory(m);
      case Mount::Type::tmpfs: return mount_tmpfs(m);
      case Mount::Type::overlay: return mount_overlay(m, source, uppers);
      case Mount::Type::file: return mount_file(m);
      case Mount::Type::proc: return mount_proc(m.target);
      case Mount::Type::dev: return mount_dev(m.target);
      case Mount::Type::mask: return mask(m.target, true);
    }
    return std::nullopt;
  }

  Status make_symlink(const Mount& m) {
    Fd dir;
    std::string name;
    if (Status s = parent(m.target, dir, name)) return s;
    if (ours(dir.get()) && !symlinkat(m.source.c_str(), dir.get(), name.c_str())) return std::nullopt;
    char current[4096];
    ssize_t size = readlinkat(dir.get(), name.c_str(), current, sizeof current);
    if (size < 0 && errno == ENOENT) return fail("mount", m.target, ENOENT, "nothing is created in a directory of the host");
    if (size < 0 || std::string_view(current, static_cast<size_t>(size)) != m.source)
      return fail("mount", m.target, EEXIST, "something else stands where the symbolic link goes");
    return std::nullopt;
  }

  Status make_directory(const Mount& m) {
    Fd dir;
    std::string name;
    if (Status s = parent(m.target, dir, name)) return s;
    if (ours(dir.get())) return mkdirat(dir.get(), name.c_str(), m.mode) && errno != EEXIST ? Status(fail("mount", m.target, errno)) : std::nullopt;
    Fd found(sys_openat2(dir.get(), name.empty() ? "." : name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, kBeneath));
    return found.valid() ? std::nullopt : Status(fail("mount", m.target, errno));
  }

  Status mount_tmpfs(const Mount& m) {
    Fd tree;
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (m.noexec ? MOUNT_ATTR_NOEXEC : 0);
    if (Status s = make_filesystem("tmpfs",
                                   {{"mode", octal(m.mode)},
                                    {"size", m.size ? std::to_string(*m.size) : "50%"},
                                    {"uid", std::to_string(plan_.uid)},
                                    {"gid", std::to_string(plan_.gid)}},
                                   attributes, tree, "tmpfs", m.target))
      return s;
    if (Status s = attach(tree, m.target, true, "tmpfs")) return s;
    Fd at = lookup(m.target);
    remember(at.get());
    return std::nullopt;
  }

  Status mount_overlay(const Mount& m, Source& source, std::vector<Fd>& uppers) {
    Fd holder;
    if (source.upper.valid()) {
      holder = std::move(source.upper);
    } else {
      Fd tree;
      if (Status s = make_filesystem("tmpfs", {{"mode", "700"}, {"size", m.size ? std::to_string(*m.size) : "50%"}, {"uid", std::to_string(plan_.uid)}, {"gid", std::to_string(plan_.gid)}},
                                     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, tree, "overlay", m.target))
        return s;
      std::string name = "overlay" + std::to_string(uppers.size());
      if (mkdirat(staging_.get(), name.c_str(), 0700)) return fail("overlay", m.target, errno);
      if (sys_move_mount(tree.get(), "", staging_.get(), name.c_str(), MOVE_MOUNT_F_EMPTY_PATH)) return fail("overlay", m.target, errno);
      holder.reset(openat(staging_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    // The merged directory shows the upper directory's owner and mode: take them from the lower one.
    struct stat st;
    if (fstat(source.lower.get(), &st)) return fail("overlay", m.source, errno);
    for (const char* name : {"upper", "work"}) {
      if (mkdirat(holder.get(), name, 0755)) return fail("overlay", m.upper.empty() ? m.target : m.upper + "/" + name, errno);
    }
    Fd upper(openat(holder.get(), "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!upper.valid()) return fail("overlay", m.target, errno);
    if (fchmod(upper.get(), st.st_mode & 07777)) return fail("overlay", m.target, errno);
    // An owner outside this namespace's id map cannot be given; the layer then stays the caller's.
    if (fchown(upper.get(), st.st_uid, st.st_gid) && errno != EPERM && errno != EINVAL && errno != EOVERFLOW) return fail("overlay", m.target, errno);

    std::string holder_path = self_fd(holder.get());
    std::pair<const char*, std::string> options[] = {
        {"lowerdir", self_fd(source.lower.get())}, {"upperdir", holder_path + "/upper"}, {"workdir", holder_path + "/work"}};
    Fd tree;
    if (Status s = in_user_namespace_ ? make_filesystem("overlay", {options[0], options[1], options[2], {"userxattr", ""}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, tree, "overlay", m.target)
                                      : make_filesystem("overlay", {options[0], options[1], options[2]}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, tree, "overlay", m.target))
      return s;
    uppers.push_back(std::move(upper));
    return attach(tree, m.target, true, "overlay");
  }

  // A new file in the skeleton, which nobody can write to once it is sealed. Unset where `target` lies elsewhere, or is there already.
  Status make_file(const std::string& target, uint32_t mode, Fd& out) {
    Fd dir;
    std::string name;
    if (Status s = parent(target, dir, name)) return s;
    struct stat st, root;
    if (!plan_.root.empty() || fstat(dir.get(), &st) || fstat(root_.get(), &root) || st.st_dev != root.st_dev) return std::nullopt;
    out.reset(openat(dir.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    return out.valid() || errno == EEXIST ? std::nullopt : Status(fail("mount", target, errno));
  }

  // A file of the host as it is now: a copy costs a tenth of a mount.
  Status copy_file(const Mount& m, const Fd& from) {
    struct stat st;
    if (fstat(from.get(), &st)) return fail("mount", m.source, errno);
    if (!S_ISREG(st.st_mode)) return fail("mount", m.source, EINVAL, "is no longer a regular file");
    Fd to;
    if (Status s = make_file(m.target, st.st_mode & 0555, to)) return s;
    if (!to.valid()) return fail("mount", m.target, EEXIST, "something else stands where the copy goes");
    for (off_t left = st.st_size; left > 0;) {
      ssize_t moved = sendfile(to.get(), from.get(), nullptr, static_cast<size_t>(left));
      if (moved < 0 && errno == EINTR) continue;
      if (moved < 0) return fail("mount", m.target, errno);
      if (moved == 0) break;  // it has become shorter
      left -= moved;
    }
    return std::nullopt;
  }

  Status mount_file(const Mount& m) {
    Fd file;
    if (Status s = make_file(m.target, m.mode, file)) return s;
    bool in_place = file.valid();
    std::string name = "file" + std::to_string(files_++);
    if (!in_place) file.reset(openat(staging_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, m.mode));
    if (!file.valid()) return fail("virtual", m.target, errno);
    for (size_t at = 0; at < m.source.size();) {
      ssize_t wrote = write(file.get(), m.source.data() + at, m.source.size() - at);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return fail("virtual", m.target, errno);
      at += static_cast<size_t>(wrote);
    }
    return in_place ? std::nullopt : cover(name.c_str(), m.target, false);
  }

  // Mounts a file or directory of the staging area over `target`, read-only.
  Status cover(const char* name, const std::string& target, bool directory) {
    Fd tree(sys_open_tree(sealed_.get(), name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (!tree.valid()) return fail("mount", target, errno);
    return attach(tree, target, directory);
  }

  Status mask(const std::string& target, bool must_exist) {
    if (without("masks")) return std::nullopt;
    Fd found = lookup(target);
    if (!found.valid()) return errno == ENOENT && !must_exist ? std::nullopt : Status(fail("mask", target, errno));
    struct stat st;
    if (fstat(found.get(), &st)) return fail("mask", target, errno);
    return cover(S_ISDIR(st.st_mode) ? "empty" : "blank", target, S_ISDIR(st.st_mode));
  }

  // A fresh procfs. A guest whose uid is root in the host owns every global entry: by file mode alone, without any capability,
  // it could write kernel settings (/proc/sys/kernel/core_pattern, /proc/sysrq-trigger), read what is for root only, and change
  // the mode of an entry for the whole host (proc_notify_change keeps it in the entry, not in this instance). Its /proc is
  // read-only as a whole; settings are read-only or covered for everybody.
  Status mount_proc(const std::string& target) {
    bool host_root = (in_user_namespace_ ? plan_.host_uid() : plan_.uid) == 0;
    Fd tree;
    unsigned attributes_of_all = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | (host_root && !without("readonly") ? MOUNT_ATTR_RDONLY : 0);
    if (Status s = make_filesystem("proc", {}, attributes_of_all, tree, "proc", target)) return s;
    if (Status s = attach(tree, target, true, "proc")) return s;
    for (const char* name : {"sys", "sysrq-trigger", "irq", "bus", "fs"}) {
      if (without("readonly")) break;
      Fd copy(sys_open_tree(tree.get(), name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
      if (!copy.valid()) {
        if (errno == ENOENT) continue;
        return fail("proc", target + "/" + name, errno);
      }
      mount_attr attributes{};
      attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
      if (sys_mount_setattr(copy.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes)) return fail("proc", target + "/" + name, errno);
      if (sys_move_mount(copy.get(), "", tree.get(), name, MOVE_MOUNT_F_EMPTY_PATH)) return fail("proc", target + "/" + name, errno);
    }
    for (const char* name : {"kcore", "keys", "key-users", "kmsg", "timer_list", "sched_debug", "latency_stats", "acpi", "scsi", "kallsyms", "kpagecount", "kpageflags", "kpagecgroup", "vmallocinfo"}) {
      if (Status s = mask(target + "/" + name, false)) return s;
    }
    return host_root ? mask_private(tree.get(), target) : std::nullopt;
  }

  // Masks the files of a directory that not everybody may read.
  Status mask_private(int directory, const std::string& path) {
    std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), closedir);
    struct stat own;
    if (!entries || fstat(directory, &own)) return fail("proc", path, errno);
    while (dirent* entry = readdir(entries.get())) {
      struct stat st;
      if (entry->d_type != DT_REG || fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) continue;
      if (!(st.st_mode & S_IROTH) && st.st_dev == own.st_dev)  // else it is masked already
        if (Status s = mask(path + "/" + entry->d_name, false)) return s;
    }
    return std::nullopt;
  }

  Status mount_dev(const std::string& target) {
    Fd tree;
    if (Status s = make_filesystem("tmpfs", {{"mode", "755"}, {"size", "64k"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, tree, "dev", target)) return s;
    if (Status s = attach(tree, target, true, "dev")) return s;
    for (const char* name : kDevices) {
      std::string host = std::string("/dev/") + name;
      Fd node(sys_open_tree(AT_FDCWD, host.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
      if (!node.valid()) return fail("dev", host, errno);
      // Read-only: writing to a device needs no writable mount, but chmod(2) and chown(2) of the host's own node do, and a guest
      // that is its owner in the host (rvisor run as root) needs no capability for them.
      mount_attr attributes{};
      attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
      if (sys_mount_setattr(node.get(), "", AT_EMPTY_PATH, &attributes)) return fail("dev", host, errno);
      Fd made(openat(tree.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
      if (!made.valid()) return fail("dev", target + "/" + name, errno);
      if (sys_move_mount(node.get(), "", tree.get(), name, MOVE_MOUNT_F_EMPTY_PATH)) return fail("dev", target + "/" + name, errno);
    }
    static constexpr std::pair<const char*, const char*> links[] = {
        {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"}};
    for (const auto& [content, name] : links)
      if (symlinkat(content, tree.get(), name)) return fail("dev", target + "/" + name, errno);
    if (mkdirat(tree.get(), "pts", 0755) || mkdirat(tree.get(), "shm", 0755)) return fail("dev", target, errno);
    Fd pts;
    if (Status s = make_filesystem("devpts", {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, pts, "dev", target + "/pts")) return s;
    if (sys_move_mount(pts.get(), "", tree.get(), "pts", MOVE_MOUNT_F_EMPTY_PATH)) return fail("dev", target + "/pts", errno);
    Fd shm;
    if (Status s = make_filesystem("tmpfs", {{"mode", "1777"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, shm, "dev", target + "/shm")) return s;
    if (sys_move_mount(shm.get(), "", tree.get(), "shm", MOVE_MOUNT_F_EMPTY_PATH)) return fail("dev", target + "/shm", errno);
    readonly_.push_back(std::move(tree));
    return std::nullopt;
  }

  // The skeleton and /dev are complete: nobody adds to them any more.
  Status seal() {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    for (Fd& tree : readonly_)
      if (sys_mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes)) return fail("mount", "/dev", errno);
    if (plan_.root.empty() && !without("readonly") && sys_mount_setattr(root_.get(), "", AT_EMPTY_PATH, &attributes)) return fail("mount", "/", errno);
    return std::nullopt;
  }

  Status enter() {
    if (fchdir(root_.get())) return fail("pivot_root", "/", errno);
    if (sys_pivot_root(".", ".")) return fail("pivot_root", "/", errno);
    // The old root now lies over the new one at "."; with it go the host's mounts and the staging area.
    if (umount2(".", MNT_DETACH)) return fail("pivot_root", "old root", errno);
    if (chdir("/")) return fail("pivot_root", "/", errno);
    return std::nullopt;
  }

  const Plan& plan_;
  const bool in_user_namespace_;
  std::vector<Source> sources_;
  std::vector<Fd> readonly_;
  std::vector<dev_t> private_;
  Fd root_tree_, staging_, sealed_, root_;
  int files_ = 0;
};

}  // namespace

Status build_view(const Plan& plan, bool in_user_namespace, std::vector<Fd>& uppers) {
  if (without("view")) return std::nullopt;
  return View(plan, in_user_namespace).build(uppers);
}

}  // namespace rvisor
