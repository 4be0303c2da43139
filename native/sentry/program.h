// SPDX-License-Identifier: Apache-2.0
// What the kernel would make of a file that is executed, read from its bytes as the kernel reads them: a script's first line
// (fs/binfmt_script.c), or an ELF program and the loader that it names (fs/binfmt_elf.c). The bytes are the guest's choice.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace rvisor {

constexpr size_t kProgramHead = 256;  // bytes: what the kernel looks at first (BINPRM_BUF_SIZE)
using ProgramHead = std::array<char, kProgramHead>;  // the rest is 0 where the file is shorter

// `#!interpreter argument`
struct Script {
  std::string interpreter;
  std::optional<std::string> argument;  // may be empty, and has spaces where the line has
};

// Nothing where the kernel would take it for no script, with the errno ENOEXEC.
std::optional<Script> parse_script(const ProgramHead& head);

struct Elf {
  std::optional<std::string> interpreter;  // PT_INTERP, of 1 to PATH_MAX - 1 bytes; may be a relative path
  uint64_t interpreter_header = 0;         // where in the file the program header stands that says so
};

// Reads exactly so many bytes from an offset, or gives false.
using ReadAt = std::function<bool(uint64_t offset, void* out, size_t size)>;

// 0; ENOEXEC for what is no ELF program of this machine's own 64-bit ABI; EIO where the name of its loader is not in the file.
int parse_elf(const ProgramHead& head, const ReadAt& read, Elf& out);

// `read` for a descriptor that is open for reading.
ReadAt read_at(int fd);

// The first bytes of what is open for reading at `fd`: 0 or an errno.
int read_head(int fd, ProgramHead& out);

}  // namespace rvisor
