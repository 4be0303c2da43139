// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Calls that wait for the owner's answer, and how it fetches and answers them.
 *
 * A waiting call lies on the stack of the task that makes it, so the queue is as long as there are tasks and costs no memory. The
 * task waits until it is answered or dies; other signals wait, so that no call fails with an EINTR that it would not have had. Whoever looks
 * at a waiting call holds sandbox->lock, and the task takes that lock before it leaves.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/unistd.h>
#include <linux/uaccess.h>

#include "rvisor.h"
#include "trace.h"

enum state { PENDING, SENT, ANSWERED };

struct upcall {
	struct list_head list;		/* PENDING */
	struct hlist_node node;		/* SENT */
	enum state state;
	struct task_struct *task;
	wait_queue_head_t wait;
	u64 id;
	u64 time_ns;
	const struct rv_call *call;
	const struct rv_decision *decision;
	struct rv_upcall_reply *answer;
};

/* Puts the call of the current task to the owner. 0 with the answer in `out`, or -EINTR if the task is to die. */
int rv_upcall(struct rv_task *self, const struct rv_decision *decision, struct rv_upcall_reply *out)
{
	struct rv_sandbox *sandbox = self->sandbox;
	struct upcall upcall = {
		.state = PENDING,
		.task = current,
		.call = &self->call,
		.decision = decision,
		.time_ns = ktime_get_real_ns(),
		.answer = out,
	};
	int error = 0;

	out->file = NULL;
	init_waitqueue_head(&upcall.wait);
	spin_lock(&sandbox->lock);
	if (sandbox->dead) {
		spin_unlock(&sandbox->lock);
		return -EINTR;
	}
	upcall.id = ++sandbox->last_id;
	sandbox->waiting++;
	list_add_tail(&upcall.list, &sandbox->pending);
	spin_unlock(&sandbox->lock);

	rv_count(sandbox, upcalls);
	trace_rvisor_upcall(sandbox->number, upcall.id, &self->call);
	wake_up_interruptible_sync_poll(&sandbox->wait, EPOLLIN);
	/* Freezable: a machine that goes to sleep does not wait for owners. A signal may come together with the answer. */
	(void)wait_event_state(upcall.wait, READ_ONCE(upcall.state) == ANSWERED, (TASK_KILLABLE | TASK_FREEZABLE));

	spin_lock(&sandbox->lock);
	if (upcall.state == PENDING)
		list_del(&upcall.list);
	else if (upcall.state == SENT)
		hash_del(&upcall.node);
	if (upcall.state != ANSWERED)
		error = -EINTR;
	sandbox->waiting--;
	spin_unlock(&sandbox->lock);
	return error;
}

/* sandbox->lock is held. */
static struct upcall *find_sent(struct rv_sandbox *sandbox, u64 id)
{
	struct upcall *upcall;

	hash_for_each_possible(sandbox->sent, upcall, node, id) {
		if (upcall->id == id)
			return upcall;
	}
	return NULL;
}

/* VALID */
long rv_valid(struct rv_sandbox *sandbox, u64 id)
{
	bool waits;

	spin_lock(&sandbox->lock);
	waits = find_sent(sandbox, id);
	spin_unlock(&sandbox->lock);
	return waits ? 0 : -ENOENT;
}

/* Whether every field says something, and nothing else is said. */
static bool is_sound(const struct rv_device_reply *reply)
{
	const struct rv_call *call = &reply->call;
	const bool is_fd = reply->verdict == RV_REPLY_FD;
	const bool replaces = is_fd && (reply->flags & RV_REPLY_REPLACE);
	const bool has_value = reply->verdict == RV_REPLY_VALUE || replaces;

	if (reply->verdict < RV_REPLY_CONTINUE || reply->verdict > RV_REPLY_KILL || reply->reserved)
		return false;
	if (reply->flags & ~(is_fd ? RV_REPLY_CLOEXEC | RV_REPLY_REPLACE | RV_REPLY_MOVE : 0))
		return false;
	if ((!has_value && reply->value) || (!is_fd && reply->fd) || (!replaces && reply->target))
		return false;
	if (reply->verdict == RV_REPLY_ERRNO ? reply->error < 1 || reply->error > RV_MAX_ERRNO : reply->error)
		return false;
	if (reply->verdict != RV_REPLY_REWRITE)
		return !memchr_inv(call, 0, sizeof(*call));
	/* What replaces all registers has none that could come back. */
	return !call->arch && !call->ip && call->nr != __NR_rt_sigreturn;
}

/* Delivers a reply. -ENOENT if nobody waits for it; any other error leaves the call waiting. */
static long deliver(struct rv_sandbox *sandbox, const struct rv_device_reply *reply)
{
	struct file *file = NULL;
	struct upcall *upcall;

	if (!is_sound(reply))
		return -EINVAL;
	if (reply->verdict == RV_REPLY_FD) {
		file = fget_raw(reply->fd);
		if (!file)
			return -EBADF;
		if (file->f_op == &rv_device_operations) {
			fput(file);
			return -EINVAL;
		}
		if (reply->flags & RV_REPLY_MOVE)
			close_fd(reply->fd);
	}
	spin_lock(&sandbox->lock);
	upcall = find_sent(sandbox, reply->id);
	if (upcall) {
		hash_del(&upcall->node);
		upcall->answer->reply = *reply;
		upcall->answer->file = file;
		WRITE_ONCE(upcall->state, ANSWERED);
		__wake_up_sync(&upcall->wait, TASK_NORMAL);
	}
	spin_unlock(&sandbox->lock);
	if (upcall)
		return 0;
	if (file)
		fput(file);
	return -ENOENT;
}

/* There were tasks, and there will be none any more unless the owner registers one. */
bool rv_is_over(struct rv_sandbox *sandbox)
{
	return READ_ONCE(sandbox->populated) && !READ_ONCE(sandbox->task_count);
}

/* Whether there is an event to be taken. */
bool rv_has_news(struct rv_sandbox *sandbox)
{
	return !list_empty_careful(&sandbox->pending) || !list_empty_careful(&sandbox->reports) || READ_ONCE(sandbox->kind_count);
}

/* Whether there is an event to be taken, or none will come. */
static bool has_event(struct rv_sandbox *sandbox)
{
	return rv_has_news(sandbox) || rv_is_over(sandbox);
}

/* Takes the next event, if there is one. A report is the caller's then. */
static void take(struct rv_sandbox *sandbox, struct rv_device_event *event, struct rv_report **report)
{
	struct upcall *upcall;

	spin_lock(&sandbox->lock);
	upcall = list_first_entry_or_null(&sandbox->pending, struct upcall, list);
	if (upcall) {
		list_del(&upcall->list);
		upcall->state = SENT;
		hash_add(sandbox->sent, &upcall->node, upcall->id);
		event->kind = RV_EVENT_CALL;
		event->id = upcall->id;
		event->time_ns = upcall->time_ns;
		event->tid = task_pid_vnr(upcall->task);
		event->pid = task_tgid_vnr(upcall->task);
		event->call = *upcall->call;
		event->decision = *upcall->decision;
	} else {
		*report = list_first_entry_or_null(&sandbox->reports, struct rv_report, list);
		if (*report) {
			list_del(&(*report)->list);
			sandbox->report_count--;
		} else {
			rv_take_count(sandbox, event);
		}
	}
	spin_unlock(&sandbox->lock);
}

static void describe(struct rv_device_event *event, const struct rv_report *report)
{
	event->kind = RV_EVENT_REPORT;
	event->time_ns = report->time_ns;
	event->tid = pid_vnr(report->tid);
	event->pid = pid_vnr(report->pid);
	event->call = report->call;
	event->rule = report->access.rule;
	event->verdict = report->access.verdict;
	event->error = report->error;
	event->rights = report->rights;
	event->text = report->text;
	event->text_size = report->text_size;
}

/* The caller could not take what it was given: the call waits again, where it stood. */
static void put_back(struct rv_sandbox *sandbox, u64 id)
{
	struct upcall *upcall;

	spin_lock(&sandbox->lock);
	upcall = find_sent(sandbox, id);
	if (upcall) {
		hash_del(&upcall->node);
		upcall->state = PENDING;
		list_add(&upcall->list, &sandbox->pending);
	}
	spin_unlock(&sandbox->lock);
	wake_up_interruptible_poll(&sandbox->wait, EPOLLIN);
}

static long give(struct rv_sandbox *sandbox, const struct rv_device_exchange *exchange, struct rv_device_exchange __user *user,
		 struct rv_device_event *event, struct rv_report *report)
{
	bool fault = false;

	if (report) {
		const u32 size = min(report->text_size, exchange->capacity);

		describe(event, report);
		fault = exchange->text && size && copy_to_user(u64_to_user_ptr(exchange->text), report->bytes, size);
		rv_report_free(report);
	}
	if (!fault)
		fault = copy_to_user(&user->event, event, sizeof(*event));
	if (!fault)
		return 0;
	if (event->kind == RV_EVENT_CALL)
		put_back(sandbox, event->id);
	return -EFAULT;
}

static long receive(struct rv_sandbox *sandbox, const struct rv_device_exchange *exchange, struct rv_device_exchange __user *user)
{
	for (;;) {
		struct rv_device_event event = {};
		struct rv_report *report = NULL;
		int error;

		take(sandbox, &event, &report);
		if (event.kind || report)
			return give(sandbox, exchange, user, &event, report);
		if (rv_is_over(sandbox))
			return -ESRCH;
		if (exchange->flags & RV_EXCHANGE_NOWAIT)
			return -EAGAIN;
		error = wait_event_interruptible_exclusive(sandbox->wait, has_event(sandbox));
		if (error)
			return error;
	}
}

/* EXCHANGE: see rv_device.h. */
long rv_exchange(struct rv_sandbox *sandbox, struct rv_device_exchange __user *user)
{
	struct rv_device_exchange exchange;

	if (copy_from_user(&exchange, user, offsetof(struct rv_device_exchange, event)))
		return -EFAULT;
	if ((exchange.flags & ~(RV_EXCHANGE_NOWAIT | RV_EXCHANGE_REPLY)) || exchange.reserved || (!exchange.text && exchange.capacity))
		return -EINVAL;
	if (exchange.reply.id) {
		long error = deliver(sandbox, &exchange.reply);

		if (error && error != -ENOENT)
			return error;
		trace_rvisor_reply(sandbox->number, &exchange.reply, -error);
		if (put_user(0, &user->reply.id) || put_user(-error, &user->result))
			return -EFAULT;
	}
	return exchange.flags & RV_EXCHANGE_REPLY ? 0 : receive(sandbox, &exchange, user);
}
