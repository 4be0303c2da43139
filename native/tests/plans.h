// SPDX-License-Identifier: Apache-2.0
// A plan that is right in every respect, to be spoilt by tests.
#pragma once
#include <stdlib.h>

#include <string>

namespace rvisor {

inline const std::string kPlan = R"({
  "version": 1, "id": "abcdefgh",
  "command": {"argv": ["/bin/true", "x"], "env": ["A=b"], "cwd": "/tmp", "tty": {"columns": 80, "rows": 24}},
  "identity": {"hostname": "box", "uid": 1000, "gid": 1001,
    "uidMap": [{"inside": 1000, "outside": 0, "count": 1}, {"inside": 5, "outside": 100000, "count": 10}],
    "gidMap": [{"inside": 1001, "outside": 7, "count": 1}]},
  "namespaces": {"user": "required", "net": false, "nested": false},
  "view": {"root": {"source": "/srv/root", "writable": true}, "mounts": [
    {"type": "bind", "source": "/usr", "target": "/usr", "writable": false, "noexec": true},
    {"type": "symlink", "target": "/bin", "content": "usr/bin"},
    {"type": "dir", "target": "/empty", "mode": 493},
    {"type": "tmpfs", "target": "/tmp", "mode": 1023, "size": 4096},
    {"type": "overlay", "target": "/src", "lower": "/home/me/src", "upper": "/home/me/changes"},
    {"type": "file", "target": "/etc/motd", "content": "aGk=", "mode": 292},
    {"type": "proc", "target": "/proc"}, {"type": "dev", "target": "/dev"}, {"type": "mask", "target": "/usr/secret"}]},
  "landlock": {"mode": "required", "read": ["/usr"], "write": ["/tmp"], "list": ["/"]},
  "limits": {"memory": 1048576, "processes": 4, "cpuMillis": 1500, "cpuTimeMs": 10, "wallTimeMs": 20, "output": 30, "openFiles": 40, "fileSize": 50},
  "seccomp": {"default": {"action": "errno", "errno": 38}, "rules": [
    {"nr": 0, "action": "allow"},
    {"nr": 1, "action": "errno", "errno": 13},
    {"nr": 2, "action": "kill", "args": [{"index": 0, "op": "masked_eq", "value": "18446744073709551615", "mask": "4294967296"}]}]}
})";

// The plan with the first occurrence of `from` replaced.
inline std::string spoil(const std::string& from, const std::string& to) {
  std::string text = kPlan;
  size_t at = text.find(from);
  if (at == std::string::npos) abort();
  return text.replace(at, from.size(), to);
}

}  // namespace rvisor
