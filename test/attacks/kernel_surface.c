// SPDX-License-Identifier: Apache-2.0
// Tries:      calls that serve exploits first: eBPF, perf, userfaultfd, fanotify, kernel modules, port I/O, the kernel log.
// Known from: CVE-2020-8835, CVE-2021-3490 (eBPF), CVE-2013-2094 (perf), userfaultfd in most races.
// Must:       fail.
// Control:    root
#include "attack.h"
#include <linux/perf_event.h>
#include <sys/fanotify.h>
#include <sys/io.h>
#include <sys/klog.h>

int main(void) {
  uint64_t map[16] = {1 | (uint64_t)4 << 32, 4 | (uint64_t)1 << 32};  // BPF_MAP_CREATE: array of one
  ((uint32_t *)map)[0] = 2, ((uint32_t *)map)[1] = 4, ((uint32_t *)map)[2] = 4, ((uint32_t *)map)[3] = 1;
  if (syscall(SYS_bpf, 0, map, sizeof map) >= 0) won("an eBPF map");
  struct perf_event_attr perf = {.type = PERF_TYPE_SOFTWARE, .size = sizeof perf, .config = PERF_COUNT_SW_CPU_CLOCK};
  if (syscall(SYS_perf_event_open, &perf, 0, -1, -1, 0) >= 0) won("a perf event");
  if (syscall(SYS_userfaultfd, O_CLOEXEC | 1) >= 0) won("userfaultfd");
  if (fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY) >= 0) won("fanotify");
  if (!iopl(3)) won("port I/O");
  if (klogctl(10, NULL, 0) >= 0) won("the kernel log");
  if (!syscall(SYS_quotactl, 0, 0, 0, 0)) won("quotas");
  held();
}
