// SPDX-License-Identifier: Apache-2.0
// Plans: what is right is read whole; what is wrong is refused with the faulty key's path.
#include "plan.h"

#include <doctest/doctest.h>

#include "plans.h"

using namespace rvisor;

namespace {

std::string fault(const std::string& text) {
  Plan plan;
  Status status = parse_plan(text, plan);
  if (!status) return "accepted";
  CHECK(status->step == "plan");
  CHECK(!status->remedy.empty());
  return status->message;
}

}  // namespace

TEST_CASE("a right plan is read whole") {
  Plan plan;
  REQUIRE(!parse_plan(kPlan, plan));
  CHECK(plan.id == "abcdefgh");
  CHECK(plan.command.argv == std::vector<std::string>{"/bin/true", "x"});
  CHECK(plan.command.tty->columns == 80);
  CHECK(plan.command.tty->rows == 24);
  CHECK(plan.uid == 1000);
  CHECK(plan.gid == 1001);
  CHECK(plan.user_namespace == Plan::UserNamespace::required);
  CHECK(!plan.net_namespace);
  CHECK(plan.root == "/srv/root");
  CHECK(plan.root_writable);
  REQUIRE(plan.mounts.size() == 9);
  CHECK(plan.mounts[0].type == Mount::Type::bind);
  CHECK(plan.mounts[0].noexec);
  CHECK(!plan.mounts[0].writable);
  CHECK(plan.mounts[3].size == 4096);
  CHECK(plan.mounts[4].upper == "/home/me/changes");
  CHECK(plan.mounts[5].source == "hi");
  CHECK(plan.landlock->required);
  CHECK(plan.limits.cpu_millis == 1500);
  CHECK(plan.limits.file_size == 50);
  CHECK(plan.seccomp_default == SeccompAction::error);
  CHECK(plan.seccomp_errno == 38);
  REQUIRE(plan.seccomp_rules.size() == 3);
  CHECK(plan.seccomp_rules[2].args[0].value == UINT64_MAX);
  CHECK(plan.seccomp_rules[2].args[0].mask == 1ULL << 32);
}

TEST_CASE("whose uid in the host the guest's is") {
  Plan plan;
  REQUIRE(!parse_plan(kPlan, plan));
  CHECK(plan.host_uid() == 0);
  plan.uid = 7;
  CHECK(plan.host_uid() == 100002);
  plan.uid = 15;
  CHECK(plan.host_uid() == UINT32_MAX);
}

TEST_CASE("faults are named by path") {
  CHECK(fault("") == "the plan is not JSON");
  CHECK(fault("[]") == "plan is not an object");
  CHECK(fault("{}") == "plan.version is missing");
  CHECK(fault("{\"version\": 2}") == "plan.version is not the version this sentry speaks");
  CHECK(fault(spoil("\"version\": 1", "\"version\": -1")).starts_with("plan.version is not a whole number"));
  CHECK(fault(spoil("\"version\": 1", "\"version\": 1.5")).starts_with("plan.version is not a whole number"));
  CHECK(fault(spoil("\"version\": 1", "\"version\": 1e400")) == "the plan is not JSON");
  CHECK(fault(spoil("\"id\"", "\"more\": 1, \"id\"")) == "plan.more is not known");
  CHECK(fault(spoil("abcdefgh", "abc")).starts_with("plan.id is not"));
  CHECK(fault(spoil("abcdefgh", "../../../x")).starts_with("plan.id is not"));
  CHECK(fault(spoil("[\"/bin/true\", \"x\"]", "[]")) == "plan.command.argv is empty");
  CHECK(fault(spoil("\"/bin/true\"", "\"\"")) == "plan.command.argv is empty");
  CHECK(fault(spoil("\"x\"", "\"a\\u0000b\"")) == "plan.command.argv[1] contains NUL");
  CHECK(fault(spoil("\"x\"", "7")) == "plan.command.argv[1] is not a string");
  CHECK(fault(spoil("\"cwd\": \"/tmp\"", "\"cwd\": \"tmp\"")) == "plan.command.cwd is not an absolute path without '..'");
  CHECK(fault(spoil("\"columns\": 80", "\"columns\": 65536")).starts_with("plan.command.tty.columns is not a whole number"));
  CHECK(fault(spoil("\"box\"", "\"\"")).starts_with("plan.identity.hostname is not"));
  CHECK(fault(spoil("\"uid\": 1000", "\"uid\": 4294967295")).starts_with("plan.identity.uid is not a whole number"));
  CHECK(fault(spoil("\"outside\": 0", "\"outside\": 4294967296")).starts_with("plan.identity.uidMap[0].outside is not a whole number"));
  CHECK(fault(spoil("\"required\", \"net\"", "\"maybe\", \"net\"")) == "plan.namespaces.user is none of the words allowed here");
  CHECK(fault(spoil("\"source\": \"/usr\"", "\"source\": \"/usr/../etc\"")).starts_with("plan.view.mounts[0].source is not an absolute path"));
  CHECK(fault(spoil("\"source\": \"/usr\"", "\"source\": \"/..\"")).starts_with("plan.view.mounts[0].source is not an absolute path"));
  CHECK(fault(spoil("\"writable\": false", "\"writable\": 0")) == "plan.view.mounts[0].writable is not a boolean");
  CHECK(fault(spoil("\"noexec\": true", "\"suid\": true")) == "plan.view.mounts[0].suid is not known");
  CHECK(fault(spoil("\"mode\": 493", "\"mode\": 4096")).starts_with("plan.view.mounts[2].mode is not a whole number"));
  CHECK(fault(spoil("aGk=", "aGk")) == "plan.view.mounts[5].content is not base64");
  CHECK(fault(spoil("aGk=", "a*k=")) == "plan.view.mounts[5].content is not base64");
  CHECK(fault(spoil("aGk=", "====")) == "plan.view.mounts[5].content is not base64");
  CHECK(fault(spoil("\"list\": [\"/\"]", "\"list\": [\"x\"]")).starts_with("plan.landlock.list[0] is not an absolute path"));
  CHECK(fault(spoil("\"errno\": 38", "\"errno\": 4096")).starts_with("plan.seccomp.default.errno is not a whole number"));
  CHECK(fault(spoil("\"nr\": 0", "\"nr\": 1073741824")).starts_with("plan.seccomp.rules[0].nr is not a whole number"));
  CHECK(fault(spoil("\"index\": 0", "\"index\": 6")).starts_with("plan.seccomp.rules[2].args[0].index is not a whole number"));
  CHECK(fault(spoil("\"18446744073709551615\"", "\"18446744073709551616\"")) == "plan.seccomp.rules[2].args[0].value is not a decimal number");
  CHECK(fault(spoil("\"4294967296\"", "\"0x10\"")) == "plan.seccomp.rules[2].args[0].mask is not a decimal number");
}

TEST_CASE("the kernel module's part of a plan stands in the place of seccomp rules and trace points") {
  auto with = [](const std::string& more) { return spoil("\"seccomp\": {", "\"interception\": {\"program\": \"UlZQRw==\"" + more + "}, \"seccomp\": {"); };
  Plan plan;
  CHECK(!parse_plan(with(", \"module\": \"UlZQR1JWUEcAAA==\""), plan));
  REQUIRE(plan.interception);
  REQUIRE(plan.interception->module);
  CHECK(plan.interception->module->size == 10);
  CHECK(plan.interception->module->program.size() == 2);
  CHECK(plan.interception->module->program[0] == 0x4750565247505652);
  CHECK_FALSE(plan.interception->notifies);
  CHECK(fault(with("")).starts_with("plan.interception goes with rules that notify"));
  CHECK(fault(with(", \"module\": \"*\"")) == "plan.interception.module is not base64");
  CHECK(fault(with(", \"module\": \"UlZQRw==\", \"trace\": {}")) == "plan.interception.trace does not go with the kernel module");
}

TEST_CASE("every prefix of a plan is refused and harms nothing") {
  for (size_t size = 0; size < kPlan.size() - 1; size++) CHECK(fault(kPlan.substr(0, size) + " ") != "accepted");
}

TEST_CASE("nesting without end is refused and harms nothing") {
  CHECK(fault(std::string(200000, '[')) == "the plan is not JSON");
  CHECK(fault("{\"version\":" + std::string(100000, '[') + std::string(100000, ']') + "}") != "accepted");
}
