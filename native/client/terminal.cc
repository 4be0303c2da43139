// SPDX-License-Identifier: Apache-2.0
// The modes of the caller's own terminal. Node's raw mode still turns "\n" into "\r\n" on output, which no program behind a
// second terminal expects.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <termios.h>

#include "rvisor.h"

namespace {

static_assert(sizeof(termios) <= 64);

// Without being stopped: a process in the background, too, may put back what it changed.
int set_modes(int terminal, const termios& modes) {
  sigset_t stop, before;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &stop, &before);
  int rc;
  do rc = tcsetattr(terminal, TCSANOW, &modes) ? -errno : 0;
  while (rc == -EINTR);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return rc;
}

}  // namespace

int32_t rvisor_terminal_raw(int32_t terminal, void* saved) {
  termios modes;
  if (tcgetattr(terminal, &modes)) return -errno;
  memcpy(saved, &modes, sizeof modes);
  cfmakeraw(&modes);
  return set_modes(terminal, modes);
}

int32_t rvisor_terminal_restore(int32_t terminal, const void* saved) {
  termios modes;
  memcpy(&modes, saved, sizeof modes);
  return set_modes(terminal, modes);
}
