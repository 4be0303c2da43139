// SPDX-License-Identifier: Apache-2.0
#include "auxiliary.h"

#include <elf.h>

namespace rvisor {

bool find_auxiliary(const GuestMemory& memory, const user_regs_struct& regs, uint64_t type, AuxiliaryEntry& out) {
  out = {};
  uint64_t at = regs.rsp, count = 0;
  if (memory.read_all(at, &count, sizeof count)) return false;
  at += 8 * (count + 2);
  uint64_t words[64];
  bool environment = true;
  for (;;) {
    ssize_t size = memory.read(at, words, sizeof words);
    if (size < 16) return false;
    size_t got = static_cast<size_t>(size) / 8;
    for (size_t i = 0; i < got;) {
      if (environment) {
        environment = words[i++] != 0;
        at += 8;
        continue;
      }
      if (got - i < 2) break;
      if (words[i] == AT_NULL) return true;
      if (words[i] == type) {
        out = {at, words[i + 1]};
        return true;
      }
      i += 2;
      at += 16;
    }
  }
}

}  // namespace rvisor
