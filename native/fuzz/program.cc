// SPDX-License-Identifier: Apache-2.0
// A file that the guest executes: its first line, or its ELF headers.
#include "program.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rvisor;
  ProgramHead head{};
  memcpy(head.data(), data, size < head.size() ? size : head.size());
  if (auto script = parse_script(head)) {
    // What is executed next, and what it is given, are words of that line: perhaps none.
    if (script->interpreter.find_first_of(" \t\n") != std::string::npos) abort();
    if (script->interpreter.size() + (script->argument ? script->argument->size() : 0) > kProgramHead) abort();
  }
  Elf elf;
  ReadAt read = [&](uint64_t offset, void* out, size_t count) {
    if (offset > size || count > size - offset) return false;
    memcpy(out, data + offset, count);
    return true;
  };
  if (parse_elf(head, read, elf) || !elf.interpreter) return 0;
  if (elf.interpreter->size() >= PATH_MAX || elf.interpreter_header >= size || elf.interpreter->find('\0') != std::string::npos) abort();
  return 0;
}
