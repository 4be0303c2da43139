// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * /dev/rvisor: see native/core/rv_device.h. Copies what comes in, checks it, and hands it on.
 */
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "rvisor.h"

static_assert(RV_DEVICE_HELLO == _IOWR('R', 0, struct rv_device_hello));
static_assert(RV_DEVICE_PROGRAM == _IOWR('R', 1, struct rv_device_program));
static_assert(RV_DEVICE_REGISTER == _IOW('R', 2, struct rv_device_register));
static_assert(RV_DEVICE_EXCHANGE == _IOWR('R', 3, struct rv_device_exchange));
static_assert(RV_DEVICE_VALID == _IOW('R', 4, struct rv_device_valid));
static_assert(RV_DEVICE_KILL == _IO('R', 5));
static_assert(RV_DEVICE_STATUS == _IOR('R', 6, struct rv_device_status));

static int device_open(struct inode *inode, struct file *file)
{
	struct rv_sandbox *sandbox;

	/* A guest has no sandboxes of its own. */
	if (rv_find(current))
		return -EPERM;
	sandbox = rv_sandbox_create();
	if (IS_ERR(sandbox))
		return PTR_ERR(sandbox);
	file->private_data = sandbox;
	return nonseekable_open(inode, file);
}

/* A descriptor is closed: by the owner, that ends the sandbox, though a guest may have inherited another. */
static int device_flush(struct file *file, fl_owner_t id)
{
	struct rv_sandbox *sandbox = file->private_data;

	if (READ_ONCE(sandbox->owner) == current->signal)
		rv_sandbox_kill(sandbox);
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	struct rv_sandbox *sandbox = file->private_data;

	rv_sandbox_kill(sandbox);
	rv_sandbox_put(sandbox);
	return 0;
}

static long hello(struct rv_sandbox *sandbox, void __user *user)
{
	struct rv_device_hello hello;
	long error;

	if (copy_from_user(&hello, user, sizeof(hello)))
		return -EFAULT;
	error = rv_sandbox_hello(sandbox, &hello);
	return copy_to_user(user, &hello, sizeof(hello)) ? -EFAULT : error;
}

static long load(struct rv_sandbox *sandbox, void __user *user)
{
	struct rv_device_program program;
	long error;

	if (copy_from_user(&program, user, sizeof(program)))
		return -EFAULT;
	error = rv_sandbox_load(sandbox, &program);
	return copy_to_user(user, &program, sizeof(program)) ? -EFAULT : error;
}

static long enroll(struct rv_sandbox *sandbox, const void __user *user)
{
	struct rv_device_register request;

	return copy_from_user(&request, user, sizeof(request)) ? -EFAULT : rv_register(sandbox, &request);
}

static long valid(struct rv_sandbox *sandbox, const void __user *user)
{
	struct rv_device_valid request;

	return copy_from_user(&request, user, sizeof(request)) ? -EFAULT : rv_valid(sandbox, request.id);
}

static long status(struct rv_sandbox *sandbox, void __user *user)
{
	struct rv_device_status status;

	rv_sandbox_status(sandbox, &status);
	return copy_to_user(user, &status, sizeof(status)) ? -EFAULT : 0;
}

/* 0 if the current process may ask for anything but HELLO. */
static long check_owner(const struct rv_sandbox *sandbox)
{
	const struct signal_struct *owner = READ_ONCE(sandbox->owner);

	if (!owner)
		return -EPROTO;
	return owner == current->signal ? 0 : -EPERM;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct rv_sandbox *sandbox = file->private_data;
	void __user *user = (void __user *)argument;
	long error;

	if (rv_find(current))
		return -EPERM;
	if (command == RV_DEVICE_HELLO)
		return hello(sandbox, user);
	error = check_owner(sandbox);
	if (error)
		return error;
	switch (command) {
	case RV_DEVICE_PROGRAM:
		return load(sandbox, user);
	case RV_DEVICE_REGISTER:
		return enroll(sandbox, user);
	case RV_DEVICE_EXCHANGE:
		return rv_exchange(sandbox, user);
	case RV_DEVICE_VALID:
		return valid(sandbox, user);
	case RV_DEVICE_KILL:
		rv_sandbox_kill(sandbox);
		return 0;
	case RV_DEVICE_STATUS:
		return status(sandbox, user);
	default:
		return -ENOTTY;
	}
}

static __poll_t device_poll(struct file *file, poll_table *table)
{
	struct rv_sandbox *sandbox = file->private_data;
	__poll_t events = 0;

	if (rv_find(current) || check_owner(sandbox))
		return EPOLLERR;
	poll_wait(file, &sandbox->wait, table);
	if (rv_has_news(sandbox))
		events |= EPOLLIN | EPOLLRDNORM;
	if (rv_is_over(sandbox))
		events |= EPOLLHUP;
	return events;
}

const struct file_operations rv_device_operations = {
	.owner = THIS_MODULE,
	.open = device_open,
	.flush = device_flush,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.poll = device_poll,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "rvisor",
	.fops = &rv_device_operations,
	.mode = 0600,
};

int rv_device_init(void)
{
	return misc_register(&device);
}

void rv_device_exit(void)
{
	misc_deregister(&device);
}
