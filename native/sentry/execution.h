// SPDX-License-Identifier: Apache-2.0
// What a thread's execve(2) means in the translated view: which file of the host the kernel is to execute so that the guest gets the program
// that its path names in its own tree, run by the interpreter or the loader that it names there.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "fd.h"
#include "images.h"
#include "resolve.h"

namespace rvisor {

// How the guest's paths are looked up, and what may be done with what is there.
class Lookup {
 public:
  virtual ~Lookup() = default;
  // As resolve() in resolve.h.
  virtual int resolve(const Caller& caller, int dirfd, const std::string& path, bool follow, Resolved& out) = 0;
  // The guest's path of a descriptor of ours, "" for what has none.
  virtual std::string path_of(int fd) = 0;
  // Whether the policy lets the thread use it so (RV_RIGHT_*): 0, or the errno of a refusal.
  virtual int may(const Caller& caller, const Resolved& what, uint32_t rights) = 0;
};

struct Execution {
  std::string path;                    // what the kernel is given: absolute, of the host, as long as `shown` or longer
  std::vector<std::string> arguments;  // of a script: what stands in place of the guest's own first one; empty: they stay as they are
  std::string shown;                   // what the program is told that it was called by (AT_EXECFN)
  Identity program;                    // what it must be then (/proc/<pid>/exe)
  Fd loader;                           // O_PATH: what else of the file system may be in its memory then; unset: nothing
};

// No errno: a copy has to be made, and `may_block` is false.
constexpr int kWouldBlock = 1 << 16;

// The arguments of execveat(2): 0, or the errno that it would give.
int decide_execution(const Caller& caller, Lookup& lookup, Images& images, int dirfd, const std::string& path, int flags, bool may_block, Execution& out);

// The path at which the kernel finds the very file that is open at `fd`; "" where there is none.
std::string name_in_host(int fd);

// Whether the thread, which has executed something and run nothing of it yet, has become what was decided.
bool has_become(const Caller& caller, const Execution& decided);

}  // namespace rvisor
