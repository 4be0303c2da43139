// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Calls with other numbers and arguments than the guest gave.
 *
 * The kernel takes both from the guest's registers, so they are changed there, and given back before the guest runs again: by task
 * work, which runs on the way out, before a signal handler sees the registers and before the call is restarted. A call
 * that is restarted is therefore the guest's own again, and is decided again.
 */
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/unistd.h>
#include <asm/syscall.h>

#include "rvisor.h"

struct rv_rewrite {
	struct callback_head work;
	unsigned long ip, sp;		/* of the call */
	unsigned long number;
	unsigned long arguments[RV_ARGUMENTS];
	u32 execs;			/* how often the task had executed a program */
};

static void set_arguments(struct pt_regs *regs, const unsigned long *arguments)
{
	regs->di = arguments[0];
	regs->si = arguments[1];
	regs->dx = arguments[2];
	regs->r10 = arguments[3];
	regs->r8 = arguments[4];
	regs->r9 = arguments[5];
}

static void undo(const struct rv_rewrite *rewrite, struct pt_regs *regs)
{
	set_arguments(regs, rewrite->arguments);
	regs->orig_ax = rewrite->number;
}

/* On the way back to user space, or out of life: then the task's entry may be gone. */
static void restore(struct callback_head *work)
{
	struct rv_rewrite *rewrite = container_of(work, struct rv_rewrite, work);
	struct pt_regs *regs = current_pt_regs();
	struct rv_task *self = rv_find(current);

	if (self)
		self->rewrite = NULL;
	/* A program that was executed has registers of its own. */
	if (rewrite->execs == current->self_exec_id && rewrite->ip == regs->ip && rewrite->sp == regs->sp)
		undo(rewrite, regs);
	kfree(rewrite);
	/* Whoever unloads the module now waits for this function in synchronize_rcu_tasks(). */
	module_put(THIS_MODULE);
}

/* Gives the call that the task enters this number and these arguments. 0 or a negative errno. */
int rv_rewrite_begin(struct rv_task *self, struct pt_regs *regs, const struct rv_call *call)
{
	unsigned long arguments[RV_ARGUMENTS];
	struct rv_rewrite *rewrite;
	int i, error;

	rewrite = kzalloc(sizeof(*rewrite), GFP_KERNEL_ACCOUNT);
	if (!rewrite)
		return -ENOMEM;
	rewrite->ip = regs->ip;
	rewrite->sp = regs->sp;
	rewrite->number = regs->orig_ax;
	rewrite->execs = current->self_exec_id;
	syscall_get_arguments(current, regs, rewrite->arguments);
	init_task_work(&rewrite->work, restore);
	__module_get(THIS_MODULE);
	error = task_work_add(current, &rewrite->work, TWA_RESUME);
	if (error) {
		module_put(THIS_MODULE);
		kfree(rewrite);
		return error;
	}
	self->rewrite = rewrite;
	for (i = 0; i < RV_ARGUMENTS; i++)
		arguments[i] = call->args[i];
	set_arguments(regs, arguments);
	regs->orig_ax = call->nr;
	return 0;
}

/* A child that a rewritten call makes starts with the guest's own registers. */
void rv_rewrite_undo_in_child(const struct rv_task *parent, struct task_struct *child)
{
	if (parent->rewrite)
		undo(parent->rewrite, task_pt_regs(child));
}
