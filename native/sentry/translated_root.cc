// SPDX-License-Identifier: Apache-2.0
// From the plan's mounts to the table: what the namespace view makes of tmpfs are real files and directories in the state directory, so
// that a list of a directory shows what it should without anybody's help.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "mount_api.h"
#include "translation.h"

namespace rvisor {
namespace {

constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom", "tty"};

Status write_bytes(int file, const std::string& bytes, const std::string& target) {
  for (size_t at = 0; at < bytes.size();) {
    ssize_t wrote = write(file, bytes.data() + at, bytes.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail("virtual", target, errno);
    at += static_cast<size_t>(wrote);
  }
  return std::nullopt;
}

Status copy_bytes(int file, const Mount& m) {
  Fd from(sys_openat2(AT_FDCWD, m.source.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS));
  struct stat st;
  if (!from.valid() || fstat(from.get(), &st)) return fail("mount", m.source, errno);
  if (!S_ISREG(st.st_mode)) return fail("mount", m.source, EINVAL, "is no longer a regular file");
  for (off_t left = st.st_size; left > 0;) {
    ssize_t moved = sendfile(file, from.get(), nullptr, static_cast<size_t>(left));
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return fail("mount", m.target, errno);
    if (moved == 0) break;  // it has become shorter
    left -= moved;
  }
  return fchmod(file, st.st_mode & 0555) ? Status(fail("mount", m.target, errno)) : std::nullopt;
}

class Builder {
 public:
  using Kind = Translation::Entry::Kind;
  Builder(Translation& view, const Plan& plan, int state) : view_(view), plan_(plan), state_(state) {}

  Status run() {
    if (Status s = make_root()) return s;
    for (size_t i = 0; i < plan_.mounts.size(); i++)
      if (Status s = apply(plan_.mounts[i], "m" + std::to_string(i))) return s;
    return std::nullopt;
  }

 private:
  static Status error(const std::string& target, int err) { return err ? Status(fail("mount", target, err)) : std::nullopt; }

  Status make_root() {
    if (!plan_.root.empty()) return put(Kind::host, "/", open_host(plan_.root), plan_.root_writable);
    if (mkdirat(state_, "root", 0755)) return fail("state", "root", errno);
    return put(Kind::owned, "/", Fd(openat(state_, "root", O_PATH | O_DIRECTORY | O_CLOEXEC)), false);
  }

  static Fd open_host(const std::string& path) { return Fd(sys_openat2(AT_FDCWD, path.c_str(), O_PATH | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS)); }

  Status put(Kind kind, const std::string& target, Fd root, bool writable, bool devices = false, bool executable = true) {
    if (!root.valid()) return fail("mount", target, errno);
    Translation::Entry entry;
    entry.kind = kind;
    entry.guest = target;
    entry.root = std::move(root);
    entry.writable = writable;
    entry.devices = devices;
    entry.executable = executable;
    return error(target, view_.add(std::move(entry)));
  }

  // The directory of ours that holds `target`, open, with what it takes to get there; unset where it lies in a tree of the host.
  Status holder(const std::string& target, Fd& out, std::string& name) {
    const Translation::Entry* above = view_.entry_of(target.substr(0, target.rfind('/')));
    out.reset();
    if (above->kind != Kind::owned) return std::nullopt;
    out.reset(openat(above->root.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    name = target.substr(above->guest == "/" ? 1 : above->guest.size() + 1);
    for (size_t slash; out.valid() && (slash = name.find('/')) != std::string::npos; name.erase(0, slash + 1)) {
      std::string part = name.substr(0, slash);
      if (mkdirat(out.get(), part.c_str(), 0755) && errno != EEXIST) return fail("mount", target, errno);
      out.reset(openat(out.get(), part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    return out.valid() ? std::nullopt : Status(fail("mount", target, errno));
  }

  // What a list of the directory above shows.
  Status place(const std::string& target, bool directory) {
    Fd above;
    std::string name;
    if (Status s = holder(target, above, name)) return s;
    if (!above.valid()) return std::nullopt;  // there is one: the plan's maker has seen to it
    if (directory) return mkdirat(above.get(), name.c_str(), 0755) && errno != EEXIST ? Status(fail("mount", target, errno)) : std::nullopt;
    Fd made(openat(above.get(), name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444));
    return made.valid() ? std::nullopt : Status(fail("mount", target, errno));
  }

  Status directory(const std::string& name, mode_t mode, const std::string& target, Fd& out) {
    if (mkdirat(state_, name.c_str(), 0700)) return fail("tmpfs", target, errno);
    out.reset(openat(state_, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!out.valid() || fchmod(out.get(), mode)) return fail("tmpfs", target, errno);
    return std::nullopt;
  }

  static Fd as_path(const Fd& fd) { return Fd(openat(fd.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC)); }

  Status apply(const Mount& m, const std::string& own) {
    using Type = Mount::Type;
    Fd made, above;
    std::string name;
    switch (m.type) {
      case Type::bind: {
        Fd source = open_host(m.source);
        struct stat st;
        if (!source.valid() || fstat(source.get(), &st)) return fail("mount", m.source, errno);
        if (Status s = place(m.target, S_ISDIR(st.st_mode))) return s;
        return put(Kind::host, m.target, std::move(source), m.writable, m.dev, !m.noexec);
      }
      case Type::symlink:
        if (Status s = holder(m.target, above, name)) return s;
        if (!above.valid()) return std::nullopt;
        if (symlinkat(m.source.c_str(), above.get(), name.c_str())) return fail("mount", m.target, errno);
        if (!view_.entry_of(m.target)->writable) view_.add_link(m.target, m.source);
        return std::nullopt;
      case Type::dir:
        if (Status s = holder(m.target, above, name)) return s;
        if (above.valid() && mkdirat(above.get(), name.c_str(), m.mode) && errno != EEXIST) return fail("mount", m.target, errno);
        return std::nullopt;
      case Type::tmpfs:
        if (Status s = place(m.target, true)) return s;
        if (Status s = directory(own, m.mode, m.target, made)) return s;
        return put(Kind::owned, m.target, as_path(made), true, false, !m.noexec);
      case Type::file:
      case Type::copy: return file(m, own);
      case Type::proc:
        if (Status s = place(m.target, true)) return s;
        return put(Kind::proc, m.target, open_host("/proc"), plan_.host_uid() != 0, false, false);
      case Type::dev: return devices(m.target, own);
      case Type::mask: return mask(m.target, own);
      case Type::overlay: return fail("overlay", m.target, ENOTSUP, "the translated view cannot copy on write");
    }
    return std::nullopt;
  }

  // In the skeleton it stands where it is seen; elsewhere it covers what is there.
  Status file(const Mount& m, const std::string& own) {
    Fd above, made;
    std::string name;
    if (Status s = holder(m.target, above, name)) return s;
    const bool skeleton = above.valid() && !view_.entry_of(m.target)->writable;
    if (above.valid() && !skeleton)
      if (Status s = place(m.target, false)) return s;
    int at = skeleton ? above.get() : state_;
    const std::string& called = skeleton ? name : own;
    made.reset(openat(at, called.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!made.valid()) return fail("virtual", m.target, errno);
    if (Status s = m.type == Mount::Type::copy ? copy_bytes(made.get(), m) : write_bytes(made.get(), m.source, m.target)) return s;
    if (m.type == Mount::Type::file && fchmod(made.get(), m.mode)) return fail("virtual", m.target, errno);
    return skeleton ? std::nullopt : put(Kind::file, m.target, Fd(openat(at, called.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)), false);
  }

  Status devices(const std::string& target, const std::string& own) {
    Fd dev, shm;
    if (Status s = place(target, true)) return s;
    if (Status s = directory(own, 0755, target, dev)) return s;
    static constexpr std::pair<const char*, const char*> links[] = {
        {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"}};
    if (Status s = put(Kind::owned, target, as_path(dev), false)) return s;
    for (const auto& [content, link] : links) {
      if (symlinkat(content, dev.get(), link)) return fail("dev", link, errno);
      view_.add_link(target + "/" + link, content);
    }
    if (mkdirat(dev.get(), "pts", 0755)) return fail("dev", target, errno);
    for (const char* name : kDevices) {
      if (Status s = place(target + "/" + name, false)) return s;
      if (Status s = put(Kind::device, target + "/" + name, open_host(std::string("/dev/") + name), true, true, false)) return s;
    }
    // Terminals of the guest's own making, as far as their masters give them (TIOCGPTPEER): /dev/pts has the host's, too.
    // In containers /dev/ptmx is a link to pts/ptmx.
    if (Status s = place(target + "/pts/ptmx", false)) return s;
    if (Status s = put(Kind::device, target + "/pts/ptmx", Fd(open("/dev/ptmx", O_PATH | O_CLOEXEC)), true, true, false)) return s;
    if (Status s = place(target + "/shm", true)) return s;
    if (Status s = directory(own + "-shm", 01777, target + "/shm", shm)) return s;
    return put(Kind::owned, target + "/shm", as_path(shm), true);
  }

  // An empty one that nobody can look into lies over it.
  Status mask(const std::string& target, const std::string& own) {
    Resolved found;
    Fd made;
    struct stat st;
    const std::string host = view_.host_path(target);
    Fd there = open_host(host);
    if (!there.valid() || fstat(there.get(), &st)) return fail("mask", target, errno);
    if (S_ISDIR(st.st_mode)) {
      if (Status s = directory(own, 0, target, made)) return s;
      return put(Kind::file, target, Fd(openat(state_, own.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), false, false, false);
    }
    made.reset(openat(state_, own.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
    if (!made.valid()) return fail("mask", target, errno);
    return put(Kind::file, target, Fd(openat(state_, own.c_str(), O_PATH | O_CLOEXEC)), false, false, false);
  }

  Translation& view_;
  const Plan& plan_;
  const int state_;
};

}  // namespace

Status Translation::build(const Plan& plan, int state_dir) {
  mode_t before = umask(0);
  Status status = Builder(*this, plan, state_dir).run();
  umask(before);
  return status;
}

}  // namespace rvisor
