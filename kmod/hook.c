// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Where the kernel's own functions are entered: by ftrace, which sends a registered task to a function of ours instead, and nobody
 * else. Ours decides, and calls the original unless it refuses.
 *
 * __secure_computing() is the one function that all entries of all ABIs go through for a task with a seccomp filter; the other
 * functions see objects that the kernel has resolved, and addresses that it has copied, so there is nothing left to race. filename_lookup()
 * and do_filp_open() are entered for their result, because no security hook has the path of every call.
 *
 * The original is called by a static call (see symbols.c), and is a real call, never a jump: the return address is how the
 * ftrace callback knows that it is we who call (-fno-optimize-sibling-calls in Kbuild).
 */
#define pr_fmt(fmt) "rvisor: " fmt

#include <linux/binfmts.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/static_call.h>
#include <linux/version.h>

#include "rvisor.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define ftrace_regs_set_instruction_pointer ftrace_instruction_pointer_set
#endif

/* Bytes of a landing pad before the place where a function is entered. */
#define LANDING_PAD 4

struct seccomp_data;
struct filename;
struct open_flags;

/* `check` first, then the original. */
#define ENTER(name, parameters, arguments, check)				\
	static int enter_##name parameters;					\
	DEFINE_STATIC_CALL_NULL(original_##name, enter_##name);			\
	static int enter_##name parameters					\
	{									\
		int error = check;						\
										\
		if (error)							\
			return error;						\
		return static_call(original_##name)arguments;			\
	}

ENTER(file_open, (struct file *file), (file), rv_judge_open(file))
ENTER(bprm_check, (struct linux_binprm *bprm), (bprm), rv_judge_execute(bprm))
ENTER(mmap_file, (struct file *file, unsigned long prot, unsigned long flags), (file, prot, flags), rv_judge_map(file, prot))
ENTER(path_mknod, (const struct path *dir, struct dentry *dentry, umode_t mode, unsigned int dev), (dir, dentry, mode, dev),
	rv_judge_create(dir, dentry, mode))
ENTER(path_mkdir, (const struct path *dir, struct dentry *dentry, umode_t mode), (dir, dentry, mode),
	rv_judge_create(dir, dentry, S_IFDIR))
ENTER(path_symlink, (const struct path *dir, struct dentry *dentry, const char *target), (dir, dentry, target),
	rv_judge_create(dir, dentry, S_IFLNK))
ENTER(path_unlink, (const struct path *dir, struct dentry *dentry), (dir, dentry), rv_judge_remove(dir, dentry, 0))
ENTER(path_rmdir, (const struct path *dir, struct dentry *dentry), (dir, dentry), rv_judge_remove(dir, dentry, RV_PATH_TREE))
ENTER(path_link, (struct dentry *old, const struct path *dir, struct dentry *dentry), (old, dir, dentry),
	rv_judge_link(old, dir, dentry))
ENTER(path_rename,
	(const struct path *old_dir, struct dentry *old, const struct path *new_dir, struct dentry *new, unsigned int flags),
	(old_dir, old, new_dir, new, flags), rv_judge_rename(old_dir, old, new_dir, new, flags))
ENTER(socket_connect, (struct socket *socket, struct sockaddr *address, int length), (socket, address, length),
	rv_judge_connect(socket, address, length))
ENTER(socket_bind, (struct socket *socket, struct sockaddr *address, int length), (socket, address, length),
	rv_judge_bind(socket, address, length))
ENTER(socket_sendmsg, (struct socket *socket, struct msghdr *message, int size), (socket, message, size),
	rv_judge_send(socket, message))

static int enter_lookup(int dfd, struct filename *name, unsigned int flags, struct path *path, struct path *root);
DEFINE_STATIC_CALL_NULL(original_lookup, enter_lookup);

static int enter_lookup(int dfd, struct filename *name, unsigned int flags, struct path *path, struct path *root)
{
	int error = static_call(original_lookup)(dfd, name, flags, path, root);

	if (error)
		return rv_judge_nowhere(error);
	error = rv_judge_lookup(path);
	if (error)
		path_put(path);
	return error;
}

static struct file *enter_filp_open(int dfd, struct filename *name, const struct open_flags *how);
DEFINE_STATIC_CALL_NULL(original_filp_open, enter_filp_open);

static struct file *enter_filp_open(int dfd, struct filename *name, const struct open_flags *how)
{
	struct file *file = static_call(original_filp_open)(dfd, name, how);
	int error;

	if (IS_ERR(file))
		return ERR_PTR(rv_judge_nowhere(PTR_ERR(file)));
	error = rv_judge_open_path(file);
	if (!error)
		return file;
	fput(file);
	return ERR_PTR(error);
}

static int enter_secure_computing(const struct seccomp_data *unused);
DEFINE_STATIC_CALL_NULL(original_secure_computing, enter_secure_computing);

/* Its argument is always NULL, and gone in later kernels. */
static int enter_secure_computing(const struct seccomp_data *unused)
{
	const int verdict = rv_call_enter();

	return verdict == RV_CALL_FILTER ? static_call(original_secure_computing)(unused) : verdict;
}

#define HOOK(of, symbol, when) { .name = symbol, .function = (unsigned long)enter_##of, .always = when }

/* Those that are entered most often stand first. */
static struct hook {
	const char *name;
	unsigned long function;
	bool always;			/* also where no object is judged */
	unsigned long original;
} hooks[] = {
	HOOK(secure_computing, "__secure_computing", true),
	HOOK(lookup, "filename_lookup", false),
	HOOK(filp_open, "do_filp_open", false),
	HOOK(file_open, "security_file_open", false),
	HOOK(socket_sendmsg, "security_socket_sendmsg", false),
	HOOK(mmap_file, "security_mmap_file", true),
	HOOK(socket_connect, "security_socket_connect", false),
	HOOK(socket_bind, "security_socket_bind", false),
	HOOK(bprm_check, "security_bprm_check", true),
	HOOK(path_unlink, "security_path_unlink", false),
	HOOK(path_rename, "security_path_rename", false),
	HOOK(path_mkdir, "security_path_mkdir", false),
	HOOK(path_mknod, "security_path_mknod", false),
	HOOK(path_rmdir, "security_path_rmdir", false),
	HOOK(path_link, "security_path_link", false),
	HOOK(path_symlink, "security_path_symlink", false),
};

static unsigned long hook_addresses[ARRAY_SIZE(hooks)];

/* Whether code of this module calls. within_module() looks at all that a module consists of, part by part. */
static bool notrace is_ours(unsigned long ip)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	return within_module_core(ip, THIS_MODULE);
#else
	return within_module_mem_type(ip, THIS_MODULE, MOD_TEXT);
#endif
}

/* At the entry of a hooked function, for every task of the machine: sends those that are ours elsewhere. */
static void notrace redirect(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct rv_task *self = rv_find(current);
	int i;

	if (likely(!self) || is_ours(parent_ip))
		return;
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (ip - hooks[i].original > LANDING_PAD)
			continue;
		if (hooks[i].always || self->judging != RV_JUDGE_NOTHING)
			ftrace_regs_set_instruction_pointer(fregs, hooks[i].function);
		return;
	}
}

/* PERMANENT: while a sandbox may exist, nobody switches ftrace off. */
static struct ftrace_ops hook_ops = {
	.func = redirect,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

static int find_hooks(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		hooks[i].original = rv_symbol(hooks[i].name);
		if (!hooks[i].original)
			return -ENOENT;
		hook_addresses[i] = hooks[i].original;
	}
	return 0;
}

static unsigned long original(const void *function)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (hooks[i].function == (unsigned long)function)
			return hooks[i].original;
	}
	return 0;
}

#define BIND(name) static_call_update(original_##name, (typeof(&(enter_##name)))original(enter_##name))

static void bind_originals(void)
{
	BIND(secure_computing);
	BIND(lookup);
	BIND(filp_open);
	BIND(file_open);
	BIND(socket_sendmsg);
	BIND(mmap_file);
	BIND(socket_connect);
	BIND(socket_bind);
	BIND(bprm_check);
	BIND(path_unlink);
	BIND(path_rename);
	BIND(path_mkdir);
	BIND(path_mknod);
	BIND(path_rmdir);
	BIND(path_link);
	BIND(path_symlink);
}

int rv_hooks_init(void)
{
	int error = find_hooks();

	if (error)
		return error;
	bind_originals();
	error = ftrace_set_filter_ips(&hook_ops, hook_addresses, ARRAY_SIZE(hook_addresses), 0, 1);
	if (error) {
		pr_err("a function that rvisor needs cannot be traced on this kernel (error %d)\n", -error);
		return error;
	}
	error = register_ftrace_function(&hook_ops);
	if (error) {
		pr_err("ftrace refuses (error %d)%s\n", -error,
		       error == -EBUSY ? ": ftrace is off, or a live patch holds the same functions" : "");
		ftrace_set_filter(&hook_ops, NULL, 0, 1);
	}
	return error;
}

/* Returns when nobody is in the callback any more. */
void rv_hooks_exit(void)
{
	unregister_ftrace_function(&hook_ops);
	ftrace_free_filter(&hook_ops);
}
