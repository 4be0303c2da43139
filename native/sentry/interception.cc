// SPDX-License-Identifier: Apache-2.0
#include "interception.h"

#include <time.h>
#include <unistd.h>

namespace rvisor {
namespace {

uint64_t now_ns(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

}  // namespace

Status Interception::validate() const {
  rv_fault fault{};
  if (rv_validate(plan_.program.data(), plan_.size, &fault) == RV_FAULT_NONE) return std::nullopt;
  return fail("plan", "interception program", 0, "fault " + std::to_string(fault.code) + " at byte " + std::to_string(fault.offset));
}

// Of these handlers, those whose `continue` must mean what they saw.
uint64_t Interception::boundaries(uint64_t handlers) const {
  uint64_t result = 0;
  for (size_t i = 0; i < plan_.handlers.size(); i++)
    if (plan_.handlers[i].boundary) result |= handlers & 1ULL << i;
  return result;
}

// Handlers whose filter looks at the path behind this register; a negative number: at any.
uint64_t Interception::filtering(int argument) const {
  uint64_t result = 0;
  for (size_t i = 0; i < plan_.handlers.size(); i++)
    if (argument < 0 || plan_.handlers[i].paths >> argument & 1) result |= 1ULL << i;
  return result;
}

void Interception::record(Violation violation) {
  violation.time_ns = now_ns(CLOCK_REALTIME);
  pthread_mutex_lock(&lock_);
  bool reported = budget_.spend(now_ns(CLOCK_MONOTONIC));
  if (!reported) budget_.suppress(kind_of(violation.call), violation.rule);
  pthread_mutex_unlock(&lock_);
  if (!reported) return;
  Caller caller(violation.tid);
  if (!violation.process) violation.process = caller.process();
  violation.executable = program_of(caller);
  refusals_.refused(violation);
}

void Interception::suppress(uint32_t nr, uint32_t rule, uint64_t count) {
  pthread_mutex_lock(&lock_);
  budget_.suppress(nr, rule, count);
  pthread_mutex_unlock(&lock_);
}

bool Interception::suppressing() {
  pthread_mutex_lock(&lock_);
  bool any = budget_.suppressing();
  pthread_mutex_unlock(&lock_);
  return any;
}

void Interception::flush() {
  pthread_mutex_lock(&lock_);
  auto counts = budget_.take();
  pthread_mutex_unlock(&lock_);
  for (const auto& [kind, count] : counts) {
    if (refusals_.suppressed(kind.first, kind.second, count)) continue;
    pthread_mutex_lock(&lock_);
    budget_.suppress(kind.first, kind.second, count);
    pthread_mutex_unlock(&lock_);
  }
}

void Interception::kill(pid_t tid, const rv_call& call, uint32_t rule) {
  report(tid, call, rule, 0, {}, {});
  refusals_.kill_guest(false, {});
}

int Interception::judge(pid_t tid, uint32_t nr, const std::string& path, uint32_t rights) {
  rv_access access{};
  if (path.empty()) return 0;
  rv_eval_path(program(), reinterpret_cast<const uint8_t*>(path.data()), path.size(), rights, 0, &access);
  if (access.verdict == RV_VERDICT_GRANTED) return 0;
  rv_call call{};
  call.nr = nr;
  call.arch = RV_ARCH_X86_64;
  report(tid, call, access.rule, EACCES, path, {});
  return EACCES;
}

bool Interception::lets_pass(uint32_t nr, const std::array<uint64_t, 6>& registers) const {
  uint32_t action = filtered(nr, registers);
  return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_TRACE;
}

void Interception::report(pid_t tid, const rv_call& call, uint32_t rule, int err, std::string path, std::string address, pid_t process) {
  if (err && path.empty() && address.empty() && !plan_.report) return;
  Violation violation;
  violation.tid = tid;
  violation.process = process;
  violation.call = call;
  violation.rule = rule;
  violation.err = err;
  violation.path = std::move(path);
  violation.address = std::move(address);
  record(std::move(violation));
}

}  // namespace rvisor
