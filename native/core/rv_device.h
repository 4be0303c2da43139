/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * /dev/rvisor: what the sentry and the kernel module say to each other. Fixed layout, no pointers but those that are named as such,
 * reserved fields are zero and checked.
 *
 * One open file is one sandbox. The process that says HELLO owns it, with all its threads; any other process gets EPERM. The
 * order is: open, HELLO, PROGRAM, then REGISTER for each child that is to become a guest, and EXCHANGE to answer calls. A sandbox
 * and all its tasks die when its owner dies, closes a descriptor of the file (any: do not duplicate it), or asks for it.
 *
 * Registering a guest. The owner forks a child that shares nothing with it (no CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND,
 * CLONE_THREAD), sets no_new_privs there, and registers it. The child then installs a seccomp filter of one instruction,
 * SECCOMP_RET_KILL_PROCESS, and executes the program. From the filter on, the module decides every call in the
 * filter's place; where it does not (it is not loaded, the task is not registered) the filter kills. Processes and threads that a
 * registered task makes are registered before they run an instruction.
 *
 * What is decided where. rv_eval_call() runs in the kernel. ALLOW, ERRNO and KILL are final. NOTIFY means that the rules over paths and
 * addresses decide: the module asks them about the objects that the kernel has resolved and the addresses that it has copied, for the
 * calls that kmod/judging.c lists; refusals fail with EACCES (addresses of other families: EAFNOSUPPORT), or are appealed against
 * (RV_PROGRAM_APPEAL). All else (TRACE, handlers, NOTIFY for other calls) comes to the owner as a call that waits.
 *
 * Whatever rules, handlers and replies say, a guest has no io_uring (ENOSYS), cannot map a ring that it was given (EPERM), cannot install a
 * seccomp filter (EINVAL, as of a kernel that is built without; asking which actions there are gives EOPNOTSUPP), and cannot open or
 * use this device (EPERM). i386, x32 and number -1 get the program's foreign default.
 */
#ifndef RV_DEVICE_H
#define RV_DEVICE_H

#include "rv_abi.h"

#define RV_DEVICE_PATH "/dev/rvisor"
/* Whoever changes anything here raises it. */
#define RV_DEVICE_VERSION 2u

/* ------------------------------------------------------------------------------------------------------------ limits */

/* Bytes of a program: less than the core takes, because it lies in kernel memory (charged to the caller's control group). */
#define RV_DEVICE_MAX_PROGRAM 0x1000000u
/* Tasks of one sandbox. A fork beyond gives a child that is killed before it runs. */
#define RV_DEVICE_MAX_TASKS 0x10000u
/* Sandboxes of one machine. */
#define RV_DEVICE_MAX_SANDBOXES 4096u
/* Reports of one sandbox that nobody has fetched; further refusals are counted only, by call and rule. */
#define RV_DEVICE_MAX_REPORTS 256u
/* Pairs of call and rule that are counted apart. */
#define RV_DEVICE_MAX_KINDS 64u
/* Bytes of text that go with a report. */
#define RV_DEVICE_MAX_TEXT 4096u

/* ---------------------------------------------------------------------------------------------------------- the calls */

/*
 * HELLO: the caller becomes the owner. EPROTO if the versions differ; the fields then say what the module speaks. EBUSY if the sandbox
 * has another owner, ENOSPC if there are RV_DEVICE_MAX_SANDBOXES.
 */
struct rv_device_hello {
	uint32_t version;	  /* RV_DEVICE_VERSION; out: the module's */
	uint32_t program_version; /* RV_VERSION; out: the module's */
	uint32_t sandbox;	  /* out: its number in debugfs and trace events */
	uint32_t reserved;
};

/* Refusals of x86-64 calls by number and registers are counted in the status, and not reported. */
#define RV_PROGRAM_QUIET 1u
/*
 * A call of a path that only looks (stat and its kin, access(2), open(2) and openat(2) that neither write nor make), sendto(2) or sendmsg(2): where
 * the rules refuse it, or its path leads nowhere, it comes to the owner after all, as if the program had said TRACE. The kernel then
 * decides about what is granted, and how something is refused is the owner's to say. Nothing of such a call has been done before.
 */
#define RV_PROGRAM_APPEAL 2u
/* KILL ends the process that made the call, by its filter (SIGSYS), as seccomp would, and is not reported; else the whole sandbox. */
#define RV_PROGRAM_KILL_PROCESS 4u

/*
 * PROGRAM: copies, validates and takes the program, in the place of one that is there. Calls that are being decided finish by the program
 * that they began with, later ones are decided by the new one. EFBIG beyond RV_DEVICE_MAX_PROGRAM, EINVAL with `fault` if it is
 * not a program.
 */
struct rv_device_program {
	uint64_t address;	  /* in the caller's memory */
	uint32_t size;
	uint32_t flags;		  /* RV_PROGRAM_* */
	struct rv_fault fault;	  /* out */
};

/*
 * REGISTER: a child of the owner becomes a guest of the sandbox.
 *
 * ESRCH: no such task, or it is dying. EPERM: not a child of the owner, another user's (unless the caller has CAP_SYS_PTRACE over its user
 * namespace), no_new_privs not set, or it has executed a program since it was forked. EINVAL: more than one thread, or it shares memory, files,
 * working directory or signal handlers with the owner. EBUSY: it is registered, or has a seccomp filter (the module would overrule that
 * one too). EXDEV: its root is not that of the sandbox's first task. ENODATA: there is no program yet. EAGAIN: RV_DEVICE_MAX_TASKS.
 */
struct rv_device_register {
	uint32_t tid;		  /* as the caller numbers it */
	uint32_t reserved;
};

/* What an event is. */
#define RV_EVENT_NONE 0u
#define RV_EVENT_CALL 1u   /* a call that waits for a reply */
#define RV_EVENT_REPORT 2u /* a refusal by the module; nobody waits */
#define RV_EVENT_COUNT 3u  /* refusals that were not reported one by one, because the reports before them had not been fetched */

/* The call number under which refusals are counted that are not of the first RV_DEVICE_MAX_KINDS kinds; their rule is RV_ID_NONE. */
#define RV_COUNT_OTHER 0xffffffffu

/* What the text of an event is. */
#define RV_TEXT_NONE 0u
#define RV_TEXT_PATH 1u	   /* the path that was decided on, as it is beneath the sandbox's root */
#define RV_TEXT_ADDRESS 2u /* the bytes of the socket address */

struct rv_device_event {
	uint64_t id;		  /* CALL: for the reply; never used twice in a sandbox. Else 0 */
	uint64_t time_ns;	  /* CLOCK_REALTIME */
	uint32_t kind;		  /* RV_EVENT_* */
	uint32_t tid;		  /* thread, as the caller numbers it; 0 if it has no number there */
	uint32_t pid;		  /* its process, likewise */
	uint32_t count;		  /* COUNT: so many refusals of calls of `call.nr` and `call.arch`, by `rule` */
	struct rv_call call;	  /* COUNT: without arguments */
	struct rv_decision decision; /* CALL: what rv_eval_call() said */
	uint32_t rule;		  /* REPORT, COUNT: the rule that refused, or RV_ID_NONE */
	uint32_t error;		  /* REPORT: errno; 0: the guest is killed */
	uint32_t rights;	  /* REPORT, of a path or an address: what was wanted, RV_RIGHT_* */
	uint32_t verdict;	  /* likewise: RV_VERDICT_* */
	uint32_t text;		  /* RV_TEXT_* */
	uint32_t text_size;	  /* bytes of the text; what did not fit is cut off */
};

/* Verdicts of a reply. */
#define RV_REPLY_CONTINUE 1u /* as `decision.base` says: run it, let the path and address rules decide, or refuse it */
#define RV_REPLY_VALUE 2u    /* not run; gives `value` */
#define RV_REPLY_ERRNO 3u    /* not run; fails with `error` */
#define RV_REPLY_FD 4u	     /* not run; the caller's file `fd` becomes a descriptor of the guest, whose number is the value */
#define RV_REPLY_REWRITE 5u  /* run with number and arguments of `call`, decided anew but without handlers; the guest's registers come back afterwards */
#define RV_REPLY_KILL 6u     /* the whole sandbox is killed */

/* FD: close-on-exec. */
#define RV_REPLY_CLOEXEC 1u
/* FD: as descriptor `target`, in the place of what is there; the call then gives `value`. */
#define RV_REPLY_REPLACE 2u
/*
 * FD: the descriptor `fd` is closed before the guest goes on, so that the guest alone has the file then: its locks and leases, its end of a
 * FIFO. Also where nobody waits any more.
 */
#define RV_REPLY_MOVE 4u

struct rv_device_reply {
	uint64_t id;		  /* of the event; 0: no reply */
	uint32_t verdict;	  /* RV_REPLY_* */
	uint32_t flags;		  /* RV_REPLY_CLOEXEC, RV_REPLY_REPLACE, RV_REPLY_MOVE; 0 unless FD */
	int64_t value;		  /* VALUE, FD with REPLACE; else 0 */
	int32_t error;		  /* ERRNO: 1 to RV_MAX_ERRNO; else 0 */
	int32_t fd;		  /* FD; else 0 */
	int32_t target;		  /* FD with REPLACE; else 0 */
	int32_t reserved;
	struct rv_call call;	  /* REWRITE: `nr` and `args`, the rest 0; else 0 */
};

/* EXCHANGE: do not wait; EAGAIN if there is nothing. */
#define RV_EXCHANGE_NOWAIT 1u
/* EXCHANGE: reply only. */
#define RV_EXCHANGE_REPLY 2u

/*
 * EXCHANGE: replies, then waits for the next event. Several threads may wait; each event goes to one. Calls come before reports, and
 * reports before counts.
 *
 * EINVAL, EBADF: the reply is malformed, the call still waits and nothing was received. If nobody waits for the reply (the task died), `result`
 * is ENOENT and the next event is received all the same. `reply.id` is set to 0 once the reply is delivered, so that a call
 * that a signal interrupts (EINTR) can be repeated as it is. ESRCH: there were tasks, none is left, and no report or count. poll(2) says POLLIN
 * for an event and POLLHUP for this.
 */
struct rv_device_exchange {
	struct rv_device_reply reply;
	uint32_t flags;		  /* RV_EXCHANGE_* */
	uint32_t result;	  /* out: errno of the reply, if there was one */
	uint64_t text;		  /* address of a buffer for the text, or 0 */
	uint32_t capacity;	  /* its bytes */
	uint32_t reserved;
	struct rv_device_event event; /* out */
};

/* VALID: 0 while the call waits for its reply, else ENOENT. To be asked after the guest's memory was read by thread number. */
struct rv_device_valid {
	uint64_t id;
};

/* STATUS. Counts are since HELLO. */
struct rv_device_status {
	uint32_t sandbox;
	uint32_t tasks;		  /* registered now */
	uint32_t waiting;	  /* calls that wait for a reply */
	uint32_t reports;	  /* reports that wait to be fetched */
	uint64_t calls;		  /* decided in the kernel or asked for */
	uint64_t refused;	  /* by the module: calls, paths and addresses */
	uint64_t objects;	  /* paths and addresses that were decided */
	uint64_t upcalls;	  /* calls that waited for a reply */
	uint64_t lost;		  /* refusals that were counted only */
	uint64_t program;	  /* bytes of the program */
	uint64_t reported;	  /* refusals that were, or lie ready to be, reported one by one */
};

/* ------------------------------------------------------------------------------------------------------- ioctl numbers */

/* The encoding of <asm-generic/ioctl.h>: direction (1: to the kernel, 2: from it), size, type, number. */
#define RV_DEVICE_IOCTL(direction, number, size) ((uint32_t)(direction) << 30 | (uint32_t)(size) << 16 | 0x52u << 8 | (number))

#define RV_DEVICE_HELLO RV_DEVICE_IOCTL(3, 0u, sizeof(struct rv_device_hello))
#define RV_DEVICE_PROGRAM RV_DEVICE_IOCTL(3, 1u, sizeof(struct rv_device_program))
#define RV_DEVICE_REGISTER RV_DEVICE_IOCTL(1, 2u, sizeof(struct rv_device_register))
#define RV_DEVICE_EXCHANGE RV_DEVICE_IOCTL(3, 3u, sizeof(struct rv_device_exchange))
#define RV_DEVICE_VALID RV_DEVICE_IOCTL(1, 4u, sizeof(struct rv_device_valid))
/* Kills all tasks of the sandbox; none can be registered any more (ESRCH). */
#define RV_DEVICE_KILL RV_DEVICE_IOCTL(0, 5u, 0)
#define RV_DEVICE_STATUS RV_DEVICE_IOCTL(2, 6u, sizeof(struct rv_device_status))

/* ---------------------------------------------------------------------------------------------------------- the layout */

RV_PIN(rv_device_hello, version, 0);
RV_PIN(rv_device_hello, program_version, 4);
RV_PIN(rv_device_hello, sandbox, 8);
RV_PIN(rv_device_hello, reserved, 12);
RV_PIN_SIZE(rv_device_hello, 16);

RV_PIN(rv_device_program, address, 0);
RV_PIN(rv_device_program, size, 8);
RV_PIN(rv_device_program, flags, 12);
RV_PIN(rv_device_program, fault, 16);
RV_PIN_SIZE(rv_device_program, 24);

RV_PIN(rv_device_register, tid, 0);
RV_PIN(rv_device_register, reserved, 4);
RV_PIN_SIZE(rv_device_register, 8);

RV_PIN(rv_device_event, id, 0);
RV_PIN(rv_device_event, time_ns, 8);
RV_PIN(rv_device_event, kind, 16);
RV_PIN(rv_device_event, tid, 20);
RV_PIN(rv_device_event, pid, 24);
RV_PIN(rv_device_event, count, 28);
RV_PIN(rv_device_event, call, 32);
RV_PIN(rv_device_event, decision, 96);
RV_PIN(rv_device_event, rule, 128);
RV_PIN(rv_device_event, error, 132);
RV_PIN(rv_device_event, rights, 136);
RV_PIN(rv_device_event, verdict, 140);
RV_PIN(rv_device_event, text, 144);
RV_PIN(rv_device_event, text_size, 148);
RV_PIN_SIZE(rv_device_event, 152);

RV_PIN(rv_device_reply, id, 0);
RV_PIN(rv_device_reply, verdict, 8);
RV_PIN(rv_device_reply, flags, 12);
RV_PIN(rv_device_reply, value, 16);
RV_PIN(rv_device_reply, error, 24);
RV_PIN(rv_device_reply, fd, 28);
RV_PIN(rv_device_reply, target, 32);
RV_PIN(rv_device_reply, reserved, 36);
RV_PIN(rv_device_reply, call, 40);
RV_PIN_SIZE(rv_device_reply, 104);

RV_PIN(rv_device_exchange, reply, 0);
RV_PIN(rv_device_exchange, flags, 104);
RV_PIN(rv_device_exchange, result, 108);
RV_PIN(rv_device_exchange, text, 112);
RV_PIN(rv_device_exchange, capacity, 120);
RV_PIN(rv_device_exchange, reserved, 124);
RV_PIN(rv_device_exchange, event, 128);
RV_PIN_SIZE(rv_device_exchange, 280);

RV_PIN(rv_device_valid, id, 0);
RV_PIN_SIZE(rv_device_valid, 8);

RV_PIN(rv_device_status, sandbox, 0);
RV_PIN(rv_device_status, tasks, 4);
RV_PIN(rv_device_status, waiting, 8);
RV_PIN(rv_device_status, reports, 12);
RV_PIN(rv_device_status, calls, 16);
RV_PIN(rv_device_status, refused, 24);
RV_PIN(rv_device_status, objects, 32);
RV_PIN(rv_device_status, upcalls, 40);
RV_PIN(rv_device_status, lost, 48);
RV_PIN(rv_device_status, program, 56);
RV_PIN(rv_device_status, reported, 64);
RV_PIN_SIZE(rv_device_status, 72);

#endif
