// SPDX-License-Identifier: Apache-2.0
// What a path means to a guest thread: path_resolution(7), carried out by init in the thread's place. Init shares the
// guest's root, mounts, identity and Landlock domain, so what the kernel refuses the guest it refuses here too.
#pragma once
#include <sys/types.h>

#include <string>

#include "fd.h"

namespace rvisor {

// A thread of the guest, by its number in the guest's pid namespace.
class Caller {
 public:
  explicit Caller(pid_t thread) : tid(thread) {}
  const pid_t tid;
  // Its thread group, looked up when first asked for; 0 when the thread is gone.
  pid_t process() const;
  // "/proc/<tid>/<name>"
  std::string proc(const char* name) const;
  // The number behind a field of /proc/<tid>/status ("Tgid:"), -1 where it cannot be read.
  long status(const char* field, int base) const;

 private:
  mutable pid_t process_ = -1;
};

struct Resolved {
  Fd directory;         // O_PATH: where the last component stands
  std::string name;     // that component; "." where the path names the directory itself
  Fd object;            // O_PATH: what is there; unset where nothing is
  std::string path;     // absolute and without symbolic links; empty for what has no name (a pipe, a memfd, an unlinked file)
  bool slash = false;   // the path ended in a slash: only a directory will do
  bool magic = false;   // `object` was reached by a link of /proc/<pid>: `directory` and `name` say nothing about it
};

// Resolves `path` as openat(2) and its relatives do, starting from the thread's `dirfd`. `follow`: also a symbolic link in the last
// place. A missing last component is no error: `object` is then unset. Returns 0 or the errno that the call would give.
int resolve(const Caller& caller, int dirfd, const std::string& path, bool follow, Resolved& out);

// The descriptor `fd` of the thread, as O_PATH; AT_FDCWD: its working directory. 0 or an errno (EBADF).
int open_descriptor(const Caller& caller, int fd, Fd& out);

// The kernel shows a process what it shows nobody else: its memory and descriptors in /proc. When init looks there in a guest's
// place, that would be init itself. 0, or EACCES for such a path; `place`: what is there, or the directory that holds it.
int keep_out_of_init(const std::string& path, const Fd& place);

// The path of what is open at `fd`, empty for what has no name.
std::string path_of(int fd);

}  // namespace rvisor
