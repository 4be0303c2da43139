// SPDX-License-Identifier: Apache-2.0
// Tries:      to change the kernel through /proc: settings, the program that core dumps start, sysrq, modes of global entries.
// Known from: core_pattern and modprobe escapes of containers that run as root; CVE-2016-9962's kin.
// Must:       fail. (What is written is what stood there, and sysrq-trigger is only opened.)
// Control:    root
// Behind:     read-only mounts; Landlock besides, but for modes
// Argument:   contents, to leave modes alone, which Landlock does not know
#include "attack.h"

int main(int argc, char **argv) {
  static const char *const settings[] = {"kernel/core_pattern", "kernel/modprobe", "kernel/hostname", "kernel/panic", "vm/overcommit_memory", "vm/drop_caches",
                                         "fs/file-max", "fs/suid_dumpable", "kernel/randomize_va_space", "kernel/yama/ptrace_scope", "net/ipv4/ip_forward", "user/max_user_namespaces", "kernel/ns_last_pid"};
  char path[128], text[512];
  for (unsigned i = 0; i < sizeof settings / sizeof *settings; i++) {
    snprintf(path, sizeof path, "/proc/sys/%s", settings[i]);
    int fd = open(path, O_RDONLY);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (size <= 0 || (fd = open(path, O_WRONLY)) < 0) continue;
    if (write(fd, text, (size_t)size) == size) won("wrote %s", path);
  }
  for (const char *const *name = (const char *const[]){"/proc/sysrq-trigger", "/proc/mtrr", "/proc/irq/default_smp_affinity", "/proc/kcore", "/proc/self/oom_score_adj", 0}; *name; name++) {
    int fd = open(*name, O_WRONLY);
    if (fd < 0) continue;
    if (strcmp(*name, "/proc/self/oom_score_adj")) won("opened %s to write", *name);
    if (write(fd, "-900", 4) == 4) won("takes no part in running out of memory");
  }
  if (argc > 1 && !strcmp(argv[1], "contents")) held();
  for (const char *const *name = (const char *const[]){"/proc/meminfo", "/proc/cpuinfo", "/proc/uptime", 0}; *name; name++) {
    struct stat st;
    if (!stat(*name, &st) && !chmod(*name, st.st_mode & 07777)) won("may change the mode of %s", *name);
  }
  held();
}
