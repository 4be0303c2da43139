// SPDX-License-Identifier: Apache-2.0
// What went wrong: which step, on what, errno, in words, and what to do about it.
#pragma once
#include <optional>
#include <string>

namespace rvisor {

struct Failure {
  std::string step;    // one of the names in docs/architecture.md
  std::string object;  // what the step was about: a path, a namespace, a limit
  int err = 0;         // errno, 0 where the kernel gave none
  std::string message;
  std::string remedy;
};

// The result of a step: nothing on success. Success leaves no trace, so the error path alone costs anything.
using Status = std::optional<Failure>;

// A failure whose message is the kernel's and whose remedy follows from step and errno.
Failure fail(std::string step, std::string object, int err, std::string message = {});

const char* errno_name(int err);

}  // namespace rvisor
