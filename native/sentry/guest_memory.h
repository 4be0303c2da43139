// SPDX-License-Identifier: Apache-2.0
// The memory of a guest thread, read and written by copy. What is read here may be changed by the guest a moment later: a
// decision is made on the copy, and what is carried out is carried out from the copy.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace rvisor {

// What has been read of a thread's memory for one call. Reading the same again gives the same bytes, whatever the guest has
// done meanwhile: what a handler saw is what is carried out.
class Copies {
 public:
  struct Piece {
    uint64_t address;
    std::string bytes;
  };
  static constexpr size_t kMaxBytes = 256 * 1024;  // the longest value of an attribute, twice, and its names

  const std::vector<Piece>& pieces() const { return pieces_; }
  // True, and `out` filled, where one piece has all of it.
  bool holds(uint64_t address, void* out, size_t size) const;
  // Puts what is known of these addresses over `bytes`.
  void lay_over(uint64_t address, uint8_t* bytes, size_t size) const;
  // False when it is too much for one call.
  bool keep(uint64_t address, const void* bytes, size_t size);
  // The same bytes at the same addresses, but these changed.
  void change(uint64_t address, const void* bytes, size_t size);

 private:
  std::vector<Piece> pieces_;
  size_t total_ = 0;
};

class GuestMemory {
 public:
  // `tid`: in the pid namespace of the caller, whose /proc must show it. `copies`, where given: what is known already, and where
  // what is read is kept.
  explicit GuestMemory(pid_t tid, Copies* copies = nullptr) : tid_(tid), copies_(copies) {}

  // Bytes copied, which are fewer than asked where an unmapped page begins; a negated errno when none could be (EFAULT, ESRCH).
  ssize_t read(uint64_t address, void* out, size_t size) const;
  ssize_t write(uint64_t address, const void* from, size_t size) const;

  // Exactly `size` bytes: 0, or an errno (EFAULT where fewer are mapped).
  int read_all(uint64_t address, void* out, size_t size) const;
  int write_all(uint64_t address, const void* from, size_t size) const;

  // A NUL-terminated string of less than `limit` bytes: 0, EFAULT, or ENAMETOOLONG.
  int read_string(uint64_t address, size_t limit, std::string& out) const;

 private:
  ssize_t fetch(uint64_t address, void* out, size_t size) const;
  ssize_t by_file(uint64_t address, void* buffer, size_t size, bool write) const;
  const pid_t tid_;
  Copies* const copies_;
};

}  // namespace rvisor
