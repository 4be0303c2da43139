// SPDX-License-Identifier: Apache-2.0
// Paths of a guest's making, walked in a translated view with links of every kind, and texts of /proc put into its words. Whatever is
// found lies in the view, and its name leads to it again.
#include "translation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "../core/rv_core.h"
#include "proc_text.h"

using rvisor::Translation;

namespace {

// Made once, in a directory that is removed at the end.
struct Tree {
  std::string top;
  Translation view;

  Tree() {
    char name[] = "/tmp/rvisor-fuzz-XXXXXX";
    if (!mkdtemp(name)) __builtin_trap();
    top = name;
    for (const char* directory : {"r", "r/a", "r/a/b", "r/m", "r/p", "s", "s/d", "s/d/e"}) mkdir((top + "/" + directory).c_str(), 0755);
    for (const char* file : {"r/f", "s/d/g", "secret"}) close(open((top + "/" + file).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    constexpr const char* links[][2] = {{"r/l", "a/b"}, {"r/a/u", "../.."}, {"r/a/o", "/m/d"}, {"s/x", "../secret"}, {"s/y", "/y"}, {"s/z", "d/"}, {"s/d/q", "../../f"}, {"r/a/b/k", "k"}};
    for (const auto& [link, content] : links)
      if (symlink(content, (top + "/" + link).c_str())) __builtin_trap();
    add("/", "r", Translation::Entry::Kind::owned);
    add("/m", "s", Translation::Entry::Kind::host);
    Translation::Entry proc;
    proc.kind = Translation::Entry::Kind::proc;
    proc.guest = "/p";
    proc.root.reset(open("/proc", O_PATH | O_CLOEXEC));
    if (view.add(std::move(proc))) __builtin_trap();
    view.add_link("/l", "a/b");
    view.hides_network = true;
  }

  ~Tree() {
    std::string command = "rm -rf " + top;
    if (system(command.c_str())) return;
  }

  void add(const char* guest, const char* host, Translation::Entry::Kind kind) {
    Translation::Entry entry;
    entry.kind = kind;
    entry.guest = guest;
    entry.root.reset(open((top + "/" + host).c_str(), O_PATH | O_CLOEXEC));
    if (view.add(std::move(entry))) __builtin_trap();
  }
};

bool starts(const std::string& text, const std::string& with) { return text.compare(0, with.size(), with) == 0; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Tree tree;
  if (size < 2) return 0;
  const uint8_t options = data[0];
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  if (options & 0x80) {
    std::string told = rvisor::translated_maps(tree.view, text);
    if (told.find(tree.top) != std::string::npos && text.find(tree.top) == std::string::npos) __builtin_trap();
    return 0;
  }
  text.resize(strlen(text.c_str()));
  const uint64_t restrictions = (options & 8 ? RESOLVE_BENEATH : 0) | (options & 16 ? RESOLVE_NO_SYMLINKS : 0) | (options & 32 ? RESOLVE_NO_XDEV : 0) | (options & 64 ? RESOLVE_NO_MAGICLINKS : 0);
  rvisor::Resolved found;
  rvisor::Caller caller(getpid());
  const bool follow = options & 1, create = options & 2;
  const rvisor::Want want = options & 4 ? rvisor::Want::object : rvisor::Want::place;
  int err = tree.view.resolve(caller, AT_FDCWD, text, follow, found, create, want, restrictions);
  if (err) return 0;
  if (!found.path.empty() && !rv_path_is_resolved(reinterpret_cast<const uint8_t*>(found.path.data()), found.path.size())) __builtin_trap();
  if (found.name.empty() || found.name.find('/') != std::string::npos) if (!found.magic) __builtin_trap();
  if (!found.object.valid() || found.magic) return 0;
  std::string host;
  if (rvisor::link_of_own(found.object.get(), host)) __builtin_trap();
  if (!starts(host, tree.top + "/r") && !starts(host, tree.top + "/s") && !starts(host, "/proc")) __builtin_trap();
  if (starts(host, tree.top + "/secret")) __builtin_trap();
  // /p/self is a link that is kept as such: the host's name of it is the same for everybody.
  if (tree.view.guest_path(host) != found.path) __builtin_trap();
  return 0;
}
