// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Telling the owner what was refused without asking it: a bounded queue that never makes a guest wait. What does not fit is counted, by
 * call and rule.
 */
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "rvisor.h"

void rv_report_free(struct rv_report *report)
{
	put_pid(report->tid);
	put_pid(report->pid);
	kfree(report);
}

static struct rv_report *make(const struct rv_task *self, const struct rv_access *access, u32 rights, u32 error, u32 text,
			      const void *bytes, u32 size)
{
	struct rv_report *report;

	size = min(size, RV_DEVICE_MAX_TEXT);
	report = kmalloc(struct_size(report, bytes, size), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!report)
		return NULL;
	report->tid = get_pid(task_pid(current));
	report->pid = get_pid(task_tgid(current));
	report->time_ns = ktime_get_real_ns();
	report->call = self->call;
	report->access = *access;
	report->rights = rights;
	report->error = error;
	report->text = text;
	report->text_size = size;
	memcpy(report->bytes, bytes, size);
	return report;
}

/* One more of its kind. sandbox->lock is held. */
static void count(struct rv_sandbox *sandbox, const struct rv_call *call, u32 rule)
{
	struct rv_kind *kind = sandbox->kinds, *end = kind + sandbox->kind_count;

	sandbox->lost++;
	while (kind < end && !(kind->nr == call->nr && kind->arch == call->arch && kind->rule == rule))
		kind++;
	if (kind == end) {
		/* The last place is for all whom there is no other for; once it is taken the list is full. */
		const bool other = sandbox->kind_count >= RV_DEVICE_MAX_KINDS;

		kind = &sandbox->kinds[min(sandbox->kind_count, RV_DEVICE_MAX_KINDS)];
		if (sandbox->kind_count <= RV_DEVICE_MAX_KINDS) {
			sandbox->kind_count++;
			*kind = (struct rv_kind){
				.nr = other ? RV_COUNT_OTHER : call->nr,
				.arch = other ? 0 : call->arch,
				.rule = other ? RV_ID_NONE : rule,
			};
		}
	}
	if (kind->count < U32_MAX)
		kind->count++;
}

/* Takes one kind's count, if there is any. sandbox->lock is held. */
bool rv_take_count(struct rv_sandbox *sandbox, struct rv_device_event *event)
{
	const struct rv_kind *kind;

	if (!sandbox->kind_count)
		return false;
	kind = &sandbox->kinds[--sandbox->kind_count];
	event->kind = RV_EVENT_COUNT;
	event->time_ns = ktime_get_real_ns();
	event->call.nr = kind->nr;
	event->call.arch = kind->arch;
	event->rule = kind->rule;
	event->count = kind->count;
	return true;
}

/*
 * The current task was refused: `access` has the rule and, where a path or an address was decided on, the verdict, `rights` what was
 * wanted, `bytes` the path or the address. An error of 0: its sandbox is killed.
 */
void rv_report(struct rv_task *self, const struct rv_access *access, u32 rights, u32 error, u32 text, const void *bytes, u32 size)
{
	struct rv_sandbox *sandbox = self->sandbox;
	struct rv_report *report = NULL;
	bool kept = false;

	rv_count(sandbox, refused);
	if (READ_ONCE(sandbox->report_count) < RV_DEVICE_MAX_REPORTS)
		report = make(self, access, rights, error, text, bytes, size);
	spin_lock(&sandbox->lock);
	if (report && sandbox->report_count < RV_DEVICE_MAX_REPORTS) {
		sandbox->report_count++;
		sandbox->reported++;
		list_add_tail(&report->list, &sandbox->reports);
		kept = true;
	} else {
		count(sandbox, &self->call, access->rule);
	}
	spin_unlock(&sandbox->lock);
	if (kept)
		wake_up_interruptible_poll(&sandbox->wait, EPOLLIN);
	else if (report)
		rv_report_free(report);
}
