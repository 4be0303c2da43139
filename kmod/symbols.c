// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Functions of the kernel that are not exported to modules, found once by name.
 *
 * They are called by static calls, which are direct calls in the code, never through pointers: a kernel with indirect branch tracking
 * (CONFIG_X86_KERNEL_IBT) takes the landing pads away from functions whose address nobody took, and an indirect call there
 * would stop the machine.
 */
#define pr_fmt(fmt) "rvisor: " fmt

#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/static_call.h>

#include "rvisor.h"

/* Types of kallsyms_lookup_name(), __d_path() and receive_fd_replace(); never defined. */
unsigned long kallsyms(const char *name);
char *path_text(const struct path *path, const struct path *root, char *buffer, int size);
int replace_fd_file(int target, struct file *file, unsigned int flags);

DEFINE_STATIC_CALL_NULL(rv_kallsyms, kallsyms);
DEFINE_STATIC_CALL_NULL(rv_path_text, path_text);
DEFINE_STATIC_CALL_NULL(rv_replace_fd_file, replace_fd_file);

static const struct file_operations *ring_operations;

/*
 * The address of a function, as a kprobe finds it: possibly just behind the landing pad, which is as good for a direct call.
 */
static unsigned long probe(const char *name)
{
	struct kprobe kprobe = { .symbol_name = name };
	unsigned long address;

	if (register_kprobe(&kprobe))
		return 0;
	address = (unsigned long)kprobe.addr;
	unregister_kprobe(&kprobe);
	return address;
}

/* The address of a symbol of the kernel, or 0, which is reported. */
unsigned long rv_symbol(const char *name)
{
	unsigned long address = static_call(rv_kallsyms)(name);

	if (!address)
		pr_err("this kernel has no %s, so rvisor cannot run on it\n", name);
	return address;
}

int rv_symbols_init(void)
{
	unsigned long lookup = probe("kallsyms_lookup_name");
	unsigned long text, replace, ring;

	if (!lookup) {
		pr_err("kallsyms_lookup_name cannot be found: the kernel needs CONFIG_KPROBES and CONFIG_KALLSYMS\n");
		return -ENOENT;
	}
	static_call_update(rv_kallsyms, (typeof(&(kallsyms)))lookup);
	text = rv_symbol("__d_path");
	replace = rv_symbol("receive_fd_replace");
	if (!text || !replace)
		return -ENOENT;
	static_call_update(rv_path_text, (typeof(&(path_text)))text);
	static_call_update(rv_replace_fd_file, (typeof(&(replace_fd_file)))replace);
	if (IS_ENABLED(CONFIG_IO_URING)) {
		ring = rv_symbol("io_uring_fops");
		if (!ring)
			return -ENOENT;
		ring_operations = (const struct file_operations *)ring;
	}
	return 0;
}

/* __d_path(): the path beneath a root, at the end of the buffer; NULL if it does not lie beneath it; or an error. */
char *rv_path_beneath(const struct path *path, const struct path *root, char *buffer, int size)
{
	return static_call(rv_path_text)(path, root, buffer, size);
}

/* receive_fd_replace(): the file becomes this descriptor of the current task. */
int rv_replace_fd(int target, struct file *file, unsigned int flags)
{
	return static_call(rv_replace_fd_file)(target, file, flags);
}

/* Whether the file is an io_uring. */
bool rv_is_ring(const struct file *file)
{
	return ring_operations && file->f_op == ring_operations;
}
