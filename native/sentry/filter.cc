// SPDX-License-Identifier: Apache-2.0
#include "filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "fd.h"

namespace rvisor {
namespace {

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

uint32_t action_of(SeccompAction action, unsigned err) {
  switch (action) {
    case SeccompAction::allow: return SCMP_ACT_ALLOW;
    case SeccompAction::error: return SCMP_ACT_ERRNO(err);
    case SeccompAction::kill: return SCMP_ACT_KILL_PROCESS;
    case SeccompAction::notify: return SCMP_ACT_NOTIFY;
  }
  return SCMP_ACT_KILL_PROCESS;
}

scmp_arg_cmp compare(const SeccompArg& arg) {
  using Op = SeccompArg::Op;
  scmp_arg_cmp result{};
  result.arg = arg.index;
  switch (arg.op) {
    case Op::eq: result.op = SCMP_CMP_EQ; break;
    case Op::ne: result.op = SCMP_CMP_NE; break;
    case Op::lt: result.op = SCMP_CMP_LT; break;
    case Op::le: result.op = SCMP_CMP_LE; break;
    case Op::gt: result.op = SCMP_CMP_GT; break;
    case Op::ge: result.op = SCMP_CMP_GE; break;
    case Op::masked_eq: result.op = SCMP_CMP_MASKED_EQ; break;
  }
  if (arg.op == Op::masked_eq) {
    result.datum_a = arg.mask;
    result.datum_b = arg.value;
  } else {
    result.datum_a = arg.value;
  }
  return result;
}

Status export_filter(const Context& context, Filter& out) {
  Fd memory(static_cast<int>(syscall(SYS_memfd_create, "filter", 1 /* MFD_CLOEXEC */)));
  if (!memory.valid()) return fail("seccomp", "memfd", errno);
  if (int rc = seccomp_export_bpf(context.get(), memory.get())) return fail("seccomp", "filter", -rc);
  off_t size = lseek(memory.get(), 0, SEEK_END);
  out.resize(static_cast<size_t>(size) / sizeof(sock_filter));
  if (pread(memory.get(), out.data(), out.size() * sizeof(sock_filter), 0) != size) return fail("seccomp", "filter", EIO);
  return std::nullopt;
}

}  // namespace

Status build_filter(const Plan& plan, Filter& out) {
  uint32_t otherwise = action_of(plan.seccomp_default, plan.seccomp_errno);
  Context context(seccomp_init(otherwise));
  if (!context) return fail("seccomp", "filter", ENOMEM);
  seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, otherwise);
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0);
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree: a few steps for any number
  // libseccomp takes rules of one number that contradict each other without a word, and lets one of them win.
  std::map<int, uint32_t> actions;
  for (const SeccompRule& rule : plan.seccomp_rules) {
    uint32_t action = action_of(rule.action, rule.err);
    if (actions.emplace(rule.nr, action).first->second != action)
      return fail("plan", "seccomp rules for syscall " + std::to_string(rule.nr), EINVAL, "rules of one number have different actions");
    if (action == otherwise && rule.args.empty()) continue;
    scmp_arg_cmp args[6];
    unsigned count = 0;
    for (const SeccompArg& arg : rule.args) {
      if (count == 6) return fail("plan", "seccomp rule for " + std::to_string(rule.nr), EINVAL, "more than six conditions");
      args[count++] = compare(arg);
    }
    int rc = seccomp_rule_add_exact_array(context.get(), action, rule.nr, count, args);
    if (rc) return fail("seccomp", "rule for syscall " + std::to_string(rule.nr), -rc);
  }
  return export_filter(context, out);
}

Status install_filter(const Filter& filter, Threads threads) {
  sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  unsigned flags = threads == Threads::all ? SECCOMP_FILTER_FLAG_TSYNC : 0;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program)) return fail("seccomp", "filter of " + std::to_string(filter.size()) + " instructions", errno);
  return std::nullopt;
}

Status build_own_filter(Role role, Filter& out) {
  static constexpr int common[] = {SCMP_SYS(read),       SCMP_SYS(write),   SCMP_SYS(close),         SCMP_SYS(poll),      SCMP_SYS(ppoll),
                                   SCMP_SYS(wait4),      SCMP_SYS(waitid),  SCMP_SYS(exit_group),    SCMP_SYS(exit),      SCMP_SYS(clock_gettime),
                                   SCMP_SYS(nanosleep),  SCMP_SYS(brk),     SCMP_SYS(munmap),        SCMP_SYS(mremap),    SCMP_SYS(madvise),
                                   SCMP_SYS(sendto),     SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall),
                                   SCMP_SYS(openat),     SCMP_SYS(getdents64), SCMP_SYS(newfstatat), SCMP_SYS(pread64),   SCMP_SYS(fcntl)};
  // The warden still kills what is left in control groups and removes them.
  static constexpr int warden[] = {SCMP_SYS(kill), SCMP_SYS(rmdir), SCMP_SYS(lseek)};
  static constexpr int sentry[] = {SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(pidfd_send_signal), SCMP_SYS(futex),
                                   SCMP_SYS(splice),  SCMP_SYS(rseq),    SCMP_SYS(set_robust_list),   SCMP_SYS(gettid), SCMP_SYS(getpid),
                                   SCMP_SYS(memfd_create)};  // for requests too large for a packet
  Context context(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (!context) return fail("seccomp", "own filter", ENOMEM);
  seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  auto add = [&](const int* numbers, size_t count) {
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) rc = seccomp_rule_add_exact_array(context.get(), SCMP_ACT_ALLOW, numbers[i], 0, nullptr);
    return rc;
  };
  auto add_if = [&](int number, scmp_arg_cmp condition) { return seccomp_rule_add_exact_array(context.get(), SCMP_ACT_ALLOW, number, 1, &condition); };
  int rc = add(common, sizeof common / sizeof *common);
  if (!rc) rc = add_if(SCMP_SYS(mmap), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0});  // no new code
  if (!rc) rc = role == Role::warden ? add(warden, sizeof warden / sizeof *warden) : add(sentry, sizeof sentry / sizeof *sentry);
  if (!rc && role == Role::sentry) rc = add_if(SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, FIONREAD, 0});
  if (rc) return fail("seccomp", "own filter", -rc);
  return export_filter(context, out);
}

Status confine_self(const Filter& own) {
#ifdef RVISOR_SANITIZED
  (void)own;
  return std::nullopt;
#else
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return fail("seccomp", "no_new_privs", errno);
  return install_filter(own, Threads::all);
#endif
}

}  // namespace rvisor
