// SPDX-License-Identifier: Apache-2.0
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "layers.h"

// Newer than the headers of older distributions; values from include/uapi/linux/landlock.h.
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

namespace rvisor {
namespace {

struct RulesetAttr {  // ABI 6
  uint64_t handled_access_fs, handled_access_net, scoped;
};
constexpr uint64_t kBindTcp = 1, kConnectTcp = 2;  // ABI 4
constexpr uint64_t kScopeAbstractUnixSocket = 1, kScopeSignal = 2;

constexpr uint64_t kRead = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kUse = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV;
constexpr uint64_t kForFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                               LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV;

uint64_t handled_by(int abi) {
  uint64_t all = (1ULL << 13) - 1;
  if (abi >= 2) all |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) all |= LANDLOCK_ACCESS_FS_TRUNCATE;
  if (abi >= 5) all |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
  return all;
}

Status allow(int ruleset, int object, const std::string& path, uint64_t access) {
  struct stat st;
  if (fstat(object, &st)) return fail("landlock", path, errno);
  if (!S_ISDIR(st.st_mode)) access &= kForFiles;
  if (!access) return std::nullopt;
  landlock_path_beneath_attr rule{access, object};
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0)) return fail("landlock", path, errno);
  return std::nullopt;
}

Status allow(int ruleset, const std::string& path, uint64_t access) {
  Fd fd(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) return fail("landlock", path, errno);
  return allow(ruleset, fd.get(), path, access);
}

Status create(int abi, bool tcp, Fd& out) {
  RulesetAttr attr{handled_by(abi), tcp && abi >= 4 ? kBindTcp | kConnectTcp : 0, abi >= 6 ? kScopeAbstractUnixSocket | kScopeSignal : 0};
  size_t size = abi >= 6 ? sizeof attr : abi >= 4 ? 16 : 8;
  out.reset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attr, size, 0)));
  return out.valid() ? std::nullopt : Status(fail("landlock", "create_ruleset", errno));
}

}  // namespace

int landlock_abi() {
  long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

Status restrict_by_landlock(const Landlock& plan, bool protect_proc, int& abi) {
  if (without("landlock")) return std::nullopt;
  abi = landlock_abi();
  if (abi < 1) {
    if (plan.required) return fail("landlock", "create_ruleset", ENOSYS, "this kernel has no Landlock, and the policy requires it");
    return std::nullopt;
  }
  uint64_t all = handled_by(abi);
  Fd ruleset;
  if (Status s = create(abi, false, ruleset)) return s;
  for (const std::string& path : plan.read)
    if (Status s = allow(ruleset.get(), path, kRead)) return s;
  for (const std::string& path : plan.write) {
    bool kernel_settings = protect_proc && (path == "/proc" || path.starts_with("/proc/"));
    if (Status s = allow(ruleset.get(), path, kernel_settings ? kRead : all)) return s;
  }
  for (const std::string& path : plan.list)
    if (Status s = allow(ruleset.get(), path, LANDLOCK_ACCESS_FS_READ_DIR)) return s;
  return enter_ruleset(ruleset.get());
}

Status make_ruleset(const std::vector<Grant>& grants, bool tcp, Fd& out) {
  int abi = landlock_abi();
  uint64_t all = handled_by(abi);
  if (Status s = create(abi, tcp, out)) return s;
  for (const Grant& grant : grants) {
    uint64_t access = grant.kind == Grant::Kind::read ? kRead : grant.kind == Grant::Kind::use ? kUse & all : all;
    if (Status s = allow(out.get(), grant.directory, grant.path, access)) return s;
  }
  return std::nullopt;
}

Status enter_ruleset(int ruleset) {
  if (syscall(SYS_landlock_restrict_self, ruleset, 0)) return fail("landlock", "restrict_self", errno);
  return std::nullopt;
}

}  // namespace rvisor
