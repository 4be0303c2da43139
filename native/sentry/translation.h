// SPDX-License-Identifier: Apache-2.0
// The translated view's table: which part of the guest's tree is what of the host's, and what a path means in it. Nothing is
// mounted: the guest's descriptors and its working directory are the host's own, and every path is taken here.
#pragma once
#include <pthread.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failure.h"
#include "fd.h"
#include "plan.h"
#include "resolve.h"

namespace rvisor {

class Translation {
 public:
  // What stands at one place of the guest's tree, as a mount does.
  struct Entry {
    enum class Kind {
      host,      // a directory or file of the host
      owned,     // one of the state directory's: the skeleton, a tmpfs
      proc,      // the host's procfs, of which the guest sees its own processes
      device,    // one device of the host
      file       // a virtual file, or what covers something
    };
    Kind kind = Kind::host;
    std::string guest;      // absolute, without links, "." and ".."; "/" for the root
    std::string host;       // likewise, of what `root` is
    Fd root;                // O_PATH
    bool directory = false;
    bool writable = false;
    bool executable = true;
    bool devices = false;   // device files in it may be opened
    bool in_proc = false;   // in the view's procfs, or it itself
  };

  Translation() = default;
  Translation(const Translation&) = delete;
  Translation& operator=(const Translation&) = delete;

  // Makes the skeleton, private directories and virtual files of the plan in `state_dir` (an empty directory of ours), and the table. Before
  // init restricts itself; paths of the host are opened here, and looked up by descriptor ever after.
  Status build(const Plan& plan, int state_dir);

  // Puts an entry at its place, over whatever is there and beneath it so far. `root`, `kind` and `guest` are given; the rest of it follows where
  // not given. 0 or an errno (ENOTDIR, EINVAL: no such place, or no absolute path).
  int add(Entry entry);

  // A symbolic link of a part that nobody can change (the skeleton): known without looking.
  void add_link(std::string guest, std::string content);

  // What /proc says of the network namespace is not the guest's.
  bool hides_network = false;

  // Abstract names of sockets are the whole host's, and the kernel does not keep the guest's to itself (Landlock before ABI 6).
  bool hides_abstract = false;

  // Which processes and threads are the guest's, by their numbers. The caller of a call always is.
  std::function<bool(pid_t)> owns;

  // Opens a directory that lists the view's procfs, in place of the host's. 0 or an errno.
  std::function<int(Fd&)> list_proc;

  // What a file that is executed in place of the guest's own stands for, O_PATH; unset for every other.
  std::function<Fd(int fd)> original;

  // Shows a file of ours by another name: a copy that is executed in place of the guest's file. `guest` empty: no more. Any thread.
  void show_as(const std::string& host, const std::string& guest);

  // What a mount would refuse: changes where nothing may be changed (EROFS), devices (EACCES). 0 or an errno. `rights`: RV_RIGHT_*.
  int refuses(const Resolved& r, uint32_t rights) const;

  // Whether it is in the view's procfs, of one of the guest's processes: not what there is of the network, which many share.
  bool of_process(const Resolved& r) const;

  // As resolve() in resolve.h. Of `out`, `path` is the guest's; `mount` and `holder` are numbers of entries. `restrictions`: RESOLVE_* of openat2(2).
  int resolve(const Caller& caller, int dirfd, const std::string& path, bool follow, Resolved& out, bool create = false, Want want = Want::place, uint64_t restrictions = 0) const;

  // As names_itself() in resolve.h, of a path that has no links but perhaps some on the way.
  std::optional<Named> names_itself(const std::string& guest_path) const;

  // What a path that the kernel reports is called inside; none where it is not in the view. " (deleted)" is not looked at.
  std::optional<std::string> guest_path(std::string_view host_path) const;

  // What a link of /proc/<pid> says to the guest, whose text for the host is `text`.
  std::string link_text(const std::string& text) const;

  // What a path of the guest's, without links, is called in the host.
  std::string host_path(std::string_view guest_path) const;

  // What is at or above this path, which has no links.
  const Entry* entry_of(std::string_view guest_path) const { return &entries_[number_of(guest_path)]; }
  const Entry& entry(int number) const { return entries_[static_cast<size_t>(number)]; }
  const std::vector<Entry>& entries() const { return entries_; }

  // Whether a mount point lies at or beneath this path: it can then be neither removed nor moved.
  bool covers(std::string_view guest_path) const;

  // As path_of() in resolve.h: the guest's name of what is open at a descriptor of ours. Empty: none, for the guest; "?": it cannot be told.
  std::string path_of(int fd) const;

  // As keep_out_of_init() in resolve.h.
  int keep_out(const std::string& guest_path, const Fd& place) const;

  // The place that is open at a descriptor of ours, also where it has no name any more: an entry's number, or -1 outside of the view.
  int place_of(int fd, std::string& guest, bool& unlinked) const;

 private:
  friend class TranslatedWalk;
  size_t number_of(std::string_view guest_path) const;
  const std::string* link_at(std::string_view guest_path) const;

  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> places_;
  std::map<std::string, std::string, std::less<>> links_;
  std::vector<size_t> by_host_;  // longest host path first
  std::map<std::string, std::string, std::less<>> shown_;
  mutable pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;  // of `shown_`
};

}  // namespace rvisor
