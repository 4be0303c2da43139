// SPDX-License-Identifier: Apache-2.0
// Tries:      the kernel's keyrings, which namespaces do not separate.
// Known from: CVE-2014-9529, CVE-2016-0728; container escapes of secrets by the session keyring.
// Must:       fail.
// Control:    plain
#include "attack.h"
#include <linux/keyctl.h>

int main(void) {
  if (syscall(SYS_add_key, "user", "rvisor-attack", "x", 1, KEY_SPEC_PROCESS_KEYRING) > 0) won("a key");
  if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) > 0) won("the session keyring");
  held();
}
