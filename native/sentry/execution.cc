// SPDX-License-Identifier: Apache-2.0
#include "execution.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "../core/rv_abi.h"
#include "program.h"

namespace rvisor {
namespace {

constexpr int kMaxScripts = 5;  // one after the other; exec_binprm() in fs/exec.c

std::string link_text(const std::string& path) {
  char text[PATH_MAX];
  ssize_t size = readlink(path.c_str(), text, sizeof text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

std::string own_link(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

std::string base_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// As /proc/<pid>/maps has it.
std::string escaped(std::string text) {
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 4) text.replace(at, 1, "\\012");
  return text;
}

// One file that is executed: what the guest means, not what stands in for it.
struct Image {
  Resolved at;
  Fd readable;
};

class Decision {
 public:
  Decision(const Caller& caller, Lookup& lookup, Images& images, bool may_block, Execution& out)
      : caller_(caller), lookup_(lookup), images_(images), may_block_(may_block), out_(out) {}

  int decide(int dirfd, const std::string& path, int flags) {
    constexpr int kKnown = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;
    if (flags & ~kKnown) return EINVAL;
    if (path.empty() && !(flags & AT_EMPTY_PATH)) return ENOENT;
    const bool by_descriptor = path.empty() || (path[0] != '/' && dirfd != AT_FDCWD);
    out_.shown = !by_descriptor ? path : "/dev/fd/" + std::to_string(dirfd) + (path.empty() ? "" : "/" + path);
    Image image;
    if (int err = path.empty() ? find_open(dirfd, image) : find(dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW), image)) return err;
    std::string called = base_of(path.empty() ? image.at.path : path);
    if (called.empty()) called = base_of(out_.shown);
    std::string name = out_.shown;
    for (int depth = 0;; depth++) {
      if (depth > kMaxScripts) return ELOOP;
      ProgramHead head;
      if (int err = read_head(image.readable.get(), head)) return err;
      std::optional<Script> script = parse_script(head);
      if (!script) return run(head, image, called);
      // An interpreter would find nothing behind a descriptor that is closed by then.
      if (depth == 0 && by_descriptor && closes_on_exec(dirfd)) return ENOENT;
      std::vector<std::string> arguments{script->interpreter};
      if (script->argument) arguments.push_back(*script->argument);
      arguments.push_back(name);
      if (!out_.arguments.empty()) arguments.insert(arguments.end(), out_.arguments.begin() + 1, out_.arguments.end());
      out_.arguments = std::move(arguments);
      name = script->interpreter;
      image = {};
      if (int err = find(AT_FDCWD, script->interpreter, true, image)) return err;
    }
  }

 private:
  int find(int dirfd, const std::string& path, bool follow, Image& out) {
    if (path.empty()) return ENOENT;
    if (int err = lookup_.resolve(caller_, dirfd, path, follow, out.at)) return err;
    if (!out.at.object.valid()) return ENOENT;
    return take(out, out.at.slash);
  }

  int find_open(int fd, Image& out) {
    if (fd == AT_FDCWD) return EACCES;  // a directory
    if (int err = open_descriptor(caller_, fd, out.at.object)) return err;
    out.at.path = lookup_.path_of(out.at.object.get());
    return take(out, false);
  }

  // What is executed must be a file that may be executed, and read: what cannot be read cannot be looked after either.
  int take(Image& out, bool directory) {
    Fd& object = out.at.object;
    Identity identity;
    if (int err = identify(object.get(), identity)) return err;
    if (std::optional<Images::Original> original = images_.original(identity)) {
      object = std::move(original->file);
      out.at.path = std::move(original->guest);
    }
    struct stat st;
    if (fstatat(object.get(), "", &st, AT_EMPTY_PATH)) return errno;
    if (S_ISLNK(st.st_mode)) return ELOOP;
    if (directory && !S_ISDIR(st.st_mode)) return ENOTDIR;
    if (!S_ISREG(st.st_mode)) return EACCES;
    if (int err = lookup_.may(caller_, out.at, RV_RIGHT_EXECUTE)) return err;
    if (faccessat(AT_FDCWD, own_link(object.get()).c_str(), X_OK, AT_EACCESS)) return errno;
    out.readable.reset(reopen(object.get(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
    if (!out.readable.valid()) return errno;
    return is_written(out.readable.get()) ? ETXTBSY : 0;
  }

  bool closes_on_exec(int fd) const {
    uint32_t flags;
    long long position;
    return !descriptor_state(caller_, fd, flags, position) && flags & O_CLOEXEC;
  }

  // The end of the chain: a program.
  int run(const ProgramHead& head, Image& image, const std::string& called) {
    Elf elf;
    if (int err = parse_elf(head, read_at(image.readable.get()), elf)) return err;
    std::string loader;
    if (elf.interpreter)
      if (int err = find_loader(*elf.interpreter, loader)) return err;
    std::string path = name_in_host(image.at.object.get());
    if (path.empty() || !loader.empty()) {
      if (!may_block_) return kWouldBlock;
      Images::Image copy;
      int err = loader.empty() ? images_.copy(image.readable.get(), image.at.path, copy)
                               : images_.copy(image.readable.get(), *elf.interpreter, loader, image.at.path, copy);
      if (err) return err;
      path = copy.path;
      out_.program = copy.identity;
    } else if (int err = identify(image.at.object.get(), out_.program)) {
      return err;
    }
    if (base_of(path).substr(0, Images::kComm) != called.substr(0, Images::kComm)) {
      std::string named;
      if (int err = images_.name(path, called, named)) return err;
      path = std::move(named);
    }
    // The kernel puts it above the new program's stack, where `shown` shall have room.
    if (path.size() < out_.shown.size()) path.insert(0, out_.shown.size() - path.size(), '/');
    if (path.size() >= PATH_MAX) return ENAMETOOLONG;
    out_.path = std::move(path);
    return 0;
  }

  // `copied`: where the loader is to be named in a copy, "" where the kernel finds it at the guest's own path.
  int find_loader(const std::string& interpreter, std::string& copied) {
    Image loader;
    if (int err = find(AT_FDCWD, interpreter, true, loader)) return err;
    Identity wanted, found;
    if (int err = identify(loader.at.object.get(), wanted)) return err;
    if (interpreter[0] == '/') {
      Fd there(open(interpreter.c_str(), O_PATH | O_CLOEXEC));
      if (there.valid() && !identify(there.get(), found) && found == wanted) {
        out_.loader = std::move(there);
        return 0;
      }
    }
    copied = name_in_host(loader.at.object.get());
    if (copied.empty()) return ELIBACC;
    out_.loader = std::move(loader.at.object);
    return 0;
  }

  const Caller& caller_;
  Lookup& lookup_;
  Images& images_;
  const bool may_block_;
  Execution& out_;
};

// Whether all files in the thread's memory are those that were decided.
bool maps_only(const Caller& caller, const Execution& decided) {
  const std::string program = escaped(link_text(caller.proc("exe"))), loader = decided.loader.valid() ? escaped(link_text(own_link(decided.loader.get()))) : "";
  std::ifstream maps(caller.proc("maps"));
  std::string line;
  bool any = false;
  while (std::getline(maps, line)) {
    size_t at = line.find('/');
    if (at == std::string::npos) continue;
    const std::string name = line.substr(at);
    if (name == program) any = true;
    else if (loader.empty() || name != loader) return false;
  }
  return any;
}

}  // namespace

int decide_execution(const Caller& caller, Lookup& lookup, Images& images, int dirfd, const std::string& path, int flags, bool may_block, Execution& out) {
  out = {};
  return Decision(caller, lookup, images, may_block, out).decide(dirfd, path, flags);
}

std::string name_in_host(int fd) {
  std::string path = link_text(own_link(fd));
  Identity wanted, found;
  if (path.empty() || path[0] != '/' || path.size() >= PATH_MAX || identify(fd, wanted)) return {};
  Fd there(open(path.c_str(), O_PATH | O_CLOEXEC));
  return there.valid() && !identify(there.get(), found) && found == wanted ? path : std::string();
}

bool has_become(const Caller& caller, const Execution& decided) {
  struct stat st;
  if (stat(caller.proc("exe").c_str(), &st) || identity_of(st) != decided.program) return false;
  // A file may get another name between the two looks at it.
  for (int tries = 0; tries < 3; tries++)
    if (maps_only(caller, decided)) return true;
  return false;
}

}  // namespace rvisor
