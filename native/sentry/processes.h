// SPDX-License-Identifier: Apache-2.0
// The guest's processes, read from its own /proc (proc(5)).
#pragma once
#include <vector>

#include "protocol.h"

namespace rvisor {

struct ProcessStat {
  ProcessInfo info;
  double waited_ms;  // CPU time of the children it has waited for
};

// The text of /proc/<pid>/stat; false when it is none. The name in it is the guest's own choice and may hold spaces and
// parentheses: fields begin after the last ')'.
bool parse_stat(const std::string& text, ProcessStat& out);

// `proc` is a descriptor of the guest's /proc directory. Init (pid 1) is left out. At most `limit` processes.
// `ancestor`: not 0 where /proc is the host's: init, to which all of the guest's orphans come. It is left out.
std::vector<ProcessInfo> list_processes(int proc, pid_t ancestor = 0, size_t limit = 4096);

// CPU time in milliseconds of every process of the guest and of the children they waited for. A parent that ignores
// SIGCHLD hides its finished children: where a control group counts, its number is the better one.
double cpu_time_ms(int proc, pid_t ancestor = 0);

}  // namespace rvisor
