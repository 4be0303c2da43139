// SPDX-License-Identifier: Apache-2.0
// Requests from the host, events to it, and the few messages between sentry and init. JSON lines and packets; the
// contract is sdk/internal/protocol.ts.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failure.h"
#include "plan.h"

namespace rvisor {

struct Request {
  enum class Op { signal, exec, processes, kill };
  enum class Scope { process, group, all };
  Op op;
  uint32_t id = 0;
  uint32_t seq = 0;
  int signal = 0;
  Scope scope = Scope::process;
  std::string reason;
  Command command;
};

// False and `error` in words when the packet is not a request.
bool parse_request(std::string_view text, Request& out, std::string& error);

// What init tells the sentry.
struct Report {
  enum class Kind { ready, failed, child, pty, started, exit, refused, violation, forbidden };
  Kind kind;
  uint32_t id = 0;
  int status = 0;  // exit: as wait(2) gives it; forbidden: 1 where a handler said so, not a rule
  Failure failure;
  std::string text;  // ready: layers, separated by spaces; refused: why; violation: the event, as JSON; forbidden: why
};

std::string encode_report(const Report& report);
bool parse_report(std::string_view text, Report& out);

struct Usage {
  double wall_ms = 0, user_ms = 0, system_ms = 0;
  uint64_t max_memory = 0;
  bool from_cgroup = false;
  uint64_t minor_faults = 0, major_faults = 0;
  std::optional<uint64_t> output, forks_refused;
};

struct ProcessInfo {
  uint32_t pid, ppid;
  char state;
  std::string command;
  std::vector<std::string> argv;
  uint64_t memory;
  double cpu_ms;
  uint32_t threads;
};

std::string event_cgroups(const std::vector<std::string>& paths);
struct Started {
  uint32_t id;
  int pid;
  bool pty;
  int init = 0, sentry = 0;
  size_t overlays = 0;
  std::string layers;
};
std::string event_started(const Started& started);
std::string event_failed(uint32_t id, const Failure& failure);
// `detail`: of the reason, in words; may be empty.
std::string event_exit(uint32_t id, int status, const std::string& reason, const std::string& detail, const Usage* usage);
std::string event_processes(uint32_t seq, const std::vector<ProcessInfo>& processes);
std::string event_refused(const Request& request, const std::string& message);
struct Violation;
std::string event_violation(const Violation& violation);
std::string event_suppressed(uint32_t nr, uint32_t rule, uint64_t count);
// True for one line of JSON, as the two above give it: init is not believed more than that.
bool is_event(std::string_view text);
std::string event_end();
std::string grant_pty(uint32_t id);
std::string grant_filter();
std::string grant_overlays(size_t count);

}  // namespace rvisor
