// SPDX-License-Identifier: Apache-2.0
// Packets with descriptors, bytes, terminals: what a JavaScript runtime has no call for, or none that does not park a thread.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../sentry/channel.h"
#include "rvisor.h"
#include "streams.h"

namespace rvisor {

int Streams::open(const int32_t* stdio) {
  if (stdio[0] == RVISOR_TERMINAL) return 0;
  // All of the caller's numbers before anything is opened here, which could take the number of one that the caller has closed.
  for (size_t i = 0; i < 3; i++)
    if (stdio[i] >= 0 && fcntl(guest_[i] = stdio[i], F_GETFD) < 0) return errno;
  for (size_t i = 0; i < 3; i++) {
    if (stdio[i] >= 0) continue;
    if (stdio[i] == RVISOR_NULL) {
      owned_[i].reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
      if (!owned_[i].valid()) return errno;
    } else {
      int ends[2];
      if (pipe2(ends, O_CLOEXEC)) return errno;
      int ours = i == 0 ? 1 : 0;
      host_[i].reset(ends[ours]);
      owned_[i].reset(ends[1 - ours]);
      if (fcntl(ends[ours], F_SETFL, O_NONBLOCK)) return errno;  // of this end only: the guest's is another open file
    }
    guest_[i] = owned_[i].get();
  }
  return 0;
}

void Streams::release(int32_t* out) {
  for (size_t i = 0; i < 3; i++) out[i] = host_[i].release();
}

}  // namespace rvisor

using namespace rvisor;

int32_t rvisor_send(int32_t control, const void* text, uint64_t size, const int32_t* stdio, int32_t* out) {
  Streams streams;
  std::vector<int> fds;
  if (stdio) {
    if (int error = streams.open(stdio)) return -error;
    for (int i = 0; i < 3; i++)
      if (streams.guest(i) >= 0) fds.push_back(streams.guest(i));
  }
  if (int error = send_packet(control, {static_cast<const char*>(text), size}, fds, false)) return -error;
  if (stdio) streams.release(out);
  return 0;
}

int32_t rvisor_receive(int32_t control, void* buffer, uint64_t size, int32_t* fds, int32_t* count) {
  *count = 0;
  Packet packet;
  switch (receive_packet(control, packet, false)) {
    case Received::packet: break;
    case Received::nothing: return -EAGAIN;
    case Received::closed: return -EPIPE;
    case Received::broken: return -EPROTO;
  }
  if (packet.text.size() > size) return -EMSGSIZE;
  memcpy(buffer, packet.text.data(), packet.text.size());
  for (Fd& fd : packet.fds) {
    fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
    fds[(*count)++] = fd.release();
  }
  return static_cast<int32_t>(packet.text.size());
}

int32_t rvisor_read(int32_t fd, void* buffer, uint64_t size) {
  ssize_t got;
  while ((got = read(fd, buffer, size)) < 0) {
    if (errno != EINTR) return -errno;
  }
  return static_cast<int32_t>(got);
}

int32_t rvisor_write(int32_t fd, const void* buffer, uint64_t size) {
  // A pipe has no MSG_NOSIGNAL: a SIGPIPE of this write is held back and taken.
  sigset_t pipe, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  ssize_t wrote;
  do wrote = write(fd, buffer, size);
  while (wrote < 0 && errno == EINTR);
  int error = wrote < 0 ? errno : 0;
  if (error == EPIPE && !sigismember(&before, SIGPIPE)) {
    timespec none{};
    sigtimedwait(&pipe, nullptr, &none);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error ? -error : static_cast<int32_t>(wrote);
}

int32_t rvisor_duplicate(int32_t fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return copy < 0 ? -errno : copy;
}

int32_t rvisor_close(int32_t fd) { return close(fd) ? -errno : 0; }

int32_t rvisor_set_window(int32_t terminal, uint32_t columns, uint32_t rows) {
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  return ioctl(terminal, TIOCSWINSZ, &size) ? -errno : 0;
}
