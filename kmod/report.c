// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Telling the owner what was refused without asking it: a bounded queue that never makes a guest wait. What does not fit is counted.
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
		list_add_tail(&report->list, &sandbox->reports);
		kept = true;
	} else {
		sandbox->lost++;
		sandbox->lost_since++;
	}
	spin_unlock(&sandbox->lock);
	if (kept)
		wake_up_interruptible_poll(&sandbox->wait, EPOLLIN);
	else if (report)
		rv_report_free(report);
}
