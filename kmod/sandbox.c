// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A sandbox from open() to the end of its last task: its owner, its program, its counters, its death.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "rvisor.h"

/* What is freed may have to sleep (the root's mount), and the last reference may go where one must not. */
struct workqueue_struct *rv_workqueue;

static LIST_HEAD(rv_sandboxes);
static DEFINE_HASHTABLE(rv_owners, 8);
static DEFINE_SPINLOCK(rv_sandboxes_lock);
static u32 sandbox_count;
static u32 last_number;

static void sandbox_free(struct work_struct *work)
{
	struct rv_sandbox *sandbox = container_of(work, struct rv_sandbox, free);
	struct rv_report *report, *next;

	WARN_ON_ONCE(sandbox->task_count || sandbox->waiting);
	list_for_each_entry_safe(report, next, &sandbox->reports, list)
		rv_report_free(report);
	if (sandbox->rooted)
		path_put(&sandbox->root);
	if (rcu_access_pointer(sandbox->program))
		rv_program_put(rcu_dereference_protected(sandbox->program, true));
	free_percpu(sandbox->counters);
	mutex_destroy(&sandbox->setup);
	/* A task that dies may have found its entry, and be on its way to the lock, while REGISTER takes the entry out. */
	kfree_rcu(sandbox, rcu);
}

static void sandbox_release(struct kref *ref)
{
	struct rv_sandbox *sandbox = container_of(ref, struct rv_sandbox, ref);

	spin_lock(&rv_sandboxes_lock);
	list_del(&sandbox->list);
	hash_del(&sandbox->owned);
	sandbox_count--;
	spin_unlock(&rv_sandboxes_lock);
	queue_work(rv_workqueue, &sandbox->free);
}

void rv_sandbox_get(struct rv_sandbox *sandbox)
{
	kref_get(&sandbox->ref);
}

/* May be called where one must not sleep. */
void rv_sandbox_put(struct rv_sandbox *sandbox)
{
	kref_put(&sandbox->ref, sandbox_release);
}

/* A sandbox without an owner, or an error. */
struct rv_sandbox *rv_sandbox_create(void)
{
	struct rv_sandbox *sandbox = kzalloc(sizeof(*sandbox), GFP_KERNEL_ACCOUNT);

	if (!sandbox)
		return ERR_PTR(-ENOMEM);
	sandbox->counters = alloc_percpu_gfp(struct rv_counters, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!sandbox->counters) {
		kfree(sandbox);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&sandbox->ref);
	mutex_init(&sandbox->setup);
	spin_lock_init(&sandbox->lock);
	INIT_LIST_HEAD(&sandbox->tasks);
	INIT_LIST_HEAD(&sandbox->pending);
	INIT_LIST_HEAD(&sandbox->reports);
	hash_init(sandbox->sent);
	init_waitqueue_head(&sandbox->wait);
	INIT_WORK(&sandbox->free, sandbox_free);

	spin_lock(&rv_sandboxes_lock);
	if (sandbox_count >= RV_DEVICE_MAX_SANDBOXES) {
		spin_unlock(&rv_sandboxes_lock);
		free_percpu(sandbox->counters);
		kfree(sandbox);
		return ERR_PTR(-ENOSPC);
	}
	sandbox_count++;
	sandbox->number = ++last_number;
	list_add_tail(&sandbox->list, &rv_sandboxes);
	INIT_HLIST_NODE(&sandbox->owned);
	spin_unlock(&rv_sandboxes_lock);
	return sandbox;
}

/*
 * Ends the sandbox: no task joins it any more, and all of its tasks die, also those that wait for a reply. A child that is being
 * forked at this moment is killed where it would be registered.
 */
void rv_sandbox_kill(struct rv_sandbox *sandbox)
{
	struct rv_task *entry;

	spin_lock(&sandbox->lock);
	sandbox->dead = true;
	list_for_each_entry(entry, &sandbox->tasks, list)
		send_sig(SIGKILL, entry->task, 1);
	spin_unlock(&sandbox->lock);
	wake_up_interruptible_all(&sandbox->wait);
}

/* A process died: its sandboxes die with it, whoever else may have their files open. May be called where one must not sleep. */
void rv_sandboxes_orphan(const struct signal_struct *owner)
{
	struct rv_sandbox *sandbox;
	struct hlist_node *next;

	/* Almost always; who has just become an owner is not dying. */
	if (hlist_empty(&rv_owners[hash_min((unsigned long)owner, HASH_BITS(rv_owners))]))
		return;
	spin_lock(&rv_sandboxes_lock);
	hash_for_each_possible_safe(rv_owners, sandbox, next, owned, (unsigned long)owner) {
		if (sandbox->owner != owner)
			continue;
		rv_sandbox_kill(sandbox);
		/* The address may belong to another process later. */
		hash_del(&sandbox->owned);
		WRITE_ONCE(sandbox->owner, ERR_PTR(-ESRCH));
	}
	spin_unlock(&rv_sandboxes_lock);
}

/* HELLO: see rv_device.h. */
long rv_sandbox_hello(struct rv_sandbox *sandbox, struct rv_device_hello *hello)
{
	const bool same = hello->version == RV_DEVICE_VERSION && hello->program_version == RV_VERSION;
	long error = 0;

	if (hello->sandbox || hello->reserved)
		return -EINVAL;
	hello->version = RV_DEVICE_VERSION;
	hello->program_version = RV_VERSION;
	hello->sandbox = sandbox->number;
	if (!same)
		return -EPROTO;
	spin_lock(&rv_sandboxes_lock);
	if (!sandbox->owner) {
		WRITE_ONCE(sandbox->owner, current->signal);
		hash_add(rv_owners, &sandbox->owned, (unsigned long)current->signal);
	} else if (sandbox->owner != current->signal) {
		error = -EBUSY;
	}
	spin_unlock(&rv_sandboxes_lock);
	return error;
}

static void program_free(struct rv_program *program)
{
	kvfree_rcu(program, rcu);
}

void rv_program_put(struct rv_program *program)
{
	if (refcount_dec_and_test(&program->users))
		program_free(program);
}

/* The program that decides now, with a reference; NULL if there is none. */
struct rv_program *rv_program_get(struct rv_sandbox *sandbox)
{
	struct rv_program *program;

	rcu_read_lock();
	do {
		program = rcu_dereference(sandbox->program);
	} while (program && !refcount_inc_not_zero(&program->users));
	rcu_read_unlock();
	return program;
}

/* PROGRAM: see rv_device.h. */
long rv_sandbox_load(struct rv_sandbox *sandbox, struct rv_device_program *request)
{
	struct rv_program *program, *before;

	if ((request->flags & ~(RV_PROGRAM_QUIET | RV_PROGRAM_APPEAL | RV_PROGRAM_KILL_PROCESS)) || request->fault.code || request->fault.offset)
		return -EINVAL;
	if (request->size > RV_DEVICE_MAX_PROGRAM)
		return -EFBIG;
	program = kvmalloc(struct_size(program, bytes, DIV_ROUND_UP(request->size, sizeof(u64))),
			   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!program)
		return -ENOMEM;
	refcount_set(&program->users, 1);
	program->size = request->size;
	program->flags = request->flags;
	if (copy_from_user(program->bytes, u64_to_user_ptr(request->address), request->size)) {
		kvfree(program);
		return -EFAULT;
	}
	if (rv_validate(program->bytes, program->size, &request->fault) != RV_FAULT_NONE) {
		kvfree(program);
		return -EINVAL;
	}
	mutex_lock(&sandbox->setup);
	before = rcu_replace_pointer(sandbox->program, program, lockdep_is_held(&sandbox->setup));
	mutex_unlock(&sandbox->setup);
	if (before)
		rv_program_put(before);
	return 0;
}

void rv_sandbox_status(struct rv_sandbox *sandbox, struct rv_device_status *status)
{
	struct rv_program *program = rv_program_get(sandbox);
	int cpu;

	memset(status, 0, sizeof(*status));
	status->sandbox = sandbox->number;
	if (program) {
		status->program = program->size;
		rv_program_put(program);
	}
	for_each_possible_cpu(cpu) {
		const struct rv_counters *counters = per_cpu_ptr(sandbox->counters, cpu);

		status->calls += READ_ONCE(counters->calls);
		status->refused += READ_ONCE(counters->refused);
		status->objects += READ_ONCE(counters->objects);
		status->upcalls += READ_ONCE(counters->upcalls);
	}
	spin_lock(&sandbox->lock);
	status->tasks = sandbox->task_count;
	status->waiting = sandbox->waiting;
	status->reports = sandbox->report_count;
	status->lost = sandbox->lost;
	status->reported = sandbox->reported;
	spin_unlock(&sandbox->lock);
}

/* debugfs: a line for each sandbox. */
int rv_sandboxes_show(struct seq_file *seq, void *unused)
{
	struct rv_device_status status;
	struct rv_sandbox *sandbox;

	seq_puts(seq, "sandbox tasks waiting reports calls refused objects upcalls lost program\n");
	spin_lock(&rv_sandboxes_lock);
	list_for_each_entry(sandbox, &rv_sandboxes, list) {
		rv_sandbox_status(sandbox, &status);
		seq_printf(seq, "%u %u %u %u %llu %llu %llu %llu %llu %llu\n", status.sandbox, status.tasks, status.waiting,
			   status.reports, status.calls, status.refused, status.objects, status.upcalls, status.lost,
			   status.program);
	}
	spin_unlock(&rv_sandboxes_lock);
	return 0;
}

int rv_sandboxes_init(void)
{
	rv_workqueue = alloc_workqueue("rvisor", WQ_UNBOUND, 0);
	return rv_workqueue ? 0 : -ENOMEM;
}

void rv_sandboxes_exit(void)
{
	destroy_workqueue(rv_workqueue);
	WARN_ON_ONCE(!list_empty(&rv_sandboxes));
}
