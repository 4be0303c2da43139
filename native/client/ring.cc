// SPDX-License-Identifier: Apache-2.0
// The host program's side of the ring to a sandbox's init. Init is believed no more than a guest: what it wrote is copied
// out of the shared memory before it is looked at, numbers are checked, and nothing waits for it without an end.
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "../core/rv_ring.h"
#include "../sentry/channel.h"
#include "../sentry/fd.h"
#include "rvisor.h"

namespace rvisor {
namespace {

std::atomic_ref<uint32_t> shared(uint32_t& word) { return std::atomic_ref<uint32_t>(word); }

void futex_wake(uint32_t& word, int count) { syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0); }

class Ring {
 public:
  Ring(rv_ring* ring, Fd fd) : memory(std::move(fd)), ring_(ring) {}
  ~Ring() { munmap(ring_, sizeof *ring_); }

  Fd memory;
  std::array<Fd, RV_RING_SOCKETS> inits, ours;  // init's ends, until it has them; ours, for descriptors

  int next(uint32_t number, rv_ring_call* out, int mode) {
    rv_ring_lane& lane = ring_->lanes[number];
    if (mode == 3) return left_over(number, out);
    for (;;) {
      uint32_t seen = shared(lane.wake).load();
      if (stopped_.load()) return -EPIPE;
      int slot = take(lane, number, out);
      if (slot != -EAGAIN || mode == 0) return slot;
      shared(lane.asleep).store(mode == 1 ? RV_RING_ON_FUTEX : RV_RING_ON_BELL);
      // Whoever posts after this sees that we sleep; whoever posted before it is seen here.
      if (shared(lane.posted).load() != taken_[number] || stopped_.load()) {
        shared(lane.asleep).store(RV_RING_AWAKE);
        continue;
      }
      if (mode == 2) return -EAGAIN;
      const timespec moment{0, 10'000'000};
      bool in_vain = syscall(SYS_futex, &lane.wake, FUTEX_WAIT, seen, &moment, nullptr, 0) && errno == ETIMEDOUT;
      shared(lane.asleep).store(RV_RING_AWAKE);
      if (in_vain) mode = 0;
    }
  }

  void answer(uint32_t number, uint32_t slot, const rv_ring_reply& reply) {
    if (reply.kind == RV_RING_ANSWER) held_[slot].state = Held::State::none;
    if (answer_directly(number, slot, reply)) return;
    rv_ring_reply& there = ring_->slots[slot].reply;
    memcpy(&there, &reply, offsetof(rv_ring_reply, data) + std::min(reply.used, RV_RING_REPLY_DATA));
    rv_ring_lane& lane = ring_->lanes[number];
    uint32_t at = answered_[number]++;
    shared(lane.answers[at % RV_RING_SLOTS]).store(slot, std::memory_order_relaxed);
    shared(lane.answered).store(at + 1);
    ring_bell();
  }

  int give(uint32_t lane, uint32_t slot, uint32_t generation, int fd) {
    const uint32_t label[2] = {slot, generation};
    return -send_packet(ours[lane].get(), {reinterpret_cast<const char*>(label), sizeof label}, {fd}, false);
  }

  int request(uint32_t lane, uint32_t number, rv_ring_reply& reply, int timeout_ms, bool again) {
    rv_ring_slot& slot = ring_->slots[number];
    uint32_t before = shared(slot.served).load();
    if (!again) answer(lane, number, reply);
    timespec limit{timeout_ms / 1000, timeout_ms % 1000 * 1'000'000L};
    while (shared(slot.served).load() != reply.asked) {
      before = shared(slot.served).load();
      if (before == reply.asked) break;
      if (stopped_.load()) return -EPIPE;
      if (syscall(SYS_futex, &slot.served, FUTEX_WAIT, before, &limit, nullptr, 0) && errno == ETIMEDOUT) return -EAGAIN;
    }
    int32_t result = slot.result;
    if (reply.kind == RV_RING_WRITE || reply.kind == RV_RING_PROCESS || result <= 0) return result;
    uint32_t size = std::min(static_cast<uint32_t>(result), std::min(reply.size, RV_RING_REPLY_DATA));
    memcpy(reply.data, slot.reply.data, size);
    return static_cast<int>(size);
  }

  void stop() {
    stopped_.store(true);
    for (rv_ring_lane& lane : ring_->lanes) {
      shared(lane.wake).fetch_add(1);
      futex_wake(lane.wake, INT32_MAX);
    }
  }

 private:
  // What is known of a call that was taken.
  struct Held {
    enum class State : uint8_t { none, taken, resumed } state = State::none;
    uint32_t lane = 0;
    uint32_t generation = 0, listener = 0, may = 0;
    uint64_t id = 0;
  };

  // The guest is woken by this very thread, and init finds out when it next looks: a switch between processes less than over the ring.
  bool answer_directly(uint32_t number, uint32_t slot, const rv_ring_reply& reply) {
    const Held direct = held_[slot];
    if (!direct.may || reply.kind != RV_RING_ANSWER || reply.used || reply.changed || reply.after || reply.generation != direct.generation) return false;
    seccomp_notif_resp response{};
    response.id = direct.id;
    if (reply.verdict == RV_RING_VALUE && direct.may & RV_RING_MAY_ANSWER) response.val = reply.value;
    else if (reply.verdict == RV_RING_ERRNO && direct.may & RV_RING_MAY_ANSWER && reply.value > 0 && reply.value <= RV_MAX_ERRNO)
      response.error = -static_cast<int32_t>(reply.value);
    else if (reply.verdict == RV_RING_CONTINUE && direct.may & RV_RING_MAY_CONTINUE) response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else return false;
    std::shared_ptr<Fd> listener = listener_of(direct.listener);
    if (!listener) return false;
    std::atomic_ref<uint32_t> claim(ring_->slots[slot].claim);
    uint32_t open = direct.generation;
    if (!claim.compare_exchange_strong(open, 0)) return false;  // init has answered in its place: it drops what comes over the ring
    int error;
    while ((error = ioctl(listener->get(), SECCOMP_IOCTL_NOTIF_SEND, &response) ? errno : 0) == EINTR) {}
    if (error && error != ENOENT) {  // this process may not: no loss but of time
      claim.store(direct.generation);
      return false;
    }
    rv_ring_lane& lane = ring_->lanes[number];
    const uint32_t at = finished_[number]++;
    lane.done[at % RV_RING_SLOTS] = {slot, direct.generation};
    shared(lane.finished).store(at + 1);
    if (shared(ring_->hurry).load()) ring_bell();
    return true;
  }

  std::shared_ptr<Fd> listener_of(uint32_t number) {
    pthread_mutex_lock(&lock_);
    if (!listeners_.contains(number)) receive_listeners();
    std::shared_ptr<Fd> found = listeners_[number];
    pthread_mutex_unlock(&lock_);
    return found;
  }

  // With the lock held. Each is sent before the first call that names it, so what is not here now never comes.
  void receive_listeners() {
    std::erase_if(listeners_, [](const auto& known) {
      pollfd hung{known.second ? known.second->get() : -1, 0, 0};
      return poll(&hung, 1, 0) > 0;  // its last process has ended
    });
    for (;;) {
      uint32_t number;
      iovec text{&number, sizeof number};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
      msghdr message{};
      message.msg_iov = &text;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      ssize_t size = recvmsg(ours[RV_RING_LISTENERS].get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) continue;
      int fd;
      memcpy(&fd, CMSG_DATA(header), sizeof fd);
      auto owned = std::make_shared<Fd>(fd);
      if (size == sizeof number) listeners_.insert_or_assign(number, std::move(owned));
    }
  }

  void ring_bell() {
    shared(ring_->bell).fetch_add(1);
    if (shared(ring_->asleep).exchange(0)) futex_wake(ring_->bell, 1);
  }

  int take(rv_ring_lane& lane, uint32_t number, rv_ring_call* out) {
    const uint32_t waiting = shared(lane.posted).load() - taken_[number];
    if (waiting == 0) return -EAGAIN;
    // More than there are slots, or one that there is not: no init of ours says so, and it must not keep this thread looking.
    const uint32_t slot = shared(lane.queue[taken_[number] % RV_RING_SLOTS]).load(std::memory_order_relaxed);
    if (waiting > RV_RING_SLOTS || slot >= RV_RING_SLOTS) return -EPIPE;
    taken_[number]++;
    copy_out(slot, out);
    held_[slot] = {Held::State::taken, number, out->generation, out->listener, out->may, out->id};
    return static_cast<int>(slot);
  }

  void copy_out(uint32_t slot, rv_ring_call* out) const {
    const rv_ring_call& there = ring_->slots[slot].call;
    memcpy(out, &there, offsetof(rv_ring_call, data));
    std::atomic_signal_fence(std::memory_order_seq_cst);
    out->used = std::min(out->used, RV_RING_CALL_DATA);
    out->pieces = std::min(out->pieces, RV_RING_PIECES);
    for (uint32_t i = 0; i < out->pieces; i++)
      if (out->piece[i].at > out->used || out->piece[i].size > out->used - out->piece[i].at) out->piece[i] = {};
    memcpy(out->data, there.data, out->used);
  }

  // Calls that a thread had taken when it ended, each once. A slot's call stays as it is until it is answered.
  int left_over(uint32_t number, rv_ring_call* out) {
    for (uint32_t slot = 0; slot < RV_RING_SLOTS; slot++) {
      if (held_[slot].state != Held::State::taken || held_[slot].lane != number) continue;
      held_[slot].state = Held::State::resumed;
      copy_out(slot, out);
      return static_cast<int>(slot);
    }
    return -EAGAIN;
  }

  rv_ring* const ring_;
  std::atomic<bool> stopped_{false};
  std::array<uint32_t, RV_RING_LANES> taken_{}, answered_{}, finished_{};
  std::array<Held, RV_RING_SLOTS> held_{};  // each is its lane's thread's, as the slot is
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  std::map<uint32_t, std::shared_ptr<Fd>> listeners_;  // null: it cannot be had
};

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
int32_t next_handle = 0;  // no handle is given twice: a thread may still hold one of a ring that is gone
// Never destroyed: a thread may still sleep on a ring when the program ends.
std::map<int32_t, std::shared_ptr<Ring>>& rings() {
  static auto* all = new std::map<int32_t, std::shared_ptr<Ring>>();
  return *all;
}

std::shared_ptr<Ring> find(int32_t handle) {
  pthread_mutex_lock(&lock);
  auto entry = rings().find(handle);
  std::shared_ptr<Ring> found = entry == rings().end() ? nullptr : entry->second;
  pthread_mutex_unlock(&lock);
  return found;
}

bool on(int32_t lane, int32_t slot = 0) { return lane >= 0 && lane < static_cast<int32_t>(RV_RING_LANES) && slot >= 0 && slot < static_cast<int32_t>(RV_RING_SLOTS); }

}  // namespace

void ring_descriptors(int32_t handle, int* out) {
  std::shared_ptr<Ring> ring = find(handle);
  for (size_t i = 0; i <= RV_RING_SOCKETS; i++) out[i] = !ring ? -1 : i == 0 ? ring->memory.get() : ring->inits[i - 1].get();
}

}  // namespace rvisor

using namespace rvisor;

int32_t rvisor_ring_open(int32_t* out) {
  Fd memory(memfd_create("rvisor-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid() || ftruncate(memory.get(), sizeof(rv_ring))) return -errno;
  // Neither side can make the other's accesses fail by taking pages away.
  if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) return -errno;
  void* map = mmap(nullptr, sizeof(rv_ring), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (map == MAP_FAILED) return -errno;
  madvise(map, sizeof(rv_ring), MADV_DONTFORK);
  auto ring = std::make_shared<Ring>(static_cast<rv_ring*>(map), std::move(memory));
  static_cast<rv_ring*>(map)->magic = RV_RING_MAGIC;
  static_cast<rv_ring*>(map)->version = RV_RING_VERSION;
  std::array<Fd, RV_RING_LANES> bells;
  for (size_t lane = 0; lane < RV_RING_LANES; lane++) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return -errno;
    ring->inits[lane].reset(ends[0]);
    bells[lane].reset(ends[1]);
    ring->ours[lane].reset(fcntl(ends[1], F_DUPFD_CLOEXEC, 3));
    if (!ring->ours[lane].valid() || fcntl(ends[1], F_SETFL, O_NONBLOCK)) return -errno;
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return -errno;
  ring->inits[RV_RING_LISTENERS].reset(ends[0]);
  ring->ours[RV_RING_LISTENERS].reset(ends[1]);
  pthread_mutex_lock(&lock);
  int32_t handle = next_handle++;
  rings().emplace(handle, std::move(ring));
  pthread_mutex_unlock(&lock);
  for (size_t lane = 0; lane < RV_RING_LANES; lane++) out[lane] = bells[lane].release();
  return handle;
}

int32_t rvisor_ring_next(int32_t handle, int32_t lane, void* call, int32_t mode) {
  std::shared_ptr<Ring> ring = find(handle);
  if (!ring || !on(lane)) return ring ? -EINVAL : -EPIPE;
  return ring->next(static_cast<uint32_t>(lane), static_cast<rv_ring_call*>(call), mode);
}

int32_t rvisor_ring_answer(int32_t handle, int32_t lane, int32_t slot, const void* reply) {
  std::shared_ptr<Ring> ring = find(handle);
  if (!ring || !on(lane, slot)) return ring ? -EINVAL : -EPIPE;
  ring->answer(static_cast<uint32_t>(lane), static_cast<uint32_t>(slot), *static_cast<const rv_ring_reply*>(reply));
  return 0;
}

int32_t rvisor_ring_turn(int32_t handle, int32_t lane, int32_t slot, const void* reply, void* call, int32_t mode) {
  std::shared_ptr<Ring> ring = find(handle);
  if (!ring || !on(lane, std::max(slot, 0))) return ring ? -EINVAL : -EPIPE;
  if (slot >= 0) ring->answer(static_cast<uint32_t>(lane), static_cast<uint32_t>(slot), *static_cast<const rv_ring_reply*>(reply));
  return ring->next(static_cast<uint32_t>(lane), static_cast<rv_ring_call*>(call), mode);
}

int32_t rvisor_ring_give(int32_t handle, int32_t lane, int32_t slot, uint32_t generation, int32_t fd) {
  std::shared_ptr<Ring> ring = find(handle);
  if (!ring || !on(lane, slot)) return ring ? -EINVAL : -EPIPE;
  return ring->give(static_cast<uint32_t>(lane), static_cast<uint32_t>(slot), generation, fd);
}

int32_t rvisor_ring_give_bytes(int32_t handle, int32_t lane, int32_t slot, uint32_t generation, const void* bytes, uint64_t size, const char* name, int32_t readable) {
  Fd memory;
  if (int error = seal_text({static_cast<const char*>(bytes), size}, memory, name)) return error == EINVAL ? -ENAMETOOLONG : -error;
  // Opened anew: from the start, and to be read only; or neither to be read nor written (access mode 3 of open(2)).
  Fd given(open(("/proc/self/fd/" + std::to_string(memory.get())).c_str(), (readable ? O_RDONLY : O_ACCMODE) | O_CLOEXEC));
  if (!given.valid()) return -errno;
  return rvisor_ring_give(handle, lane, slot, generation, given.get());
}

int32_t rvisor_ring_request(int32_t handle, int32_t lane, int32_t slot, void* reply, int32_t timeout, int32_t again) {
  std::shared_ptr<Ring> ring = find(handle);
  if (!ring || !on(lane, slot)) return ring ? -EINVAL : -EPIPE;
  return ring->request(static_cast<uint32_t>(lane), static_cast<uint32_t>(slot), *static_cast<rv_ring_reply*>(reply), timeout, again != 0);
}

int32_t rvisor_ring_close(int32_t handle) {
  pthread_mutex_lock(&lock);
  auto node = rings().extract(handle);
  pthread_mutex_unlock(&lock);
  if (node) node.mapped()->stop();
  return 0;
}
