// SPDX-License-Identifier: Apache-2.0
// A remedy is what a user can do: it must fit the step and the errno.
#include "failure.h"

#include <doctest/doctest.h>
#include <errno.h>

using namespace rvisor;

TEST_CASE("message and errno are the kernel's unless better is known") {
  CHECK(fail("mount", "/x", EACCES).message == "Permission denied");
  CHECK(fail("exec", "/x", ENOEXEC, "is not a program").message == "is not a program");
  CHECK(fail("protocol", "", 0).message == "failed");
}

TEST_CASE("remedies name what to do") {
  auto remedy = [](const char* step, int err) { return fail(step, "", err).remedy; };
  CHECK(remedy("namespaces", EPERM).find("user.max_user_namespaces") != std::string::npos);
  CHECK(remedy("namespaces", ENOSPC).starts_with("a namespace limit is reached"));
  CHECK(remedy("namespaces", EINVAL).find("CONFIG_USER_NS") != std::string::npos);
  CHECK(remedy("cgroup", EACCES).find("Delegate=yes") != std::string::npos);
  CHECK(remedy("proc", EPERM).find("systempaths=unconfined") != std::string::npos);
  CHECK(remedy("landlock", ENOSYS).find("optional") != std::string::npos);
  CHECK(remedy("overlay", ENODEV).find("modprobe overlay") != std::string::npos);
  CHECK(remedy("exec", ENOENT).find("PATH") != std::string::npos);
  CHECK(remedy("exec", E2BIG).find("ARG_MAX") != std::string::npos);
  CHECK(remedy("chdir", ENOENT).find("cwd") != std::string::npos);
  CHECK(remedy("mount", ENOSYS).find("5.14") != std::string::npos);
  for (const char* step : {"plan", "cgroup", "namespaces", "id-map", "proc", "landlock", "seccomp", "chdir", "protocol"})
    CHECK(!remedy(step, EPERM).empty());
}
