// SPDX-License-Identifier: Apache-2.0
#include "processes.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"

using namespace rvisor;

namespace {

const std::string kRest = " S 4 100 100 0 -1 4194560 200 0 1 0 30 20 5 7 20 0 3 0 500 9000000 250 18446744073709551615";

}  // namespace

TEST_CASE("a stat line") {
  ProcessStat stat{};
  REQUIRE(parse_stat("12 (sh)" + kRest, stat));
  CHECK(stat.info.pid == 12);
  CHECK(stat.info.command == "sh");
  CHECK(stat.info.state == 'S');
  CHECK(stat.info.ppid == 4);
  double tick = 1000.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  CHECK(stat.info.cpu_ms == doctest::Approx(50 * tick));
  CHECK(stat.waited_ms == doctest::Approx(12 * tick));
  CHECK(stat.info.threads == 3);
  CHECK(stat.info.memory == 250u * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

TEST_CASE("a name that looks like the rest of the line") {
  ProcessStat stat{};
  REQUIRE(parse_stat("12 (a) R 1 (b c) R 9 9)" + kRest, stat));
  CHECK(stat.info.command == "a) R 1 (b c) R 9 9");
  CHECK(stat.info.state == 'S');
  REQUIRE(parse_stat("12 ()" + kRest, stat));
  CHECK(stat.info.command.empty());
}

TEST_CASE("lines that are none") {
  ProcessStat stat{};
  for (const char* text : {"", "(", ")", ")(", "12 sh S 4", "12 (sh)", "12 (sh) S", "12 (sh) S 4 5 6 7"}) CHECK(!parse_stat(text, stat));
}

TEST_CASE("this process is found in /proc") {
  Fd proc(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  bool found = false;
  for (const ProcessInfo& p : list_processes(proc.get()))
    if (p.pid == static_cast<uint32_t>(getpid())) found = !p.argv.empty() && p.memory > 0;
  CHECK(found);
  CHECK(list_processes(proc.get(), 0, 1).size() <= 1);
  CHECK(cpu_time_ms(proc.get()) >= 0);
}

TEST_CASE("of the host's processes only those that come from an ancestor, without it") {
  Fd proc(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  REQUIRE(child > 0);
  std::vector<ProcessInfo> mine = list_processes(proc.get(), getpid());
  CHECK(mine.size() == 1);
  CHECK(mine.at(0).pid == static_cast<uint32_t>(child));
  CHECK(list_processes(proc.get(), child).empty());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}
