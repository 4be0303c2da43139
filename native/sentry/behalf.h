// SPDX-License-Identifier: Apache-2.0
// Carrying out a system call in a guest thread's place, from copies of its arguments that the guest cannot change: the answer to
// every race on pointer arguments. Paths are resolved first, judged in their resolved form, and acted on by descriptor.
#pragma once
#include <cstdint>
#include <string>

#include "../core/rv_abi.h"
#include "fd.h"
#include "guest_memory.h"
#include "resolve.h"

namespace rvisor {

// What becomes of the waiting call.
struct Answer {
  enum class Kind { value, error, descriptor, later, proceed } kind = Kind::error;
  int64_t value = 0;
  int err = 0;
  Fd fd;                  // descriptor: a copy goes into the guest
  uint32_t fd_flags = 0;  // O_CLOEXEC, Listener::kHeldOn

  // It may wait for something the guest controls: to be carried out on a thread of its own, with `may_block`.
  static Answer later() { return {Kind::later, 0, 0, Fd(), 0}; }
  // The kernel is to run it as it stands: only where nothing that was decided depends on the guest's memory.
  static Answer proceed() { return {Kind::proceed, 0, 0, Fd(), 0}; }
  static Answer of(int64_t value) { return {Kind::value, value, 0, Fd(), 0}; }
  static Answer error(int err) { return {Kind::error, 0, err, Fd(), 0}; }
  static Answer descriptor(Fd fd, uint32_t flags) { return {Kind::descriptor, 0, 0, std::move(fd), flags}; }
};

// Who decides. Each returns 0, or the errno of a refusal.
class Judge {
 public:
  virtual ~Judge() = default;
  // `rights`: RV_RIGHT_*. A path that is empty belongs to something without a name that the guest already has.
  virtual int path(const std::string& path, uint32_t rights) = 0;
  // Whether `path` would be granted these rights with nothing more to be asked and nothing to be said; what was read of the guest until now
  // was the caller's. False may mean that it cannot be told.
  virtual bool grants(const std::string& path, uint32_t rights) = 0;
  // The name leads nowhere, and the call is about to fail so. `path`: by its text alone.
  virtual int nowhere(const std::string& path) = 0;
  virtual int address(const uint8_t* address, size_t size, uint32_t protocol, uint32_t rights) = 0;
  // A directory that is to move: whether a rule may deny anything at this path or beneath it, and then for each name that goes along,
  // as it is and as it will be, whether one does; for what could not be looked at `path` is empty. `named`: the path that is told.
  virtual bool denies_beneath(const std::string& path) = 0;
  virtual int moved(const std::string& path, const std::string& named) = 0;
  // Whether a handler decides, whose `continue` must mean exactly what it saw.
  virtual bool binding() const = 0;
};

// True for the calls that can be carried out so; the others that take a path (execve, chdir, chroot, …) change the thread itself.
bool can_act_on_behalf(int nr);

// How many paths of the call are judged: 1, or 2 for those that join or move names.
unsigned judged_paths(int nr);
// The register of the `index`th of two.
int judged_register(int nr, unsigned index);

// Carries out `call` for `caller`. The calling thread must have a umask and a working directory of its own (unshare(CLONE_FS)).
// `copies`: what was read of the guest for this call before, which is then what is carried out.
Answer act_on_behalf(const rv_call& call, const Caller& caller, Judge& judge, bool may_block, Copies* copies = nullptr);

}  // namespace rvisor
