// SPDX-License-Identifier: Apache-2.0
// The ring as a host program could misuse it: nothing it writes may do more than answer, and nothing is answered twice.
#include <doctest/doctest.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "desk.h"
#include "questions.h"
#include "soon.h"

using namespace rvisor;

namespace {

// The host's side, by hand.
struct Host {
  Host() {
    int memory = memfd_create("ring", MFD_CLOEXEC);
    REQUIRE(ftruncate(memory, sizeof(rv_ring)) == 0);
    ring = static_cast<rv_ring*>(mmap(nullptr, sizeof(rv_ring), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0));
    ring->magic = RV_RING_MAGIC;
    ring->version = RV_RING_VERSION;
    std::array<Fd, RV_RING_SOCKETS> sockets;
    for (auto& socket : sockets) {
      int ends[2];
      REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
      socket.reset(ends[0]);
    }
    REQUIRE(!desk->open(Fd(memory), std::move(sockets)));
    REQUIRE(!desk->start());
  }

  // Puts a number down; the counter goes on by `step`.
  void put(uint32_t slot, uint32_t step = 1) {
    rv_ring_lane& lane = ring->lanes[0];
    std::atomic_ref<uint32_t> answered(lane.answered);
    lane.answers[answered.load() % RV_RING_SLOTS] = slot;
    answered += step;
    std::atomic_ref<uint32_t>(ring->bell)++;
    syscall(SYS_futex, &ring->bell, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  }

  // What the host says next to the call in a slot: an answer, with nothing in it.
  rv_ring_reply& reply(uint32_t slot) {
    rv_ring_reply& fresh = ring->slots[slot].reply;
    fresh = {};
    fresh.generation = ring->slots[slot].call.generation;
    fresh.kind = RV_RING_ANSWER;
    return fresh;
  }

  // Until the desk's thread has seen what was put down before: it takes them in their order.
  void settle() {
    Heard& heard = keep<Heard>();
    const uint32_t at = ring->lanes[0].posted;
    desk->ask(std::make_unique<Asked>(heard), 0, 1, 0);
    const uint32_t slot = ring->lanes[0].queue[at % RV_RING_SLOTS];
    reply(slot).verdict = RV_RING_VALUE;
    put(slot);
    CHECK(soon([&] { return heard.answers == 1; }));
  }

  rv_ring* ring;
  Desk* desk = new Desk;  // its thread never ends, nor does what it may still touch
};

}  // namespace

TEST_CASE("only an answer to the call that waits counts, and only once") {
  Host host;
  Heard& heard = keep<Heard>();
  host.desk->ask(std::make_unique<Asked>(heard), 0, 1, 0);
  uint32_t slot = host.ring->lanes[0].queue[0];
  REQUIRE(slot < RV_RING_SLOTS);
  uint32_t generation = host.ring->slots[slot].call.generation;
  rv_ring_reply& reply = host.reply(slot);
  reply.verdict = RV_RING_VALUE;
  reply.value = 42;
  host.put(RV_RING_SLOTS + 5);   // no slot
  host.put(UINT32_MAX);
  host.put(17);                  // nobody waits there
  reply.generation = generation + 1;
  host.put(slot);                // another call
  host.settle();
  CHECK(heard.answers == 0);
  reply.generation = generation;
  host.put(slot, 5000);          // a counter that cannot be
  host.settle();
  CHECK(heard.answers <= 1);
  host.put(slot);
  host.put(slot);
  CHECK(soon([&] { return heard.answers >= 1; }));
  host.settle();
  CHECK(heard.answers == 1);
  CHECK(heard.last.verdict == RV_RING_VALUE);
  CHECK(heard.last.value == 42);
}

TEST_CASE("an answer that makes no sense ends the guest") {
  struct Case {
    const char* name;
    uint32_t verdict, used, first_size;
    int64_t value;
  };
  for (const Case& c : {Case{"verdict", 77, 0, 0, 0}, Case{"errno", RV_RING_ERRNO, 0, 0, 5000}, Case{"no descriptor", RV_RING_FD, 0, 0, 0},
                        Case{"half a record", RV_RING_VALUE, 5, 0, 0}, Case{"more than there is", RV_RING_VALUE, 64, 1000000, 0},
                        Case{"beyond the data", RV_RING_VALUE, UINT32_MAX, UINT32_MAX, 0}}) {
    CAPTURE(c.name);
    Host host;
    Heard& heard = keep<Heard>();
    host.desk->ask(std::make_unique<Asked>(heard), 0, 1, 0);
    uint32_t slot = host.ring->lanes[0].queue[0];
    rv_ring_reply& reply = host.reply(slot);
    reply.verdict = c.verdict;
    reply.used = c.used;
    reply.value = c.value;
    rv_ring_write record{0x1000, c.first_size, 0};
    memcpy(reply.data, &record, sizeof record);
    host.put(slot);
    REQUIRE(soon([&] { return heard.answers == 1; }));
    CHECK(heard.last.verdict == RV_RING_KILL);
    CHECK(heard.last.writes.empty());
  }
}

TEST_CASE("requests are bounded, and do not end the question") {
  Host host;
  Heard& heard = keep<Heard>();
  host.desk->ask(std::make_unique<Asked>(heard), 0, 1, 0);
  uint32_t slot = host.ring->lanes[0].queue[0];
  rv_ring_reply& reply = host.reply(slot);
  reply.size = UINT32_MAX;
  for (uint32_t kind : {RV_RING_READ, RV_RING_DESCRIPTOR, RV_RING_PATH}) {
    CAPTURE(kind);
    reply.kind = kind;
    reply.address = 5;
    reply.asked++;
    host.put(slot);
    host.settle();
    CHECK(host.ring->slots[slot].served == reply.asked);
    CHECK(host.ring->slots[slot].result == static_cast<int32_t>(RV_RING_REPLY_DATA));
    CHECK(reply.data[0] == (kind == RV_RING_READ ? 'r' : 5));
  }
  reply.kind = RV_RING_TAKE;
  reply.asked++;
  host.put(slot);
  host.settle();
  CHECK(host.ring->slots[slot].result == -EINVAL);
  reply.kind = 99;
  reply.asked++;
  host.put(slot);
  host.settle();
  CHECK(host.ring->slots[slot].result == -EINVAL);
  CHECK(heard.answers == 0);
}

TEST_CASE("a call that is overdue is told once, and its slot stays with the host until it answers") {
  Host host;
  Heard& heard = keep<Heard>();
  host.desk->ask(std::make_unique<Asked>(heard), 0, 1, 1);
  uint32_t slot = host.ring->lanes[0].queue[0];
  REQUIRE(soon([&] { return heard.overdue == 1; }));
  Heard& next = keep<Heard>();
  host.desk->ask(std::make_unique<Asked>(next), 0, 1, 0);
  CHECK(host.ring->lanes[0].queue[1] != slot);
  rv_ring_reply& reply = host.reply(slot);
  reply.verdict = RV_RING_VALUE;
  host.put(slot);
  host.settle();
  CHECK(heard.answers == 0);
  CHECK(heard.overdue == 1);
}
