// SPDX-License-Identifier: Apache-2.0
// rvisor-sentry: one executable, started by the SDK for each sandbox, or by `rvisor doctor` with --probe.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"
#include "warden.h"

int main(int argc, char** argv) {
  if (argc == 2 && !strcmp(argv[1], "--probe")) return rvisor::print_probe();
  if (argc != 1 || fcntl(rvisor::kControlFd, F_GETFD) < 0 || fcntl(rvisor::kEventsFd, F_GETFD) < 0 || fcntl(rvisor::kPlanFd, F_GETFD) < 0) {
    fputs("rvisor-sentry is started by the rvisor SDK, which hands it a plan. Use `rvisor run`, or `rvisor-sentry --probe`.\n", stderr);
    return 64;
  }
  return rvisor::run_warden();
}
