// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A module that does one wrong thing when it is loaded, as its parameter says. The harness loads it to see that it notices: what
 * would not be noticed in this module would not be noticed in rvisor's.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *fault = "none";
module_param(fault, charp, 0400);
MODULE_PARM_DESC(fault, "which wrong thing to do: none, warn, oops, bug, lockup, redzone, reuse, free_twice, leave, atomic, order");

static DEFINE_SPINLOCK(spin);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void lockup(void)
{
	spin_lock(&spin);
	for (;;)
		cpu_relax();
}

static void redzone(void)
{
	volatile char *bytes = kzalloc(64, GFP_KERNEL);

	if (!bytes)
		return;
	bytes[64] = 1;
	kfree((void *)bytes);
}

static void reuse(void)
{
	volatile char *bytes = kzalloc(40, GFP_KERNEL);
	int i;

	if (!bytes)
		return;
	kfree((void *)bytes);
	bytes[8] = 1;
	/* The next user of the memory finds the poison disturbed. */
	for (i = 0; i < 200; i++)
		kfree(kzalloc(40, GFP_KERNEL));
}

static void free_twice(void)
{
	char *bytes = kzalloc(40, GFP_KERNEL);

	kfree(bytes);
	kfree(bytes);
}

static void atomic(void)
{
	spin_lock(&spin);
	msleep(20);
	spin_unlock(&spin);
}

static void order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static int __init faulty_init(void)
{
	int *volatile nowhere = 0; /* for sparse to find */

	if (!strcmp(fault, "warn"))
		WARN(1, "faulty: asked to warn\n");
	else if (!strcmp(fault, "oops"))
		*nowhere = 1;
	else if (!strcmp(fault, "bug"))
		BUG();
	else if (!strcmp(fault, "lockup"))
		lockup();
	else if (!strcmp(fault, "redzone"))
		redzone();
	else if (!strcmp(fault, "reuse"))
		reuse();
	else if (!strcmp(fault, "free_twice"))
		free_twice();
	else if (!strcmp(fault, "atomic"))
		atomic();
	else if (!strcmp(fault, "order"))
		order();
	else if (!strcmp(fault, "leave"))
		mutex_lock(&first);
	else if (strcmp(fault, "none"))
		return -EINVAL;
	return 0;
}

static void __exit faulty_exit(void)
{
}

module_init(faulty_init);
module_exit(faulty_exit);
MODULE_DESCRIPTION("does what a module must not do");
MODULE_LICENSE("Dual BSD/GPL");
