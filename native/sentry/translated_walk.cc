// SPDX-License-Identifier: Apache-2.0
// path_resolution(7) in the translated view. The text goes to the kernel in pieces as long as may be: up to the next "..", from the deepest
// mount point on the way, with symbolic links forbidden. What comes back is then exactly what the text says; only where a link is met
// is it looked for, and its content put in its place. So most paths take one call, links of any kind never lead out, and a guest that
// exchanges a directory for a link meanwhile gains nothing.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "mount_api.h"
#include "translation.h"

namespace rvisor {
namespace {

constexpr int kMaxLinks = 40;  // as in fs/namei.c
constexpr uint64_t kScoped = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
constexpr int kMaxTries = 16;  // where the tree changes during the walk

Fd step(int directory, const char* name, int flags) {
  return Fd(sys_openat2(directory, name, static_cast<uint64_t>(O_PATH | O_CLOEXEC | flags), 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
}

Fd again(int fd) { return Fd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

bool is_number(std::string_view text) { return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string_view::npos; }

std::string joined(const std::string& directory, std::string_view name) {
  std::string path = directory == "/" ? std::string() : directory;
  return path.append("/").append(name);
}

std::string parent_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

class TranslatedWalk {
 public:
  TranslatedWalk(const Translation& table, const Caller& caller, bool follow, bool create, Want want, uint64_t restrictions, Resolved& out)
      : table_(table), caller_(caller), follow_(follow), create_(create), want_(want), limits_(restrictions), out_(out) {}

  int run(int dirfd, const std::string& path) {
    if (path.empty()) return ENOENT;
    if (path.size() >= PATH_MAX) return ENAMETOOLONG;
    int err;
    int tries = kMaxTries;
    do err = attempt(dirfd, path, false);
    while (err == EAGAIN && tries-- > 0);
    // Where the way from the mount point to the starting directory is closed to us, or has changed under our feet, the descriptor itself leads on.
    if (err == EACCES && path[0] != '/' && !opened_) err = attempt(dirfd, path, true);
    return err;
  }

 private:
  // The next components: as far as nothing but names is met.
  struct Piece {
    std::string names;    // "a/b/c"
    size_t end = 0;       // where in `rest_` it ends
    bool up = false;      // ".." follows, up to `end`
    bool dot = false;     // or ".", and the path is at its end
    bool last = false;    // nothing more follows: the last of `names` is the last component
    bool slash = false;   // but for a slash
    bool passes() const { return up || dot; }  // the kernel looks these up in the last of `names`, too: it must be one that may be searched
  };

  int attempt(int dirfd, const std::string& path, bool open) {
    out_ = Resolved();
    rest_ = path;
    links_ = 0;
    opened_ = false;
    dirfd_ = dirfd;
    if (path[0] != '/' || limits_ & kScoped) {
      if (int err = open ? start_open(dirfd) : start(dirfd)) return err;
      top_ = at_;
      within_ = number_;
    }
    if (path[0] == '/')
      if (int err = to_root()) return err;
    if (path[0] == '/' && !(limits_ & kScoped)) within_ = number_;
    for (done_ = false; !done_;)
      if (int err = advance()) return err;
    return 0;
  }

  void to(std::string path) {
    at_ = std::move(path);
    number_ = table_.number_of(at_);
    held_.reset();
    alone_ = false;
  }

  // Where an absolute path, or such a link, begins.
  int to_root() {
    if (limits_ & RESOLVE_BENEATH) return EXDEV;
    if (limits_ & RESOLVE_IN_ROOT) {
      if (at_ != top_ || !held_.valid()) to(top_);
      return 0;
    }
    to("/");
    sure_ = true;
    return 0;
  }

  bool leaves(size_t number) const { return limits_ & RESOLVE_NO_XDEV && number != within_; }

  // By its name, which the kernel tells in one call: mostly it need not be opened.
  int start(int dirfd) {
    std::string text;
    int err = dirfd == AT_FDCWD ? link_of(caller_, "cwd", text) : dirfd < 0 ? EBADF : link_of(caller_, ("fd/" + std::to_string(dirfd)).c_str(), text);
    if (!err && text[0] == '/' && !text.ends_with(" (deleted)")) {
      if (std::optional<std::string> path = table_.guest_path(text)) {
        to(std::move(*path));
        sure_ = false;
        return 0;
      }
    }
    return start_open(dirfd);
  }

  int start_open(int dirfd) {
    struct stat st;
    Fd directory;
    opened_ = true;
    if (int err = open_descriptor(caller_, dirfd, directory)) return err;
    if (fstat(directory.get(), &st)) return errno;
    if (!S_ISDIR(st.st_mode)) {
      // What a handler gave in place of a directory.
      if (std::string base = stands_for(directory.get()); !base.empty()) out_.nowhere = flat(joined(base, rest_));
      return ENOTDIR;
    }
    std::string path;
    bool unlinked = false;
    int number = table_.place_of(directory.get(), path, unlinked);
    if (number < 0) return path == "?" ? ENAMETOOLONG : ENOENT;
    to(std::move(path));
    held_ = std::move(directory);
    alone_ = unlinked;
    sure_ = true;
    return 0;
  }

  Piece piece() const {
    Piece p;
    size_t at = 0;
    for (;;) {
      size_t begin = rest_.find_first_not_of('/', at);
      p.slash = at < rest_.size() && (begin == std::string::npos);
      if (begin == std::string::npos) break;
      size_t end = std::min(rest_.find('/', begin), rest_.size());
      std::string_view name = std::string_view(rest_).substr(begin, end - begin);
      at = end;
      if (p.dot = name == "."; p.dot) continue;
      if (name == "..") {
        p.up = true;
        p.end = at;
        return p;
      }
      if (!p.names.empty()) p.names += '/';
      p.names += name;
    }
    p.end = rest_.size();
    p.last = !p.names.empty() && !p.dot;
    return p;
  }

  int advance() {
    Piece p = piece();
    if (!p.names.empty()) {
      bool turned = false;
      if (int err = take(p, turned)) return err;
      if (turned || done_) return 0;
    }
    rest_.erase(0, p.end);
    if (p.up) return go_up();
    return arrive(p.dot && p.names.empty());
  }

  // To where the piece leads. `turned`: a link was met, and `rest_` begins anew.
  int take(const Piece& p, bool& turned) {
    const std::string full = joined(at_, p.names);
    const bool ends = p.last && !p.slash;
    if (!alone_ && !table_.links_.empty()) {
      size_t begin = at_ == "/" ? 1 : at_.size() + 1;
      for (size_t end = full.find('/', begin);; end = full.find('/', end + 1)) {
        const std::string* content = table_.link_at(std::string_view(full).substr(0, end));
        bool final = end == std::string::npos;
        if (content && (!final || !ends || follow_)) {
          turned = true;
          return turn(parent_of(full.substr(0, end)), Fd(), *content, full.substr(begin, final ? std::string::npos : end - begin));
        }
        if (final) break;
      }
    }
    const size_t number = alone_ ? number_ : table_.number_of(full);
    if (leaves(number)) return EXDEV;
    const Translation::Entry& entry = table_.entry(static_cast<int>(number));
    if (entry.kind == Translation::Entry::Kind::proc && full.size() > entry.guest.size()) return take_proc(p, full, number, turned);
    if (p.last && p.slash && create_) {  // whatever is there
      out_.slash = true;
      return find_place(full, number, turned);
    }
    if (!p.last || p.slash) return descend(p, full, number, turned);
    if (want_ == Want::object && !create_) return find(full, number, turned);
    return find_place(full, number, turned);
  }

  // A place in an entry, relative to a descriptor of ours. `relative`: "." for the descriptor's own place.
  struct Base {
    int fd;
    std::string relative;
  };

  Base base(const std::string& full, size_t number) const {
    if (held_.valid() && number == number_ && full == at_) return {held_.get(), "."};
    if (held_.valid() && number == number_ && full.size() > at_.size()) return {held_.get(), full.substr(at_ == "/" ? 1 : at_.size() + 1)};
    const Translation::Entry& entry = table_.entry(static_cast<int>(number));
    std::string relative = full.substr(std::min(full.size(), entry.guest == "/" ? 1 : entry.guest.size() + 1));
    return {entry.root.get(), relative.empty() ? "." : relative};
  }

  // `search`: what is there must be a directory that may be searched.
  Fd open(const std::string& full, size_t number, int flags, bool search = false) const {
    Base b = base(full, number);
    if (search && b.relative != ".") b.relative += "/.";
    if (search || b.relative != ".") return step(b.fd, b.relative.c_str(), flags);
    if (flags & O_DIRECTORY && !table_.entry(static_cast<int>(number)).directory) return errno = ENOTDIR, Fd();
    return again(b.fd);
  }

  int descend(const Piece& p, const std::string& full, size_t number, bool& turned) {
    Fd next = open(full, number, O_DIRECTORY, p.passes());
    if (!next.valid()) {
      int err = errno;
      if (err == ELOOP) return cross(full, number, turned);
      if (p.last && err == ENOENT) {
        // A name with a slash behind it, of which nothing is there: the place is where its directory is.
        out_.slash = true;
        return find_place(full, number, turned);
      }
      return leads_nowhere(err, p);
    }
    if (int err = table_.keep_out(full, next)) return err;
    at_ = full;
    number_ = number;
    held_ = std::move(next);
    alone_ = false;
    sure_ = true;
    out_.slash = p.slash && p.last;
    return 0;
  }

  // What is there, and no more.
  int find(const std::string& full, size_t number, bool& turned) {
    out_.object = open(full, number, follow_ ? 0 : O_NOFOLLOW);
    if (out_.object.valid()) return finish(full, number, out_.object);
    int err = errno;
    if (err == ELOOP) return cross(full, number, turned);
    if (err != ENOENT) return nowhere(err, full);
    // Is it this name that is missing, or one before?
    std::string parent = parent_of(full);
    if (parent != at_) {
      Fd directory = open(parent, alone_ ? number_ : table_.number_of(parent), O_DIRECTORY);
      if (!directory.valid()) return nowhere(errno, full);
    }
    return finish(full, number, out_.object);
  }

  // Where it is, and what is there.
  int find_place(const std::string& full, size_t number, bool& turned) {
    std::string parent = parent_of(full);
    size_t holder = alone_ ? number_ : table_.number_of(parent);
    out_.directory = parent == at_ && held_.valid() ? again(held_.get()) : open(parent, holder, O_DIRECTORY);
    if (!out_.directory.valid()) return errno == ELOOP ? cross(full, holder, turned) : nowhere(errno, full);
    if (out_.slash && create_) return EISDIR;
    out_.holder = static_cast<int>(holder);
    out_.name = full.substr(full.rfind('/') + 1);
    if (table_.entry(static_cast<int>(number)).guest == full && !alone_) out_.object = again(table_.entry(static_cast<int>(number)).root.get());
    else out_.object = step(out_.directory.get(), out_.name.c_str(), follow_ ? 0 : O_NOFOLLOW);
    if (!out_.object.valid() && errno == ELOOP) return cross(full, number, turned);
    if (!out_.object.valid() && errno != ENOENT) return errno;
    return finish(full, number, out_.directory);
  }

  int finish(const std::string& full, size_t number, const Fd& place) {
    if (place.valid())
      if (int err = table_.keep_out(full, place)) return err;
    out_.path = alone_ ? std::string() : full;
    out_.mount = static_cast<int>(number);
    out_.name = full.substr(full.rfind('/') + 1);
    done_ = true;
    return 0;
  }

  // The path has led to a directory, which it names itself: "/", "a/", "." or "..".
  int arrive(bool search) {
    if (!held_.valid() || search) {
      held_ = open(at_, number_, O_DIRECTORY, search);
      if (!held_.valid() && errno == ELOOP && !sure_) return ENOTDIR;
      if (!held_.valid()) return errno;
    }
    if (int err = table_.keep_out(at_, held_)) return err;
    out_.path = alone_ ? std::string() : at_;
    out_.name = ".";
    out_.mount = out_.holder = static_cast<int>(number_);
    if (want_ == Want::place) out_.directory = again(held_.get());
    out_.object = std::move(held_);
    done_ = true;
    return 0;
  }

  int go_up() {
    if (!sure_) {
      Fd here = open(at_, number_, O_DIRECTORY, true);
      if (!here.valid()) return errno == ELOOP ? ENOTDIR : errno;
    }
    if (limits_ & kScoped && at_ == top_) return limits_ & RESOLVE_BENEATH ? EXDEV : 0;
    const std::string parent = parent_of(at_);
    // Where the way from the mount point is closed to us, the directory itself leads up; and it says whether it may be searched.
    if (opened_ && held_.valid() && at_ != table_.entry(static_cast<int>(number_)).guest) {
      Fd up(sys_openat2(held_.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS));
      if (!up.valid()) return errno;
      std::string path;
      bool unlinked = false;
      if (table_.place_of(up.get(), path, unlinked) == static_cast<int>(number_) && path == parent) {
        at_ = parent;
        held_ = std::move(up);
        alone_ = unlinked;
        return 0;
      }
    }
    to(parent);
    sure_ = true;
    return leaves(number_) ? EXDEV : 0;
  }

  // Somewhere on the way to `full` a symbolic link stands: which is it, and what does it say?
  int cross(const std::string& full, size_t number, bool& turned) {
    // A descriptor of a link, which is no directory to start from.
    if (!sure_ && !opened_) {
      if (int err = start_open(dirfd_)) return err;
      turned = true;
      return 0;
    }
    std::string content, parent = parent_of(full), name = full.substr(full.rfind('/') + 1);
    const Translation::Entry& entry = table_.entry(static_cast<int>(number));
    if (entry.guest == full) return ELOOP;
    turned = true;
    Fd directory = parent == at_ && held_.valid() ? again(held_.get()) : open(parent, alone_ ? number_ : number, O_DIRECTORY);
    if (directory.valid()) {
      if (int err = table_.keep_out(parent, directory)) return err;
      if (int err = link_text(directory.get(), name, content)) return err == EINVAL ? ELOOP : err;
      return turn(parent, std::move(directory), content, after_start(full));
    }
    if (errno != ELOOP) return errno;
    // It is an earlier one.
    Base b = base(full, number);
    std::string place = full.substr(0, full.size() - b.relative.size());
    if (place.size() > 1) place.pop_back();
    Fd here = again(b.fd);
    for (size_t begin = 0, end; begin < b.relative.size(); begin = end + 1) {
      end = std::min(b.relative.find('/', begin), b.relative.size());
      name = b.relative.substr(begin, end - begin);
      int err = link_text(here.get(), name, content);
      std::string through = joined(place, name);
      if (!err) err = table_.keep_out(place, here);
      if (!err) return turn(place, std::move(here), content, after_start(through));
      if (err != EINVAL) return err;
      here = step(here.get(), name.c_str(), O_DIRECTORY);
      if (!here.valid()) return errno == ELOOP ? EAGAIN : errno;
      place = std::move(through);
    }
    return EAGAIN;  // it has gone since: only who changes the tree meanwhile sees this
  }

  // What of a path follows the place where the piece began.
  std::string after_start(const std::string& path) const { return path.substr(at_ == "/" ? 1 : at_.size() + 1); }

  static int link_text(int directory, const std::string& name, std::string& out) {
    char text[PATH_MAX];
    ssize_t size = readlinkat(directory, name.c_str(), text, sizeof text);
    if (size < 0) return errno;
    if (size == 0) return ENOENT;
    if (size == sizeof text) return ENAMETOOLONG;
    out.assign(text, static_cast<size_t>(size));
    return 0;
  }

  // A link's content stands in the place of `names`, which led from here to the link, and the walk goes on where the link is.
  int turn(std::string place, Fd directory, const std::string& content, const std::string& names) {
    if (++links_ > kMaxLinks || limits_ & RESOLVE_NO_SYMLINKS) return ELOOP;
    size_t skipped = skip(names);
    if (content.size() + (rest_.size() - skipped) >= PATH_MAX) return ENAMETOOLONG;
    rest_.replace(0, skipped, content);
    out_ = Resolved();
    if (content[0] == '/') {
      if (int err = to_root()) return err;
      return leaves(number_) ? EXDEV : 0;
    }
    const bool alone = alone_ && place == at_;
    const size_t number = alone ? number_ : table_.number_of(place);
    at_ = std::move(place);
    number_ = number;
    held_ = std::move(directory);
    alone_ = alone && held_.valid();
    sure_ = true;
    return 0;
  }

  // How far in `rest_` these names reach.
  size_t skip(const std::string& names) const {
    size_t at = 0;
    for (size_t begin = 0, end; begin < names.size(); begin = end + 1) {
      end = std::min(names.find('/', begin), names.size());
      for (;;) {
        at = std::min(rest_.find_first_not_of('/', at), rest_.size());
        size_t stop = std::min(rest_.find('/', at), rest_.size());
        bool dot = std::string_view(rest_).substr(at, stop - at) == ".";
        at = stop;
        if (!dot) break;
      }
    }
    return at;
  }

  // By its text alone, for handlers to answer.
  int nowhere(int err, const std::string& full) {
    if (err == ENOENT && !alone_) {
      std::string left = rest_.substr(skip(after_start(full)));
      out_.nowhere = flat(full + left);
    }
    return err;
  }

  int leads_nowhere(int err, const Piece& p) { return nowhere(err, joined(at_, p.names)); }

  // Without empty components, "." and "..".
  static std::string flat(std::string_view text) {
    std::string path;
    while (!text.empty()) {
      size_t end = std::min(text.find('/'), text.size());
      std::string_view part = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (part == "..") path.resize(path.empty() ? 0 : path.rfind('/'));
      else if (!part.empty() && part != ".") path.append("/").append(part);
    }
    return path.empty() ? "/" : path;
  }

  bool owned(std::string_view number) const {
    pid_t pid = static_cast<pid_t>(strtol(std::string(number).c_str(), nullptr, 10));
    return pid > 0 && (pid == caller_.tid || pid == caller_.process() || (table_.owns && table_.owns(pid)));
  }

  // In /proc: its own processes, and `self` is the caller.
  int take_proc(const Piece& p, const std::string& full, size_t number, bool& turned) {
    const Translation::Entry& entry = table_.entry(static_cast<int>(number));
    const std::string top = entry.guest == "/" ? "" : entry.guest;
    const std::string relative = full.substr(top.size() + 1);
    const bool ends = p.last && !p.slash;
    size_t end = std::min(relative.find('/'), relative.size());
    const std::string first = relative.substr(0, end);
    const bool alone_here = end == relative.size();
    if (first == "self" || first == "thread-self") {
      if (alone_here && ends && !follow_) return proc_object(full, number, relative, O_NOFOLLOW);
      std::string pid = std::to_string(caller_.process());
      turned = true;
      if (at_.size() > top.size()) return ENOENT;  // no directory is called so
      return turn(entry.guest, Fd(), first == "self" ? pid : pid + "/task/" + std::to_string(caller_.tid), after_start(top + "/" + first));
    }
    if (is_number(first) && !owned(first)) return nowhere(ENOENT, full);
    if (is_number(first) && table_.hides_network && of_network(relative)) return EACCES;
    // One step, where there is no link.
    if (ends) {
      if (want_ == Want::object && !create_) {
        out_.object = step(entry.root.get(), relative.c_str(), follow_ ? 0 : O_NOFOLLOW);
        if (out_.object.valid()) return finish_proc(full, number);
        if (errno != ELOOP && errno != ENOENT) return errno;
      }
    } else if (Fd next = step(entry.root.get(), relative.c_str(), O_DIRECTORY); next.valid()) {
      at_ = full;
      number_ = number;
      held_ = std::move(next);
      sure_ = true;
      out_.slash = p.slash;
      return p.last && create_ ? EISDIR : 0;
    }
    Fd here = again(entry.root.get());
    std::string place = entry.guest;
    for (size_t begin = 0; begin < relative.size(); begin = end + 1) {
      end = std::min(relative.find('/', begin), relative.size());
      const std::string name = relative.substr(begin, end - begin);
      // procfs looks for a name of any length and has none; such a path is of no form that could be decided on.
      if (name.size() > NAME_MAX) return ENOENT;
      const bool final = end == relative.size();
      std::string through = joined(place, name), content;
      Fd next = step(here.get(), name.c_str(), O_NOFOLLOW);
      if (!next.valid()) {
        if (errno != ENOENT || !final || !p.last) return nowhere(errno, full);
        out_.directory = std::move(here);
        out_.holder = static_cast<int>(number);
        out_.slash = p.slash;
        return finish_proc(full, number);
      }
      struct stat st;
      if (fstat(next.get(), &st)) return errno;
      if (S_ISLNK(st.st_mode) && (!final || !ends || follow_)) {
        if (final && p.last && create_ && p.slash) return EISDIR;
        if (place != entry.guest && is_number(first)) return jump(here, place, name, through, final && ends, turned);
        turned = true;
        if (int err = link_text(here.get(), name, content)) return err;
        return turn(place, Fd(), content, after_start(through));
      }
      if (final && ends) {
        out_.directory = std::move(here);
        out_.holder = static_cast<int>(number);
        out_.object = std::move(next);
        return finish_proc(full, number);
      }
      if (!S_ISDIR(st.st_mode)) return ENOTDIR;
      here = std::move(next);
      place = std::move(through);
    }
    at_ = full;
    number_ = number;
    held_ = std::move(here);
    sure_ = true;
    out_.slash = p.slash;
    return 0;
  }

  // "<pid>/net…" or "<pid>/task/<tid>/net…"
  static bool of_network(std::string_view relative) {
    std::vector<std::string_view> names;
    for (size_t begin = 0, end; begin < relative.size() && names.size() < 4; begin = end + 1) {
      end = std::min(relative.find('/', begin), relative.size());
      names.push_back(relative.substr(begin, end - begin));
    }
    return (names.size() > 1 && names[1] == "net") || (names.size() > 3 && names[1] == "task" && names[3] == "net");
  }

  int proc_object(const std::string& full, size_t number, const std::string& relative, int flags) {
    const Translation::Entry& entry = table_.entry(static_cast<int>(number));
    out_.directory = again(entry.root.get());
    out_.holder = static_cast<int>(number);
    out_.object = step(entry.root.get(), relative.c_str(), flags);
    return out_.object.valid() ? finish_proc(full, number) : errno;
  }

  int finish_proc(const std::string& full, size_t number) {
    out_.path = full;
    out_.mount = static_cast<int>(number);
    out_.name = full.substr(full.rfind('/') + 1);
    done_ = true;
    return 0;
  }

  // A link of /proc/<pid>: the kernel goes straight to the object, whatever the text says. The root is the guest's.
  int jump(const Fd& here, const std::string& place, const std::string& name, const std::string& through, bool ends, bool& turned) {
    if (++links_ > kMaxLinks || limits_ & (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)) return ELOOP;
    if (limits_ & (kScoped | RESOLVE_NO_XDEV)) return EXDEV;
    const bool root = name == "root" && !place.ends_with("/fd");
    Fd next = root ? again(table_.entry(static_cast<int>(table_.number_of("/"))).root.get()) : Fd(openat(here.get(), name.c_str(), O_PATH | O_CLOEXEC));
    if (!next.valid()) return errno;
    if (table_.original)
      if (Fd own = table_.original(next.get()); own.valid()) next = std::move(own);
    std::string path = "/";
    bool unlinked = false;
    int number = root ? static_cast<int>(table_.number_of("/")) : table_.place_of(next.get(), path, unlinked);
    if (ends) {
      out_.path = unlinked ? std::string() : path;
      out_.object = std::move(next);
      out_.mount = number;
      out_.magic = true;
      done_ = true;
      return table_.keep_out(path, out_.object);
    }
    struct stat st;
    if (fstat(next.get(), &st)) return errno;
    if (!S_ISDIR(st.st_mode)) return ENOTDIR;
    if (number < 0) return path == "?" ? ENAMETOOLONG : ENOENT;
    rest_.erase(0, skip(after_start(through)));
    turned = true;
    to(std::move(path));
    held_ = std::move(next);
    alone_ = unlinked;
    sure_ = true;
    return 0;
  }

  const Translation& table_;
  const Caller& caller_;
  const bool follow_, create_;
  const Want want_;
  const uint64_t limits_;  // RESOLVE_*
  Resolved& out_;
  std::string rest_;      // what is still to be walked, from
  std::string at_;        // this directory, a path without links
  size_t number_ = 0;     // and its entry
  Fd held_;               // which is open here; unset where its path is enough
  bool alone_ = false;    // it has been unlinked: `held_` is all there is
  bool sure_ = false;     // it is known to be a directory
  bool opened_ = false;   // the walk began at an open descriptor
  bool done_ = false;
  std::string top_ = "/";  // where the walk began
  size_t within_ = 0;      // and in which entry
  int dirfd_ = AT_FDCWD;
  int links_ = 0;
};

int Translation::resolve(const Caller& caller, int dirfd, const std::string& path, bool follow, Resolved& out, bool create, Want want, uint64_t restrictions) const {
  return TranslatedWalk(*this, caller, follow, create, want, restrictions, out).run(dirfd, path);
}

}  // namespace rvisor
