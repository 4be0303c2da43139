// SPDX-License-Identifier: Apache-2.0
// One message that a guest thread sends, copied out of its memory: sendto(2), sendmsg(2), sendmmsg(2) are carried out from it. What a
// message may carry beside its bytes is a list: options that route it through other hosts are not on it (IP source routes, routing
// headers), as they would reach what the address does not say.
#pragma once
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fd.h"
#include "guest_memory.h"

namespace rvisor {

constexpr size_t kMaxPayload = 200 * 1024;  // what a datagram socket of AF_UNIX takes with the kernel's default buffers, and room
constexpr size_t kMessageHeader = sizeof(msghdr);

// Turns a number of the caller's table of descriptors into the same open file: 0 or an errno.
using TakeDescriptor = std::function<int(int number, Fd& out)>;

struct Message {
  std::vector<uint8_t> address;  // empty: none was given
  std::vector<uint8_t> payload;
  bool cut = false;              // there was more than kMaxPayload
  std::vector<uint8_t> control;  // with descriptors and the process number of this process
  std::vector<Fd> descriptors;   // that `control` names

  // The arguments of sendto(2). 0 or an errno.
  int read_plain(const GuestMemory& memory, uint64_t bytes, uint64_t size, uint64_t name, uint32_t name_size);
  // A struct msghdr at `header`. `process`: the caller's number, which credentials may name.
  int read_header(const GuestMemory& memory, uint64_t header, pid_t process, const TakeDescriptor& take);

 private:
  int read_address(const GuestMemory& memory, uint64_t name, uint32_t size);
  int read_vector(const GuestMemory& memory, uint64_t address, uint64_t count);
  int read_control(const GuestMemory& memory, uint64_t address, uint64_t size, pid_t process, const TakeDescriptor& take);
};

}  // namespace rvisor
