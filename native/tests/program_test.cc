// SPDX-License-Identifier: Apache-2.0
// What is read of a program's file, beside what the kernel of this machine makes of the same file.
#include "program.h"

#include <doctest/doctest.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "fd.h"

using namespace rvisor;

namespace {

class Directory {
 public:
  Directory() { REQUIRE(mkdtemp(path_)); }
  ~Directory() {
    unlink(file().c_str());
    rmdir(path_);
  }
  std::string file() const { return std::string(path_) + "/file"; }
  void write(const std::string& bytes) const {
    unlink(file().c_str());
    std::ofstream(file(), std::ios::binary) << bytes;
    chmod(file().c_str(), 0755);
  }

 private:
  char path_[32] = "/tmp/rvisor-program-XXXXXX";
};

// What execve(2) of the file gives: an errno, or the new program's arguments.
struct Outcome {
  int err = 0;
  std::vector<std::string> arguments;
};

Outcome executed(const std::string& file) {
  pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    const char *arguments[] = {"zeroth", "first", nullptr}, *environment[] = {nullptr};
    execve(file.c_str(), const_cast<char**>(arguments), const_cast<char**>(environment));
    _exit(errno);
  }
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  if (WIFEXITED(status)) return {WEXITSTATUS(status), {}};
  Outcome outcome;
  std::ifstream line("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
  for (std::string argument; std::getline(line, argument, '\0');) outcome.arguments.push_back(argument);
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  return outcome;
}

ProgramHead head_of(const std::string& bytes) {
  ProgramHead head{};
  memcpy(head.data(), bytes.data(), std::min(bytes.size(), head.size()));
  return head;
}

std::string contents(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a script's first line is taken as by the kernel") {
  Directory directory;
  const std::string blanks(250, ' '), slashes(240, '/');
  const std::string nul(1, '\0');
  const std::vector<std::string> lines{
      "#!/bin/true\n", "#! /bin/true\n", "#!\t/bin/true \t\n", "#!/bin/true -a\n", "#!/bin/true  -a  b \t c  \n", "#!/bin/true", "#!/bin/true ", "#!/bin/true x", "#!/bin/true x  ",
      "#!", "#!\n", "#!  \n", "#! ", "#!\n/bin/true\n", "#", "", "# !/bin/true\n", "!#/bin/true\n", "#!" + blanks + "/bin/true\n", "#!" + blanks + "\n", "#!" + blanks + blanks,
      "#!" + slashes + "bin/true\n", "#!" + slashes + "bin/true argument that is cut\n", "#!" + slashes + slashes + "bin/true\n", "#!/bin/true " + slashes + slashes + "\n",
      "#!/bin/true" + nul + " x\n", "#!/bin/true a" + nul + "b\n", "#!" + nul + "/bin/true\n", nul + "#!/bin/true\n", "#!/bin/true\r\n", "#!true\n", "#!/bin/true" + nul + "\n x", "#! " + nul + "\n",
      "#!/bin/true \n\n#!/bin/false\n", "#!/bin/true" + std::string(242, ' ') + "\n", "#!/bin/true" + std::string(243, ' ') + "a", "#!" + slashes + "/bin/true  " };
  unsigned taken = 0;
  for (const std::string& line : lines) {
    directory.write(line);
    Outcome kernel = executed(directory.file());
    std::optional<Script> script = parse_script(head_of(line));
    CAPTURE(line);
    CHECK(script.has_value() == (kernel.err != ENOEXEC));
    if (!script || kernel.err) continue;
    std::vector<std::string> arguments{script->interpreter};
    if (script->argument) arguments.push_back(*script->argument);
    arguments.push_back(directory.file());
    arguments.push_back("first");
    CHECK(arguments == kernel.arguments);
    taken++;
  }
  CHECK(taken > 10);  // the kernel has executed /bin/true for many of them
}

TEST_CASE("an ELF program's headers are taken as by the kernel") {
  Directory directory;
  const std::string good = contents("/bin/true");
  auto judge = [&](const std::string& bytes) {
    directory.write(bytes);
    Fd fd(open(directory.file().c_str(), O_RDONLY | O_CLOEXEC));
    ProgramHead head;
    Elf elf;
    REQUIRE(read_head(fd.get(), head) == 0);
    return parse_elf(head, read_at(fd.get()), elf);
  };
  CHECK(judge(good) == 0);
  CHECK(executed(directory.file()).err == 0);
  Elf64_Ehdr header;
  memcpy(&header, good.data(), sizeof header);
  uint64_t interp = 0;
  Elf64_Phdr program{};
  for (unsigned i = 0; i < header.e_phnum && program.p_type != PT_INTERP; i++) {
    interp = header.e_phoff + i * sizeof program;
    memcpy(&program, good.data() + interp, sizeof program);
  }
  REQUIRE(program.p_type == PT_INTERP);
  auto changed = [&](size_t at, uint64_t value, size_t size) {
    std::string bytes = good;
    memcpy(bytes.data() + at, &value, size);
    return bytes;
  };
  const std::vector<std::string> bad{
      "", "\177ELF", good.substr(0, 40), good.substr(0, sizeof header), changed(0, 0, 1), changed(offsetof(Elf64_Ehdr, e_type), ET_REL, 2), changed(offsetof(Elf64_Ehdr, e_type), ET_CORE, 2),
      changed(offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, 2), changed(offsetof(Elf64_Ehdr, e_phentsize), 32, 2), changed(offsetof(Elf64_Ehdr, e_phnum), 0, 2),
      changed(offsetof(Elf64_Ehdr, e_phnum), 2000, 2), changed(offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX, 8), changed(offsetof(Elf64_Ehdr, e_phoff), good.size() - 8, 8),
      changed(interp + offsetof(Elf64_Phdr, p_filesz), 1, 8), changed(interp + offsetof(Elf64_Phdr, p_filesz), 0, 8), changed(interp + offsetof(Elf64_Phdr, p_filesz), 4097, 8),
      changed(interp + offsetof(Elf64_Phdr, p_filesz), program.p_filesz - 1, 8), changed(interp + offsetof(Elf64_Phdr, p_filesz), UINT64_MAX, 8)};
  for (const std::string& bytes : bad) {
    CAPTURE(&bytes - bad.data());
    CHECK(judge(bytes) == ENOEXEC);
    CHECK(executed(directory.file()).err == ENOEXEC);
  }
  CHECK(judge(changed(interp + offsetof(Elf64_Phdr, p_offset), good.size() - 1, 8)) == EIO);
  CHECK(executed(directory.file()).err == EIO);
  // The loader of another machine's programs is nobody's business: their calls would be of another ABI.
  std::string foreign = good;
  foreign[EI_CLASS] = ELFCLASS32;
  foreign[offsetof(Elf64_Ehdr, e_machine)] = EM_386;
  CHECK(judge(foreign) == ENOEXEC);
}

TEST_CASE("the loader that a program names") {
  Fd fd(open("/bin/true", O_RDONLY | O_CLOEXEC));
  ProgramHead head;
  Elf elf;
  REQUIRE(read_head(fd.get(), head) == 0);
  REQUIRE(parse_elf(head, read_at(fd.get()), elf) == 0);
  REQUIRE(elf.interpreter);
  CHECK(*elf.interpreter == "/lib64/ld-linux-x86-64.so.2");
  Elf64_Phdr program;
  REQUIRE(read_at(fd.get())(elf.interpreter_header, &program, sizeof program));
  CHECK(program.p_type == PT_INTERP);
  CHECK(!read_at(fd.get())(UINT64_MAX - 4, &program, sizeof program));
}
