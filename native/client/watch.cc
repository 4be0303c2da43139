// SPDX-License-Identifier: Apache-2.0
// Readiness of any descriptor, for an event loop that can watch only sockets.
//
// The descriptors are in an epoll set of their own. One thread sleeps until the set has something to report, rings the
// bell (one byte on a socket that the event loop watches), and sleeps again until the loop has taken all reports. The
// thread shares no memory with anybody, so that there is nothing to lock.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "../sentry/fd.h"
#include "rvisor.h"

namespace rvisor {
namespace {

struct Ends {
  Fd set, bell, acknowledged;
};

void* ring(void* argument) {
  std::unique_ptr<Ends> ends(static_cast<Ends*>(argument));
  for (bool rung = false;;) {
    pollfd wait[] = {{rung ? ends->acknowledged.get() : ends->set.get(), POLLIN, 0}, {ends->bell.get(), 0, 0}};
    if (poll(wait, 2, -1) < 0 && errno != EINTR) break;
    if (wait[1].revents) break;  // the event loop is gone
    if (!wait[0].revents) continue;
    if (rung) {
      uint64_t count;
      if (read(ends->acknowledged.get(), &count, sizeof count) < 0) break;
    } else {
      char byte = 0;
      if (send(ends->bell.get(), &byte, 1, MSG_NOSIGNAL) < 0) break;
    }
    rung = !rung;
  }
  return nullptr;
}

}  // namespace
}  // namespace rvisor

using namespace rvisor;

int32_t rvisor_watch_open(int32_t* out) {
  Fd set(epoll_create1(EPOLL_CLOEXEC));
  if (!set.valid()) return -errno;
  Fd acknowledged(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!acknowledged.valid()) return -errno;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return -errno;
  Fd ours(ends[0]), theirs(ends[1]);
  int numbers[] = {set.get(), ours.get(), acknowledged.get()};

  auto argument = std::make_unique<Ends>(Ends{std::move(set), std::move(theirs), std::move(acknowledged)});
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  sigset_t all, before;  // signals are for the threads of the program
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, ring, argument.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error) return -error;
  argument.release();
  ours.release();
  for (int i = 0; i < 3; i++) out[i] = numbers[i];
  return 0;
}

int32_t rvisor_watch(int32_t set, int32_t fd, uint32_t events, uint32_t token) {
  if (!events) return epoll_ctl(set, EPOLL_CTL_DEL, fd, nullptr) && errno != ENOENT ? -errno : 0;
  epoll_event event{};
  event.events = events | EPOLLONESHOT;
  event.data.u32 = token;
  if (!epoll_ctl(set, EPOLL_CTL_MOD, fd, &event)) return 0;
  if (errno != ENOENT) return -errno;
  return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int32_t rvisor_watch_take(int32_t set, int32_t acknowledge, uint32_t* tokens, uint32_t capacity) {
  epoll_event reports[64];
  int count = epoll_wait(set, reports, static_cast<int>(capacity < 64 ? capacity : 64), 0);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) tokens[i] = reports[i].data.u32;
  if (count == 0) {
    uint64_t one = 1;
    if (write(acknowledge, &one, sizeof one) < 0 && errno != EAGAIN) return -errno;
  }
  return count;
}
