// SPDX-License-Identifier: Apache-2.0
// The plan of one launch, as `sdk/internal/protocol.ts` defines it. Bytes, milliseconds, absolute paths.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failure.h"

namespace rvisor {

struct Mount {
  enum class Type { bind, copy, symlink, dir, tmpfs, overlay, file, proc, dev, mask };
  Type type;
  std::string target;
  std::string source;   // bind, copy: source; symlink: content; overlay: lower; file: the bytes
  std::string upper;    // overlay: host directory, empty for a private tmpfs
  uint32_t mode = 0;
  std::optional<uint64_t> size;
  bool writable = false;
  bool dev = false;
  bool noexec = false;
};

struct IdMap {
  uint32_t inside, outside, count;
};

struct Terminal {
  uint16_t columns, rows;
};

struct Command {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string cwd;
  std::optional<Terminal> tty;
};

struct SeccompArg {
  enum class Op { eq, ne, lt, le, gt, ge, masked_eq };
  unsigned index;
  Op op;
  uint64_t value;
  uint64_t mask;
};

enum class SeccompAction { allow, error, kill, notify, trace };

struct SeccompRule {
  int nr;
  SeccompAction action;
  unsigned err;
  std::vector<SeccompArg> args;
};

struct Landlock {
  bool required = true;
  std::vector<std::string> read, write, list;
};

struct Limits {
  std::optional<uint64_t> memory, processes, cpu_millis, cpu_time_ms, wall_time_ms, output, open_files, file_size;
};

// A handler of the host program, as much as init has to know of it. Its number is its place in the list.
struct Handler {
  enum class Failure { kill, proceed, error };
  uint32_t lane = 0;         // of the ring (rv_ring.h)
  uint64_t deadline_ms = 0;  // 0: none
  Failure failure = Failure::kill;
  int err = 0;
  bool boundary = false;  // what it lets go on must be what it saw: never left to the kernel where it lies in memory
  uint32_t event = 0;     // not 0: no calls, but these events are wanted (RV_RING_SIGNAL, …)
  uint32_t paths = 0;     // registers whose paths its filter looks at, bit N for register N
};

// What of the guest's memory goes along with a call to its handlers.
struct CopyRule {
  enum class Kind { text, bytes };
  uint32_t nr = 0;
  uint32_t argument = 0;
  Kind kind = Kind::text;
  uint32_t size = 0;                // bytes: of one element
  std::optional<uint32_t> length;   // register with the number of elements; absent: one
};

// The guest is traced.
struct TracePlan {
  bool hide_vdso = false;  // programs shall make calls to ask for the time
};

// What the kernel module decides by.
struct ModulePlan {
  std::vector<uint64_t> program;  // as below
  size_t size = 0;                // bytes
};

// Rules of the decision core (rv_abi.h) for the calls that are notified, or stop.
struct InterceptionPlan {
  std::vector<Handler> handlers;
  std::vector<CopyRule> copies;
  std::vector<uint64_t> program;  // 8-byte aligned; the last word may be padded
  size_t size = 0;                // bytes
  std::optional<TracePlan> trace;
  std::optional<ModulePlan> module;  // the kernel module takes the filter's place
  bool notifies = true;  // not of the plan: false where the kernel has no listener for us, and trace points do their work; or the module does
  bool network = false;           // the program decides on every socket address; else on AF_UNIX paths only
  bool report = true;             // refusals by number and registers are told
};

struct Plan {
  enum class UserNamespace { automatic, required, none };
  std::string id;
  Command command;
  std::string hostname;
  uint32_t uid = 0, gid = 0;
  std::vector<IdMap> uid_map, gid_map;
  UserNamespace user_namespace = UserNamespace::automatic;
  bool net_namespace = true;  // no network but what the sandbox has of its own
  bool nested_namespaces = false;
  bool translated = false;  // the translated view: no namespaces, paths are the sentry's affair
  std::string state;        // not of the plan: the state directory of the translated view, a path of the host's
  std::string temporary;    // translated: where the caller's temporary files go; empty: the usual places
  std::string root;  // empty: skeleton
  bool root_writable = false;
  std::vector<Mount> mounts;
  std::optional<Landlock> landlock;
  Limits limits;
  SeccompAction seccomp_default = SeccompAction::error;
  unsigned seccomp_errno = 0;
  std::vector<SeccompRule> seccomp_rules;
  std::string seccomp_program;  // what an earlier sentry of this host program made of the same rules: sock_filter
  bool seccomp_share = false;   // the host program wants ours
  std::optional<InterceptionPlan> interception;

  // The guest's uid 0-in-the-host question: whose kernel uid does the guest's uid map to?
  uint32_t host_uid() const;
};

// Parses and validates: every key known, every type right, every path absolute and without "..".
Status parse_plan(std::string_view text, Plan& out);

}  // namespace rvisor
