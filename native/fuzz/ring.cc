// SPDX-License-Identifier: Apache-2.0
// What init writes into the ring, the host program reads: a guest that has taken init over writes there as it likes. The bytes are steps: some
// are put into the ring at a place of their choosing, some have the host take, answer and ask. It must neither crash nor be kept busy.
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "../client/ring.h"
#include "../client/rvisor.h"
#include "../core/rv_ring.h"

namespace {

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool end() const { return size_ == 0; }
  uint32_t number(size_t bytes) {
    uint32_t result = 0;
    bytes = std::min(bytes, size_);
    memcpy(&result, data_, bytes);
    data_ += bytes, size_ -= bytes;
    return result;
  }
  size_t copy(void* out, size_t most) {
    size_t bytes = std::min(most, size_);
    memcpy(out, data_, bytes);
    data_ += bytes, size_ -= bytes;
    return bytes;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  int32_t bells[RV_RING_LANES];
  const int32_t handle = rvisor_ring_open(bells);
  if (handle < 0) __builtin_trap();
  int fds[1 + RV_RING_SOCKETS];
  rvisor::ring_descriptors(handle, fds);
  auto* ring = static_cast<rv_ring*>(mmap(nullptr, sizeof(rv_ring), PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0));
  if (ring == MAP_FAILED) __builtin_trap();
  auto call = std::make_unique<rv_ring_call>();
  auto reply = std::make_unique<rv_ring_reply>();
  Bytes steps(data, size);
  for (int i = 0; i < 64 && !steps.end(); i++) {
    const uint32_t step = steps.number(1), lane = step >> 4 & 1;
    switch (step & 7) {
      case 0: ring->lanes[lane].posted = steps.number(4); break;
      case 1: ring->lanes[lane].queue[steps.number(1) % RV_RING_SLOTS] = steps.number(4); break;
      case 2: {  // part of a call, from some place on
        auto* there = reinterpret_cast<uint8_t*>(&ring->slots[steps.number(1) % RV_RING_SLOTS].call);
        const size_t at = steps.number(2) % sizeof(rv_ring_call);
        steps.copy(there + at, std::min<size_t>(steps.number(1), sizeof(rv_ring_call) - at));
        break;
      }
      case 3: {  // what a request gave
        rv_ring_slot& slot = ring->slots[steps.number(1) % RV_RING_SLOTS];
        slot.served = steps.number(1), slot.result = static_cast<int32_t>(steps.number(4)), slot.claim = steps.number(4);
        break;
      }
      case 4: {
        const int slot = rvisor_ring_next(handle, static_cast<int32_t>(lane), call.get(), 0);
        if (slot == -EAGAIN || slot == -EPIPE) break;
        // What is promised of a call that is handed out.
        if (slot < 0 || slot >= static_cast<int>(RV_RING_SLOTS) || call->used > RV_RING_CALL_DATA || call->pieces > RV_RING_PIECES) __builtin_trap();
        for (uint32_t p = 0; p < call->pieces; p++)
          if (call->piece[p].at > call->used || call->piece[p].size > call->used - call->piece[p].at) __builtin_trap();
        break;
      }
      case 5: {
        memset(reply.get(), 0, sizeof *reply);
        steps.copy(reply.get(), std::min<size_t>(steps.number(1), offsetof(rv_ring_reply, data)));
        rvisor_ring_answer(handle, static_cast<int32_t>(lane), static_cast<int32_t>(steps.number(2)), reply.get());
        break;
      }
      case 6: {
        memset(reply.get(), 0, sizeof *reply);
        reply->kind = steps.number(1), reply->size = steps.number(4), reply->asked = steps.number(1);
        const int got = rvisor_ring_request(handle, static_cast<int32_t>(lane), static_cast<int32_t>(steps.number(2)), reply.get(), 0, static_cast<int32_t>(step >> 5 & 1));
        if ((reply->kind != RV_RING_WRITE && reply->kind != RV_RING_PROCESS) && got > static_cast<int>(RV_RING_REPLY_DATA)) __builtin_trap();
        break;
      }
      default: rvisor_ring_next(handle, static_cast<int32_t>(lane), call.get(), 3);
    }
  }
  munmap(ring, sizeof *ring);
  rvisor_ring_close(handle);
  for (int32_t bell : bells) close(bell);
  return 0;
}
