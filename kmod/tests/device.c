// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * How /dev/rvisor is spoken to: who may, in which order, and what is refused of each request (native/core/rv_device.h). Runs as root
 * with the module loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "self.h"
#include "tap.h"

static int device_of_another(void *argument)
{
	int fd = *(int *)argument;
	struct rv_device_exchange exchange = { .flags = RV_EXCHANGE_NOWAIT };
	struct rv_device_status status;

	check_is(box_hello(fd), EBUSY, "a second process cannot say HELLO");
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_STATUS, &status)), EPERM, "nor ask for the status");
	check_is(box_exchange(fd, &exchange), EPERM, "nor take events");
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_KILL)), EPERM, "nor kill");
	return 0;
}

static void test_device(void)
{
	struct rv_device_hello hello = { .version = RV_DEVICE_VERSION + 1, .program_version = RV_VERSION };
	struct rv_device_exchange exchange = { .flags = RV_EXCHANGE_NOWAIT };
	struct rv_device_program program = { .size = 64 };
	struct rv_device_register request = { .tid = 1, .reserved = 1 };
	struct rv_device_status status;
	struct pollfd poller = { .events = POLLIN };
	struct policy policy;
	char page[256] = { 0 };
	pid_t pid;
	int fd = box_device(), other;

	if (!check(fd >= 0, "the device opens"))
		bail(RV_DEVICE_PATH);
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_STATUS, &status)), EPROTO, "nothing goes before HELLO");
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_HELLO, &hello)), EPROTO, "another version is refused");
	check_is(hello.version, RV_DEVICE_VERSION, "and the module says its own");
	hello = (struct rv_device_hello){ .version = RV_DEVICE_VERSION, .program_version = RV_VERSION, .reserved = 1 };
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_HELLO, &hello)), EINVAL, "a reserved field of HELLO");
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_HELLO, NULL)), EFAULT, "HELLO to nowhere");
	check_is(box_hello(fd), 0, "HELLO");
	check_is(box_hello(fd), 0, "HELLO again, by the owner");
	check_is(ERRNO_OF(ioctl(fd, 0x5230, 0)), ENOTTY, "an unknown request");
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_EXCHANGE ^ 0x10000, &exchange)), ENOTTY, "a request of another size");

	pid = fork();
	if (!pid)
		_exit(device_of_another(&fd));
	box_wait(pid);

	check_is(box_register(fd, 1), ENODATA, "no guest without a program");
	program.address = (uintptr_t)page;
	program.size = sizeof(page);
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_PROGRAM, &program)), EINVAL, "what is not a program");
	check_is(program.fault.code, RV_FAULT_MAGIC, "and the fault is said");
	program = (struct rv_device_program){ .address = 8, .size = 128 };
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_PROGRAM, &program)), EFAULT, "a program from nowhere");
	program = (struct rv_device_program){ .address = (uintptr_t)page, .size = RV_DEVICE_MAX_PROGRAM + 1 };
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_PROGRAM, &program)), EFBIG, "a program that is too large");
	program = (struct rv_device_program){ .address = (uintptr_t)page };
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_PROGRAM, &program)), EINVAL, "an empty program");
	program = (struct rv_device_program){ .address = (uintptr_t)page, .size = 128, .flags = 1u << 31 };
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_PROGRAM, &program)), EINVAL, "a reserved field of PROGRAM");
	policy = policy_allow_all();
	((char *)policy.bytes)[policy.size - 1] ^= 1;
	check(box_load(fd, policy) == EINVAL, "a program with one wrong bit");
	check_is(box_load(fd, policy_allow_all()), 0, "a program");
	check_is(box_load(fd, policy_allow_all()), 0, "another in its place");

	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_REGISTER, &request)), EINVAL, "a reserved field of REGISTER");
	check_is(box_exchange(fd, &exchange), EAGAIN, "no event yet");
	exchange.flags = 4;
	check_is(box_exchange(fd, &exchange), EINVAL, "an unknown flag of EXCHANGE");
	exchange = (struct rv_device_exchange){ .flags = RV_EXCHANGE_NOWAIT, .reserved = 1 };
	check_is(box_exchange(fd, &exchange), EINVAL, "a reserved field of EXCHANGE");
	exchange = (struct rv_device_exchange){ .flags = RV_EXCHANGE_NOWAIT, .capacity = 1 };
	check_is(box_exchange(fd, &exchange), EINVAL, "room for text at no address");
	check_is(box_reply(fd, &(struct rv_device_reply){ .id = 1, .verdict = RV_REPLY_CONTINUE }), ENOENT, "a reply to nobody");
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_VALID, &(struct rv_device_valid){ 1 })), ENOENT, "nobody waits");
	poller.fd = fd;
	check_is(poll(&poller, 1, 0), 0, "poll says nothing");
	status = box_status(fd);
	check(status.sandbox && !status.tasks && !status.calls && status.program, "the status");
	other = box_device();
	check(other >= 0 && box_hello(other) == 0 && box_status(other).sandbox != status.sandbox, "a second sandbox of the same owner");
	close(other);
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_KILL)), 0, "an empty sandbox can be killed");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		pause();
	}
	process_settles(pid);
	check_is(box_register(fd, pid), ESRCH, "and takes nobody then");
	kill(pid, SIGKILL);
	box_wait(pid);
	close(fd);
}

static void test_malformed_replies(void)
{
	static const struct {
		const char *name;
		struct rv_device_reply reply;
	} replies[] = {
		{ "no verdict", { .verdict = 0 } },
		{ "an unknown verdict", { .verdict = 7 } },
		{ "a reserved field", { .verdict = RV_REPLY_CONTINUE, .reserved = 1 } },
		{ "flags of another verdict", { .verdict = RV_REPLY_CONTINUE, .flags = RV_REPLY_CLOEXEC } },
		{ "an unknown flag", { .verdict = RV_REPLY_FD, .flags = 8 } },
		{ "a value with CONTINUE", { .verdict = RV_REPLY_CONTINUE, .value = 1 } },
		{ "a value with FD", { .verdict = RV_REPLY_FD, .value = 1 } },
		{ "a target without REPLACE", { .verdict = RV_REPLY_FD, .target = 1 } },
		{ "a descriptor with VALUE", { .verdict = RV_REPLY_VALUE, .fd = 1 } },
		{ "no errno", { .verdict = RV_REPLY_ERRNO } },
		{ "an errno that is too large", { .verdict = RV_REPLY_ERRNO, .error = 4096 } },
		{ "a negative errno", { .verdict = RV_REPLY_ERRNO, .error = -1 } },
		{ "an errno with VALUE", { .verdict = RV_REPLY_VALUE, .error = 1 } },
		{ "a call with VALUE", { .verdict = RV_REPLY_VALUE, .call = { .nr = 1 } } },
		{ "an ABI with REWRITE", { .verdict = RV_REPLY_REWRITE, .call = { .arch = RV_ARCH_X86_64 } } },
		{ "sigreturn with REWRITE", { .verdict = RV_REPLY_REWRITE, .call = { .nr = SYS_rt_sigreturn } } },
	};
	int fd = box_device();

	box_hello(fd);
	for (unsigned i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		struct rv_device_reply reply = replies[i].reply;

		reply.id = 1;
		check_is(box_reply(fd, &reply), EINVAL, replies[i].name);
	}
	check_is(box_reply(fd, &(struct rv_device_reply){ .id = 1, .verdict = RV_REPLY_FD, .fd = 999 }), EBADF, "a descriptor that is not open");
	check_is(box_reply(fd, &(struct rv_device_reply){ .id = 1, .verdict = RV_REPLY_FD, .fd = fd }), EINVAL, "the device itself");
	close(fd);
}

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_device();
	test_malformed_replies();
	return tap_end();
}
