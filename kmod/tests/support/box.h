/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Sandboxes for tests: the owner's side of /dev/rvisor, and guests that are functions.
 */
#ifndef BOX_H
#define BOX_H

#include <pthread.h>
#include <sys/types.h>

#include "policy.h"
#include "rv_device.h"

/* What a call with an answer comes to; runs on the thread that answers. A reply of verdict 0 sends none. */
typedef void answer_fn(const struct rv_device_event *event, struct rv_device_reply *reply);

struct box {
	int fd;
	pthread_t thread;
	answer_fn *answer;
	/* The last report and its text; how many there were. */
	struct rv_device_event report;
	char text[RV_DEVICE_MAX_TEXT + 1];
	volatile unsigned reports;
	volatile unsigned calls;
	int ended; /* errno with which the thread's last EXCHANGE failed */
};

/* An open device without HELLO. */
int box_device(void);
/* HELLO; 0 or an errno. */
int box_hello(int fd);
/* PROGRAM; 0 or an errno. Frees the policy. */
int box_load(int fd, struct policy policy);
/* REGISTER; 0 or an errno. */
int box_register(int fd, pid_t tid);
/* EXCHANGE; 0 or an errno. */
int box_exchange(int fd, struct rv_device_exchange *exchange);
/* A reply without waiting for an event: errno of the exchange, or of the reply. */
int box_reply(int fd, const struct rv_device_reply *reply);
struct rv_device_status box_status(int fd);

/* A sandbox with a program, and a thread that answers and takes reports. `answer` may be null: then calls go on. */
void box_open(struct box *box, struct policy policy, answer_fn *answer);
/* Waits until its guests are gone and the thread has seen all; closes. */
void box_close(struct box *box);

typedef int guest_fn(void *argument);

/* The filter that kills whatever the module does not decide. */
void box_filter(void);
/* A guest: registered, with the filter, running `guest`, whose result is its exit status. */
pid_t box_spawn(int fd, guest_fn *guest, void *argument);
/* Exit status, or 1000 + signal. */
int box_wait(pid_t pid);
/* Both. */
int box_run(struct box *box, guest_fn *guest, void *argument);

#define KILLED 1009

#endif
