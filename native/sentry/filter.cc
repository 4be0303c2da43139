// SPDX-License-Identifier: Apache-2.0
#include "filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "fd.h"
#include "tracer.h"

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
    case SeccompAction::trace: return SCMP_ACT_TRACE(0);
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

// Whether no arguments can match both: one asks for a value of which the other asks that it is not, or for another value of the same bits.
bool exclude(const SeccompRule& a, const SeccompRule& b) {
  return std::any_of(a.args.begin(), a.args.end(), [&](const SeccompArg& x) {
    return std::any_of(b.args.begin(), b.args.end(), [&](const SeccompArg& y) {
      bool opposite = (x.op == SeccompArg::Op::eq && y.op == SeccompArg::Op::ne) || (x.op == SeccompArg::Op::ne && y.op == SeccompArg::Op::eq);
      if (x.index != y.index) return false;
      if (opposite) return x.value == y.value;
      auto bits = [](const SeccompArg& arg) { return arg.op == SeccompArg::Op::eq ? UINT64_MAX : arg.op == SeccompArg::Op::masked_eq ? arg.mask : 0; };
      return ((x.value ^ y.value) & bits(x) & bits(y)) != 0;
    });
  });
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
  std::map<int, std::vector<const SeccompRule*>> rules;
  for (const SeccompRule& rule : plan.seccomp_rules) {
    uint32_t action = action_of(rule.action, rule.err);
    std::vector<const SeccompRule*>& others = rules[rule.nr];
    bool contradicted = std::any_of(others.begin(), others.end(), [&](const SeccompRule* other) { return action_of(other->action, other->err) != action && !exclude(*other, rule); });
    others.push_back(&rule);
    if (contradicted)
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

// Classic BPF, as libseccomp writes it and `traceable` does.
uint32_t evaluate(const Filter& filter, const seccomp_data& call) {
  uint32_t a = 0;
  for (size_t at = 0; at < filter.size(); at++) {
    const sock_filter& op = filter[at];
    switch (op.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (op.k > sizeof call - sizeof a) return SECCOMP_RET_KILL_PROCESS;
        memcpy(&a, reinterpret_cast<const char*>(&call) + op.k, sizeof a);
        break;
      case BPF_JMP | BPF_JA: at += op.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: at += a == op.k ? op.jt : op.jf; break;
      case BPF_JMP | BPF_JGT | BPF_K: at += a > op.k ? op.jt : op.jf; break;
      case BPF_JMP | BPF_JGE | BPF_K: at += a >= op.k ? op.jt : op.jf; break;
      case BPF_JMP | BPF_JSET | BPF_K: at += a & op.k ? op.jt : op.jf; break;
      case BPF_ALU | BPF_AND | BPF_K: a &= op.k; break;
      case BPF_RET | BPF_K: return op.k;
      default: return SECCOMP_RET_KILL_PROCESS;
    }
  }
  return SECCOMP_RET_KILL_PROCESS;
}

Filter traceable(const Filter& filter, bool notifies) {
  constexpr uint8_t kEnd = 255;  // on to the filter itself
  constexpr auto low = [](unsigned argument) { return static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * argument); };
  auto load = [](uint32_t offset) { return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}; };
  auto equal = [](uint32_t value, uint8_t yes, uint8_t no) { return sock_filter{BPF_JMP | BPF_JEQ | BPF_K, yes, no, value}; };
  auto give = [](uint32_t action) { return sock_filter{BPF_RET | BPF_K, 0, 0, action}; };
  Filter result{
      load(offsetof(seccomp_data, arch)),
      equal(AUDIT_ARCH_X86_64, 0, kEnd),
      load(offsetof(seccomp_data, nr)),
      equal(kBounced, 0, 1),
      give(notifies ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | ENOSYS),
      // What nobody traces is out of the plan's reach. The tracer takes the flag away and has the call made again.
      equal(SYS_clone, 0, 3),
      load(low(0)),
      sock_filter{BPF_JMP | BPF_JSET | BPF_K, 0, kEnd, CLONE_UNTRACED},
      give(SECCOMP_RET_TRACE),
      equal(SYS_sched_yield, 5, 0),
      equal(SYS_prctl, 0, kEnd),
      // Becoming traceable is what any program does that is executed: nothing is won by it.
      load(low(0)),
      equal(PR_SET_DUMPABLE, 0, kEnd),
      load(low(1)),
      equal(1, 0, kEnd),
      load(low(5)),
      equal(kTraceable, 0, kEnd),
      give(SECCOMP_RET_ALLOW),
  };
  // Here the flag would lie in memory.
  seccomp_data clone3{};
  clone3.nr = SYS_clone3;
  clone3.arch = AUDIT_ARCH_X86_64;
  if (evaluate(filter, clone3) == SECCOMP_RET_ALLOW) {
    const Filter refused{equal(SYS_clone3, 0, 1), give(SECCOMP_RET_ERRNO | ENOSYS)};
    result.insert(result.begin() + 5, refused.begin(), refused.end());
  }
  for (size_t i = 0; i < result.size(); i++)
    for (uint8_t* jump : {&result[i].jt, &result[i].jf})
      if (*jump == kEnd) *jump = static_cast<uint8_t>(result.size() - i - 1);
  result.insert(result.end(), filter.begin(), filter.end());
  if (!notifies)
    for (sock_filter& op : result)
      if (op.code == (BPF_RET | BPF_K) && op.k == SECCOMP_RET_USER_NOTIF) op.k = SECCOMP_RET_TRACE;
  return result;
}

Status install_filter(const Filter& filter) {
  sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) return fail("seccomp", "filter of " + std::to_string(filter.size()) + " instructions", errno);
  return std::nullopt;
}

}  // namespace rvisor
