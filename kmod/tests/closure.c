// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Ways around the decision that a guest does not have: foreign calls, rings, filters of its own, the device. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "box.h"
#include "self.h"
#include "tap.h"

static long int80(long nr, long a)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static int ring_fd = -1;
static int device_fd = -1;

static void *map_ring(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
}

static int guest_closure(void *argument)
{
	struct rv_device_status status;
	char params[120] = { 0 };
	uint32_t action = SECCOMP_RET_ALLOW;

	(void)argument;
	check_is(int80(20 /* getpid */, 0), -FOREIGN_ERROR, "int 0x80 is closed");
	check_is(ERRNO_OF(syscall(0x40000000 | SYS_getpid)), FOREIGN_ERROR, "x32 is closed");
	check_is(ERRNO_OF(syscall(-1)), FOREIGN_ERROR, "number -1 is closed");
	check_is(ERRNO_OF(syscall(0xffffffff00000000 | SYS_getpid)) ? 0 : 1, 1, "high bits of the number do not count, as for the kernel");
	check_is(ERRNO_OF(syscall(425, 4, params)), ENOSYS, "io_uring_setup");
	check_is(ERRNO_OF(syscall(426, ring_fd, 0, 0, 0, NULL, 0)), ENOSYS, "io_uring_enter");
	check_is(ERRNO_OF(syscall(427, ring_fd, 0, NULL, 0)), ENOSYS, "io_uring_register");
	check(map_ring() == MAP_FAILED && errno == EPERM, "a ring that was there cannot be mapped");
	check_is(ERRNO_OF(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL)), EINVAL, "seccomp(2) installs no filter");
	check_is(ERRNO_OF(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL)), EINVAL, "nor strict mode");
	check_is(ERRNO_OF(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action)), EOPNOTSUPP, "nor has it actions");
	check_is(ERRNO_OF(prctl(PR_SET_SECCOMP, 2, NULL, 0, 0)), EINVAL, "nor does prctl(2)");
	check_is(ERRNO_OF(syscall(SYS_prctl, 0xdead00000000 | PR_SET_SECCOMP, 2, NULL, 0, 0)), EINVAL, "with high bits set");
	check(box_device() < 0 && errno == EPERM, "a guest cannot open the device");
	check_is(ERRNO_OF(ioctl(device_fd, RV_DEVICE_STATUS, &status)), EPERM, "nor use a descriptor of it");
	check_is(box_hello(device_fd), EPERM, "nor say HELLO there");
	return 7;
}

#define VSYSCALL_TIME 0xffffffffff600400ul

/* time(2) by the page that old programs call. */
static int guest_vsyscall(void *argument)
{
	long (*volatile function)(long *) = (void *)VSYSCALL_TIME;

	(void)argument;
	return function(NULL) == -EXDEV ? 7 : 8;
}

static void test_vsyscall(void)
{
	struct box box;
	pid_t pid = fork();
	int result;

	if (!pid)
		_exit(guest_vsyscall(NULL));
	result = box_wait(pid);
	if (result > 1000) {
		skip("the vsyscall page", "this kernel has none");
		return;
	}
	check_is(result, 8, "outside the vsyscall page gives the time");
	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_time, RV_ACTION_ERRNO, EXDEV);
	box_open(&box, policy_end(), NULL);
	check_is(box_run(&box, guest_vsyscall, NULL), 7, "the vsyscall page is decided as the call is");
	box_close(&box);
}

static void test_closure(void)
{
	char params[120] = { 0 };
	struct box box;

	check(int80(20, 0) == getpid(), "outside int 0x80 works");
	if (syscall(0x40000000 | SYS_getpid) == getpid())
		check(true, "outside x32 works");
	else
		skip("outside x32 works", "the kernel was started without syscall.x32=y");
	ring_fd = syscall(425, 4, params);
	check(ring_fd >= 0 && map_ring() != MAP_FAILED, "outside a ring can be made and mapped");
	device_fd = box_device();
	policy_begin(RV_ACTION_ALLOW, 0);
	box_open(&box, policy_end(), NULL);
	check_is(box_run(&box, guest_closure, NULL), 7, "the guest ran to its end");
	box_close(&box);
	close(ring_fd);
	close(device_fd);
	test_vsyscall();
}

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_closure();
	return tap_end();
}
