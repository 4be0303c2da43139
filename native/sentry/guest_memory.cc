// SPDX-License-Identifier: Apache-2.0
// process_vm_readv(2) and, where a container's seccomp profile refuses it, /proc/<tid>/mem: both check ptrace access.
#include "guest_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "fd.h"

namespace rvisor {
namespace {

constexpr uint64_t kPage = 4096;
constexpr size_t kFirst = 256;  // of a string: most are shorter

// True when the call itself is not to be had, as opposed to the memory.
bool refused(int err) { return err == EPERM || err == ENOSYS; }

}  // namespace

ssize_t GuestMemory::by_file(uint64_t address, void* buffer, size_t size, bool write) const {
  std::string path = "/proc/" + std::to_string(tid_) + "/mem";
  Fd file(open(path.c_str(), (write ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  if (!file.valid()) return errno == ENOENT ? -ESRCH : -errno;
  auto offset = static_cast<off64_t>(address);
  if (offset < 0) return -EFAULT;
  ssize_t moved = write ? pwrite64(file.get(), buffer, size, offset) : pread64(file.get(), buffer, size, offset);
  if (moved < 0) return errno == EIO ? -EFAULT : -errno;
  return moved == 0 && size ? -EFAULT : moved;
}

bool Copies::holds(uint64_t address, void* out, size_t size) const {
  for (const Piece& piece : pieces_) {
    if (address < piece.address || address - piece.address > piece.bytes.size() || size > piece.bytes.size() - (address - piece.address)) continue;
    memcpy(out, piece.bytes.data() + (address - piece.address), size);
    return true;
  }
  return false;
}

void Copies::lay_over(uint64_t address, uint8_t* bytes, size_t size) const {
  // Backwards: of pieces that overlap, the first is as old as what was decided on it.
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    uint64_t begin = std::max(address, piece->address), end = std::min(address + size, piece->address + piece->bytes.size());
    if (begin < end) memcpy(bytes + (begin - address), piece->bytes.data() + (begin - piece->address), end - begin);
  }
}

bool Copies::keep(uint64_t address, const void* bytes, size_t size) {
  if (size > kMaxBytes - total_ || address + size < address) return false;
  total_ += size;
  pieces_.push_back({address, std::string(static_cast<const char*>(bytes), size)});
  return true;
}

void Copies::change(uint64_t address, const void* bytes, size_t size) {
  for (Piece& piece : pieces_) {
    uint64_t begin = std::max(address, piece.address), end = std::min(address + size, piece.address + piece.bytes.size());
    if (begin < end) memcpy(piece.bytes.data() + (begin - piece.address), static_cast<const char*>(bytes) + (begin - address), end - begin);
  }
}

ssize_t GuestMemory::fetch(uint64_t address, void* out, size_t size) const {
  iovec local{out, size}, remote{reinterpret_cast<void*>(address), size};
  ssize_t moved = process_vm_readv(tid_, &local, 1, &remote, 1, 0);
  if (moved < 0) moved = refused(errno) ? by_file(address, out, size, false) : -errno;
  if (moved > 0 && copies_) copies_->lay_over(address, static_cast<uint8_t*>(out), static_cast<size_t>(moved));
  return moved;
}

ssize_t GuestMemory::read(uint64_t address, void* out, size_t size) const {
  if (size == 0) return 0;
  if (copies_ && copies_->holds(address, out, size)) return static_cast<ssize_t>(size);
  ssize_t moved = fetch(address, out, size);
  if (moved > 0 && copies_ && !copies_->keep(address, out, static_cast<size_t>(moved))) return -ENOMEM;
  return moved;
}

ssize_t GuestMemory::write(uint64_t address, const void* from, size_t size) const {
  if (size == 0) return 0;
  iovec local{const_cast<void*>(from), size}, remote{reinterpret_cast<void*>(address), size};
  ssize_t moved = process_vm_writev(tid_, &local, 1, &remote, 1, 0);
  if (moved < 0) moved = refused(errno) ? by_file(address, const_cast<void*>(from), size, true) : -errno;
  if (moved > 0 && copies_) copies_->change(address, from, static_cast<size_t>(moved));
  return moved;
}

int GuestMemory::read_all(uint64_t address, void* out, size_t size) const {
  ssize_t moved = read(address, out, size);
  if (moved < 0) return static_cast<int>(-moved);
  return static_cast<size_t>(moved) == size ? 0 : EFAULT;
}

int GuestMemory::write_all(uint64_t address, const void* from, size_t size) const {
  ssize_t moved = write(address, from, size);
  if (moved < 0) return static_cast<int>(-moved);
  return static_cast<size_t>(moved) == size ? 0 : EFAULT;
}

int GuestMemory::read_string(uint64_t address, size_t limit, std::string& out) const {
  out.clear();
  char buffer[kPage];
  while (out.size() < limit) {
    // Page by page: a string may end right before an unmapped page.
    size_t chunk = std::min<size_t>({kPage - (address + out.size()) % kPage, limit - out.size(), out.empty() ? kFirst : sizeof buffer});
    ssize_t size = -1;
    if (copies_) {  // what is known of it may end with the string, before the page does
      for (const Copies::Piece& piece : copies_->pieces()) {
        uint64_t at = address + out.size();
        if (at < piece.address || at - piece.address >= piece.bytes.size()) continue;
        size = static_cast<ssize_t>(std::min<size_t>(chunk, piece.bytes.size() - (at - piece.address)));
        memcpy(buffer, piece.bytes.data() + (at - piece.address), static_cast<size_t>(size));
        chunk = static_cast<size_t>(size);
        break;
      }
    }
    if (size < 0) size = fetch(address + out.size(), buffer, chunk);
    if (size < 0) return static_cast<int>(-size);
    if (const void* end = memchr(buffer, 0, static_cast<size_t>(size))) {
      out.append(buffer, static_cast<size_t>(static_cast<const char*>(end) - buffer));
      char terminator;
      // With its end, and no more: the rest of the page is nobody's business.
      if (copies_ && !copies_->holds(address + out.size(), &terminator, 1) && !copies_->keep(address, out.c_str(), out.size() + 1)) return ENOMEM;
      return 0;
    }
    out.append(buffer, static_cast<size_t>(size));
    if (static_cast<size_t>(size) < chunk) return EFAULT;
  }
  return ENAMETOOLONG;
}

}  // namespace rvisor
