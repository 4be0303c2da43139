// SPDX-License-Identifier: Apache-2.0
// The memory of a guest thread, read and written by copy. What is read here may be changed by the guest a moment later: a
// decision is made on the copy, and what is carried out is carried out from the copy.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>

namespace rvisor {

class GuestMemory {
 public:
  // `tid`: in the pid namespace of the caller, whose /proc must show it.
  explicit GuestMemory(pid_t tid) : tid_(tid) {}

  // Bytes copied, which are fewer than asked where an unmapped page begins; a negated errno when none could be (EFAULT, ESRCH).
  ssize_t read(uint64_t address, void* out, size_t size) const;
  ssize_t write(uint64_t address, const void* from, size_t size) const;

  // Exactly `size` bytes: 0, or an errno (EFAULT where fewer are mapped).
  int read_all(uint64_t address, void* out, size_t size) const;
  int write_all(uint64_t address, const void* from, size_t size) const;

  // A NUL-terminated string of less than `limit` bytes: 0, EFAULT, or ENAMETOOLONG.
  int read_string(uint64_t address, size_t limit, std::string& out) const;

 private:
  ssize_t by_file(uint64_t address, void* buffer, size_t size, bool write) const;
  const pid_t tid_;
};

}  // namespace rvisor
