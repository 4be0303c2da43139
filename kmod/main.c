// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * rvisor: system calls of registered tasks are decided by a policy in the kernel, and by a supervisor where the policy says so. What the
 * supervisor says to the module is core/rv_device.h; how the module sees the calls is hook.c.
 */
#define pr_fmt(fmt) "rvisor: " fmt

#include <linux/debugfs.h>
#include <linux/kconfig.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/version.h>

#include "rvisor.h"

#if !defined(CONFIG_X86_64)
#error "rvisor: only x86-64 is supported"
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "rvisor: kernels before 6.1 are not supported"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0) && !defined(RVISOR_UNTESTED_KERNEL)
#error "rvisor: kernels from 6.13 on have not been tested; build with RVISOR_UNTESTED_KERNEL=1 to try"
#endif
#if !defined(CONFIG_SECCOMP_FILTER) || !defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || !defined(CONFIG_KPROBES) || \
	!defined(CONFIG_KALLSYMS_ALL) || !defined(CONFIG_SECURITY_PATH) || !defined(CONFIG_SECURITY_NETWORK) || \
	!defined(CONFIG_HAVE_STATIC_CALL_INLINE) || !defined(CONFIG_TRACEPOINTS)
#error "rvisor: the kernel needs CONFIG_SECCOMP_FILTER, DYNAMIC_FTRACE_WITH_ARGS, KPROBES, KALLSYMS_ALL, SECURITY_PATH, SECURITY_NETWORK, HAVE_STATIC_CALL_INLINE and TRACEPOINTS"
#endif

static struct dentry *debug_directory;

DEFINE_SHOW_ATTRIBUTE(rv_sandboxes);

static int __init rvisor_init(void)
{
	int error = rv_symbols_init();

	if (error)
		return error;
	error = rv_sandboxes_init();
	if (error)
		return error;
	error = rv_registry_init();
	if (error)
		goto no_registry;
	error = rv_hooks_init();
	if (error)
		goto no_hooks;
	error = rv_device_init();
	if (error)
		goto no_device;
	/* Whether it is there does not matter to anybody. */
	debug_directory = debugfs_create_dir("rvisor", NULL);
	debugfs_create_file("sandboxes", 0400, debug_directory, NULL, &rv_sandboxes_fops);
	pr_info("version %u, policies of version %u\n", RV_DEVICE_VERSION, RV_VERSION);
	return 0;

no_device:
	rv_hooks_exit();
no_hooks:
	rv_registry_exit();
no_registry:
	rv_sandboxes_exit();
	return error;
}

/* Nobody has the device open and no task is registered: each of those holds a reference to the module. */
static void __exit rvisor_exit(void)
{
	debugfs_remove_recursive(debug_directory);
	rv_device_exit();
	rv_hooks_exit();
	rv_registry_exit();
	/* Whoever is in the last instructions of ours: behind a module_put(), or a hook that was left in between. */
	synchronize_rcu_tasks();
	rv_sandboxes_exit();
}

module_init(rvisor_init);
module_exit(rvisor_exit);
MODULE_DESCRIPTION("rvisor: sandboxes whose system calls are decided in the kernel");
MODULE_AUTHOR("rvisor");
MODULE_LICENSE("GPL");
MODULE_VERSION("1");
