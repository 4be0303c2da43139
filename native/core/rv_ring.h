/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring between init, where a call of the guest waits, and the host program, whose handlers answer it: one sealed memfd that
 * both map. Fixed layout, no pointers.
 *
 * A slot holds one waiting call. Init writes the `call` half and posts the slot's number on a lane; the host copies that half
 * out, and later writes the `reply` half and puts the number on the lane's answers. Neither side reads back what
 * it has written, and each copies what the other wrote before it looks at it: nothing here can be changed after it was checked.
 * A slot belongs to one call until it is answered, also where nobody waits for the answer any more.
 *
 * A plain answer takes a shorter way: the host has a duplicate of the listener that the call waits at, and answers it there. Whoever
 * takes the slot's `claim` answers; the other one has come too late. What was answered so is put on the lane's `done`, and nobody is woken for it.
 *
 * Counters run freely; an entry of number N stands at N % RV_RING_SLOTS. sdk/internal/ring/format.ts is generated from this file by
 * scripts/generate-abi.mjs. Whoever changes a record raises RV_RING_VERSION.
 */
#ifndef RV_RING_H
#define RV_RING_H

#include "rv_abi.h"

#define RV_RING_MAGIC 0x474e5256u /* "RVRG" */
#define RV_RING_VERSION 3u
/* Calls that can be with the host at one time; more wait in init. */
#define RV_RING_SLOTS 1024u
/* Consumers: closures on the host program's main thread, modules on a thread of their own. */
#define RV_RING_LANES 2u
#define RV_RING_LANE_MAIN 0u
#define RV_RING_LANE_MODULES 1u
/* Sockets beside the memory: one for each lane, and one on which the host gets listeners, each with its number as the packet. */
#define RV_RING_SOCKETS 3u
#define RV_RING_LISTENERS 2u
/* Pieces of guest memory that go with a call, and bytes of all of them. */
#define RV_RING_PIECES 8u
#define RV_RING_CALL_DATA 9728u
/* Bytes that go with a reply: writes, or what a read gave. */
#define RV_RING_REPLY_DATA 6144u
/* Text of a kill. */
#define RV_RING_MAX_REASON 512u

/* What the host may answer at the listener itself; 0: nothing. */
#define RV_RING_MAY_ANSWER 1u	/* a value or an errno, without bytes for the guest */
#define RV_RING_MAY_CONTINUE 2u /* nobody else is to be asked, and the kernel may run the call as it stands */

/* Who sleeps on a lane, and how. */
#define RV_RING_AWAKE 0u
#define RV_RING_ON_FUTEX 1u
#define RV_RING_ON_BELL 2u

/* What a reply is. */
#define RV_RING_ANSWER 1u
#define RV_RING_READ 2u	 /* bytes of the guest at `address`, `size` of them */
#define RV_RING_WRITE 3u /* the records of the data are written now */
#define RV_RING_PROCESS 4u /* the process of the calling thread */
#define RV_RING_DESCRIPTOR 16u /* what is open at the descriptor `address`, or there instead: a record, then its path */
#define RV_RING_WORKING_DIRECTORY 0xffffff9cu /* AT_FDCWD */
#define RV_RING_EXECUTABLE 0xffffff38u
#define RV_RING_TAKE 17u /* `size` bytes of the regular file at the descriptor `address` from where it stands, which moves on */
#define RV_RING_PATH 18u /* where the path in register `address` leads; the call is asked about anew if it then leads elsewhere */
#define RV_RING_INJECT 5u  /* the thread makes the call of number `address` with `registers` now; the data is its result, 64 bits */
#define RV_RING_SCRATCH 6u /* the data goes below the thread's stack; the data is then its address, 64 bits */

/* What a call is. */
#define RV_RING_ENTRY 0u /* about to be made */
#define RV_RING_EXIT 1u	 /* was made: who asked for its result may replace it by a value, or let it stand */
#define RV_RING_GONE 2u	 /* will have no result: whoever asked for it can be forgotten */
#define RV_RING_EVENT 3u /* no call: something has happened to the thread. The first piece of memory is a record, and what follows it */

/* What has happened. */
#define RV_RING_SIGNAL 1u
#define RV_RING_EXEC 2u
#define RV_RING_EXITED 3u
#define RV_RING_CLONE 4u

/* How a thread was made. */
#define RV_RING_FORK 1u
#define RV_RING_VFORK 2u
#define RV_RING_THREAD 3u

/* Verdicts of an answer. */
#define RV_RING_CONTINUE 1u
#define RV_RING_VALUE 2u
#define RV_RING_ERRNO 3u /* in `value` */
#define RV_RING_FD 4u	 /* a descriptor is on the lane's socket; `value`: 1 for close-on-exec */
#define RV_RING_KILL 5u	 /* the data is the reason */

/* Bytes of guest memory, in the data of a call. */
struct rv_ring_piece {
	uint64_t address;
	uint32_t at;   /* offset in the data */
	uint32_t size;
};

/* Before the bytes of one write, in the data of a reply; the next record starts at the next multiple of 8. */
struct rv_ring_write {
	uint64_t address;
	uint32_t size;
	uint32_t reserved;
};

/* What is open at a descriptor of the guest: fstat(2), and how it was opened. Its path follows. */
struct rv_ring_descriptor {
	uint64_t device;
	uint64_t inode;
	int64_t size;
	int64_t position;  /* -1 where there is none */
	uint32_t mode;
	uint32_t flags;    /* O_… */
	uint32_t stands;   /* 1: a memory file of a handler's, which stands for the path */
	uint32_t path;	   /* bytes of it */
};

/* What has happened to a thread. */
struct rv_ring_event {
	uint32_t kind;	  /* RV_RING_SIGNAL, … */
	uint32_t process; /* of the thread */
	uint32_t number;  /* SIGNAL: its number; EXEC: the thread's number before; EXITED: the wait status; CLONE: the new thread */
	uint32_t detail;  /* EXITED: 1, it was the last of its process; CLONE: RV_RING_FORK, … */
	uint64_t flags;	  /* CLONE: of clone(2), ~0 where the call has none */
	uint8_t info[128]; /* SIGNAL: siginfo_t. After the record, EXEC: the path of the program */
};

/* What the host copies out. */
struct rv_ring_call {
	uint32_t generation; /* of the slot: an answer says which one it means */
	uint32_t tid;	     /* as the guest numbers it */
	uint64_t handlers;   /* which are asked, bit N for handler N */
	struct rv_call call;
	uint64_t id;	     /* of the notification */
	uint32_t listener;   /* that it waits at: number of a descriptor on the ring's own socket */
	uint32_t may;	     /* RV_RING_MAY_ANSWER, … */
	uint32_t pieces;
	uint32_t used;	     /* bytes of the data */
	uint32_t phase;	     /* RV_RING_ENTRY, … */
	uint32_t traced;     /* 1: the thread stands at a trace point, where it can be steered */
	int64_t result;	     /* EXIT: the register, -1 to -4095 are errors */
	uint32_t after;	     /* EXIT, GONE: which answer asked for it */
	uint32_t reserved;
	struct rv_ring_piece piece[8];
	uint8_t data[9728];
};

/* What init copies out. */
struct rv_ring_reply {
	uint32_t generation;
	uint32_t kind;	  /* RV_RING_ANSWER, … */
	uint32_t verdict; /* ANSWER: RV_RING_CONTINUE, … */
	uint32_t used;	  /* bytes of the data */
	int64_t value;
	uint64_t address; /* READ; DESCRIPTOR and TAKE: a descriptor; PATH: a register */
	uint32_t size;	  /* READ, TAKE: bytes wanted, at most RV_RING_REPLY_DATA */
	uint32_t asked;	  /* all but ANSWER: number of the request, from 1 on in each call */
	uint32_t changed; /* CONTINUE: bit N, register N gets a new value. At trace points only, as the next two */
	uint32_t after;	  /* CONTINUE: not 0: the result is wanted, under this number */
	uint64_t registers[6]; /* CONTINUE: the new values; INJECT: the arguments */
	uint8_t data[6144];
};

struct rv_ring_slot {
	struct rv_ring_call call;
	struct rv_ring_reply reply;
	uint32_t served;  /* futex: number of the last request that init has carried out; its bytes are in the reply's data */
	int32_t result;	  /* of it: a number, or a negated errno */
	uint32_t claim;	  /* the call's generation until host or init takes it, to answer it; then 0 */
	uint8_t reserved[180];
};

/* A call that the host has answered at its listener. */
struct rv_ring_done {
	uint32_t slot;
	uint32_t generation;
};

struct rv_ring_lane {
	uint32_t posted;   /* init: so many slots were posted */
	uint32_t wake;	   /* futex that the consumer sleeps on */
	uint32_t asleep;   /* RV_RING_AWAKE, …: set by the consumer, taken back by who wakes it */
	uint32_t answered; /* host: so many answers and requests were put down */
	uint32_t queue[1024];
	uint32_t answers[1024];
	struct rv_ring_done done[1024];
	uint32_t finished; /* host: so many entries of `done` were put down */
	uint32_t reserved;
};

struct rv_ring {
	uint32_t magic;
	uint32_t version;
	uint32_t bell;	   /* futex that init sleeps on */
	uint32_t asleep;   /* init sleeps */
	uint32_t hurry;	   /* init: calls wait for a slot, so it is to be woken for each that is done */
	uint32_t reserved;
	struct rv_ring_lane lanes[2];
	struct rv_ring_slot slots[1024];
};

RV_PIN_SIZE(rv_ring_piece, 16);
RV_PIN_SIZE(rv_ring_write, 16);
RV_PIN(rv_ring_event, info, 24);
RV_PIN_SIZE(rv_ring_event, 152);
RV_PIN(rv_ring_descriptor, mode, 32);
RV_PIN_SIZE(rv_ring_descriptor, 48);
RV_PIN(rv_ring_call, handlers, 8);
RV_PIN(rv_ring_call, call, 16);
RV_PIN(rv_ring_call, id, 80);
RV_PIN(rv_ring_call, pieces, 96);
RV_PIN(rv_ring_call, phase, 104);
RV_PIN(rv_ring_call, result, 112);
RV_PIN(rv_ring_call, piece, 128);
RV_PIN(rv_ring_call, data, 256);
RV_PIN_SIZE(rv_ring_call, 9984);
RV_PIN(rv_ring_reply, value, 16);
RV_PIN(rv_ring_reply, address, 24);
RV_PIN(rv_ring_reply, size, 32);
RV_PIN(rv_ring_reply, changed, 40);
RV_PIN(rv_ring_reply, registers, 48);
RV_PIN(rv_ring_reply, data, 96);
RV_PIN_SIZE(rv_ring_reply, 6240);
RV_PIN(rv_ring_slot, reply, 9984);
RV_PIN(rv_ring_slot, served, 16224);
RV_PIN(rv_ring_slot, claim, 16232);
RV_PIN_SIZE(rv_ring_slot, 16416);
RV_PIN(rv_ring_lane, queue, 16);
RV_PIN(rv_ring_lane, answers, 4112);
RV_PIN(rv_ring_lane, done, 8208);
RV_PIN(rv_ring_lane, finished, 16400);
RV_PIN_SIZE(rv_ring_lane, 16408);
RV_PIN(rv_ring, lanes, 24);
RV_PIN(rv_ring, slots, 32840);
RV_PIN_SIZE(rv_ring, 16842824);

#endif
