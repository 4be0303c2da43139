// SPDX-License-Identifier: Apache-2.0
// Tries:      to raise its own limits and priority, and init's.
// Known from: setrlimit(2), sched(7): what the caller may do by its own limits, a guest must not inherit.
// Must:       fail: hard limits are the policy's, real-time priority and better nice values are nobody's.
// Control:    root
#include "attack.h"
#include <sys/resource.h>

int main(void) {
  for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
    struct rlimit limit, more;
    if (getrlimit(resource, &limit) || limit.rlim_max == RLIM_INFINITY) continue;
    more = (struct rlimit){limit.rlim_max + 1, limit.rlim_max + 1};
    if (!setrlimit(resource, &more)) won("resource %d raised", resource);
    if (prlimit(1, resource, NULL, &limit) || limit.rlim_max == RLIM_INFINITY) continue;
    more = (struct rlimit){limit.rlim_max + 1, limit.rlim_max + 1};
    if (!prlimit(1, resource, &more, NULL)) won("resource %d of init raised", resource);
  }
  if (!setpriority(PRIO_PROCESS, 0, -1)) won("a better nice value");
  struct sched_param param = {1};
  if (!sched_setscheduler(0, SCHED_FIFO, &param)) won("real-time scheduling");
  held();
}
