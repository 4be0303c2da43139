// SPDX-License-Identifier: Apache-2.0
#include "confinement.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confinement_filters.h"  // generated: kWardenFilter, kSentryFilter

namespace rvisor {

Status confine_self(Role role) {
#ifdef RVISOR_SANITIZED
  (void)role;
  return std::nullopt;
#else
  sock_fprog program = role == Role::warden ? sock_fprog{sizeof kWardenFilter / sizeof *kWardenFilter, const_cast<sock_filter*>(kWardenFilter)}
                                            : sock_fprog{sizeof kSentryFilter / sizeof *kSentryFilter, const_cast<sock_filter*>(kSentryFilter)};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return fail("seccomp", "no_new_privs", errno);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program)) return fail("seccomp", "own filter", errno);
  return std::nullopt;
#endif
}

}  // namespace rvisor
