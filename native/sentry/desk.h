// SPDX-License-Identifier: Apache-2.0
// The ring to the host program's handlers (rv_ring.h), as init uses it: calls are put on it, and one thread takes the answers. The
// host is trusted with what it answers and with nothing else: whatever it writes is copied, then checked.
#pragma once
#include <errno.h>
#include <pthread.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../core/rv_ring.h"
#include "failure.h"
#include "fd.h"
#include "guest_memory.h"

namespace rvisor {

struct HandlersAnswer {
  uint32_t verdict = RV_RING_KILL;  // RV_RING_CONTINUE, …
  int64_t value = 0;
  Fd fd;
  std::string reason;
  struct Write {
    uint64_t address;
    std::string bytes;
  };
  std::vector<Write> writes;
  uint32_t changed = 0;  // registers with a new value
  uint32_t after = 0;    // not 0: the result of the call is wanted under this number
  std::array<uint64_t, 6> registers{};
};

// What a request that takes its time came to: a number or a negated errno, and bytes.
using Served = std::function<void(int32_t result, const void* bytes, size_t size)>;

// A listener that the host may answer at: its descriptor, and the number that the host has it by (0: it has it not). The desk's.
struct Loan {
  int listener;
  uint32_t number = 0;
  bool offered = false;
};

// Where the host may answer a call itself: the notification's id, and RV_RING_MAY_….
struct Direct {
  Loan* loan = nullptr;
  uint64_t id = 0;
  uint32_t may = 0;
};

// A call that waits for handlers. Its own thread of the guest may die at any time; the question lives until it is answered.
class Question {
 public:
  virtual ~Question() = default;
  virtual pid_t tid() const = 0;
  virtual const rv_call& call() const = 0;
  virtual Copies& copies() = 0;
  // Whether somebody still waits.
  virtual bool waits() const = 0;
  // Bytes of the guest for the handler: a number of bytes, or a negated errno.
  virtual ssize_t read(uint64_t address, void* out, size_t size) = 0;
  virtual int write(uint64_t address, const void* from, size_t size) = 0;
  virtual int process() = 0;
  // As for RV_RING_DESCRIPTOR, RV_RING_TAKE and RV_RING_PATH.
  virtual ssize_t descriptor(int fd, void* out, size_t room) = 0;
  virtual ssize_t take(int fd, void* out, size_t size) = 0;
  virtual ssize_t path(unsigned argument, void* out, size_t room) = 0;
  // What the record of the call says beyond tid, call and handlers: which phase it is in, and more.
  virtual void describe(rv_ring_call&) const {}
  // A request of RV_RING_INJECT or RV_RING_SCRATCH. `served` is called once, now or later, on any thread, unless the call's thread has died.
  virtual void steer(const rv_ring_reply&, Served served) { served(-EPERM, nullptr, 0); }
  // Where its handlers' answer may go on the shorter way (rv_ring.h). The question then ends without being told.
  virtual Direct direct() { return {}; }
  // Exactly one of these, once, on the desk's thread; the question is theirs to go on with.
  virtual void answered(std::unique_ptr<Question> self, HandlersAnswer answer) = 0;
  virtual void overdue(std::unique_ptr<Question> self) = 0;
};

class Desk {
 public:
  // `memory`: the ring, sealed against changes of its size; `sockets`: a stream socket for each lane, and one of packets for listeners.
  Status open(Fd memory, std::array<Fd, RV_RING_SOCKETS> sockets);
  Status start();

  // Puts a question to `handlers` on `lane`. `deadline_ms`: 0 for none. Never waits. Safe from several threads.
  void ask(std::unique_ptr<Question> question, uint32_t lane, uint64_t handlers, uint64_t deadline_ms);

 private:
  enum class State { free, asked, late };  // late: nobody waits for the answer, but the host still has the slot
  struct Entry {
    State state = State::free;
    uint32_t generation = 0;
    uint32_t lane = 0;
    uint64_t deadline_ns = 0;
    bool claimable = false;  // the host may answer at the listener
    bool pressed = false;    // it was answering when the deadline passed
    bool busy = false;       // the desk's thread is at it
    bool done = false;       // the host has answered meanwhile
    std::unique_ptr<Question> question;
  };
  struct Waiting {
    std::unique_ptr<Question> question;
    uint32_t lane;
    uint64_t handlers;
    uint64_t deadline_ns;
  };

  static void* run(void* argument);
  void loop();
  bool take(uint32_t lane);
  void handle(uint32_t lane, uint32_t slot);
  void serve(Entry& entry, uint32_t slot, const rv_ring_reply& reply);
  ssize_t look(Question& question, const rv_ring_reply& reply, uint8_t* out, uint32_t size);
  void served(uint32_t slot, uint32_t generation, uint32_t asked, int32_t result, const void* bytes, size_t size);
  int32_t write_now(Question& question, const rv_ring_reply& reply);
  void settle(uint32_t slot, const rv_ring_reply& reply);
  Fd receive(uint32_t lane, uint32_t slot, uint32_t generation);
  void post(uint32_t slot, Waiting waiting);
  void wake_by(uint64_t deadline_ns);
  void release(uint32_t slot);
  bool collect(std::vector<std::unique_ptr<Question>>& gone);
  void rest(uint32_t slot);
  uint32_t lend(Loan& loan);
  uint64_t expire();  // when the next deadline passes; 0: none

  rv_ring* ring_ = nullptr;
  std::array<Fd, RV_RING_SOCKETS> sockets_;
  std::array<uint32_t, RV_RING_LANES> answered_{};
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;  // the last one freed is the next one used: its memory is there
  std::deque<Waiting> waiting_;
  std::array<uint32_t, RV_RING_LANES> posted_{}, finished_{};
  uint32_t loans_ = 0;
  uint64_t next_deadline_ns_ = 0;
};

}  // namespace rvisor
