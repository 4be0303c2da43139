/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the files of the module share.
 *
 * Locks, in the order in which they nest: sandbox->setup (mutex) > rv_registry_lock, rv_sandboxes_lock > sandbox->lock (spinlocks,
 * never taken from interrupts) > a task's sighand->siglock. What stands under "its own" in struct rv_task is touched by that task
 * alone, or by its parent before it runs, and needs none.
 *
 * References: an open file and each registered task hold one to the sandbox; a registered task, and a rewritten call
 * whose registers are still to be restored, hold one to the module. So the module cannot go while its code may run for somebody.
 */
#ifndef RVISOR_H
#define RVISOR_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../native/core/rv_core.h"
#include "../native/core/rv_device.h"

struct dentry;
struct file;
struct linux_binprm;
struct msghdr;
struct pt_regs;
struct socket;
struct sockaddr;

/* A validated program. Its bytes never change. */
struct rv_program {
	struct rcu_head rcu;
	refcount_t users;
	u32 size;
	u32 flags;			/* RV_PROGRAM_* */
	u64 bytes[];
};

struct rv_counters {
	u64 calls;
	u64 refused;
	u64 objects;
	u64 upcalls;
};

struct rv_kind {
	u32 nr;
	u32 arch;
	u32 rule;
	u32 count;
};

struct rv_sandbox {
	struct kref ref;
	struct list_head list;		/* rv_sandboxes_lock, as the next two */
	struct hlist_node owned;
	const struct signal_struct *owner; /* compared only; written once, and when that process is gone */
	u32 number;
	struct mutex setup;		/* one PROGRAM or REGISTER at a time */
	struct rv_program __rcu *program; /* written under setup */
	struct rv_counters __percpu *counters;

	spinlock_t lock;		/* all that follows */
	bool dead;			/* takes no more tasks and no more calls */
	bool populated;			/* has had tasks */
	bool rooted;
	struct path root;		/* what paths are told from; does not change once it is there */
	u32 task_count;
	struct list_head tasks;

	u64 last_id;
	u32 waiting;
	struct list_head pending;	/* calls that nobody has fetched */
	DECLARE_HASHTABLE(sent, 6);	/* calls that wait for their reply, by id */
	struct list_head reports;
	u32 report_count;
	struct rv_kind kinds[RV_DEVICE_MAX_KINDS + 1]; /* refusals that were counted only; the last: all others */
	u32 kind_count;
	u64 lost;			/* all of those, since HELLO */
	u64 reported;			/* the others */
	wait_queue_head_t wait;		/* where the owner's threads wait for events */

	struct work_struct free;
	struct rcu_head rcu;
};

/* How the objects of the call that a task makes now are judged (judging.c). */
enum rv_judging {
	RV_JUDGE_NOTHING,
	RV_JUDGE_OPEN,
	RV_JUDGE_LOOKUP,		/* what a path leads to */
	RV_JUDGE_NAMES,			/* names that are made, removed, moved */
	RV_JUDGE_EXECUTE,
	RV_JUDGE_MAP,
	RV_JUDGE_ADDRESS,
};

struct rv_task {
	struct hlist_node node;		/* rv_registry_lock, read under RCU */
	struct list_head list;		/* sandbox->lock */
	struct task_struct *task;
	struct rv_sandbox *sandbox;
	struct rcu_head rcu;

	/* its own */
	enum rv_judging judging;
	bool appealable;		/* a refusal of this call goes to the owner */
	bool appeals;			/* the call is being made again, for the owner to decide */
	u32 how;			/* RV_PROGRAM_*: what the program that decided the call says of how */
	struct rv_call call;		/* the call it makes now, as it is carried out */
	struct rv_rewrite *rewrite;	/* registers to be restored */
	char *text;			/* PATH_MAX bytes for the path that is judged, from the first one on */
};

/* symbols.c */
int rv_symbols_init(void);
unsigned long rv_symbol(const char *name);
char *rv_path_beneath(const struct path *path, const struct path *root, char *buffer, int size);
int rv_replace_fd(int target, struct file *file, unsigned int flags);
bool rv_is_ring(const struct file *file);

/* sandbox.c */
extern struct workqueue_struct *rv_workqueue;
int rv_sandboxes_init(void);
void rv_sandboxes_exit(void);
struct rv_sandbox *rv_sandbox_create(void);
void rv_sandbox_get(struct rv_sandbox *sandbox);
void rv_sandbox_put(struct rv_sandbox *sandbox);
void rv_sandbox_kill(struct rv_sandbox *sandbox);
void rv_sandboxes_orphan(const struct signal_struct *owner);
long rv_sandbox_hello(struct rv_sandbox *sandbox, struct rv_device_hello *hello);
void rv_sandbox_status(struct rv_sandbox *sandbox, struct rv_device_status *status);
long rv_sandbox_load(struct rv_sandbox *sandbox, struct rv_device_program *request);
struct rv_program *rv_program_get(struct rv_sandbox *sandbox);
void rv_program_put(struct rv_program *program);
int rv_sandboxes_show(struct seq_file *seq, void *unused);

#define rv_count(sandbox, what) this_cpu_inc((sandbox)->counters->what)

/* registry.c */
int rv_registry_init(void);
void rv_registry_exit(void);
struct rv_task *rv_find(const struct task_struct *task);
long rv_register(struct rv_sandbox *sandbox, const struct rv_device_register *request);

/* rewrite.c */
int rv_rewrite_begin(struct rv_task *self, struct pt_regs *regs, const struct rv_call *call);
void rv_rewrite_undo_in_child(const struct rv_task *parent, struct task_struct *child);

/* call.c, as seen from the hook: 0 to run the call, -1 to skip it, RV_CALL_FILTER to let the filter kill */
#define RV_CALL_FILTER 1
int rv_call_enter(void);
int rv_appeal(struct rv_task *self, int error);

/* judging.c */
enum rv_judging rv_judging_of(u32 nr);
bool rv_may_appeal(const struct rv_call *call);
u32 rv_lookup_rights(const struct rv_call *call, bool directory);
u32 rv_open_rights(u32 flags, bool directory);

/* objects.c, sockets.c: 0 or a negative errno */
int rv_judge_open(struct file *file);
int rv_judge_open_path(struct file *file);
int rv_judge_lookup(const struct path *path);
int rv_judge_nowhere(int error);
int rv_judge_execute(const struct linux_binprm *bprm);
int rv_judge_map(struct file *file, unsigned long prot);
int rv_judge_create(const struct path *dir, struct dentry *dentry, umode_t mode);
int rv_judge_remove(const struct path *dir, struct dentry *dentry, u32 flags);
int rv_judge_link(struct dentry *old, const struct path *dir, struct dentry *dentry);
int rv_judge_rename(const struct path *old_dir, struct dentry *old, const struct path *new_dir, struct dentry *new, unsigned int flags);
int rv_judge_connect(struct socket *socket, struct sockaddr *address, int length);
int rv_judge_bind(struct socket *socket, struct sockaddr *address, int length);
int rv_judge_send(struct socket *socket, const struct msghdr *message);

/* upcall.c */
struct rv_upcall_reply {
	struct rv_device_reply reply;
	struct file *file;		/* FD: a reference */
};

int rv_upcall(struct rv_task *self, const struct rv_decision *decision, struct rv_upcall_reply *out);
long rv_exchange(struct rv_sandbox *sandbox, struct rv_device_exchange __user *user);
long rv_valid(struct rv_sandbox *sandbox, u64 id);
bool rv_has_news(struct rv_sandbox *sandbox);
bool rv_is_over(struct rv_sandbox *sandbox);

/* report.c */
struct rv_report {
	struct list_head list;
	struct pid *tid;
	struct pid *pid;
	u64 time_ns;
	struct rv_call call;
	struct rv_access access;
	u32 rights;
	u32 error;
	u32 text;
	u32 text_size;
	u8 bytes[];
};

void rv_report(struct rv_task *self, const struct rv_access *access, u32 rights, u32 error, u32 text, const void *bytes, u32 size);
void rv_report_free(struct rv_report *report);
bool rv_take_count(struct rv_sandbox *sandbox, struct rv_device_event *event);

/* hook.c */
int rv_hooks_init(void);
void rv_hooks_exit(void);

/* device.c */
extern const struct file_operations rv_device_operations;
int rv_device_init(void);
void rv_device_exit(void);

#endif
