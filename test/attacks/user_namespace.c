// SPDX-License-Identifier: Apache-2.0
// Tries:      a user namespace of its own, where it would have every capability over everything in it.
// Known from: most kernel exploits of the last ten years begin with this; clone3 hides its flags in memory.
// Must:       fail by every call that makes namespaces.
// Control:    plain
// Behind:     max_user_namespaces is 0 in the guest's user namespace
#include "attack.h"
#include <linux/sched.h>

int main(void) {
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  if (pid > 0) won("by clone");
  struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
  pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) _exit(0);
  if (pid > 0) won("by clone3");
  // unshare with flags above 32 bits: the parameter is an unsigned long.
  if (!syscall(SYS_unshare, CLONE_NEWUSER)) won("by unshare");
  if (!syscall(SYS_unshare, (1UL << 32) | CLONE_NEWUSER)) won("by unshare with bit 32");
  held();
}
