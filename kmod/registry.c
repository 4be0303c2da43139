// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Which tasks are guests of which sandbox.
 *
 * A task enters by REGISTER, or where its parent, a guest, forks it: at sched_process_fork, before it runs. It leaves at
 * sched_process_exit. The table is keyed by task_struct, not by number: numbers are used again, and an exec of a thread that
 * does not lead its process changes them.
 */
#define pr_fmt(fmt) "rvisor: " fmt

#include <linux/cred.h>
#include <linux/fs_struct.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <linux/user_namespace.h>

#include "rvisor.h"

static DEFINE_HASHTABLE(rv_registry, 12);
static DEFINE_SPINLOCK(rv_registry_lock);

/*
 * The entry of a task, or NULL. It stays while the task lives, so a task may use its own without RCU; preemption is off only while others
 * are passed on the way. Called by the ftrace callback, so there is nothing in it that ftrace could trace.
 */
struct rv_task notrace *rv_find(const struct task_struct *task)
{
	struct rv_task *entry, *found = NULL;

	preempt_disable_notrace();
	hlist_for_each_entry_rcu_notrace(entry, &rv_registry[hash_min((unsigned long)task, HASH_BITS(rv_registry))], node) {
		if (entry->task == task) {
			found = entry;
			break;
		}
	}
	preempt_enable_notrace();
	return found;
}

/* Takes an entry out of the tables, if it is still there. rv_registry_lock and the sandbox's lock are held. */
static bool unlink_entry(struct rv_task *entry)
{
	if (hlist_unhashed(&entry->node))
		return false;
	hash_del_rcu(&entry->node);
	list_del(&entry->list);
	entry->sandbox->task_count--;
	return true;
}

/* Gives back what an entry that was taken out held. Whoever has found it without a lock may look at it until a grace period is over. */
static void release_entry(struct rv_task *entry)
{
	rv_sandbox_put(entry->sandbox);
	kfree(entry->text);
	kfree_rcu(entry, rcu);
	/* Whoever unloads the module now waits in rv_registry_exit() until the probe that called this has returned. */
	module_put(THIS_MODULE);
}

/*
 * Enters a task. The caller holds a reference to the module (an open file, or the parent's) and to the task. Does not sleep if `gfp` does
 * not.
 */
static int enter(struct rv_sandbox *sandbox, struct task_struct *task, gfp_t gfp)
{
	struct rv_task *entry = kzalloc(sizeof(*entry), gfp | __GFP_ACCOUNT | __GFP_NOWARN);
	bool entered = false;
	int error = 0;

	if (!entry)
		return -ENOMEM;
	entry->task = task;
	entry->sandbox = sandbox;
	spin_lock(&rv_registry_lock);
	spin_lock(&sandbox->lock);
	if (sandbox->dead) {
		error = -ESRCH;
	} else if (rv_find(task)) {
		error = -EBUSY;
	} else if (sandbox->task_count >= RV_DEVICE_MAX_TASKS) {
		error = -EAGAIN;
	} else {
		rv_sandbox_get(sandbox);
		__module_get(THIS_MODULE);
		sandbox->populated = true;
		sandbox->task_count++;
		list_add_tail(&entry->list, &sandbox->tasks);
		hash_add_rcu(rv_registry, &entry->node, (unsigned long)task);
		entered = true;
		/*
		 * A task that dies sets PF_EXITING, then looks for its entry. Either it finds this one, or its flag is seen here: then it may
		 * have looked before, and nobody else would take the entry out.
		 */
		smp_mb();
		if ((READ_ONCE(task->flags) & PF_EXITING) && unlink_entry(entry))
			error = -ESRCH;
	}
	spin_unlock(&sandbox->lock);
	spin_unlock(&rv_registry_lock);
	if (error && entered)
		release_entry(entry);
	else if (error)
		kfree(entry);
	return error;
}

static void leave(struct rv_task *entry)
{
	struct rv_sandbox *sandbox = entry->sandbox;
	bool found, last;

	spin_lock(&rv_registry_lock);
	spin_lock(&sandbox->lock);
	found = unlink_entry(entry);
	last = !sandbox->task_count;
	spin_unlock(&sandbox->lock);
	spin_unlock(&rv_registry_lock);
	if (!found)
		return;
	if (last)
		wake_up_interruptible_all(&sandbox->wait);
	release_entry(entry);
}

/* In the parent, before the child runs; preemption is off. */
static void on_fork(void *unused, struct task_struct *parent, struct task_struct *child)
{
	struct rv_task *entry = rv_find(parent);

	if (!entry)
		return;
	if (enter(entry->sandbox, child, GFP_ATOMIC)) {
		/* It never returns to user space. */
		send_sig(SIGKILL, child, 1);
		return;
	}
	rv_rewrite_undo_in_child(entry, child);
}

static void on_exit(void *unused, struct task_struct *task)
{
	struct rv_task *entry = rv_find(task);

	if (entry)
		leave(entry);
	if (atomic_read(&task->signal->live) == 0)
		rv_sandboxes_orphan(task->signal);
}

/* Whether the task was forked by a thread of the current process. */
static bool is_own_child(const struct task_struct *task)
{
	bool own;

	rcu_read_lock();
	own = rcu_dereference(task->real_parent)->signal == current->signal;
	rcu_read_unlock();
	return own;
}

/* Older kernels know only one kind of thread that works for a process in the kernel. */
#ifndef PF_USER_WORKER
#define PF_USER_WORKER 0
#endif

static bool may_register(struct task_struct *task)
{
	const struct cred *cred;
	bool may;

	if (task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return false;
	if (!is_own_child(task) || !(task->flags & PF_FORKNOEXEC) || !task_no_new_privs(task))
		return false;
	rcu_read_lock();
	cred = __task_cred(task);
	may = (uid_eq(cred->uid, current_uid()) && uid_eq(cred->euid, current_euid())) || ns_capable(cred->user_ns, CAP_SYS_PTRACE);
	rcu_read_unlock();
	return may;
}

static bool shares(struct task_struct *task)
{
	bool shared;

	if (!thread_group_leader(task) || !thread_group_empty(task))
		return true;
	task_lock(task);
	shared = task->mm == current->mm || task->fs == current->fs || task->files == current->files ||
		 rcu_access_pointer(task->sighand) == rcu_access_pointer(current->sighand);
	task_unlock(task);
	return shared;
}

static bool has_filter(const struct task_struct *task)
{
	return task->seccomp.mode != SECCOMP_MODE_DISABLED || atomic_read(&task->seccomp.filter_count);
}

static bool has_ring(const struct task_struct *task)
{
#ifdef CONFIG_IO_URING
	return READ_ONCE(task->io_uring);
#else
	return false;
#endif
}

/* Everything that a task must be; see REGISTER in rv_device.h. */
static int check(struct task_struct *task)
{
	if (!may_register(task))
		return -EPERM;
	if (shares(task))
		return -EINVAL;
	if (has_filter(task) || has_ring(task))
		return -EBUSY;
	return 0;
}

/* All tasks of a sandbox have one root, which paths are told from. */
static int settle_root(struct rv_sandbox *sandbox, struct task_struct *task)
{
	struct path root = {};
	int error = 0;

	task_lock(task);
	if (task->fs)
		get_fs_root(task->fs, &root);
	task_unlock(task);
	if (!root.mnt)
		return -ESRCH;
	spin_lock(&sandbox->lock);
	if (!sandbox->rooted) {
		sandbox->rooted = true;
		sandbox->root = root;
		path_get(&root);
	} else if (!path_equal(&sandbox->root, &root)) {
		error = -EXDEV;
	}
	spin_unlock(&sandbox->lock);
	path_put(&root);
	return error;
}

static int register_task(struct rv_sandbox *sandbox, struct task_struct *task)
{
	int error = check(task);

	if (error)
		return error;
	error = settle_root(sandbox, task);
	if (error)
		return error;
	error = enter(sandbox, task, GFP_KERNEL);
	if (error)
		return error;
	/*
	 * The task runs, and may have changed meanwhile. From now on what it forks is registered, so whoever passes this time has
	 * nothing outside; whoever does not has broken the rules, and cannot be let go again.
	 */
	error = check(task);
	if (error)
		send_sig(SIGKILL, task, 1);
	return error;
}

/* REGISTER */
long rv_register(struct rv_sandbox *sandbox, const struct rv_device_register *request)
{
	struct task_struct *task;
	struct pid *pid;
	long error;

	if (request->reserved)
		return -EINVAL;
	pid = find_get_pid(request->tid);
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!task)
		return -ESRCH;
	mutex_lock(&sandbox->setup);
	error = rcu_access_pointer(sandbox->program) ? register_task(sandbox, task) : -ENODATA;
	mutex_unlock(&sandbox->setup);
	put_task_struct(task);
	return error;
}

static struct probe {
	const char *name;
	void *function;
	struct tracepoint *tracepoint;
	bool registered;
} probes[] = {
	{ .name = "sched_process_fork", .function = on_fork },
	{ .name = "sched_process_exit", .function = on_exit },
};

static void find_tracepoint(struct tracepoint *tracepoint, void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!strcmp(tracepoint->name, probes[i].name))
			probes[i].tracepoint = tracepoint;
	}
}

int rv_registry_init(void)
{
	int i, error;

	for_each_kernel_tracepoint(find_tracepoint, NULL);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		error = probes[i].tracepoint ? tracepoint_probe_register(probes[i].tracepoint, probes[i].function, NULL) : -ENOENT;
		if (error) {
			pr_err("this kernel has no usable tracepoint %s (error %d), so rvisor cannot run on it\n", probes[i].name,
			       -error);
			rv_registry_exit();
			return error;
		}
		probes[i].registered = true;
	}
	return 0;
}

/* Returns when nobody is in a probe any more. */
void rv_registry_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].registered)
			tracepoint_probe_unregister(probes[i].tracepoint, probes[i].function, NULL);
		probes[i].registered = false;
	}
	tracepoint_synchronize_unregister();
}
