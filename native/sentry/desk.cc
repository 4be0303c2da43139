// SPDX-License-Identifier: Apache-2.0
#include "desk.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "channel.h"
#include "claim.h"
#include "threads.h"

namespace rvisor {
namespace {

// What the host needs to notice a deadline itself, before it is taken for dead.
constexpr uint64_t kGraceMs = 500;

uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

std::atomic_ref<uint32_t> shared(uint32_t& word) { return std::atomic_ref<uint32_t>(word); }

void futex_wake(uint32_t& word) { syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0); }

// Until the word is no longer `seen`, or the time (0: none) has come.
void futex_wait(uint32_t& word, uint32_t seen, uint64_t until_ns) {
  timespec until{static_cast<time_t>(until_ns / 1'000'000'000), static_cast<long>(until_ns % 1'000'000'000)};
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, seen, until_ns ? &until : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
}

// The records of a reply's data, as far as they make sense.
template <class F>
bool each_write(const rv_ring_reply& reply, F&& use) {
  if (reply.used > RV_RING_REPLY_DATA) return false;
  for (size_t at = 0; at < reply.used;) {
    rv_ring_write record;
    if (reply.used - at < sizeof record) return false;
    memcpy(&record, reply.data + at, sizeof record);
    at += sizeof record;
    if (record.size > reply.used - at) return false;
    use(record.address, reply.data + at, record.size);
    at += (record.size + 7) & ~size_t{7};
  }
  return true;
}

}  // namespace

Status Desk::open(Fd memory, std::array<Fd, RV_RING_SOCKETS> sockets) {
  struct stat st;
  if (fstat(memory.get(), &st) || st.st_size != sizeof(rv_ring)) return fail("protocol", "ring", errno);
  void* map = mmap(nullptr, sizeof(rv_ring), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (map == MAP_FAILED) return fail("protocol", "ring", errno);
  madvise(map, sizeof(rv_ring), MADV_DONTFORK);  // none of a new command's business, not even until it executes its program
  ring_ = static_cast<rv_ring*>(map);
  if (ring_->magic != RV_RING_MAGIC || ring_->version != RV_RING_VERSION) return fail("protocol", "ring", EPROTO);
  sockets_ = std::move(sockets);
  entries_.resize(RV_RING_SLOTS);
  for (uint32_t slot = RV_RING_SLOTS; slot-- > 0;) free_.push_back(slot);
  return std::nullopt;
}

Status Desk::start() {
  if (int err = start_thread(run, this)) return fail("seccomp", "thread of the handlers", err);
  return std::nullopt;
}

void Desk::ask(std::unique_ptr<Question> question, uint32_t lane, uint64_t handlers, uint64_t deadline_ms) {
  std::vector<std::unique_ptr<Question>> gone;  // their ends may ask something themselves: after the lock
  Claim claim(lock_);
  Waiting waiting{std::move(question), lane, handlers, deadline_ms ? now_ns() + (deadline_ms + kGraceMs) * 1'000'000 : 0};
  wake_by(waiting.deadline_ns);
  collect(gone);
  if (free_.empty()) {
    waiting_.push_back(std::move(waiting));
    shared(ring_->hurry).store(1);
    collect(gone);  // what was done before the host could see that
    return;
  }
  uint32_t slot = free_.back();
  free_.pop_back();
  post(slot, std::move(waiting));
}

// With the lock held.
void Desk::post(uint32_t number, Waiting waiting) {
  rv_ring_slot& slot = ring_->slots[number];
  Entry& entry = entries_[number];
  entry.generation++;
  entry.state = State::asked;
  entry.lane = waiting.lane;
  entry.question = std::move(waiting.question);
  entry.deadline_ns = waiting.deadline_ns;
  entry.done = entry.pressed = false;
  const Direct direct = entry.question->direct();
  const uint32_t listener = direct.loan ? lend(*direct.loan) : 0;
  entry.claimable = listener && entry.generation;
  slot.call.id = direct.id;
  slot.call.listener = listener;
  slot.call.may = entry.claimable ? direct.may : 0;
  shared(slot.claim).store(entry.claimable ? entry.generation : 0);
  shared(slot.served).store(0);
  slot.call.generation = entry.generation;
  slot.call.tid = static_cast<uint32_t>(entry.question->tid());
  slot.call.handlers = waiting.handlers;
  slot.call.call = entry.question->call();
  slot.call.phase = RV_RING_ENTRY;
  slot.call.traced = 0;
  entry.question->describe(slot.call);
  uint32_t count = 0, used = 0;
  for (const Copies::Piece& piece : entry.question->copies().pieces()) {
    if (count == RV_RING_PIECES || piece.bytes.size() > RV_RING_CALL_DATA - used) break;
    auto size = static_cast<uint32_t>(piece.bytes.size());
    slot.call.piece[count++] = {piece.address, used, size};
    memcpy(slot.call.data + used, piece.bytes.data(), size);
    used += size;
  }
  slot.call.pieces = count;
  slot.call.used = used;

  rv_ring_lane& lane = ring_->lanes[waiting.lane];
  uint32_t at = posted_[waiting.lane]++;
  shared(lane.queue[at % RV_RING_SLOTS]).store(number, std::memory_order_relaxed);
  shared(lane.posted).store(at + 1);
  shared(lane.wake).fetch_add(1);
  switch (shared(lane.asleep).exchange(RV_RING_AWAKE)) {
    case RV_RING_ON_FUTEX: futex_wake(lane.wake); break;
    case RV_RING_ON_BELL: {
      char byte = 0;
      send(sockets_[waiting.lane].get(), &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
      break;
    }
  }
}

// With the lock held. The number under which the host has this listener; 0 where it cannot have it, and answers over the ring.
uint32_t Desk::lend(Loan& loan) {
  if (std::exchange(loan.offered, true)) return loan.number;
  uint32_t number = loans_ + 1;
  const std::string_view text(reinterpret_cast<const char*>(&number), sizeof number);
  if (!send_packet(sockets_[RV_RING_LISTENERS].get(), text, {loan.listener}, false)) loan.number = loans_ = number;
  return loan.number;
}

// With the lock held: takes back what the host has answered at the listeners. False when there was nothing.
bool Desk::collect(std::vector<std::unique_ptr<Question>>& gone) {
  bool any = false;
  for (uint32_t number = 0; number < RV_RING_LANES; number++) {
    rv_ring_lane& lane = ring_->lanes[number];
    const uint32_t finished = shared(lane.finished).load();
    if (finished - finished_[number] > RV_RING_SLOTS) finished_[number] = finished;  // so many are never with the host
    while (finished_[number] != finished) {
      const rv_ring_done done = lane.done[finished_[number]++ % RV_RING_SLOTS];
      any = true;
      if (done.slot >= RV_RING_SLOTS) continue;
      Entry& entry = entries_[done.slot];
      if (entry.state == State::free || entry.generation != done.generation || entry.lane != number || !entry.claimable) continue;
      entry.done = true;
      if (entry.busy) continue;
      gone.push_back(std::move(entry.question));
      release(done.slot);
    }
  }
  return any;
}

// With the lock held: the desk's thread sleeps no longer than this.
void Desk::wake_by(uint64_t deadline_ns) {
  if (!deadline_ns || (next_deadline_ns_ && next_deadline_ns_ <= deadline_ns)) return;
  next_deadline_ns_ = deadline_ns;
  shared(ring_->bell).fetch_add(1);
  futex_wake(ring_->bell);
}

void* Desk::run(void* argument) {
  unshare(CLONE_FS);  // a umask of this thread's own
  static_cast<Desk*>(argument)->loop();
  return nullptr;
}

void Desk::loop() {
  for (;;) {
    uint32_t seen = shared(ring_->bell).load();
    bool any = false;
    for (uint32_t lane = 0; lane < RV_RING_LANES; lane++) any |= take(lane);
    {
      std::vector<std::unique_ptr<Question>> gone;
      Claim claim(lock_);
      any |= collect(gone);
    }
    if (any) continue;
    uint64_t until = expire();
    shared(ring_->asleep).store(1);
    if (shared(ring_->bell).load() == seen) futex_wait(ring_->bell, seen, until);
    shared(ring_->asleep).store(0);
  }
}

// False when there was nothing.
bool Desk::take(uint32_t number) {
  rv_ring_lane& lane = ring_->lanes[number];
  uint32_t there = shared(lane.answered).load();
  if (there == answered_[number]) return false;
  // More than there can be: the counter is nonsense, and so are entries before the last of the queue's length.
  if (there - answered_[number] > RV_RING_SLOTS) answered_[number] = there - RV_RING_SLOTS;
  while (answered_[number] != there) {
    uint32_t slot = shared(lane.answers[answered_[number]++ % RV_RING_SLOTS]).load(std::memory_order_relaxed);
    if (slot < RV_RING_SLOTS) handle(number, slot);
  }
  return true;
}

void Desk::handle(uint32_t lane, uint32_t number) {
  // The bytes may change while they are copied, but not afterwards.
  static thread_local rv_ring_reply reply;
  const rv_ring_reply& theirs = ring_->slots[number].reply;
  memcpy(&reply, &theirs, offsetof(rv_ring_reply, data));
  std::atomic_signal_fence(std::memory_order_seq_cst);
  reply.used = std::min(reply.used, RV_RING_REPLY_DATA);
  memcpy(reply.data, theirs.data, reply.used);

  Entry& entry = entries_[number];
  {
    Claim claim(lock_);
    if (entry.state == State::free || entry.generation != reply.generation || entry.lane != lane) return;  // a second answer, or nonsense
    if (entry.state == State::late) {
      if (reply.kind == RV_RING_ANSWER) {
        if (reply.verdict == RV_RING_FD) receive(lane, number, reply.generation);
        release(number);
      } else {
        shared(ring_->slots[number].served).store(reply.asked);
        futex_wake(ring_->slots[number].served);
      }
      return;
    }
    entry.busy = true;
  }
  // The question is this thread's alone from here on: deadlines are its own work too.
  if (reply.kind == RV_RING_ANSWER) settle(number, reply);
  else serve(entry, number, reply);
}

void Desk::serve(Entry& entry, uint32_t number, const rv_ring_reply& reply) {
  rv_ring_slot& slot = ring_->slots[number];
  Question& question = *entry.question;
  if (reply.kind == RV_RING_INJECT || reply.kind == RV_RING_SCRATCH) {
    // Whatever comes of it comes later: the thread of the guest has to run for it.
    question.steer(reply, [this, number, generation = reply.generation, asked = reply.asked](int32_t result, const void* bytes, size_t size) {
      served(number, generation, asked, result, bytes, size);
    });
    return rest(number);
  }
  int32_t result = -ESRCH;
  if (question.waits()) {
    if (reply.kind == RV_RING_WRITE) {
      result = write_now(question, reply);
    } else if (reply.kind == RV_RING_PROCESS) {
      result = question.process();
    } else {
      std::array<uint8_t, RV_RING_REPLY_DATA> bytes;
      result = static_cast<int32_t>(look(question, reply, bytes.data(), std::min(reply.size, RV_RING_REPLY_DATA)));
      if (!question.waits()) result = -ESRCH;  // they may be another thread's
      if (result > 0) memcpy(slot.reply.data, bytes.data(), static_cast<size_t>(result));
    }
  }
  slot.result = result;
  shared(slot.served).store(reply.asked);
  futex_wake(slot.served);
  rest(number);
}

// The desk's thread is done with a call that is not answered, as far as it knows.
void Desk::rest(uint32_t number) {
  std::unique_ptr<Question> gone;
  Claim claim(lock_);
  Entry& entry = entries_[number];
  entry.busy = false;
  if (!entry.done) return;
  gone = std::move(entry.question);
  release(number);
}

ssize_t Desk::look(Question& question, const rv_ring_reply& reply, uint8_t* out, uint32_t size) {
  switch (reply.kind) {
    case RV_RING_READ: return question.read(reply.address, out, size);
    case RV_RING_DESCRIPTOR: return question.descriptor(static_cast<int>(reply.address), out, size);
    case RV_RING_TAKE: return question.take(static_cast<int>(reply.address), out, size);
    case RV_RING_PATH: return question.path(static_cast<unsigned>(reply.address), out, size);
  }
  return -EINVAL;
}

void Desk::served(uint32_t number, uint32_t generation, uint32_t asked, int32_t result, const void* bytes, size_t size) {
  Claim claim(lock_);
  Entry& entry = entries_[number];
  if (entry.state == State::free || entry.generation != generation) return;
  rv_ring_slot& slot = ring_->slots[number];
  if (size) memcpy(slot.reply.data, bytes, std::min<size_t>(size, RV_RING_REPLY_DATA));
  slot.result = result;
  shared(slot.served).store(asked);
  futex_wake(slot.served);
}

int32_t Desk::write_now(Question& question, const rv_ring_reply& reply) {
  int err = 0;
  bool sound = each_write(reply, [&](uint64_t address, const uint8_t* bytes, uint32_t size) {
    if (!err) err = question.write(address, bytes, size);
  });
  return sound ? -err : -EINVAL;
}

void Desk::settle(uint32_t number, const rv_ring_reply& reply) {
  HandlersAnswer answer;
  answer.verdict = reply.verdict;
  answer.value = reply.value;
  if (reply.verdict == RV_RING_CONTINUE) {
    answer.changed = reply.changed & 0x3f;
    answer.after = reply.after;
    memcpy(answer.registers.data(), reply.registers, sizeof reply.registers);
  }
  bool sound = reply.verdict >= RV_RING_CONTINUE && reply.verdict <= RV_RING_KILL;
  if (reply.verdict == RV_RING_KILL) {
    answer.reason.assign(reinterpret_cast<const char*>(reply.data), std::min(reply.used, RV_RING_MAX_REASON));
  } else {
    sound &= each_write(reply, [&](uint64_t address, const uint8_t* bytes, uint32_t size) {
      answer.writes.push_back({address, std::string(reinterpret_cast<const char*>(bytes), size)});
    });
  }
  if (reply.verdict == RV_RING_ERRNO) sound &= reply.value >= 1 && reply.value <= static_cast<int64_t>(RV_MAX_ERRNO);
  if (reply.verdict == RV_RING_FD) {
    answer.fd = receive(entries_[number].lane, number, reply.generation);
    sound &= answer.fd.valid();
  }
  if (!sound) {
    answer = {};
    answer.reason = "an answer that makes no sense";
  }
  std::unique_ptr<Question> question;
  {
    Claim claim(lock_);
    question = std::move(entries_[number].question);
    entries_[number].busy = false;
    release(number);
  }
  Question& q = *question;
  q.answered(std::move(question), std::move(answer));
}

// Descriptors come in the order of the answers that need them; one that belongs to no answer is dropped.
Fd Desk::receive(uint32_t lane, uint32_t number, uint32_t generation) {
  for (;;) {
    uint32_t label[2];
    iovec text{label, sizeof label};
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    msghdr message{};
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t size = recvmsg(sockets_[lane].get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) continue;
    if (size != sizeof label) return Fd();
    Fd first;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      for (size_t i = 0; i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        Fd owned(fd);
        if (!first.valid()) first = std::move(owned);
      }
    }
    if (label[0] == number && label[1] == generation) return first;
  }
}

// With the lock held. The next one that waits for a slot gets it.
void Desk::release(uint32_t number) {
  entries_[number].state = State::free;
  if (waiting_.empty()) {
    shared(ring_->hurry).store(0);
    return free_.push_back(number);
  }
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  post(number, std::move(next));
}

uint64_t Desk::expire() {
  std::vector<std::unique_ptr<Question>> overdue, gone;
  uint64_t next = 0;
  {
    Claim claim(lock_);
    if (next_deadline_ns_ && now_ns() < next_deadline_ns_) return next_deadline_ns_;
    if (!next_deadline_ns_) return 0;
    uint64_t now = now_ns();
    collect(gone);
    for (size_t number = 0; number < entries_.size(); number++) {
      Entry& entry = entries_[number];
      if (entry.state != State::asked || !entry.deadline_ns) continue;
      if (entry.deadline_ns <= now && entry.claimable && !std::exchange(entry.pressed, true)) {
        // If the host has taken it, it is answering at this moment, and gets that moment.
        uint32_t open = entry.generation;
        if (!shared(ring_->slots[number].claim).compare_exchange_strong(open, 0)) entry.deadline_ns = now + kGraceMs * 1'000'000;
      }
      if (entry.deadline_ns <= now) {
        entry.state = State::late;
        overdue.push_back(std::move(entry.question));
      } else if (!next || entry.deadline_ns < next) {
        next = entry.deadline_ns;
      }
    }
    for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
      if (waiting->deadline_ns && waiting->deadline_ns <= now) {
        overdue.push_back(std::move(waiting->question));
        waiting = waiting_.erase(waiting);
        continue;
      }
      if (waiting->deadline_ns && (!next || waiting->deadline_ns < next)) next = waiting->deadline_ns;
      ++waiting;
    }
    next_deadline_ns_ = next;
  }
  for (auto& question : overdue) {
    Question& q = *question;
    q.overdue(std::move(question));
  }
  return next;
}

}  // namespace rvisor
