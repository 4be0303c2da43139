// SPDX-License-Identifier: Apache-2.0
#include "interception.h"

#include <doctest/doctest.h>

#include "protocol.h"

using namespace rvisor;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

uint64_t counted(Budget& budget) {
  uint64_t total = 0;
  for (const auto& [kind, count] : budget.take()) total += count;
  return total;
}

}  // namespace

TEST_CASE("a burst is told, then so many a second") {
  Budget budget;
  int told = 0;
  for (int i = 0; i < 10000; i++) told += budget.spend(kSecond);
  CHECK(told == Budget::kBurst);
  CHECK(!budget.spend(kSecond));
  told = 0;
  for (int i = 0; i < 1000; i++) told += budget.spend(2 * kSecond);
  CHECK(told == Budget::kPerSecond);
  told = 0;
  for (int i = 0; i < 1000; i++) told += budget.spend(1000 * kSecond);
  CHECK(told == Budget::kBurst);  // what was not used is not saved up without end
}

TEST_CASE("what is not told is counted by kind, exactly, and taken once") {
  Budget budget;
  CHECK(!budget.suppressing());
  for (int i = 0; i < 1000; i++) budget.suppress(101, 5);
  budget.suppress(102, 5, 7);
  CHECK(budget.suppressing());
  auto counts = budget.take();
  CHECK(counts.size() == 2);
  CHECK(counts[{101, 5}] == 1000);
  CHECK(counts[{102, 5}] == 7);
  CHECK(!budget.suppressing());
  CHECK(budget.take().empty());
}

TEST_CASE("a guest with many numbers makes no endless list") {
  Budget budget;
  for (uint32_t nr = 0; nr < 3 * Budget::kKinds; nr++) budget.suppress(nr, RV_ID_NONE);
  budget.suppress(3, RV_ID_NONE);  // known: still counted for itself
  auto counts = budget.take();
  CHECK(counts.size() == Budget::kKinds + 1);
  CHECK(counts[{3, RV_ID_NONE}] == 2);
  CHECK(counts[{kOtherCalls, RV_ID_NONE}] == 2 * Budget::kKinds);
  for (uint32_t nr = 0; nr < 3 * Budget::kKinds; nr++) budget.suppress(nr, RV_ID_NONE);
  CHECK(counted(budget) == 3 * Budget::kKinds);
}

TEST_CASE("calls of other ABIs are one kind") {
  rv_call call{};
  call.nr = 11;
  call.arch = RV_ARCH_X86_64;
  CHECK(kind_of(call) == 11);
  call.arch = 0x40000003;
  CHECK(kind_of(call) == kForeignCall);
}

TEST_CASE("a program that is none is refused before a guest exists") {
  struct Nobody : Refusals {
    void refused(const Violation&) override {}
    bool suppressed(uint32_t, uint32_t, uint64_t) override { return true; }
    void kill_guest(bool, const std::string&) override {}
  } nobody;
  for (size_t words : {0, 1, 15, 16, 64}) {
    InterceptionPlan plan;
    plan.program.assign(words, 0x4752565247525652);
    plan.size = words * 8;
    Status status = Interception(plan, nobody, nullptr, nullptr, Filter{}).validate();
    REQUIRE(status);
    CHECK(status->step == "plan");
  }
}

TEST_CASE("init's events are passed on only if they are events of refusals") {
  Violation violation;
  violation.path = "/a\n\"b\xff";
  violation.address = std::string("\x02\x00\xff", 3);
  violation.executable = "/bin/x\n";
  CHECK(is_event(event_violation(violation)));
  CHECK(is_event(event_suppressed(1, RV_ID_NONE, 5)));
  CHECK(is_event(event_suppressed(kOtherCalls, 3, 5)));
  CHECK(!is_event(event_end()));
  CHECK(!is_event(event_exit(0, 0, "", "", nullptr)));
  CHECK(!is_event(""));
  CHECK(!is_event("[]"));
  CHECK(!is_event(R"({"event":["violation"]})"));
  CHECK(!is_event("{\"event\":\"violation\"}\n{\"event\":\"end\"}"));
  CHECK(!is_event("{\"event\":\"violation\",\n\"x\":1}"));
}
