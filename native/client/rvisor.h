// SPDX-License-Identifier: Apache-2.0
// The ABI of librvisor.so, as sdk/internal/native.ts binds it. Plain C: integers, pointers to caller's memory, no structs.
//
// Unless said otherwise a function returns a number >= 0, or a negated errno. Every descriptor that is handed out is
// close-on-exec; those that carry bytes to or from a guest are non-blocking and belong to the caller. No function waits
// for a guest. All are safe to call from several threads.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RVISOR_EXPORT __attribute__((visibility("default")))
#define RVISOR_ABI 4

// How a stream of a command is connected; a number >= 0 is a descriptor of the caller.
#define RVISOR_PIPE (-1)      // a new pipe, whose other end is handed out
#define RVISOR_NULL (-2)      // /dev/null
#define RVISOR_TERMINAL (-3)  // in the first place: no streams at all, the guest makes a terminal

RVISOR_EXPORT int32_t rvisor_abi(void);
// The name of an errno, "" where it has none.
RVISOR_EXPORT const char* rvisor_errno_name(int32_t error);
RVISOR_EXPORT const char* rvisor_errno_text(int32_t error);

// Starts a warden. `stdio`: three places as above. `ring`: of the handlers, or -1. Fills `out`: pid, pidfd, control socket, event socket, and the caller's
// ends of stdin, stdout, stderr (-1 where there is none). After a failure out[0] says what failed: 0 the sentry's
// executable, 1 resources of this process.
RVISOR_EXPORT int32_t rvisor_launch(const char* sentry, const void* plan, uint64_t size, const int32_t* stdio, int32_t ring, int32_t* out);
// Sends a signal to the process of a pidfd (pidfd_send_signal(2)).
RVISOR_EXPORT int32_t rvisor_signal(int32_t pidfd, int32_t signal);
// Reaps the process of a pidfd: 1 when it is reaped (by whomever), 0 when it still runs.
RVISOR_EXPORT int32_t rvisor_reap(int32_t pidfd);

// Sends one packet on a control socket, in a sealed memfd where it is large. `stdio` (may be null) connects a command's
// streams as above and goes with it; `out`: the caller's three ends. EAGAIN when the sentry has not read earlier ones yet.
RVISOR_EXPORT int32_t rvisor_send(int32_t control, const void* text, uint64_t size, const int32_t* stdio, int32_t* out);
// Takes one packet: its size. Descriptors go to `fds` (17 places), their number to `count`. EAGAIN when there is none.
RVISOR_EXPORT int32_t rvisor_receive(int32_t control, void* buffer, uint64_t size, int32_t* fds, int32_t* count);

RVISOR_EXPORT int32_t rvisor_read(int32_t fd, void* buffer, uint64_t size);
RVISOR_EXPORT int32_t rvisor_write(int32_t fd, const void* buffer, uint64_t size);  // never raises SIGPIPE
// Another descriptor of the same open file: a terminal is watched apart for reading and for writing.
RVISOR_EXPORT int32_t rvisor_duplicate(int32_t fd);
RVISOR_EXPORT int32_t rvisor_close(int32_t fd);
RVISOR_EXPORT int32_t rvisor_set_window(int32_t terminal, uint32_t columns, uint32_t rows);
// Makes a terminal of the caller's pass every byte as it is, both ways; `saved` (64 bytes) gets its modes, for restoring.
RVISOR_EXPORT int32_t rvisor_terminal_raw(int32_t terminal, void* saved);
RVISOR_EXPORT int32_t rvisor_terminal_restore(int32_t terminal, const void* saved);

// A set of watched descriptors and a bell for event loops that can watch nothing but sockets. Fills `out`: the set (an
// epoll descriptor), the caller's end of the bell (a stream socket; bytes on it have no meaning), and an acknowledgement.
// Closing the bell ends all three: the set and the acknowledgement are not the caller's to close.
RVISOR_EXPORT int32_t rvisor_watch_open(int32_t* out);
// Arms one report of POLLIN (1) or POLLOUT (4) for `fd`, or disarms it (0). `token` comes back with the report.
RVISOR_EXPORT int32_t rvisor_watch(int32_t set, int32_t fd, uint32_t events, uint32_t token);
// Takes reports: their tokens. When there are none left the bell may ring again.
RVISOR_EXPORT int32_t rvisor_watch_take(int32_t set, int32_t acknowledge, uint32_t* tokens, uint32_t capacity);

// The ring between a sandbox's init and the handlers (rv_ring.h). Numbers of slots and lanes are checked; each slot is in the hands of one
// thread at a time: from rvisor_ring_next until rvisor_ring_answer.
//
// Makes a ring and gives its handle. `out`: the bell of each lane, a stream socket of the caller's whose bytes have no meaning.
RVISOR_EXPORT int32_t rvisor_ring_open(int32_t* out);
// Takes the next call of a lane: the slot's number, and `call` (struct rv_ring_call) as far as it is used. `mode` says what is
// done when there is none: 0 EAGAIN at once; 1 this thread sleeps, 10 ms at most; 2 the lane's bell will ring, EAGAIN. EPIPE: it was stopped.
// 3 gives, each once, the calls that were taken and are not answered: for who goes on after a thread that has ended.
RVISOR_EXPORT int32_t rvisor_ring_next(int32_t ring, int32_t lane, void* call, int32_t mode);
// Answers a call: `reply` (struct rv_ring_reply) as far as it is used. A plain answer goes to the guest from this very thread.
RVISOR_EXPORT int32_t rvisor_ring_answer(int32_t ring, int32_t lane, int32_t slot, const void* reply);
// Answers a call, if `slot` is not negative, and takes the next one: the two above in one.
RVISOR_EXPORT int32_t rvisor_ring_turn(int32_t ring, int32_t lane, int32_t slot, const void* reply, void* call, int32_t mode);
// Sends what a following answer RV_RING_FD gives the guest: a descriptor, or bytes as a sealed memfd of that name. EBADF: it is not open.
// ENAMETOOLONG: a name of more than 249 bytes. Not `readable`: the guest can neither read nor write it, only hold it and move its position.
RVISOR_EXPORT int32_t rvisor_ring_give(int32_t ring, int32_t lane, int32_t slot, uint32_t generation, int32_t fd);
RVISOR_EXPORT int32_t rvisor_ring_give_bytes(int32_t ring, int32_t lane, int32_t slot, uint32_t generation, const void* bytes, uint64_t size, const char* name, int32_t readable);
// Has init carry out a request for a call that is not answered yet, and waits for the result up to `timeout` ms: EAGAIN then. The
// result's bytes go to `reply`'s data. Waiting goes on, without asking again, where `again` is not 0.
RVISOR_EXPORT int32_t rvisor_ring_request(int32_t ring, int32_t lane, int32_t slot, void* reply, int32_t timeout, int32_t again);
// Wakes whoever sleeps on it, for good, and gives up the handle.
RVISOR_EXPORT int32_t rvisor_ring_close(int32_t ring);

// Changes of an overlay, whose upper directory is given as a descriptor (closed at the end) and whose lower directory by its
// real path. Returns a memfd with records of five fields, each ended by NUL: kind (A added, M modified, D deleted, S skipped by
// a commit, E an error, which is the last), type (of an error its name), size (of an error its number), path beneath the
// overlay, and words. Takes as long as the copying does: not for the thread of an event loop.
#define RVISOR_CHANGES_LIST 0
#define RVISOR_CHANGES_COMMIT 1
#define RVISOR_CHANGES_DISCARD 2
RVISOR_EXPORT int32_t rvisor_changes(int32_t operation, int32_t upper, const char* lower);

#ifdef __cplusplus
}
#endif
