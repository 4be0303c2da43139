// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Decisions about files and names that the kernel has resolved, by the path rules of the program.
 *
 * Paths are told from the sandbox's root, not from the task's, which a guest may change. What does not lie beneath that root
 * (another mount namespace, a detached mount, a descriptor from outside) is refused. What has no name at all (pipes, sockets, memory files,
 * reached by /proc/self/fd) is the guest's already, and passes. A file that was removed is judged by the name it had.
 */
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/unistd.h>

#include "rvisor.h"
#include "trace.h"

/* As d_path() tells them apart. */
static bool is_nameless(const struct path *path)
{
	const struct dentry *dentry = path->dentry;

	return dentry->d_op && dentry->d_op->d_dname && (!IS_ROOT(dentry) || dentry != path->mnt->mnt_root);
}

static int refuse(struct rv_task *self, const struct rv_access *access, u32 rights, const char *text)
{
	trace_rvisor_path(self->sandbox->number, &self->call, rights, access, text);
	if (self->appealable)
		return rv_appeal(self, -EACCES);
	rv_report(self, access, rights, EACCES, RV_TEXT_PATH, text, strlen(text));
	return -EACCES;
}

static int decide(struct rv_task *self, const char *text, u32 rights, u32 flags)
{
	struct rv_program *program = rv_program_get(self->sandbox);
	struct rv_access access;

	rv_eval_path(program->bytes, text, strlen(text), rights, flags, &access);
	rv_program_put(program);
	if (access.verdict != RV_VERDICT_GRANTED)
		return refuse(self, &access, rights, text);
	trace_rvisor_path(self->sandbox->number, &self->call, rights, &access, text);
	return 0;
}

/* 0, -EACCES or -ENOMEM: whether the task may have these rights over what is there. */
static int judge(struct rv_task *self, const struct path *path, u32 rights, u32 flags)
{
	static const struct rv_access unreachable = { .verdict = RV_VERDICT_MALFORMED, .rule = RV_ID_NONE };
	char *text;

	if (is_nameless(path))
		return 0;
	rv_count(self->sandbox, objects);
	if (!self->text)
		self->text = kmalloc(PATH_MAX, GFP_KERNEL_ACCOUNT);
	if (!self->text)
		return -ENOMEM;
	text = rv_path_beneath(path, &self->sandbox->root, self->text, PATH_MAX);
	return IS_ERR_OR_NULL(text) ? refuse(self, &unreachable, rights, "") : decide(self, text, rights, flags);
}

/* The same for a name in a directory, whether anything has it or not. */
static int judge_name(struct rv_task *self, const struct path *dir, struct dentry *dentry, u32 rights, u32 flags)
{
	const struct path path = { .mnt = dir->mnt, .dentry = dentry };

	return judge(self, &path, rights, flags);
}

static bool is_directory(const struct path *path)
{
	return d_is_dir(path->dentry);
}

/*
 * A file that the kernel opens in the course of opening another, for a file system that lies over others: in the name of whoever
 * mounted it. The guest's own file was judged before.
 */
static bool is_inner(const struct file *file)
{
#ifdef FMODE_BACKING
	if (file->f_mode & FMODE_BACKING)
		return true;
#endif
	return current_cred() != current_real_cred();
}

/* Before a file is opened, and before a program or its interpreter is. */
int rv_judge_open(struct file *file)
{
	struct rv_task *self = rv_find(current);

	if (is_inner(file))
		return 0;
	switch (self->judging) {
	case RV_JUDGE_OPEN:
		return judge(self, &file->f_path, rv_open_rights(file->f_flags, is_directory(&file->f_path)), 0);
	case RV_JUDGE_EXECUTE:
		return judge(self, &file->f_path, RV_RIGHT_EXECUTE, 0);
	default:
		return 0;
	}
}

/* After open(2) with O_PATH, which nothing else sees. */
int rv_judge_open_path(struct file *file)
{
	struct rv_task *self = rv_find(current);

	if (self->judging != RV_JUDGE_OPEN || !(file->f_mode & FMODE_PATH))
		return 0;
	return judge(self, &file->f_path, RV_RIGHT_STAT, 0);
}

/* After the kernel has followed a path to what it means. */
int rv_judge_lookup(const struct path *path)
{
	struct rv_task *self = rv_find(current);

	if (self->judging != RV_JUDGE_LOOKUP && self->judging != RV_JUDGE_ADDRESS)
		return 0;
	return judge(self, path, rv_lookup_rights(&self->call, is_directory(path)), 0);
}

/* The path of the current call came to this error. Whether it had a right to know is the owner's to say. */
int rv_judge_nowhere(int error)
{
	struct rv_task *self = rv_find(current);

	switch (error) {
	case -ENOENT:
	case -EACCES:
	case -ENOTDIR:
	case -ELOOP:
	case -EPERM:
		return rv_appeal(self, error);
	default:
		return error;
	}
}

/*
 * Before a program becomes the task's. Whatever is judged, no guest executes anything without the filter that kills where the
 * module does not decide, nor with another one, which the module would overrule.
 */
int rv_judge_execute(const struct linux_binprm *bprm)
{
	struct rv_task *self = rv_find(current);

	if (current->seccomp.mode != SECCOMP_MODE_FILTER || atomic_read(&current->seccomp.filter_count) != 1)
		return -EPERM;
	if (self->judging != RV_JUDGE_EXECUTE)
		return 0;
	return judge(self, &bprm->file->f_path, RV_RIGHT_EXECUTE, 0);
}

/* Before memory is mapped. */
int rv_judge_map(struct file *file, unsigned long prot)
{
	struct rv_task *self = rv_find(current);

	if (!file)
		return 0;
	/* With the ring's memory, and a kernel thread that polls it, no call would be needed any more. */
	if (rv_is_ring(file))
		return -EPERM;
	if (self->judging != RV_JUDGE_MAP || !(prot & PROT_EXEC))
		return 0;
	return judge(self, &file->f_path, RV_RIGHT_EXECUTE, 0);
}

/* Flags of the open(2) that makes a file, where they are in a register. */
static u32 create_rights(const struct rv_call *call)
{
	switch (call->nr) {
	case __NR_open:
		return rv_open_rights(call->args[1], false);
	case __NR_openat:
		return rv_open_rights(call->args[2], false);
	case __NR_creat:
		return rv_open_rights(O_WRONLY | O_TRUNC, false);
	default:
		/* openat2(2): the rest is judged when the file, which is empty, is opened. */
		return 0;
	}
}

/* Before a name is made: a file by open(2), a node, a directory, a link, a socket by bind(2). */
int rv_judge_create(const struct path *dir, struct dentry *dentry, umode_t mode)
{
	struct rv_task *self = rv_find(current);
	u32 rights = RV_RIGHT_CREATE;

	switch (self->judging) {
	case RV_JUDGE_OPEN:
		rights |= create_rights(&self->call);
		break;
	case RV_JUDGE_NAMES:
		if (S_ISCHR(mode) || S_ISBLK(mode))
			rights |= RV_RIGHT_DEVICE;
		break;
	case RV_JUDGE_ADDRESS:
		rights = RV_RIGHT_BIND;
		break;
	default:
		return 0;
	}
	return judge_name(self, dir, dentry, rights, 0);
}

/* Before a name is removed. */
int rv_judge_remove(const struct path *dir, struct dentry *dentry, u32 flags)
{
	struct rv_task *self = rv_find(current);

	if (self->judging != RV_JUDGE_NAMES)
		return 0;
	return judge_name(self, dir, dentry, RV_RIGHT_DELETE, flags);
}

/* Before a file gets a further name. Both are in one mount: the kernel has seen to that. */
int rv_judge_link(struct dentry *old, const struct path *dir, struct dentry *dentry)
{
	struct rv_task *self = rv_find(current);
	int error;

	if (self->judging != RV_JUDGE_NAMES)
		return 0;
	error = judge_name(self, dir, old, RV_RIGHT_LINK | RV_RIGHT_READ, 0);
	return error ? error : judge_name(self, dir, dentry, RV_RIGHT_CREATE, 0);
}

/* Before a name becomes another. */
int rv_judge_rename(const struct path *old_dir, struct dentry *old, const struct path *new_dir, struct dentry *new, unsigned int flags)
{
	struct rv_task *self = rv_find(current);
	u32 leaving = RV_RIGHT_DELETE | RV_RIGHT_LINK, arriving = RV_RIGHT_CREATE;
	int error;

	if (self->judging != RV_JUDGE_NAMES)
		return 0;
	if (d_is_positive(new))
		arriving |= RV_RIGHT_DELETE;
	if (flags & RENAME_EXCHANGE) {
		leaving |= RV_RIGHT_CREATE;
		arriving |= RV_RIGHT_DELETE | RV_RIGHT_LINK;
	}
	error = judge_name(self, old_dir, old, leaving, RV_PATH_TREE);
	return error ? error : judge_name(self, new_dir, new, arriving, RV_PATH_TREE);
}
