// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What becomes of a system call of a guest, where the kernel would ask its seccomp filter. Sleepable; nothing of ours is on the
 * stack any more when the call itself runs.
 */
#define pr_fmt(fmt) "rvisor: " fmt

#include <linux/file.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/sched/signal.h>
#include <linux/unistd.h>
#include <linux/version.h>
#include <asm/syscall.h>

#include "rvisor.h"
#include "trace.h"

#define RUN 0
#define SKIP (-1)

static int skip(struct pt_regs *regs, long result)
{
	syscall_set_return_value(current, regs, 0, result);
	return SKIP;
}

static int die(struct rv_task *self, struct pt_regs *regs)
{
	rv_sandbox_kill(self->sandbox);
	/* It has the signal already; this is for the case that the sandbox does not know it any more. */
	send_sig(SIGKILL, current, 1);
	return skip(regs, -EPERM);
}

static void read_call(struct pt_regs *regs, struct rv_call *call)
{
	BUILD_BUG_ON(sizeof(call->args) != RV_ARGUMENTS * sizeof(unsigned long));

	call->nr = (u32)regs->orig_ax;
	call->arch = syscall_get_arch(current);
	call->ip = regs->ip;
	syscall_get_arguments(current, regs, (unsigned long *)call->args);
}

/*
 * Calls that no guest has, whatever the program says: those that work around the hook, and those that would answer for a filter
 * that is never asked. 0, or the negative errno.
 */
static int closed(const struct rv_call *call)
{
	switch (call->nr) {
	case __NR_io_uring_setup:
	case __NR_io_uring_enter:
	case __NR_io_uring_register:
		return -ENOSYS;
	case __NR_seccomp:
		return (u32)call->args[0] == SECCOMP_GET_ACTION_AVAIL ? -EOPNOTSUPP : -EINVAL;
	case __NR_prctl:
		return (u32)call->args[0] == PR_SET_SECCOMP ? -EINVAL : 0;
	default:
		return 0;
	}
}

static int run(struct rv_task *self, struct pt_regs *regs)
{
	int error = closed(&self->call);

	return error ? skip(regs, error) : RUN;
}

static int refuse(struct rv_task *self, struct pt_regs *regs, const struct rv_decision *decision)
{
	const struct rv_access access = { .rule = decision->rule };
	const bool native = self->call.arch == RV_ARCH_X86_64 && !(self->call.nr & RV_X32_BIT);

	if (native && (self->how & RV_PROGRAM_QUIET))
		rv_count(self->sandbox, refused);
	else
		rv_report(self, &access, 0, decision->error, RV_TEXT_NONE, NULL, 0);
	return skip(regs, -(long)decision->error);
}

static int kill(struct rv_task *self, struct pt_regs *regs, const struct rv_decision *decision)
{
	const struct rv_access access = { .rule = decision->rule };

	if (self->how & RV_PROGRAM_KILL_PROCESS) {
		rv_count(self->sandbox, refused);
		return RV_CALL_FILTER;
	}
	rv_report(self, &access, 0, 0, RV_TEXT_NONE, NULL, 0);
	return die(self, regs);
}

/* What holds when nobody answers for the call. */
static int go_on(struct rv_task *self, struct pt_regs *regs, const struct rv_decision *decision)
{
	switch (decision->base) {
	case RV_ACTION_NOTIFY:
		self->judging = rv_judging_of(self->call.nr);
		return run(self, regs);
	case RV_ACTION_ALLOW:
	case RV_ACTION_TRACE:
		return run(self, regs);
	case RV_ACTION_ERRNO:
		return refuse(self, regs, decision);
	default:
		return kill(self, regs, decision);
	}
}

static bool decide(struct rv_task *self, struct rv_decision *decision)
{
	const struct rv_program *program;

	rcu_read_lock();
	program = rcu_dereference(self->sandbox->program);
	if (program) {
		self->how = program->flags;
		rv_eval_call(program->bytes, &self->call, decision);
	}
	rcu_read_unlock();
	if (!program)
		return false;
	trace_rvisor_call(self->sandbox->number, &self->call, decision);
	return true;
}

static int rewrite(struct rv_task *self, struct pt_regs *regs, const struct rv_call *call)
{
	struct rv_decision decision;
	int error;

	self->call.nr = call->nr;
	memcpy(self->call.args, call->args, sizeof(call->args));
	if (!decide(self, &decision))
		return die(self, regs);
	if (decision.base == RV_ACTION_ERRNO || decision.base == RV_ACTION_KILL)
		return go_on(self, regs, &decision);
	error = rv_rewrite_begin(self, regs, &self->call);
	return error ? skip(regs, error) : go_on(self, regs, &decision);
}

static long install(struct file *file, const struct rv_device_reply *reply)
{
	const unsigned int flags = reply->flags & RV_REPLY_CLOEXEC ? O_CLOEXEC : 0;
	int error;

	if (reply->flags & RV_REPLY_REPLACE) {
		error = rv_replace_fd(reply->target, file, flags);
		return error < 0 ? error : reply->value;
	}
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return receive_fd(file, flags);
#else
	return receive_fd(file, NULL, flags);
#endif
}

static int ask(struct rv_task *self, struct pt_regs *regs, const struct rv_decision *decision)
{
	struct rv_upcall_reply answer;
	long result;

	/* Only if it is to die. */
	if (rv_upcall(self, decision, &answer))
		return skip(regs, -EINTR);
	switch (answer.reply.verdict) {
	case RV_REPLY_CONTINUE:
		return go_on(self, regs, decision);
	case RV_REPLY_VALUE:
		return skip(regs, answer.reply.value);
	case RV_REPLY_ERRNO:
		return skip(regs, -(long)answer.reply.error);
	case RV_REPLY_FD:
		result = install(answer.file, &answer.reply);
		fput(answer.file);
		return skip(regs, result);
	case RV_REPLY_REWRITE:
		return rewrite(self, regs, &answer.reply.call);
	default:
		return die(self, regs);
	}
}

/*
 * The current call cannot be carried out, and nothing of it has been: the error that it fails with. Where an appeal is possible the call
 * is made again, as after a signal that has no handler, and the owner is asked then. A signal that comes in between is handled first; if its handler
 * makes other calls, this one is refused and appealed against once more.
 */
int rv_appeal(struct rv_task *self, int error)
{
	if (!self->appealable)
		return error;
	self->appealable = false;
	self->appeals = true;
	/* The way out looks at what is to be restarted only where there may be a signal. */
	set_thread_flag(TIF_SIGPENDING);
	return -ERESTARTNOINTR;
}

/* Out of line: its copy would be cleared with each call, also where there is nothing to compare. */
static noinline bool is_made_again(struct rv_task *self, struct pt_regs *regs)
{
	const struct rv_call before = self->call;

	self->appeals = false;
	read_call(regs, &self->call);
	return !memcmp(&before, &self->call, sizeof(before));
}

/* Reads the call that `self` makes now; whether it is the one that it makes again. */
static bool is_appeal(struct rv_task *self, struct pt_regs *regs)
{
	self->appealable = false;
	if (unlikely(self->appeals))
		return is_made_again(self, regs);
	read_call(regs, &self->call);
	return false;
}

int rv_call_enter(void)
{
	struct pt_regs *regs = current_pt_regs();
	struct rv_task *self = rv_find(current);
	struct rv_decision decision;
	bool appeal;

	/* Impossible: the hook looks first. */
	if (WARN_ON_ONCE(!self)) {
		send_sig(SIGKILL, current, 1);
		return skip(regs, -EPERM);
	}
	self->judging = RV_JUDGE_NOTHING;
	appeal = is_appeal(self, regs);
	rv_count(self->sandbox, calls);
	if (!decide(self, &decision))
		return die(self, regs);
	switch (decision.action) {
	case RV_ACTION_ALLOW:
		return run(self, regs);
	case RV_ACTION_ERRNO:
	case RV_ACTION_KILL:
		return go_on(self, regs, &decision);
	case RV_ACTION_NOTIFY:
		if (!appeal && rv_judging_of(self->call.nr) != RV_JUDGE_NOTHING) {
			self->appealable = (self->how & RV_PROGRAM_APPEAL) && rv_may_appeal(&self->call);
			return go_on(self, regs, &decision);
		}
		fallthrough;
	default: /* RV_ACTION_TRACE, RV_ACTION_HANDLER */
		return ask(self, regs, &decision);
	}
}
