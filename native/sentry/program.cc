// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <vector>

namespace rvisor {
namespace {

constexpr size_t kMaxHeaders = 65536;  // bytes of program headers: ELF_MIN_ALIGN and the kernel's own limit

bool blank(char c) { return c == ' ' || c == '\t'; }

// Both look at [from, last] and give nullptr where nothing is found.
const char* next_word(const char* from, const char* last) {
  for (; from <= last; from++)
    if (!blank(*from)) return from;
  return nullptr;
}

const char* next_end(const char* from, const char* last) {
  for (; from <= last; from++)
    if (blank(*from) || !*from) return from;
  return nullptr;
}

// The string at `from`, which ends at `end` or at a NUL before.
std::string text(const char* from, const char* end) { return std::string(from, strnlen(from, static_cast<size_t>(end - from))); }

}  // namespace

std::optional<Script> parse_script(const ProgramHead& head) {
  const char *begin = head.data(), *last = begin + head.size() - 1;
  if (begin[0] != '#' || begin[1] != '!') return std::nullopt;
  const char* end = begin + strnlen(begin, head.size());  // a line that goes on behind a NUL has no end
  end = static_cast<const char*>(memchr(begin, '\n', static_cast<size_t>(end - begin)));
  if (!end) {
    // The line is longer than what is looked at, or the file ends with it: its first word must have an end.
    const char* word = next_word(begin + 2, last);
    if (!word || !next_end(word, last)) return std::nullopt;
    end = last;
  }
  while (blank(end[-1])) end--;
  const char* name = next_word(begin + 2, end);
  if (!name || name == end) return std::nullopt;
  const char* separator = next_end(name, end);
  const char* argument = separator && *separator ? next_word(separator, end) : nullptr;
  Script script;
  script.interpreter = text(name, separator ? separator : end);
  if (argument) script.argument = text(argument, end);
  return script;
}

int parse_elf(const ProgramHead& head, const ReadAt& read, Elf& out) {
  Elf64_Ehdr header;
  static_assert(sizeof header <= kProgramHead);
  memcpy(&header, head.data(), sizeof header);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG)) return ENOEXEC;
  // A 32-bit program would make calls of another ABI, which no guest may.
  if ((header.e_type != ET_EXEC && header.e_type != ET_DYN) || header.e_machine != EM_X86_64 || header.e_ident[EI_CLASS] != ELFCLASS64) return ENOEXEC;
  const size_t size = size_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phentsize != sizeof(Elf64_Phdr) || !size || size > kMaxHeaders) return ENOEXEC;
  std::vector<Elf64_Phdr> headers(header.e_phnum);
  if (!read(header.e_phoff, headers.data(), size)) return ENOEXEC;
  out = {};
  for (size_t i = 0; i < headers.size(); i++) {
    if (headers[i].p_type != PT_INTERP) continue;
    const uint64_t length = headers[i].p_filesz;
    if (length < 2 || length > PATH_MAX) return ENOEXEC;
    std::string name(length, 0);
    if (!read(headers[i].p_offset, name.data(), length)) return EIO;
    if (name.back()) return ENOEXEC;
    name.resize(strlen(name.c_str()));
    out.interpreter = std::move(name);
    out.interpreter_header = header.e_phoff + i * sizeof(Elf64_Phdr);
    break;
  }
  return 0;
}

ReadAt read_at(int fd) {
  return [fd](uint64_t offset, void* out, size_t size) {
    auto* to = static_cast<char*>(out);
    while (size) {
      if (offset > static_cast<uint64_t>(INT64_MAX) - size) return false;
      ssize_t got = pread(fd, to, size, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      to += got;
      offset += static_cast<uint64_t>(got);
      size -= static_cast<size_t>(got);
    }
    return true;
  };
}

int read_head(int fd, ProgramHead& out) {
  out.fill(0);
  for (size_t size = 0; size < out.size();) {
    ssize_t got = pread(fd, out.data() + size, out.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  return 0;
}

}  // namespace rvisor
