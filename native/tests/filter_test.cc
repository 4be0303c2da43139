// SPDX-License-Identifier: Apache-2.0
// The filters that libseccomp makes of a plan, executed by the interpreter below on the calls that have fooled filters:
// high halves of arguments, foreign ABIs, numbers with the x32 bit, and −1.
#include "confinement_filters.h"
#include "filter.h"
#include "tracer.h"

#include <doctest/doctest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

using namespace rvisor;

namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW, kKill = SECCOMP_RET_KILL_PROCESS, kEperm = SECCOMP_RET_ERRNO | 1;

// Classic BPF as seccomp accepts it (Documentation/networking/filter.rst, kernel/seccomp.c:seccomp_check_filter).
uint32_t execute(const Filter& filter, const seccomp_data& data) {
  uint32_t a = 0;
  for (size_t pc = 0; pc < filter.size(); pc++) {
    const sock_filter& op = filter[pc];
    switch (op.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        REQUIRE(op.k + 4 <= sizeof data);
        memcpy(&a, reinterpret_cast<const char*>(&data) + op.k, 4);
        break;
      case BPF_JMP | BPF_JA: pc += op.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: pc += a == op.k ? op.jt : op.jf; break;
      case BPF_JMP | BPF_JGT | BPF_K: pc += a > op.k ? op.jt : op.jf; break;
      case BPF_JMP | BPF_JGE | BPF_K: pc += a >= op.k ? op.jt : op.jf; break;
      case BPF_JMP | BPF_JSET | BPF_K: pc += a & op.k ? op.jt : op.jf; break;
      case BPF_ALU | BPF_AND | BPF_K: a &= op.k; break;
      case BPF_RET | BPF_K: return op.k;
      default: FAIL("an instruction that the interpreter does not know: ", op.code);
    }
  }
  FAIL("the filter runs past its end");
  return kKill;
}

uint32_t decide(const Filter& filter, int nr, std::initializer_list<uint64_t> args = {}, uint32_t arch = AUDIT_ARCH_X86_64) {
  seccomp_data data{};
  data.nr = nr;
  data.arch = arch;
  size_t i = 0;
  for (uint64_t value : args) data.args[i++] = value;
  return execute(filter, data);
}

Filter build(std::vector<SeccompRule> rules, SeccompAction otherwise = SeccompAction::error) {
  Plan plan;
  plan.seccomp_default = otherwise;
  plan.seccomp_errno = 1;
  plan.seccomp_rules = std::move(rules);
  Filter filter;
  Status status = build_filter(plan, filter);
  REQUIRE_MESSAGE(!status, status->message);
  return filter;
}

using Op = SeccompArg::Op;
constexpr uint64_t kHigh = 1ULL << 32;

}  // namespace

TEST_CASE("numbers") {
  Filter filter = build({{SYS_read, SeccompAction::allow, 0, {}}, {SYS_write, SeccompAction::error, 13, {}}, {SYS_kexec_load, SeccompAction::kill, 0, {}}});
  CHECK(decide(filter, SYS_read) == kAllow);
  CHECK(decide(filter, SYS_write) == (SECCOMP_RET_ERRNO | 13));
  CHECK(decide(filter, SYS_kexec_load) == kKill);
  CHECK(decide(filter, SYS_open) == kEperm);
  CHECK(decide(filter, 100000) == kEperm);
  CHECK(decide(filter, -1) == kEperm);
}

TEST_CASE("foreign ABIs get the default, whatever the number means here") {
  for (SeccompAction otherwise : {SeccompAction::error, SeccompAction::kill}) {
    std::vector<SeccompRule> all;
    for (int nr = 0; nr < 470; nr++) all.push_back({nr, SeccompAction::allow, 0, {}});
    Filter filter = build(all, otherwise);
    uint32_t refused = otherwise == SeccompAction::error ? kEperm : kKill;
    CHECK(decide(filter, SYS_read) == kAllow);
    for (int nr = 0; nr < 470; nr++) {
      CHECK(decide(filter, nr, {}, AUDIT_ARCH_I386) == refused);
      CHECK(decide(filter, nr | 0x40000000) == refused);
      CHECK(decide(filter, nr | static_cast<int>(0x80000000)) == refused);
    }
    CHECK(decide(filter, -1) == refused);
    CHECK(decide(filter, SYS_read, {}, AUDIT_ARCH_AARCH64) == refused);
  }
}

TEST_CASE("what a traced guest's filter lets pass, and what it sends to the listener") {
  const Filter plain = build({{SYS_read, SeccompAction::allow, 0, {}}, {SYS_prctl, SeccompAction::kill, 0, {}}, {SYS_close, SeccompAction::trace, 0, {}}});
  const Filter filter = traceable(plain);
  const uint64_t dumpable = 4, magic = kTraceable;
  const int sent_on = static_cast<int>(kBounced);
  CHECK(decide(filter, SYS_prctl, {dumpable, 1, 0, 0, 0, magic}) == kAllow);
  CHECK(decide(filter, SYS_prctl, {dumpable, 1, 0, 0, 0, 0}) == kKill);
  CHECK(decide(filter, SYS_prctl, {dumpable, 0, 0, 0, 0, magic}) == kKill);
  CHECK(decide(filter, SYS_prctl, {dumpable + 1, 1, 0, 0, 0, magic}) == kKill);
  CHECK(decide(filter, SYS_prctl, {dumpable, 1, 0, 0, 0, magic}, AUDIT_ARCH_I386) == kEperm);
  CHECK(decide(filter, SYS_sched_yield, {0, 0, 0, 0, 0, magic}) == kAllow);
  CHECK(decide(filter, SYS_sched_yield) == kEperm);
  CHECK(decide(filter, SYS_read + 1, {dumpable, 1, 0, 0, 0, magic}) == kEperm);
  CHECK(decide(filter, sent_on) == SECCOMP_RET_USER_NOTIF);
  CHECK(decide(filter, sent_on, {}, AUDIT_ARCH_I386) == kEperm);
  CHECK(decide(filter, sent_on | 0x40000000) == kEperm);
  CHECK(decide(traceable(build({{SYS_clone, SeccompAction::allow, 0, {}}})), SYS_clone, {CLONE_UNTRACED | 17}) == SECCOMP_RET_TRACE);
  CHECK(decide(traceable(build({{SYS_clone, SeccompAction::allow, 0, {}}})), SYS_clone, {17}) == kAllow);
  CHECK(decide(traceable(build({{SYS_clone3, SeccompAction::allow, 0, {}}})), SYS_clone3) == (SECCOMP_RET_ERRNO | 38));
  CHECK(decide(traceable(build({{SYS_clone3, SeccompAction::allow, 0, {}}, {SYS_read, SeccompAction::allow, 0, {}}})), SYS_read) == kAllow);
  CHECK(decide(filter, SYS_clone3) == kEperm);
  for (int nr = -1; nr < 10000; nr++)
    if (nr != SYS_prctl && nr != sent_on) CHECK(decide(filter, nr) == decide(plain, nr));
  CHECK(decide(filter, SYS_close) == SECCOMP_RET_TRACE);
}

TEST_CASE("without a listener, what would be notified stops") {
  const Filter plain = build({{SYS_read, SeccompAction::allow, 0, {}}, {SYS_write, SeccompAction::error, 13, {}}}, SeccompAction::notify);
  const Filter filter = traceable(plain, false);
  for (int nr = -1; nr < 10000; nr++) {
    uint32_t expected = decide(plain, nr);
    if (expected == SECCOMP_RET_USER_NOTIF) expected = SECCOMP_RET_TRACE;
    if (nr == static_cast<int>(kBounced)) expected = SECCOMP_RET_ERRNO | 38;
    CHECK(decide(filter, nr) == expected);
  }
  CHECK(decide(filter, SYS_read, {}, AUDIT_ARCH_I386) == SECCOMP_RET_TRACE);
  // As the kernel would: the sentry's own reading of a filter.
  for (int nr = -1; nr < 10000; nr++)
    for (uint32_t arch : {uint32_t{AUDIT_ARCH_X86_64}, uint32_t{AUDIT_ARCH_I386}}) {
      seccomp_data data{};
      data.nr = nr;
      data.arch = arch;
      CHECK(evaluate(filter, data) == decide(filter, nr, {}, arch));
    }
}

TEST_CASE("conditions see all 64 bits") {
  auto one = [](Op op, uint64_t value, uint64_t mask = UINT64_MAX) { return build({{SYS_ioctl, SeccompAction::allow, 0, {{1, op, value, mask}}}}); };
  Filter eq = one(Op::eq, 5);
  CHECK(decide(eq, SYS_ioctl, {0, 5}) == kAllow);
  CHECK(decide(eq, SYS_ioctl, {0, kHigh | 5}) == kEperm);
  CHECK(decide(eq, SYS_ioctl, {5, 0}) == kEperm);
  Filter ne = one(Op::ne, 5);
  CHECK(decide(ne, SYS_ioctl, {0, 5}) == kEperm);
  CHECK(decide(ne, SYS_ioctl, {0, kHigh | 5}) == kAllow);
  Filter ge = one(Op::ge, kHigh);
  CHECK(decide(ge, SYS_ioctl, {0, kHigh}) == kAllow);
  CHECK(decide(ge, SYS_ioctl, {0, 0xffffffff}) == kEperm);
  CHECK(decide(ge, SYS_ioctl, {0, UINT64_MAX}) == kAllow);
  Filter gt = one(Op::gt, kHigh | 7);
  CHECK(decide(gt, SYS_ioctl, {0, kHigh | 7}) == kEperm);
  CHECK(decide(gt, SYS_ioctl, {0, kHigh | 8}) == kAllow);
  CHECK(decide(gt, SYS_ioctl, {0, 2 * kHigh}) == kAllow);
  Filter lt = one(Op::lt, kHigh);
  CHECK(decide(lt, SYS_ioctl, {0, 0xffffffff}) == kAllow);
  CHECK(decide(lt, SYS_ioctl, {0, kHigh}) == kEperm);
  Filter le = one(Op::le, kHigh | 1);
  CHECK(decide(le, SYS_ioctl, {0, kHigh | 1}) == kAllow);
  CHECK(decide(le, SYS_ioctl, {0, kHigh | 2}) == kEperm);
  CHECK(decide(le, SYS_ioctl, {0, 2 * kHigh}) == kEperm);
  Filter masked = one(Op::masked_eq, 0, 0x10000000);  // CLONE_NEWUSER not set
  CHECK(decide(masked, SYS_ioctl, {0, 0x11}) == kAllow);
  CHECK(decide(masked, SYS_ioctl, {0, 0x10000011}) == kEperm);
  Filter low = one(Op::masked_eq, 0x5412, 0xffffffff);  // an int parameter: the kernel ignores the high half, and so must the rule
  CHECK(decide(low, SYS_ioctl, {0, kHigh | 0x5412}) == kAllow);
}

TEST_CASE("all conditions of a rule, any rule of a number") {
  Filter filter = build({{SYS_socket, SeccompAction::allow, 0, {{0, Op::eq, 1, 0}, {1, Op::masked_eq, 1, 0xf}}},
                         {SYS_socket, SeccompAction::allow, 0, {{0, Op::eq, 2, 0}}}});
  CHECK(decide(filter, SYS_socket, {1, 0x80001}) == kAllow);
  CHECK(decide(filter, SYS_socket, {1, 2}) == kEperm);
  CHECK(decide(filter, SYS_socket, {2, 99}) == kAllow);
  CHECK(decide(filter, SYS_socket, {3, 1}) == kEperm);
}

TEST_CASE("rules that contradict each other are refused, never weighed by chance") {
  Plan plan;
  plan.seccomp_default = SeccompAction::kill;
  plan.seccomp_rules = {{SYS_clone, SeccompAction::allow, 0, {}}, {SYS_clone, SeccompAction::error, 1, {{0, Op::eq, 5, 0}}}};
  Filter filter;
  CHECK(build_filter(plan, filter));
  std::swap(plan.seccomp_rules[0], plan.seccomp_rules[1]);
  CHECK(build_filter(plan, filter));
  plan.seccomp_rules = {{SYS_clone, SeccompAction::allow, 0, {}}, {SYS_clone, SeccompAction::error, 1, {}}};
  CHECK(build_filter(plan, filter));
  plan.seccomp_rules = {{SYS_clone, SeccompAction::kill, 0, {{0, Op::eq, 5, 0}}}, {SYS_clone, SeccompAction::allow, 0, {}}};
  CHECK(build_filter(plan, filter));
  // Those that no arguments can match both are none, but only on the same register and value.
  for (uint64_t other : {0ULL, 7ULL}) {
    plan.seccomp_rules = {{SYS_sendto, SeccompAction::allow, 0, {{4, Op::eq, 0, 0}}}, {SYS_sendto, SeccompAction::error, 5, {{4, Op::ne, other, 0}}}};
    CHECK(build_filter(plan, filter).has_value() == (other != 0));
  }
}

TEST_CASE("a number whose rules differ by one register") {
  Filter filter = build({{SYS_sendto, SeccompAction::error, 5, {{4, Op::eq, 0, 0}}}, {SYS_sendto, SeccompAction::allow, 0, {{4, Op::ne, 0, 0}}}});
  CHECK(decide(filter, SYS_sendto, {1, 2, 3, 4, 0, 6}) == (SECCOMP_RET_ERRNO | 5));
  CHECK(decide(filter, SYS_sendto, {1, 2, 3, 4, 5, 6}) == kAllow);
  CHECK(decide(filter, SYS_sendto, {0, 0, 0, 0, kHigh}) == kAllow);
}

TEST_CASE("what warden and sentry keep") {
  Filter warden(std::begin(kWardenFilter), std::end(kWardenFilter)), sentry(std::begin(kSentryFilter), std::end(kSentryFilter));
  for (const Filter* own : {&warden, &sentry}) {
    for (long nr : {SYS_execve, SYS_execveat, SYS_clone, SYS_clone3, SYS_fork, SYS_socket, SYS_connect, SYS_ptrace, SYS_mprotect, SYS_setns, SYS_unshare,
                    SYS_mount, SYS_open_tree, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_pidfd_open, SYS_bpf, SYS_io_uring_setup, SYS_prctl})
      CHECK(decide(*own, static_cast<int>(nr)) == kKill);
    CHECK(decide(*own, SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE}) == kAllow);
    CHECK(decide(*own, SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC}) == kKill);
    CHECK(decide(*own, SYS_read, {}, AUDIT_ARCH_I386) == kKill);
    CHECK(decide(*own, SYS_poll) == kAllow);
  }
  CHECK(decide(sentry, SYS_kill) == kKill);
  CHECK(decide(sentry, SYS_tgkill) == kKill);
  CHECK(decide(sentry, SYS_pidfd_send_signal) == kAllow);
  CHECK(decide(sentry, SYS_ioctl, {3, 0x541B}) == kAllow);  // FIONREAD
  CHECK(decide(sentry, SYS_ioctl, {3, 0x5412}) == kKill);   // TIOCSTI
  CHECK(decide(warden, SYS_recvmsg) == kKill);              // it takes no message
}
