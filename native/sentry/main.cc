// SPDX-License-Identifier: Apache-2.0
// rvisor-sentry: one executable, started by the SDK for each sandbox, by `rvisor doctor` with --probe, with --sweep ID to remove what a dead sandbox has left, or with --filter when rvisor
// is built: that prints the seccomp program (struct sock_filter[]) of the plan on stdin.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>

#include "filter.h"
#include "plan.h"
#include "probe.h"
#include "state.h"
#include "warden.h"

namespace {

int print_filter() {
  std::string text;
  char buffer[65536];
  for (size_t size; (size = fread(buffer, 1, sizeof buffer, stdin)) > 0;) text.append(buffer, size);
  rvisor::Plan plan;
  rvisor::Filter filter;
  rvisor::Status status = rvisor::parse_plan(text, plan);
  if (!status) status = rvisor::build_filter(plan, filter);
  if (status) return fprintf(stderr, "%s %s: %s\n", status->step.c_str(), status->object.c_str(), status->message.c_str()), 1;
  return fwrite(filter.data(), sizeof(sock_filter), filter.size(), stdout) == filter.size() && !fflush(stdout) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && !strcmp(argv[1], "--filter")) return print_filter();
  if (argc == 2 && !strcmp(argv[1], "--probe")) return rvisor::print_probe();
  const char* temporary = getenv("TMPDIR");
  if (argc == 3 && !strcmp(argv[1], "--sweep")) return rvisor::sweep_states(temporary ? temporary : "", argv[2]), 0;
  if (argc != 1 || fcntl(rvisor::kControlFd, F_GETFD) < 0 || fcntl(rvisor::kEventsFd, F_GETFD) < 0 || fcntl(rvisor::kPlanFd, F_GETFD) < 0) {
    fputs("rvisor-sentry is started by the rvisor SDK, which hands it a plan. Use `rvisor run`, or `rvisor-sentry --probe`.\n", stderr);
    return 64;
  }
  return rvisor::run_warden();
}
