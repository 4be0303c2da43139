// SPDX-License-Identifier: Apache-2.0
// In the translated view: calls that change the thread that makes them, so that nobody can make them in its place. execve(2), execveat(2) and
// chdir(2) are made by the thread at its trace point, with a path of the host in place of its own; chroot(2) and pivot_root(2) are refused.
//
// The path stands in the guest's memory, where its other threads may change it before the kernel reads it. What then comes of execve(2) is
// looked at before it runs (Becoming). A working directory of another place than was meant wins nothing: paths are looked up
// from where it really is, and the boundary is Landlock.
#pragma once
#include <array>
#include <atomic>
#include <functional>
#include <memory>

#include "../core/rv_abi.h"
#include "execution.h"
#include "images.h"
#include "tracer.h"

namespace rvisor {

class SelfCalls {
 public:
  // `allowed`: whether the guest's filter lets a call pass that is injected. All must outlive the tracer's thread.
  using Allowed = std::function<bool(uint32_t nr, const std::array<uint64_t, 6>& registers)>;
  SelfCalls(Tracer& tracer, Lookup& lookup, Images& images, Allowed allowed) : tracer_(tracer), lookup_(lookup), images_(images), allowed_(std::move(allowed)) {}

  static bool takes(uint32_t nr);

  // Goes on with a thread that stands before such a call, which handlers may have changed (`changed`: bit N for register N). `free`: what lies
  // below this address, at the stack, is nobody's. `returning`, where given, is told the result. Looks at files.
  void carry_out(std::shared_ptr<Stop> stop, const rv_call& call, uint32_t changed, uint64_t free, std::unique_ptr<Returning> returning);

 private:
  class Made;
  static constexpr int kMaxCopying = 32;  // threads that copy programs
  Tracer& tracer_;
  Lookup& lookup_;
  Images& images_;
  const Allowed allowed_;
  std::atomic<int> copying_{0};
};

}  // namespace rvisor
