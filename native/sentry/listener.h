// SPDX-License-Identifier: Apache-2.0
// A seccomp user notification listener: seccomp_unotify(2).
#pragma once
#include <linux/seccomp.h>

#include <cstdint>

#include "fd.h"

namespace rvisor {

// Whether a filter with a listener can be installed here: tried. An outer sandbox may forbid it, or have one itself, of which there is
// but one for a process and its children.
bool listener_available();

class Listener {
 public:
  // Takes the descriptor that SECCOMP_FILTER_FLAG_NEW_LISTENER gave. Asks the kernel to wake the answering thread on the guest's
  // own CPU and back (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6): ten times faster than across CPUs.
  explicit Listener(Fd fd);

  int fd() const { return fd_.get(); }

  // Waits for a call. 0; ENOENT when it was withdrawn (its thread died or a signal came) before it could be taken, and since Linux 6.11
  // where the filter is unused; EINTR; another errno.
  int receive(seccomp_notif& out);
  // No task has the filter any more: no call will ever come.
  bool unused() const;
  // False when the call of this id is no longer waiting: whatever was read of its thread's memory since may be another's.
  bool valid(uint64_t id) const;

  // Answers; all return 0, or ENOENT when the call is no longer waiting.
  int answer_value(uint64_t id, int64_t value);
  int answer_errno(uint64_t id, int err);
  // As the kernel does for a call that a signal has come for: it is made again, or fails with EINTR, as the signal's handler says. Only
  // where a signal is sure to be there for the calling thread.
  int answer_restart(uint64_t id);
  // Lets the kernel run the call as it stands: only after decisions on register values alone.
  int answer_continue(uint64_t id);
  // Puts `fd` into the guest and answers with its number; `flags`: 0 or O_CLOEXEC. When the call returns nobody here holds the file any
  // more: locks, leases, writers of a program and ends of a FIFO are the guest's alone. For that the kernel goes to the guest and back once
  // more, which costs as much as a call without a descriptor. With kHeldOn it does not: this thread lets go when it next runs.
  static constexpr uint32_t kHeldOn = 1;  // no flag that an open file can have beside O_CLOEXEC
  int answer_fd(uint64_t id, Fd fd, uint32_t flags);
  // Puts a copy of `fd` into the table of the calling thread as `number`, closed by an exec, in place of what is there; the call waits on. 0 or
  // an errno.
  int put_fd(uint64_t id, const Fd& fd, int number);
  // While a call waits for its answer, only a deadly signal takes it back.
  bool killable() const { return killable_; }

 private:
  int send(const seccomp_notif_resp& response);
  Fd fd_;
  bool killable_;
};

}  // namespace rvisor
