// SPDX-License-Identifier: Apache-2.0
// What init has in the translated view in place of namespaces: the table of paths, and two Landlock domains (landlock(7)), one for itself
// and a narrower one within for each command.
#pragma once
#include <memory>
#include <string>

#include "failure.h"
#include "execution.h"
#include "fd.h"
#include "images.h"
#include "interception.h"
#include "plan.h"
#include "proc_list.h"
#include "self_calls.h"
#include "translation.h"

namespace rvisor {

class TranslatedInit {
 public:
  // Makes the view in the state directory, and takes all paths in it from now on. All orphans of the guest come to the caller.
  Status build(const Plan& plan, const Fd& state);

  // Restricts the calling thread to what the guest may reach and what init needs to serve it. `abi`: what holds; 0, where the plan accepts that.
  Status restrict(const Plan& plan, int& abi);

  // Has execve(2) and its like made by the guest's threads with paths of the host.
  Status serve(Tracer& tracer, Interception& interception);

  // A directory of the guest's, O_PATH.
  Status find_directory(const std::string& path, Fd& out) const;

  // The domain of a command; -1 where there is none.
  int ruleset() const { return ruleset_.get(); }

  Translation& view() { return view_; }

 private:
  Translation view_;
  Images images_;
  ProcList proc_list_;
  std::unique_ptr<Lookup> lookup_;
  std::unique_ptr<SelfCalls> self_calls_;
  Fd ruleset_, state_;
};

}  // namespace rvisor
