// SPDX-License-Identifier: Apache-2.0
// Answers that the host gives at the listener itself: the host's own library against a desk, over calls of threads that a real filter stops.
#include <doctest/doctest.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "../client/ring.h"
#include "../client/rvisor.h"
#include "desk.h"
#include "listener.h"
#include "questions.h"
#include "soon.h"

using namespace rvisor;

namespace {

struct Watched : Heard {
  std::atomic<int> gone{0}, reading{0};
  std::atomic<bool> read_on{false};
};

// One that the host may answer at a listener.
class AskedThere : public Asked {
 public:
  AskedThere(Watched& watched, Loan& loan, uint64_t id, uint32_t may) : Asked(watched), watched_(watched), direct_{&loan, id, may} {}
  ~AskedThere() override { watched_.gone++; }
  ssize_t read(uint64_t address, void* out, size_t size) override {
    watched_.reading++;
    CHECK(soon([&] { return watched_.read_on.load(); }));  // a reading that takes its time
    return Asked::read(address, out, size);
  }
  Direct direct() override { return direct_; }

 private:
  Watched& watched_;
  const Direct direct_;
};

// Puts a filter on the calling thread that notifies getppid(2), and gives its listener.
int listen() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{sizeof code / sizeof *code, code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

// A thread that makes one call and waits.
struct Guest {
  Guest() {
    pthread_create(&thread, nullptr, [](void* self) -> void* {
      auto* guest = static_cast<Guest*>(self);
      guest->descriptor = listen();
      guest->result = syscall(SYS_getppid);
      guest->err = errno;
      guest->returned = true;
      return nullptr;
    }, this);
    while (!descriptor) usleep(100);
    REQUIRE(descriptor > 0);
    listener = std::make_unique<Listener>(Fd(descriptor));
    loan = {listener->fd()};
    REQUIRE(listener->receive(call) == 0);
  }
  ~Guest() {
    if (!returned) listener->answer_value(call.id, 0);
    pthread_join(thread, nullptr);
  }
  bool back() {
    return soon([&] { return returned.load(); });
  }
  // The kernel has no answer for it.
  bool waits() const { return listener->valid(call.id); }

  pthread_t thread;
  std::atomic<int> descriptor{0}, err{0};
  std::atomic<long> result{0};
  std::atomic<bool> returned{false};
  std::unique_ptr<Listener> listener;
  Loan loan{-1};
  seccomp_notif call;
};

// Both sides of a ring. Never freed, as the desk's thread may still touch it.
struct Table {
  Table() {
    int bells[RV_RING_LANES];
    handle = rvisor_ring_open(bells);
    REQUIRE(handle >= 0);
    int numbers[1 + RV_RING_SOCKETS];
    ring_descriptors(handle, numbers);
    std::array<Fd, RV_RING_SOCKETS> sockets;
    for (size_t i = 0; i < sockets.size(); i++) sockets[i].reset(fcntl(numbers[1 + i], F_DUPFD_CLOEXEC, 3));
    ring = static_cast<rv_ring*>(mmap(nullptr, sizeof(rv_ring), PROT_READ | PROT_WRITE, MAP_SHARED, numbers[0], 0));
    REQUIRE(ring != MAP_FAILED);
    REQUIRE(!desk->open(Fd(fcntl(numbers[0], F_DUPFD_CLOEXEC, 3)), std::move(sockets)));
    REQUIRE(!desk->start());
  }

  // The desk's thread has nothing to look at, and looks again when the bell is rung.
  bool sleeps() const { return std::atomic_ref<uint32_t>(ring->asleep) == 1; }

  // Until the desk has seen all that came over the ring before: of a lane it takes answers in their order.
  void settle(uint32_t lane = 0) {
    const rv_ring_call before = call;
    Watched& heard = keep<Watched>();
    static Loan none{-1, 0, true};
    ask(heard, none, 0, 0, 0, lane);
    answer(take(lane), RV_RING_VALUE, 0, 0, lane);
    CHECK(soon([&] { return heard.answers == 1; }));
    call = before;
  }

  void ask(Watched& heard, Loan& loan, uint64_t id, uint64_t deadline_ms = 0, uint32_t may = RV_RING_MAY_ANSWER | RV_RING_MAY_CONTINUE, uint32_t lane = 0) {
    desk->ask(std::make_unique<AskedThere>(heard, loan, id, may), lane, 1, deadline_ms);
  }

  // The next call; -1 where there is none.
  int take(uint32_t lane = 0, int mode = 0) { return rvisor_ring_next(handle, static_cast<int32_t>(lane), &call, mode); }

  void answer(int slot, uint32_t verdict, int64_t value = 0, uint32_t generation = 0, uint32_t lane = 0) {
    static rv_ring_reply reply;
    reply = {};
    reply.generation = generation ? generation : call.generation;
    reply.kind = RV_RING_ANSWER;
    reply.verdict = verdict;
    reply.value = value;
    rvisor_ring_answer(handle, static_cast<int32_t>(lane), slot, &reply);
  }

  int32_t handle;
  rv_ring* ring;
  rv_ring_call& call = *new rv_ring_call;
  Desk* desk = new Desk;
};

}  // namespace

TEST_CASE("plain answers go straight to the guest, and the desk finds out when it next looks") {
  Table& table = keep<Table>();
  REQUIRE(soon([&] { return table.sleeps(); }));  // it looks once when it starts, which may be late
  struct Case {
    uint32_t verdict;
    int64_t value;
    long result;
    int err;
  };
  for (const Case& c : {Case{RV_RING_VALUE, 77, 77, 0}, Case{RV_RING_VALUE, -ENOSPC, -1, ENOSPC}, Case{RV_RING_ERRNO, EPERM, -1, EPERM}, Case{RV_RING_CONTINUE, 0, getppid(), 0}}) {
    CAPTURE(c.verdict);
    Guest guest;
    Watched& heard = keep<Watched>();
    table.ask(heard, guest.loan, guest.call.id);
    int slot = table.take();
    REQUIRE(slot >= 0);
    table.answer(slot, c.verdict, c.value);
    REQUIRE(guest.back());
    CHECK(guest.result == c.result);
    if (c.err) CHECK(guest.err == c.err);
    CHECK(table.sleeps());  // the answer woke nobody but the guest
    CHECK(heard.gone == 0);
    Watched& next = keep<Watched>();
    table.ask(next, guest.loan, 1);
    CHECK(heard.gone == 1);
    CHECK(heard.answers == 0);
    table.answer(table.take(), RV_RING_VALUE);
  }
}

TEST_CASE("what the desk does not allow goes over the ring: so does whatever else it has to do with an answer") {
  Table& table = keep<Table>();
  for (uint32_t may : {0u, RV_RING_MAY_ANSWER}) {
    Guest guest;
    Watched& heard = keep<Watched>();
    table.ask(heard, guest.loan, guest.call.id, 0, may);
    table.answer(table.take(), RV_RING_CONTINUE);
    REQUIRE(soon([&] { return heard.answers == 1; }));
    CHECK(heard.last.verdict == RV_RING_CONTINUE);
    CHECK(guest.waits());
  }
  Guest guest;
  Watched& heard = keep<Watched>();
  table.ask(heard, guest.loan, guest.call.id);
  table.answer(table.take(), RV_RING_ERRNO, 5000);
  REQUIRE(soon([&] { return heard.answers == 1; }));
  CHECK(heard.last.verdict == RV_RING_KILL);
  CHECK(guest.waits());
}

TEST_CASE("an answer of another generation reaches nobody") {
  Table& table = keep<Table>();
  Guest guest;
  Watched& heard = keep<Watched>();
  table.ask(heard, guest.loan, guest.call.id);
  int slot = table.take();
  table.answer(slot, RV_RING_VALUE, 5, table.call.generation + 1);
  table.settle();
  CHECK(guest.waits());
  CHECK(heard.answers == 0);
  table.answer(slot, RV_RING_VALUE, 6);
  CHECK(guest.back());
  CHECK(guest.result == 6);
}

TEST_CASE("commands have listeners of their own, and numbers of notifications that may be the same") {
  Table& table = keep<Table>();
  Guest one, two;
  Watched &first = keep<Watched>(), &second = keep<Watched>();
  table.ask(first, one.loan, one.call.id);
  table.ask(second, two.loan, two.call.id, 0, RV_RING_MAY_ANSWER, 1);
  int slot_one = table.take(0);
  uint32_t generation = table.call.generation;
  int slot_two = table.take(1);
  table.answer(slot_two, RV_RING_VALUE, 2, 0, 1);
  table.answer(slot_one, RV_RING_VALUE, 1, generation);
  CHECK(one.back());
  CHECK(two.back());
  CHECK(one.result == 1);
  CHECK(two.result == 2);
}

TEST_CASE("an answer to a call whose thread has died harms nothing") {
  Table& table = keep<Table>();
  // Shares descriptors with us, so that its listener is ours too.
  auto pid = static_cast<pid_t>(syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (pid == 0) {
    if (dup2(listen(), 700) < 0) _exit(1);
    syscall(SYS_getppid);
    _exit(0);
  }
  int descriptor;
  while ((descriptor = fcntl(700, F_DUPFD_CLOEXEC, 3)) < 0) usleep(1000);
  close(700);
  Listener listener{Fd(descriptor)};
  seccomp_notif call;
  REQUIRE(listener.receive(call) == 0);
  Loan loan{listener.fd()};
  Watched& heard = keep<Watched>();
  table.ask(heard, loan, call.id);
  int slot = table.take();
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  table.answer(slot, RV_RING_VALUE, 1);
  Watched& next = keep<Watched>();
  table.ask(next, loan, call.id);
  CHECK(soon([&] { return heard.gone == 1; }));
  CHECK(heard.answers == 0);
  CHECK(table.take() >= 0);
}

TEST_CASE("a call is answered by the host or is overdue, never both") {
  Table& table = keep<Table>();
  Guest guest;
  Watched& heard = keep<Watched>();
  table.ask(heard, guest.loan, guest.call.id, 1);
  int slot = table.take();
  REQUIRE(soon([&] { return heard.overdue == 1; }));
  table.answer(slot, RV_RING_VALUE, 9);
  table.settle();
  CHECK(guest.waits());  // the desk has its own answer for it
  CHECK(heard.answers == 0);
  // The other way round: answered in time, and its deadline passes unnoticed.
  constexpr uint64_t kLong = 2000;
  Guest other;
  Watched &early = keep<Watched>(), &later = keep<Watched>();
  table.ask(early, other.loan, other.call.id, kLong);
  table.answer(table.take(), RV_RING_VALUE, 8);
  CHECK(other.back());
  table.ask(later, other.loan, 1, kLong);  // its deadline comes after the other's
  REQUIRE(soon([&] { return later.overdue == 1; }));
  CHECK(early.overdue == 0);
  CHECK(early.gone == 1);
}

TEST_CASE("an answer while the desk carries out a request for the same call") {
  Table& table = keep<Table>();
  Guest guest;
  Watched& heard = keep<Watched>();
  table.ask(heard, guest.loan, guest.call.id);
  int slot = table.take();
  static rv_ring_reply request;
  request = {};
  request.generation = table.call.generation;
  request.kind = RV_RING_READ;
  request.size = 8;
  request.asked = 1;
  CHECK(rvisor_ring_request(table.handle, 0, slot, &request, 1, 0) == -EAGAIN);
  REQUIRE(soon([&] { return heard.reading == 1; }));
  table.answer(slot, RV_RING_VALUE, 3);
  CHECK(guest.back());
  Watched& next = keep<Watched>();
  table.ask(next, guest.loan, 1);
  CHECK(heard.gone == 0);  // the desk's thread is still at it
  heard.read_on = true;
  CHECK(soon([&] { return heard.gone == 1; }));
  CHECK(heard.answers == 0);
  table.answer(table.take(), RV_RING_VALUE);
}

TEST_CASE("more calls than slots, all answered at the listener: none waits for ever") {
  Table& table = keep<Table>();
  Guest guest;
  Watched& heard = keep<Watched>();
  constexpr int kCalls = 3000;
  for (int i = 0; i < kCalls; i++) table.ask(heard, guest.loan, 1);  // a number that nobody waits under: the kernel says so, and that is that
  int answered = 0;
  for (int slot; answered < kCalls && soon([&] { return (slot = table.take()) >= 0; }); answered++) table.answer(slot, RV_RING_VALUE);
  CHECK(answered == kCalls);
  CHECK(heard.answers == 0);
}

TEST_CASE("what a thread had taken when it ended is given to who goes on, once") {
  Table& table = keep<Table>();
  Guest guest;
  Watched& heard = keep<Watched>();
  for (int i = 0; i < 3; i++) table.ask(heard, guest.loan, 1);
  int first = table.take(), second = table.take();
  table.answer(first, RV_RING_VALUE, 0, 1);
  CHECK(table.take(1, 3) == -EAGAIN);
  CHECK(table.take(0, 3) == second);
  CHECK(table.call.generation == 1);
  CHECK(table.take(0, 3) == -EAGAIN);
  table.answer(second, RV_RING_VALUE);
  CHECK(table.take() >= 0);
}
