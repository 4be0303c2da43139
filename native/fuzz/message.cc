// SPDX-License-Identifier: Apache-2.0
// Messages that a guest thread sends are copied out of its memory: header, address, vectors and control data, all of its own making. Here
// they lie at a fixed place of this process, with nothing behind them, so that the bytes can point at each other.
#include "message.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace {

constexpr uint64_t kPlace = 0x10000000;
constexpr size_t kSize = 4096;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* place = static_cast<uint8_t*>(mmap(reinterpret_cast<void*>(kPlace), kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  if (place != reinterpret_cast<uint8_t*>(kPlace)) __builtin_trap();
  // What is given ends where the page does: whoever reads on meets nothing.
  size = std::min(size, kSize);
  uint8_t* begin = place + kSize - size;
  memset(place, 0, kSize);
  memcpy(begin, data, size);
  rvisor::Copies copies;
  rvisor::GuestMemory memory(getpid(), &copies);
  rvisor::Message message;
  int err = message.read_header(memory, reinterpret_cast<uint64_t>(begin), getpid(), [](int number, rvisor::Fd& out) {
    if (number < 0) return EBADF;
    out.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
    return 0;
  });
  // What came of it is of the sizes that are promised, and control data names only descriptors that are held.
  if (!err && (message.payload.size() > rvisor::kMaxPayload || message.address.size() > sizeof(sockaddr_storage))) __builtin_trap();
  if (!err && size >= 16) {
    uint64_t words[2];
    memcpy(words, data, sizeof words);
    rvisor::Message plain;
    plain.read_plain(memory, words[0], words[1], reinterpret_cast<uint64_t>(begin), static_cast<uint32_t>(size));
  }
  return 0;
}
