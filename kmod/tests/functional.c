// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What /dev/rvisor promises (native/core/rv_device.h), each promise once, from the outside. Runs as root with the module loaded.
 *
 *     functional [NAME…]     all groups of tests, or those named
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "box.h"
#include "tap.h"

static const char *self_path;

static struct policy all_allowed(void)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	return policy_end();
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0755);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		bail(path);
	close(fd);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

/* ------------------------------------------------------------------------------------------------------------- device */

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

/* Waits until a process has done what it does, and sleeps: on a busy machine that may take its time. */
static void settle(pid_t pid)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 1000; i++) {
		int fd = open(path, O_RDONLY);
		ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		const char *state;

		close(fd);
		if (size <= 0)
			return;
		text[size] = 0;
		state = strrchr(text, ')');
		if (state && state[1] == ' ' && state[2] != 'R' && state[2] != 'D')
			return;
		usleep(10000);
	}
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
	policy = all_allowed();
	((char *)policy.bytes)[policy.size - 1] ^= 1;
	check(box_load(fd, policy) == EINVAL, "a program with one wrong bit");
	check_is(box_load(fd, all_allowed()), 0, "a program");
	check_is(box_load(fd, all_allowed()), 0, "another in its place");

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
	settle(pid);
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

/* -------------------------------------------------------------------------------------------------------- registering */

struct candidate {
	const char *name;
	int error;
	int flags; /* of clone(2) */
	void (*prepare)(void);
};

static void no_privileges(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void nothing(void)
{
}

static void filtered(void)
{
	struct sock_filter { uint16_t code; uint8_t jt, jf; uint32_t k; } allow = { 6, 0, 0, SECCOMP_RET_ALLOW };
	struct { uint16_t length; struct sock_filter *filter; } program = { 1, &allow };

	no_privileges();
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		_exit(1);
}

static void *sleeper(void *argument)
{
	(void)argument;
	pause();
	return NULL;
}

static void threaded(void)
{
	pthread_t thread;

	no_privileges();
	pthread_create(&thread, NULL, sleeper, NULL);
}

static void executed(void)
{
	no_privileges();
	execl(self_path, self_path, "--pause", NULL);
	_exit(1);
}

static void ringed(void)
{
	char params[120] = { 0 };

	no_privileges();
	if (syscall(425 /* io_uring_setup */, 4, params) < 0)
		_exit(1);
}

static void another_user(void)
{
	no_privileges();
	if (setresuid(1234, 1234, 1234))
		_exit(1);
}

static int candidate_main(void *argument)
{
	const struct candidate *candidate = argument;

	candidate->prepare();
	for (;;)
		pause();
	return 0;
}

static void try_candidate(int fd, const struct candidate *candidate)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = clone(candidate_main, stack + sizeof(stack), candidate->flags | SIGCHLD, (void *)candidate);

	settle(pid);
	check_is(box_register(fd, pid), candidate->error, candidate->name);
	kill(pid, SIGKILL);
	box_wait(pid);
}

static void test_registering(void)
{
	static const struct candidate candidates[] = {
		{ "a child without no_new_privs", EPERM, 0, nothing },
		{ "a child with a seccomp filter of its own", EBUSY, 0, filtered },
		{ "a child with a second thread", EINVAL, 0, threaded },
		{ "a child that has executed a program", EPERM, 0, executed },
		{ "a child with an io_uring", EBUSY, 0, ringed },
		{ "a child that shares the owner's memory", EINVAL, CLONE_VM, no_privileges },
		{ "a child that shares the owner's descriptors", EINVAL, CLONE_FILES, no_privileges },
		{ "a child that shares the owner's directory", EINVAL, CLONE_FS, no_privileges },
		{ "a child that shares the owner's signal handlers", EINVAL, CLONE_VM | CLONE_SIGHAND, no_privileges },
		{ "a child as it should be", 0, 0, no_privileges },
		{ "a child of another user, by root", 0, 0, another_user },
	};
	int fd = box_device(), other, pipes[2];
	pid_t pid, grandchild;

	box_hello(fd);
	box_load(fd, all_allowed());
	for (unsigned i = 0; i < sizeof(candidates) / sizeof(*candidates); i++)
		try_candidate(fd, &candidates[i]);
	check_is(box_register(fd, getpid()), EPERM, "the owner itself");
	check_is(box_register(fd, 1), EPERM, "init");
	check_is(box_register(fd, getppid()), EPERM, "the owner's parent");
	check_is(box_register(fd, 2), EPERM, "a kernel thread");
	check_is(box_register(fd, 4000000), ESRCH, "nobody");

	if (pipe(pipes))
		bail("pipe");
	pid = fork();
	if (!pid) {
		grandchild = fork();
		if (!grandchild) {
			no_privileges();
			pause();
		}
		if (write(pipes[1], &grandchild, sizeof(grandchild)) < 0)
			_exit(1);
		pause();
	}
	if (read(pipes[0], &grandchild, sizeof(grandchild)) != sizeof(grandchild))
		bail("grandchild");
	settle(grandchild);
	check_is(box_register(fd, grandchild), EPERM, "a grandchild");
	kill(grandchild, SIGKILL);
	kill(pid, SIGKILL);
	box_wait(pid);

	pid = fork();
	if (!pid) {
		no_privileges();
		pause();
	}
	settle(pid);
	other = box_device();
	box_hello(other);
	box_load(other, all_allowed());
	check_is(box_register(fd, pid), 0, "a child");
	check_is(box_register(fd, pid), EBUSY, "the same again");
	check_is(box_register(other, pid), EBUSY, "the same in another sandbox");
	check_is(box_status(fd).tasks, 1, "it is counted");
	kill(pid, SIGKILL);
	box_wait(pid);
	check_is(box_status(fd).tasks, 0, "and no more when it is dead");
	check_is(box_register(fd, pid), ESRCH, "the dead");
	close(other);

	/* Those that die in the same moment leave nothing behind. */
	for (int i = 0; i < 300; i++) {
		pid = fork();
		if (!pid) {
			no_privileges();
			_exit(0);
		}
		if (i % 3)
			usleep(rand() % 2000);
		box_register(fd, pid);
		box_wait(pid);
	}
	check_is(box_status(fd).tasks, 0, "children that die while they are registered");

	/* Another root than the first guest's. */
	pid = fork();
	if (!pid) {
		no_privileges();
		if (chroot("/tmp"))
			_exit(1);
		pause();
	}
	settle(pid);
	check_is(box_register(fd, pid), EXDEV, "a child with another root");
	kill(pid, SIGKILL);
	box_wait(pid);
	close(fd);

	/* An owner without privileges, and a child of another user. */
	pid = fork();
	if (!pid) {
		pid_t child;

		fd = box_device();
		child = fork();
		if (!child) {
			another_user();
			sleep(10);
			_exit(0);
		}
		settle(child);
		if (setresuid(65534, 65534, 65534))
			_exit(1);
		box_hello(fd);
		box_load(fd, all_allowed());
		check_is(box_register(fd, child), EPERM, "a child of another user, by nobody");
		child = fork();
		if (!child) {
			no_privileges();
			pause();
		}
		settle(child);
		check_is(box_register(fd, child), 0, "a child of the same user, by nobody");
		_exit(0);
	}
	box_wait(pid);
	pid = fork();
	if (!pid) {
		if (setresuid(65534, 65534, 65534))
			_exit(1);
		check(box_device() < 0 && errno == EACCES, "nobody cannot open the device");
		_exit(0);
	}
	box_wait(pid);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* -------------------------------------------------------------------------------------------------------------- calls */

static void *mkdir_in_thread(void *argument)
{
	*(int *)argument = ERRNO_OF(mkdir("/tmp/thread", 0700));
	return NULL;
}

static void *exec_in_thread(void *argument)
{
	(void)argument;
	execl(self_path, self_path, "--denied", NULL);
	return NULL;
}

static int guest_denied(void *argument)
{
	pthread_t thread;
	int result = 0;
	pid_t pid;

	(void)argument;
	check(getppid() > 0, "what is allowed runs");
	check_is(ERRNO_OF(mkdir("/tmp/own", 0700)), EXDEV, "a refused call fails with the rule's errno");
	check_is(ERRNO_OF(socket(AF_INET, SOCK_STREAM, 0) < 0 ? -1 : 0), 0, "a condition that does not hold");
	check_is(ERRNO_OF(socket(AF_INET6, SOCK_STREAM, 0) < 0 ? -1 : 0), EPROTONOSUPPORT, "a condition that holds");
	check_is(ERRNO_OF(syscall(SYS_socket, 0xdead00000000 | AF_INET6, SOCK_STREAM, 0)), 0, "a condition over all 64 bits");
	pid = fork();
	if (!pid) {
		pid = fork();
		if (!pid)
			_exit(ERRNO_OF(mkdir("/tmp/grandchild", 0700)));
		_exit(box_wait(pid));
	}
	check_is(box_wait(pid), EXDEV, "a grandchild inherits");
	pid = vfork();
	if (!pid)
		_exit(ERRNO_OF(mkdir("/tmp/vfork", 0700)));
	check_is(box_wait(pid), EXDEV, "a child of vfork inherits");
	pthread_create(&thread, NULL, mkdir_in_thread, &result);
	pthread_join(thread, NULL);
	check_is(result, EXDEV, "a thread inherits");
	pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		_exit(ERRNO_OF(mkdir("/tmp/sibling", 0700)) == EXDEV ? 0 : 1);
	check(pid > 0, "a sibling made with CLONE_PARENT");
	pid = fork();
	if (!pid) {
		execl(self_path, self_path, "--denied", NULL);
		_exit(errno);
	}
	check_is(box_wait(pid), EXDEV, "an executed program inherits");
	pid = fork();
	if (!pid) {
		pthread_create(&thread, NULL, exec_in_thread, NULL);
		for (;;)
			pause();
	}
	check_is(box_wait(pid), EXDEV, "a program that a second thread executed inherits");
	return 7;
}

static int guest_kill(void *argument)
{
	pid_t pid = fork();

	(void)argument;
	if (!pid)
		for (;;)
			pause();
	syscall(SYS_reboot, 0, 0, 0, 0);
	return 1;
}

static int guest_exec_unfiltered(void *argument)
{
	(void)argument;
	return 0;
}

static void test_calls(void)
{
	struct box box;
	char byte;
	int pipes[2], go[2];
	pid_t pid;

	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_mkdir, RV_ACTION_ERRNO, EXDEV);
	policy_call_if(SYS_socket, RV_ACTION_ERRNO, EPROTONOSUPPORT, 0, AF_INET6);
	box_open(&box, policy_end(), NULL);
	check_is(box_run(&box, guest_denied, NULL), 7, "the guest ran to its end");
	while (waitpid(-1, NULL, 0) > 0)
		;
	box_close(&box);
	check(box.reports >= 7, "refusals are reported: %u", box.reports);
	check(box.report.call.nr == SYS_mkdir && box.report.error == EXDEV && box.report.rule == 0 && box.report.kind == RV_EVENT_REPORT,
	      "with the call, the errno and the rule");
	check(ERRNO_OF(mkdir("/tmp/own", 0700)) == 0 && rmdir("/tmp/own") == 0, "nobody else is refused");

	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_reboot, RV_ACTION_KILL, 0);
	box_open(&box, policy_end(), NULL);
	check_is(box_run(&box, guest_kill, NULL), KILLED, "a rule that kills");
	box_close(&box);
	check(box.report.call.nr == SYS_reboot && box.report.error == 0, "which is reported");

	/* Default: nothing goes but the end. */
	policy_begin(RV_ACTION_ERRNO, EACCES);
	policy_call(SYS_exit_group, RV_ACTION_ALLOW, 0);
	box_open(&box, policy_end(), NULL);
	check_is(box_run(&box, guest_exec_unfiltered, NULL), 0, "a default that refuses");
	box_close(&box);

	/* A registered task without the filter executes nothing. */
	box_open(&box, all_allowed(), NULL);
	if (pipe(pipes) || pipe(go))
		bail("pipe");
	pid = fork();
	if (!pid) {
		no_privileges();
		if (write(pipes[1], "", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(1);
		execl(self_path, self_path, "--denied", NULL);
		check_is(errno, EPERM, "a registered task without the filter executes nothing");
		filtered();
		box_filter();
		execl(self_path, self_path, "--denied", NULL);
		check_is(errno, EPERM, "nor does one with a second filter");
		_exit(0);
	}
	if (read(pipes[0], &byte, 1) != 1)
		bail("read");
	check_is(box_register(box.fd, pid), 0, "a task before its filter");
	if (write(go[1], "", 1) != 1)
		bail("write");
	box_wait(pid);
	box_close(&box);

	/* The filter alone. */
	pid = fork();
	if (!pid) {
		no_privileges();
		box_filter();
		_exit(0);
	}
	check_is(box_wait(pid), 1000 + SIGSYS, "the filter kills whom the module does not know");
}

/* ------------------------------------------------------------------------------------------------------------ closure */

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

/* ------------------------------------------------------------------------------------------------------------- upcall */

static int memory_fd;

static void answer_upcalls(const struct rv_device_event *event, struct rv_device_reply *reply)
{
	switch (event->call.nr) {
	case SYS_setpgid:
		reply->verdict = RV_REPLY_ERRNO;
		reply->error = EXDEV;
		break;
	case SYS_getppid:
		reply->verdict = RV_REPLY_VALUE;
		reply->value = 0x123456789abcdef0;
		break;
	case SYS_openat:
		reply->verdict = RV_REPLY_FD;
		reply->fd = memory_fd;
		reply->flags = event->call.args[2] & O_CLOEXEC ? RV_REPLY_CLOEXEC : 0;
		break;
	case SYS_connect:
		reply->verdict = RV_REPLY_FD;
		reply->fd = memory_fd;
		reply->flags = RV_REPLY_REPLACE;
		reply->target = event->call.args[0];
		reply->value = 5;
		break;
	case SYS_getpriority:
		reply->verdict = RV_REPLY_REWRITE;
		reply->call.nr = SYS_getpgid;
		break;
	case SYS_getsid: /* to what the policy refuses */
		reply->verdict = RV_REPLY_REWRITE;
		reply->call.nr = SYS_mkdir;
		break;
	case SYS_uname: /* to what no guest has */
		reply->verdict = RV_REPLY_REWRITE;
		reply->call.nr = SYS_seccomp;
		reply->call.args[0] = SECCOMP_SET_MODE_FILTER;
		break;
	case SYS_fork:
		reply->verdict = RV_REPLY_REWRITE;
		reply->call.nr = SYS_clone;
		reply->call.args[0] = SIGCHLD;
		break;
	case SYS_pause:
		reply->verdict = RV_REPLY_REWRITE;
		reply->call.nr = SYS_nanosleep;
		reply->call.args[0] = event->call.args[0];
		break;
	case SYS_sync: {
		static int times;

		/* Signals arrive while it waits. */
		for (times = 0; times < 5; times++) {
			kill((pid_t)event->pid, SIGUSR1);
			usleep(2000);
		}
		reply->verdict = RV_REPLY_VALUE;
		reply->value = 77;
		break;
	}
	case SYS_reboot:
		reply->verdict = RV_REPLY_KILL;
		break;
	}
}

static volatile int handled;

static void handler(int signal)
{
	(void)signal;
	handled++;
}

#define RAW(result, nr, a, b, c)                                                                                                   \
	__asm__ volatile("syscall" : "=a"(result), "+D"(a), "+S"(b), "+d"(c) : "0"((long)(nr)) : "rcx", "r11", "memory")

static int guest_upcalls(void *argument)
{
	struct timespec delay = { .tv_sec = 3 };
	char text[16] = { 0 };
	long result, a = 77, b = 88, c = 99;
	double before;
	int fd;
	pid_t pid;

	(void)argument;
	check(getpgid(0) >= 0, "CONTINUE runs the call");
	check_is(ERRNO_OF(setpgid(0, 0)), EXDEV, "ERRNO");
	check(syscall(SYS_getppid) == 0x123456789abcdef0, "VALUE, with all its bits");
	fd = syscall(SYS_openat, AT_FDCWD, "/etc/nothing", O_RDONLY);
	check(fd >= 0 && pread(fd, text, 5, 0) == 5 && !strcmp(text, "hello"), "FD gives a descriptor of the owner's file");
	check_is(fcntl(fd, F_GETFD), 0, "without close-on-exec");
	close(fd);
	fd = syscall(SYS_openat, AT_FDCWD, "/etc/nothing", O_CLOEXEC);
	check_is(fcntl(fd, F_GETFD), FD_CLOEXEC, "with close-on-exec");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check_is(connect(fd, NULL, 0), 5, "FD with REPLACE gives the value");
	memset(text, 0, sizeof(text));
	check(pread(fd, text, 5, 0) == 5 && !strcmp(text, "hello"), "and the file in the descriptor's place");
	close(fd);
	{
		struct rlimit limit = { 3, 3 }, saved;

		getrlimit(RLIMIT_NOFILE, &saved);
		limit.rlim_max = saved.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		check_is(ERRNO_OF(syscall(SYS_openat, AT_FDCWD, "/etc/nothing", 0)), EMFILE, "FD where the guest may have no more");
		setrlimit(RLIMIT_NOFILE, &saved);
	}

	RAW(result, SYS_getpriority, a, b, c);
	check_is(result, getpgid(0), "REWRITE runs another call");
	check(a == 77 && b == 88 && c == 99, "and the guest's registers come back");
	a = getpid();
	RAW(result, SYS_getsid, a, b, c);
	check_is(result, -EMLINK, "REWRITE to what the policy refuses");
	check(a == getpid() && b == 88, "with the registers as they were");
	check_is(ERRNO_OF(syscall(SYS_uname, NULL)), EINVAL, "REWRITE to what no guest has");
	a = 77;
	RAW(result, SYS_fork, a, b, c);
	if (!result)
		_exit(a == 77 && b == 88 ? 7 : 8);
	check_is(box_wait(result), 7, "a child of a rewritten call has the guest's registers");
	signal(SIGALRM, handler);
	ualarm(100000, 0);
	a = (long)&delay;
	b = 42;
	before = seconds();
	RAW(result, SYS_pause, a, b, c);
	check(result == -EINTR && handled == 1 && seconds() - before < 2.5, "a rewritten call that a signal interrupts");
	check(a == (long)&delay && b == 42, "has the registers as they were");

	signal(SIGUSR1, handler);
	handled = 0;
	check_is(syscall(SYS_sync), 77, "signals do not interrupt a call that waits for its answer");
	check(handled > 0, "they are handled afterwards");
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	syscall(SYS_reboot, 0, 0, 0, 0);
	return 0;
}

static struct policy asking(void)
{
	static const int asked[] = { SYS_getpgid, SYS_setpgid, SYS_getppid, SYS_openat, SYS_connect, SYS_getpriority, SYS_getsid,
				     SYS_uname,	  SYS_fork,    SYS_sync,    SYS_reboot };

	policy_begin(RV_ACTION_ALLOW, 0);
	for (unsigned i = 0; i < sizeof(asked) / sizeof(*asked); i++)
		policy_handler(asked[i], 0, 0);
	policy_call(SYS_pause, RV_ACTION_TRACE, 0);
	policy_call(SYS_mkdir, RV_ACTION_ERRNO, EMLINK);
	return policy_end();
}

static int guest_getppid(void *argument)
{
	(void)argument;
	return syscall(SYS_getppid) == 7 ? 7 : 8;
}

static int guest_override(void *argument)
{
	(void)argument;
	check_is(ERRNO_OF(mkdir("/tmp/override", 0700)), EMLINK, "a handler that says CONTINUE overrides no refusal");
	check_is(ERRNO_OF(rmdir("/tmp/override")), 0, "one that answers does");
	return 7;
}

static void answer_override(const struct rv_device_event *event, struct rv_device_reply *reply)
{
	if (event->decision.base != RV_ACTION_ERRNO || event->decision.handlers != 1)
		reply->verdict = RV_REPLY_KILL;
	else if (event->call.nr == SYS_rmdir)
		reply->verdict = RV_REPLY_VALUE;
}

/* An owner's side by hand. */
static void test_exchange(void)
{
	struct rv_device_exchange exchange = { 0 }, *straddling;
	struct rv_device_reply reply = { .verdict = RV_REPLY_VALUE, .value = 7 };
	struct pollfd poller = { .events = POLLIN };
	char *pages;
	uint64_t first;
	pid_t pid, second;
	int fd = box_device();

	policy_begin(RV_ACTION_ALLOW, 0);
	policy_handler(SYS_getppid, 3, 0);
	box_hello(fd);
	box_load(fd, policy_end());
	pid = box_spawn(fd, guest_getppid, NULL);
	poller.fd = fd;
	check(poll(&poller, 1, 5000) == 1 && poller.revents == POLLIN, "poll says that a call waits");

	/* The event lies where it cannot be written. */
	pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	straddling = (struct rv_device_exchange *)(pages + 4096 - offsetof(struct rv_device_exchange, event));
	check_is(box_exchange(fd, straddling), EFAULT, "an event that cannot be written");
	check_is(box_exchange(fd, &exchange), 0, "is not lost");
	check(exchange.event.kind == RV_EVENT_CALL && exchange.event.call.nr == SYS_getppid && exchange.event.decision.handlers == 8 &&
		      exchange.event.tid == (uint32_t)pid && exchange.event.pid == (uint32_t)pid && exchange.event.id,
	      "the event says what waits");
	first = exchange.event.id;
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_VALID, &(struct rv_device_valid){ first })), 0, "VALID while it waits");
	exchange.flags = RV_EXCHANGE_NOWAIT;
	check_is(box_exchange(fd, &exchange), EAGAIN, "an event is given once");
	reply.id = first;
	exchange = (struct rv_device_exchange){ .reply = reply, .flags = RV_EXCHANGE_REPLY };
	exchange.reply.reserved = 1;
	check_is(box_exchange(fd, &exchange), EINVAL, "a malformed reply leaves the call waiting");
	exchange.reply.reserved = 0;
	check(box_exchange(fd, &exchange) == 0 && exchange.result == 0 && exchange.reply.id == 0, "a reply");
	check_is(box_reply(fd, &reply), ENOENT, "a second one");
	check_is(box_wait(pid), 7, "the call had its answer");
	check(poll(&poller, 1, 5000) == 1 && poller.revents == POLLHUP, "poll says that it is over");
	exchange = (struct rv_device_exchange){ 0 };
	check_is(box_exchange(fd, &exchange), ESRCH, "so does EXCHANGE");

	/* One that dies while it waits, and one that comes after it. */
	pid = box_spawn(fd, guest_getppid, NULL);
	exchange = (struct rv_device_exchange){ 0 };
	box_exchange(fd, &exchange);
	reply.id = exchange.event.id;
	check(reply.id > first, "a new call has a new id");
	kill(pid, SIGKILL);
	check_is(box_wait(pid), KILLED, "a waiting task can be killed");
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_VALID, &(struct rv_device_valid){ reply.id })), ENOENT, "VALID when it is dead");
	second = box_spawn(fd, guest_getppid, NULL);
	exchange = (struct rv_device_exchange){ .reply = reply };
	check(box_exchange(fd, &exchange) == 0 && exchange.result == ENOENT && exchange.event.tid == (uint32_t)second,
	      "a reply to the dead is said so, and the next event comes along");
	reply.id = exchange.event.id;
	check_is(box_reply(fd, &reply), 0, "which is answered");
	check_is(box_wait(second), 7, "and had it");

	/* Killed before anybody fetched the call. */
	pid = box_spawn(fd, guest_getppid, NULL);
	poll(&poller, 1, 5000);
	kill(pid, SIGKILL);
	box_wait(pid);
	exchange = (struct rv_device_exchange){ .flags = RV_EXCHANGE_NOWAIT };
	check_is(box_exchange(fd, &exchange), ESRCH, "a call of the dead is not given");
	close(fd);
}

static void test_upcalls(void)
{
	struct box box;

	memory_fd = memfd_create("answer", MFD_CLOEXEC);
	if (memory_fd < 0 || write(memory_fd, "hello", 5) != 5)
		bail("memfd");
	box_open(&box, asking(), answer_upcalls);
	check_is(box_run(&box, guest_upcalls, NULL), KILLED, "KILL kills the sandbox");
	box_close(&box);
	check(box.calls >= 14, "calls were answered: %u", box.calls);
	close(memory_fd);

	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_mkdir, RV_ACTION_ERRNO, EMLINK);
	policy_call(SYS_rmdir, RV_ACTION_ERRNO, EMLINK);
	policy_handler(SYS_mkdir, 0, RV_RULE_OVERRIDE);
	policy_handler(SYS_rmdir, 0, RV_RULE_OVERRIDE);
	box_open(&box, policy_end(), answer_override);
	check_is(box_run(&box, guest_override, NULL), 7, "the guest ran to its end");
	box_close(&box);
	test_exchange();
}

/* -------------------------------------------------------------------------------------------------------------- paths */

static const int path_calls[] = { SYS_open,	SYS_openat,    SYS_openat2,   SYS_creat,   SYS_stat,	SYS_lstat,     SYS_newfstatat, SYS_statx,
				  SYS_access,	SYS_faccessat, SYS_readlink,  SYS_chdir,   SYS_chmod,	SYS_fchmodat,  SYS_chown,      SYS_utimensat,
				  SYS_truncate, SYS_mkdir,     SYS_mkdirat,   SYS_mknod,   SYS_mknodat, SYS_symlink,   SYS_symlinkat,  SYS_link,
				  SYS_linkat,	SYS_unlink,    SYS_unlinkat,  SYS_rmdir,   SYS_rename,	SYS_renameat,  SYS_renameat2,  SYS_execve,
				  SYS_execveat, SYS_setxattr,  SYS_getxattr,  SYS_statfs,  SYS_chroot, SYS_readlinkat, SYS_faccessat2 };

static struct policy path_policy(void)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	for (unsigned i = 0; i < sizeof(path_calls) / sizeof(*path_calls); i++)
		policy_call(path_calls[i], RV_ACTION_NOTIFY, 0);
	policy_path("/", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_EXECUTE);
	policy_path("/tmp/box", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path("/tmp/box/secret", RV_KIND_DENY, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path("/tmp/box/readonly", RV_KIND_DENY, RV_SCOPE_SUBTREE,
		    RV_RIGHT_ALL & ~(RV_RIGHT_READ | RV_RIGHT_STAT | RV_RIGHT_LIST));
	policy_path("/tmp/box/noexec", RV_KIND_DENY, RV_SCOPE_EXACT, RV_RIGHT_EXECUTE);
	return policy_end();
}

static void path_fixture(void)
{
	if (system("rm -rf /tmp/box /tmp/outside 2>/dev/null; exec mkdir -p /tmp/box/secret/dir /tmp/box/readonly /tmp/box/dir /tmp/outside"))
		bail("fixture");
	put_file("/tmp/box/secret/file", "secret");
	put_file("/tmp/box/secret/dir/file", "secret");
	put_file("/tmp/box/readonly/file", "readonly");
	put_file("/tmp/box/file", "public");
	put_file("/tmp/box/other", "other");
	put_file("/tmp/outside/file", "outside");
	put_file("/tmp/box/noexec", "#!/bin/sh\nexit 0\n");
	put_file("/tmp/box/exec", "#!/bin/sh\nexit 0\n");
	put_file("/tmp/box/secret/exec", "#!/bin/sh\nexit 0\n");
	put_file("/tmp/box/script", "#!/tmp/box/secret/exec\n");
	if (symlink("/tmp/box/secret/file", "/tmp/box/link") || symlink("secret", "/tmp/box/dirlink") ||
	    symlink("/tmp/box/file", "/tmp/outside/back") || link("/tmp/box/secret/file", "/tmp/box/hardlink") ||
	    symlink("/tmp/box/secret/exec", "/tmp/box/execlink"))
		bail("links");
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600), error = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

static int try_exec(const char *path)
{
	char *const arguments[] = { (char *)path, NULL };
	pid_t pid = fork();

	if (!pid) {
		execve(path, arguments, arguments + 1);
		_exit(errno);
	}
	return box_wait(pid);
}

static int guest_paths(void *argument)
{
	struct stat st;
	char text[32];
	int fd, pipes[2];

	(void)argument;
	check_is(try_open("/tmp/box/file", O_RDONLY), 0, "open what is granted");
	check_is(try_open("/tmp/box/secret/file", O_RDONLY), EACCES, "open what is denied");
	check_is(try_open("/tmp/outside/file", O_RDONLY), EACCES, "open what nothing grants");
	check_is(try_open("/tmp/box/link", O_RDONLY), EACCES, "open by a symbolic link");
	check_is(try_open("/tmp/box/dirlink/file", O_RDONLY), EACCES, "open through a linked directory");
	check_is(try_open("/tmp/box/dirlink/../secret/file", O_RDONLY), EACCES, "open through a link and ..");
	check_is(try_open("/tmp/box/dir/../secret/./file", O_RDONLY), EACCES, "open by a path with . and ..");
	check_is(try_open("/tmp/outside/back", O_RDONLY), 0, "a link outside that leads inside: the file counts");
	check_is(try_open("/tmp/box/hardlink", O_RDONLY), 0, "a hard link has a name of its own");
	check_is(try_open("/proc/self/root/tmp/box/secret/file", O_RDONLY), EACCES, "open through /proc/self/root");
	check_is(try_open("/tmp/box/secret/file", O_PATH), EACCES, "O_PATH of what is denied");
	check_is(try_open("/tmp/box/file", O_PATH), 0, "O_PATH of what is granted");
	check_is(try_open("/tmp/box/readonly/file", O_RDONLY), 0, "read what may be read");
	check_is(try_open("/tmp/box/readonly/file", O_WRONLY), EACCES, "write what may only be read");
	check_is(try_open("/tmp/box/readonly/file", O_RDWR), EACCES, "read and write it");
	check_is(try_open("/tmp/box/readonly/file", O_RDONLY | O_TRUNC), EACCES, "truncate it by open");
	check_is(try_open("/tmp/box/readonly/file", 3), EACCES, "mode 3");
	check_is(try_open("/tmp/box/readonly", O_TMPFILE | O_RDWR), EACCES, "a file without a name where none may be made");
	check_is(try_open("/tmp/box/dir", O_TMPFILE | O_RDWR), 0, "and where it may");
	check_is(try_open("/tmp/box/readonly/new", O_CREAT | O_WRONLY), EACCES, "create where nothing may be made");
	check(stat("/tmp/box/readonly/new", &st) < 0 && errno == ENOENT, "and nothing was made");
	check_is(try_open("/tmp/box/dir/new", O_CREAT | O_EXCL | O_WRONLY), 0, "create where it is granted");
	check_is(try_open("/tmp/box/secret", O_RDONLY | O_DIRECTORY), EACCES, "list what is denied");
	check_is(try_open("/tmp/box", O_RDONLY | O_DIRECTORY), 0, "list what is granted");
	check_is(ERRNO_OF(stat("/tmp/box/secret/file", &st)), EACCES, "stat");
	check_is(ERRNO_OF(lstat("/tmp/box/link", &st)), 0, "lstat of a link is about the link");
	check_is(ERRNO_OF(stat("/tmp/box/link", &st)), EACCES, "stat of a link is about its target");
	check_is(ERRNO_OF(stat("/tmp/box/file", &st)), 0, "stat of what is granted");
	check_is(ERRNO_OF(access("/tmp/box/secret/file", F_OK)), EACCES, "access");
	check_is(ERRNO_OF(access("/tmp/box/readonly/file", W_OK)), EACCES, "access for writing what may only be read");
	check_is(ERRNO_OF(access("/tmp/box/readonly/file", R_OK)), 0, "access for reading it");
	check_is(ERRNO_OF(readlink("/tmp/box/link", text, sizeof(text))), 0, "readlink");
	check_is(ERRNO_OF(chdir("/tmp/box/secret")), EACCES, "chdir");
	check_is(ERRNO_OF(chdir("/tmp/box/dir")), 0, "chdir where it is granted");
	check_is(try_open("../secret/file", O_RDONLY), EACCES, "open by a relative path");
	check_is(ERRNO_OF(chmod("/tmp/box/readonly/file", 0777)), EACCES, "chmod");
	check_is(ERRNO_OF(chmod("/tmp/box/other", 0700)), 0, "chmod of what is granted");
	check_is(ERRNO_OF(chown("/tmp/box/readonly/file", 0, 0)), EACCES, "chown");
	check_is(ERRNO_OF(utimensat(AT_FDCWD, "/tmp/box/readonly/file", NULL, 0)), EACCES, "utimensat");
	check_is(ERRNO_OF(truncate("/tmp/box/readonly/file", 0)), EACCES, "truncate");
	check_is(ERRNO_OF(truncate("/tmp/box/other", 1)), 0, "truncate of what is granted");
	check_is(ERRNO_OF(setxattr("/tmp/box/readonly/file", "user.x", "x", 1, 0)), EACCES, "setxattr");
	check_is(ERRNO_OF(getxattr("/tmp/box/secret/file", "user.x", text, sizeof(text))), EACCES, "getxattr");
	check_is(ERRNO_OF(mkdir("/tmp/box/secret/new", 0700)), EACCES, "mkdir");
	check_is(ERRNO_OF(mkdir("/tmp/box/new", 0700)), 0, "mkdir where it is granted");
	check_is(ERRNO_OF(rmdir("/tmp/box/secret/dir")), EACCES, "rmdir");
	check_is(ERRNO_OF(rmdir("/tmp/box/new")), 0, "rmdir where it is granted");
	check_is(ERRNO_OF(mknod("/tmp/box/secret/fifo", S_IFIFO | 0600, 0)), EACCES, "mknod");
	check_is(ERRNO_OF(mknod("/tmp/box/fifo", S_IFIFO | 0600, 0)), 0, "mknod where it is granted");
	check_is(ERRNO_OF(symlink("x", "/tmp/box/secret/symlink")), EACCES, "symlink");
	check_is(ERRNO_OF(symlink("x", "/tmp/box/symlink")), 0, "symlink where it is granted");
	check_is(ERRNO_OF(link("/tmp/box/secret/file", "/tmp/box/name")), EACCES, "a new name for what is denied");
	check_is(ERRNO_OF(link("/tmp/box/file", "/tmp/box/secret/name")), EACCES, "a name where nothing may be made");
	check_is(ERRNO_OF(link("/tmp/box/readonly/file", "/tmp/box/name")), EACCES, "a new name for what may only be read");
	check_is(ERRNO_OF(link("/tmp/box/file", "/tmp/box/name")), 0, "a new name for what is granted");
	check_is(ERRNO_OF(unlink("/tmp/box/readonly/file")), EACCES, "unlink");
	check_is(ERRNO_OF(unlink("/tmp/box/name")), 0, "unlink of what is granted");
	check_is(ERRNO_OF(rename("/tmp/box/secret/file", "/tmp/box/moved")), EACCES, "rename of what is denied");
	check_is(ERRNO_OF(rename("/tmp/box/secret", "/tmp/box/moved")), EACCES, "rename of its directory");
	check_is(ERRNO_OF(rename("/tmp/box", "/tmp/box2")), EACCES, "rename of a directory above it");
	check_is(ERRNO_OF(rename("/tmp/box/file", "/tmp/box/readonly/file")), EACCES, "rename onto what may only be read");
	check_is(ERRNO_OF(syscall(SYS_renameat2, AT_FDCWD, "/tmp/box/dir", AT_FDCWD, "/tmp/box/secret", 2 /* RENAME_EXCHANGE */)), EACCES,
		 "an exchange with what is denied");
	check_is(ERRNO_OF(rename("/tmp/box/other", "/tmp/box/moved")), 0, "rename of what is granted");
	check_is(try_exec("/tmp/box/exec"), 0, "execute what is granted");
	check_is(try_exec("/tmp/box/noexec"), EACCES, "execute what is denied");
	check_is(try_exec("/tmp/box/execlink"), EACCES, "execute it by a link");
	check_is(try_exec("/tmp/box/script"), EACCES, "execute a script whose interpreter is denied");
	if (!pipe(pipes)) {
		snprintf(text, sizeof(text), "/proc/self/fd/%d", pipes[0]);
		check_is(try_open(text, O_RDONLY | O_NONBLOCK), 0, "what has no name is the guest's own");
	}
	fd = open("/tmp/box/gone", O_CREAT | O_RDWR, 0600);
	unlink("/tmp/box/gone");
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	check_is(try_open(text, O_RDWR), 0, "a file that was removed, by its descriptor");
	check_is(ERRNO_OF(fchmod(fd, 0600)), 0, "calls by descriptor are not judged");

	/* A root of its own does not change what paths mean to the policy. */
	check_is(ERRNO_OF(chroot("/tmp/box/secret")), EACCES, "chroot to what is denied");
	if (!chroot("/tmp/box"))
		check_is(try_open("/secret/file", O_RDONLY), EACCES, "a changed root does not change the policy");
	return 7;
}

static int guest_mount_namespace(void *argument)
{
	(void)argument;
	if (unshare(CLONE_NEWNS))
		return 1;
	check_is(try_open("/tmp/box/file", O_RDONLY), EACCES, "in another mount namespace nothing is granted");
	return 7;
}

/* A file system over others opens their files in the course of opening its own: those are nobody's to judge. */
static int guest_overlay(void *argument)
{
	int fd = open("/tmp/box/merged/file", O_RDWR);
	char text[8] = { 0 };

	(void)argument;
	check(fd >= 0 && write(fd, "x", 1) == 1, "a file is copied up");
	check(fd >= 0 && pread(fd, text, 5, 0) == 5 && !strcmp(text, "xower"), "and read");
	close(fd);
	check_is(try_open("/tmp/box/merged/new", O_CREAT | O_RDWR), 0, "a file is made");
	check_is(ERRNO_OF(truncate("/tmp/box/merged/other", 1)), 0, "a file is truncated, and so copied up");
	check_is(try_open("/tmp/box/merged/secret", O_RDONLY), EACCES, "what is denied there");
	check_is(try_open("/tmp/outside/lower/file", O_RDONLY), EACCES, "what lies beneath by its own name");
	return 7;
}

static void test_overlay(void)
{
	struct box box;

	path_fixture();
	if (system("mkdir -p /tmp/outside/lower /tmp/outside/upper /tmp/outside/work /tmp/box/merged"))
		bail("fixture");
	put_file("/tmp/outside/lower/file", "lower");
	put_file("/tmp/outside/lower/other", "lower");
	put_file("/tmp/outside/lower/secret", "secret");
	if (mount("overlay", "/tmp/box/merged", "overlay", 0, "lowerdir=/tmp/outside/lower,upperdir=/tmp/outside/upper,workdir=/tmp/outside/work")) {
		skip("a file system over others", "this kernel has no overlay");
		return;
	}
	policy_begin(RV_ACTION_ALLOW, 0);
	for (unsigned int i = 0; i < sizeof(path_calls) / sizeof(*path_calls); i++)
		policy_call(path_calls[i], RV_ACTION_NOTIFY, 0);
	policy_path("/tmp/box", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path("/tmp/box/merged/secret", RV_KIND_DENY, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	box_open(&box, policy_end(), NULL);
	check_is(box_run(&box, guest_overlay, NULL), 7, "the guest ran to its end");
	box_close(&box);
	umount("/tmp/box/merged");
}

/* A sibling thread swaps a link between what is granted and what is denied. */
static volatile int racing;

static void *swap_links(void *argument)
{
	(void)argument;
	while (racing) {
		unlink("/tmp/box/dir/swap2");
		if (symlink("/tmp/box/secret/file", "/tmp/box/dir/swap2"))
			continue;
		rename("/tmp/box/dir/swap2", "/tmp/box/dir/swap");
		unlink("/tmp/box/dir/swap2");
		if (symlink("/tmp/box/file", "/tmp/box/dir/swap2"))
			continue;
		rename("/tmp/box/dir/swap2", "/tmp/box/dir/swap");
	}
	return NULL;
}

/* The same by the bytes of the path. */
static char raced_path[] = "/tmp/box/file\0------------";

static void *swap_bytes(void *argument)
{
	(void)argument;
	while (racing) {
		memcpy(raced_path, "/tmp/box/secret/file", 21);
		__asm__ volatile("" : : : "memory");
		memcpy(raced_path, "/tmp/box/file", 14);
		__asm__ volatile("" : : : "memory");
	}
	return NULL;
}

/* How often a secret was read. */
static int race(void *(*swap)(void *), const char *path, int *opened)
{
	pthread_t thread;
	int secrets = 0;
	double end = seconds() + 1.5;

	*opened = 0;
	racing = 1;
	pthread_create(&thread, NULL, swap, NULL);
	while (seconds() < end) {
		char text[16] = { 0 };
		int fd = open(path, O_RDONLY);

		if (fd < 0)
			continue;
		++*opened;
		if (read(fd, text, 6) == 6 && !memcmp(text, "secret", 6))
			secrets++;
		close(fd);
	}
	racing = 0;
	pthread_join(thread, NULL);
	return secrets;
}

static int guest_race(void *argument)
{
	const bool boxed = argument;
	int opened, secrets;

	secrets = race(swap_links, "/tmp/box/dir/swap", &opened);
	check(boxed ? !secrets && opened : secrets > 0, "%s, a race of links: %d opened, %d secrets", boxed ? "inside" : "outside", opened, secrets);
	secrets = race(swap_bytes, raced_path, &opened);
	check(boxed ? !secrets && opened : secrets > 0, "%s, a race of bytes: %d opened, %d secrets", boxed ? "inside" : "outside", opened, secrets);
	return 7;
}

static void test_paths(void)
{
	struct box box;

	path_fixture();
	box_open(&box, path_policy(), NULL);
	check_is(box_run(&box, guest_paths, NULL), 7, "the guest ran to its end");
	box_close(&box);
	check(box.report.text == RV_TEXT_PATH && !strcmp(box.text, "/tmp/box/secret/file") && box.report.rights == RV_RIGHT_READ &&
		      box.report.verdict == RV_VERDICT_DENIED && box.report.rule == 1002 && box.report.error == EACCES,
	      "a refusal is reported with path, rights and rule: %s", box.text);
	box_open(&box, path_policy(), NULL);
	check_is(box_run(&box, guest_mount_namespace, NULL), 7, "the guest ran to its end");
	box_close(&box);
	test_overlay();
	path_fixture();
	guest_race(NULL);
	box_open(&box, path_policy(), NULL);
	check_is(box_run(&box, guest_race, (void *)1), 7, "the guest ran to its end");
	box_close(&box);
}

/* ---------------------------------------------------------------------------------------------------------- addresses */

static uint16_t open_port, denied_port;

static int listener(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (void *)&address, size) || listen(fd, 64) || getsockname(fd, (void *)&address, &size))
		bail("listener");
	*port = ntohs(address.sin_port);
	return fd;
}

static int connect4(uint32_t ip, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), error = ERRNO_OF(connect(fd, (void *)&address, sizeof(address)));

	close(fd);
	return error;
}

static int connect6(const char *ip, uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), error;

	inet_pton(AF_INET6, ip, &address.sin6_addr);
	error = ERRNO_OF(connect(fd, (void *)&address, sizeof(address)));
	close(fd);
	return error;
}

static int unix_call(bool binding, int type, const char *name, bool abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1;
	int fd = socket(AF_UNIX, type, 0), error;

	strcpy(address.sun_path + abstract, name);
	error = ERRNO_OF(binding ? bind(fd, (void *)&address, size) : connect(fd, (void *)&address, size));
	close(fd);
	return error;
}

static int send4(uint32_t ip, uint16_t port, uint16_t family)
{
	struct sockaddr_in address = { .sin_family = family, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), error = ERRNO_OF(sendto(fd, "x", 1, 0, (void *)&address, sizeof(address)));

	close(fd);
	return error;
}

static int guest_addresses(void *argument)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(denied_port) };
	struct sockaddr unspecified = { .sa_family = AF_UNSPEC };
	struct iovec data = { "x", 1 };
	struct msghdr message = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &data, .msg_iovlen = 1 };
	struct mmsghdr messages[2] = { { .msg_hdr = message } };
	int fd, pair[2];

	(void)argument;
	check_is(connect4(INADDR_LOOPBACK, open_port), 0, "connect to what is granted");
	check_is(connect4(INADDR_LOOPBACK, denied_port), EACCES, "connect to what is not");
	check_is(connect4(0x7f000002, open_port), EACCES, "connect to another address");
	check_is(connect4(INADDR_ANY, open_port), 0, "0.0.0.0 is the loopback address");
	check_is(connect4(INADDR_ANY, denied_port), EACCES, "for refusals too");
	check_is(connect6("::ffff:127.0.0.1", open_port), 0, "IPv4 written as IPv6");
	check_is(connect6("::ffff:127.0.0.1", denied_port), EACCES, "likewise what is not granted");
	check_is(connect6("::1", denied_port), EACCES, "IPv6");
	check_is(connect6("::1", open_port), ECONNREFUSED, "IPv6, granted: nobody is there");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check_is(ERRNO_OF(connect(fd, &unspecified, sizeof(unspecified))), EAFNOSUPPORT, "AF_UNSPEC");
	check_is(ERRNO_OF(bind(fd, (void *)&address, sizeof(address))), EACCES, "bind");
	close(fd);
	fd = socket(AF_NETLINK, SOCK_RAW, 0);
	check_is(ERRNO_OF(bind(fd, (struct sockaddr *)&(struct sockaddr){ .sa_family = AF_NETLINK }, 12)), EAFNOSUPPORT, "another family");
	close(fd);
	check_is(send4(INADDR_LOOPBACK, open_port, AF_INET), 0, "sendto");
	check_is(send4(INADDR_LOOPBACK, denied_port, AF_INET), EACCES, "sendto what is not granted");
	check_is(send4(INADDR_LOOPBACK, denied_port, AF_UNSPEC), EAFNOSUPPORT, "sendto with AF_UNSPEC, which the kernel takes for IPv4");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	check_is(ERRNO_OF(sendmsg(fd, &message, 0)), EACCES, "sendmsg");
	check_is(ERRNO_OF(sendmmsg(fd, messages, 1, 0)), EACCES, "sendmmsg");
	messages[1] = messages[0];
	messages[0].msg_hdr.msg_name = NULL;
	messages[0].msg_hdr.msg_namelen = 0;
	check(sendmmsg(fd, messages + 1, 1, 0) < 0 && errno == EACCES, "a second message of several");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check_is(ERRNO_OF(sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&address, sizeof(address))), EACCES, "a connection by sendto");
	close(fd);
	if (!socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		check_is(send(pair[0], "x", 1, 0), 1, "what is connected may send");
	check_is(unix_call(false, SOCK_STREAM, "/tmp/box/socket", false), 0, "connect by path");
	check_is(unix_call(false, SOCK_STREAM, "/tmp/box/secret/socket", false), EACCES, "connect to a denied path");
	check_is(unix_call(false, SOCK_STREAM, "/tmp/box/socketlink", false), EACCES, "connect to it by a link");
	check_is(unix_call(true, SOCK_STREAM, "/tmp/box/mine", false), 0, "bind by path");
	check_is(unix_call(true, SOCK_STREAM, "/tmp/box/secret/mine", false), EACCES, "bind to a denied path");
	check_is(unix_call(true, SOCK_STREAM, "rvisor-mine", true), 0, "bind to an abstract name");
	check_is(unix_call(true, SOCK_STREAM, "rvisor-other", true), EACCES, "bind to another");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	{
		struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "/tmp/box/socket" };

		check_is(ERRNO_OF(connect(fd, (void *)&path, sizeof(path))), EAFNOSUPPORT, "a path for a socket of another family");
	}
	close(fd);
	return 7;
}

/* A sibling thread swaps the port. */
static struct sockaddr_in raced_address;

static void *swap_ports(void *argument)
{
	(void)argument;
	while (racing) {
		raced_address.sin_port = htons(denied_port);
		__asm__ volatile("" : : : "memory");
		raced_address.sin_port = htons(open_port);
		__asm__ volatile("" : : : "memory");
	}
	return NULL;
}

static int guest_address_race(void *argument)
{
	pthread_t thread;
	int connected = 0, wrong = 0;
	double end = seconds() + 1;

	(void)argument;
	raced_address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(open_port) };
	racing = 1;
	pthread_create(&thread, NULL, swap_ports, NULL);
	while (seconds() < end && connected < 500) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		struct sockaddr_in peer;
		socklen_t size = sizeof(peer);

		if (!connect(fd, (void *)&raced_address, sizeof(raced_address))) {
			connected++;
			if (!getpeername(fd, (void *)&peer, &size) && peer.sin_port == htons(denied_port))
				wrong++;
		}
		close(fd);
	}
	racing = 0;
	pthread_join(thread, NULL);
	check(connected && !wrong, "a race of ports: %d connected, %d wrongly", connected, wrong);
	return 7;
}

static void *accept_all(void *argument)
{
	int fd = *(int *)argument, peer;

	while ((peer = accept(fd, NULL, NULL)) >= 0)
		close(peer);
	return NULL;
}

static struct policy address_policy(void)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_connect, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_bind, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_sendto, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_sendmsg, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_sendmmsg, RV_ACTION_NOTIFY, 0);
	policy_address4("127.0.0.1", open_port, open_port, RV_KIND_GRANT, RV_RIGHT_CONNECT | RV_RIGHT_SEND);
	policy_address6("::1", open_port, open_port, RV_KIND_GRANT, RV_RIGHT_CONNECT);
	policy_path("/tmp/box", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path("/tmp/box/secret", RV_KIND_DENY, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_abstract("rvisor-mine", RV_KIND_GRANT, RV_RIGHT_BIND);
	return policy_end();
}

static int unix_listener(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	unlink(path);
	if (bind(fd, (void *)&address, sizeof(address)) || listen(fd, 16))
		bail(path);
	return fd;
}

static void test_addresses(void)
{
	pthread_t threads[2];
	struct box box;
	int fds[4];

	path_fixture();
	/* 127.0.0.1 alone: what it does there is the rules' business. */
	fds[0] = listener(&open_port);
	fds[1] = listener(&denied_port);
	fds[2] = unix_listener("/tmp/box/socket");
	fds[3] = unix_listener("/tmp/box/secret/socket");
	if (symlink("/tmp/box/secret/socket", "/tmp/box/socketlink"))
		bail("symlink");
	check_is(connect4(INADDR_LOOPBACK, denied_port), 0, "outside everybody connects");
	check_is(unix_call(false, SOCK_STREAM, "/tmp/box/secret/socket", false), 0, "by path too");
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, accept_all, &fds[i]);
	box_open(&box, address_policy(), NULL);
	check_is(box_run(&box, guest_addresses, NULL), 7, "the guest ran to its end");
	box_close(&box);
	box_open(&box, address_policy(), NULL);
	check_is(box_run(&box, guest_address_race, NULL), 7, "the guest ran to its end");
	box_close(&box);
	check(box.reports == 0 || (box.report.text == RV_TEXT_ADDRESS && box.report.text_size == sizeof(struct sockaddr_in) &&
				   box.report.rights == RV_RIGHT_CONNECT),
	      "a refusal is reported with the address");
	for (int i = 0; i < 4; i++) {
		shutdown(fds[i], SHUT_RDWR);
		if (i < 2)
			pthread_join(threads[i], NULL);
		close(fds[i]);
	}
}

/* -------------------------------------------------------------------------------------------------------------- death */

static int guest_spin(void *argument)
{
	(void)argument;
	for (;;)
		syscall(SYS_getpgrp);
	return 0;
}

static int guest_block(void *argument)
{
	int pipes[2];
	char byte;

	(void)argument;
	if (pipe(pipes))
		return 1;
	if (!fork())
		for (;;)
			syscall(SYS_getpgrp);
	return read(pipes[0], &byte, 1);
}

static int guest_wait(void *argument)
{
	(void)argument;
	return syscall(SYS_getppid) ? 1 : 2;
}

enum death { DEATH_EXIT, DEATH_KILL, DEATH_CLOSE, DEATH_EXEC, DEATH_LEAKED, DEATH_IOCTL };

/* An owner whose four guests spin, sleep, wait for an answer, and have children; it ends in this way. */
static void owner(enum death death, int out)
{
	int fd = box_device();

	policy_begin(RV_ACTION_ALLOW, 0);
	policy_handler(SYS_getppid, 0, 0);
	box_hello(fd);
	box_load(fd, policy_end());
	box_spawn(fd, guest_spin, NULL);
	box_spawn(fd, guest_block, NULL);
	box_spawn(fd, guest_wait, NULL);
	usleep(200000);
	if (death == DEATH_LEAKED && !fork()) {
		/* Keeps the file open. */
		close(out);
		sleep(5);
		_exit(0);
	}
	if (write(out, &(uint32_t){ box_status(fd).tasks }, 4) != 4)
		_exit(1);
	close(out);
	switch (death) {
	case DEATH_EXIT:
	case DEATH_LEAKED:
		_exit(0);
	case DEATH_KILL:
		kill(getpid(), SIGKILL);
		break;
	case DEATH_CLOSE:
		close(fd);
		break;
	case DEATH_EXEC:
		execl(self_path, self_path, "--sleep", NULL);
		break;
	case DEATH_IOCTL:
		ioctl(fd, RV_DEVICE_KILL);
		break;
	}
	sleep(5);
	_exit(0);
}

static void test_death(void)
{
	static const char *names[] = { "exits", "is killed", "closes the file", "executes another program", "exits, and its file stays open elsewhere",
				       "asks for it" };

	for (enum death death = DEATH_EXIT; death <= DEATH_IOCTL; death++) {
		uint32_t tasks = 0;
		int pipes[2];
		double before;
		char byte;
		pid_t pid;

		if (pipe(pipes))
			bail("pipe");
		fflush(stdout);
		pid = fork();
		if (!pid) {
			close(pipes[0]);
			owner(death, pipes[1]);
		}
		close(pipes[1]);
		if (read(pipes[0], &tasks, 4) != 4)
			bail("owner");
		before = seconds();
		/* Until the end of the file: the guests have its other end, and nobody else. */
		while (read(pipes[0], &byte, 1) > 0)
			;
		check(tasks == 4 && seconds() - before < 1, "when the owner %s, all %u guests die: %.0f ms", names[death], tasks,
		      (seconds() - before) * 1000);
		close(pipes[0]);
		kill(pid, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
}

/* ------------------------------------------------------------------------------------------------------- under change */

static int guest_both(void *argument)
{
	int first = 0, second = 0, other = 0;
	double end = seconds() + *(double *)argument;

	while (seconds() < end) {
		int error = ERRNO_OF(mkdir("/tmp/never", 0700));

		first += error == EXDEV;
		second += error == EMLINK;
		other += error != EXDEV && error != EMLINK;
	}
	check(first && second && !other, "a program is replaced under load: %d by one, %d by the other, %d by none", first, second, other);
	return 7;
}

static struct policy refusing(int error)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_mkdir, RV_ACTION_ERRNO, error);
	return policy_end();
}

static void test_replacing(void)
{
	double length = 1.5, end;
	struct box box;
	pid_t pids[3];
	int loads = 0;

	box_open(&box, refusing(EXDEV), NULL);
	for (int i = 0; i < 3; i++)
		pids[i] = box_spawn(box.fd, guest_both, &length);
	for (end = seconds() + length; seconds() < end; loads++) {
		if (box_load(box.fd, refusing(loads & 1 ? EXDEV : EMLINK)))
			bail("PROGRAM");
		usleep(500);
	}
	for (int i = 0; i < 3; i++)
		check_is(box_wait(pids[i]), 7, "the guest ran to its end");
	box_close(&box);
	note("%d programs were loaded", loads);
}

/* More refusals than are kept: the rest is counted, exactly, by call and rule. */
static int guest_many(void *argument)
{
	(void)argument;
	for (int i = 0; i < 1000; i++) {
		mkdir("/tmp/never", 0700);
		rmdir("/tmp/never");
	}
	for (long nr = 400; nr < 500; nr++)
		syscall(nr, -1, -1, -1, -1, -1, -1);
	return 7;
}

static void test_counting(void)
{
	struct rv_device_exchange exchange = { .flags = RV_EXCHANGE_NOWAIT };
	unsigned int reports = 0, counts = 0, total = 0, mkdirs = 0, others = 0;
	const unsigned int all = 2000 + 100;
	struct rv_device_status status;
	int fd = box_device(), error;

	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_mkdir, RV_ACTION_ERRNO, EXDEV);
	policy_call(SYS_rmdir, RV_ACTION_ERRNO, EXDEV);
	for (uint32_t nr = 400; nr < 500; nr++)
		policy_call(nr, RV_ACTION_ERRNO, EXDEV);
	box_hello(fd);
	box_load(fd, policy_end());
	check_is(box_wait(box_spawn(fd, guest_many, NULL)), 7, "the guest ran to its end, though nobody takes reports");
	status = box_status(fd);
	check(status.refused == all && status.reports == RV_DEVICE_MAX_REPORTS && status.lost == all - RV_DEVICE_MAX_REPORTS,
	      "what does not fit is counted: %llu refused, %u kept, %llu lost", (unsigned long long)status.refused, status.reports,
	      (unsigned long long)status.lost);
	while (!(error = box_exchange(fd, &exchange))) {
		if (exchange.event.kind == RV_EVENT_REPORT) {
			reports++;
			continue;
		}
		counts++;
		total += exchange.event.count;
		if (exchange.event.call.nr == SYS_mkdir && exchange.event.rule == 0 && exchange.event.call.arch == RV_ARCH_X86_64)
			mkdirs += exchange.event.count;
		if (exchange.event.call.nr == RV_COUNT_OTHER && exchange.event.rule == RV_ID_NONE)
			others += exchange.event.count;
	}
	check(reports == RV_DEVICE_MAX_REPORTS && error == ESRCH, "reports come: %u", reports);
	check(total == all - RV_DEVICE_MAX_REPORTS && mkdirs == 1000 - RV_DEVICE_MAX_REPORTS / 2, "and counts: %u, %u of them of one kind", total,
	      mkdirs);
	check(counts == RV_DEVICE_MAX_KINDS + 1 && others == 100 - (RV_DEVICE_MAX_KINDS - 2), "kinds beyond the limit are counted together: %u, %u",
	      counts, others);
	close(fd);
}

/* The module stays while it is needed. */
static void test_unloading(void)
{
	struct box box;
	pid_t pid;
	int fd;

	box_open(&box, all_allowed(), NULL);
	pid = box_spawn(box.fd, guest_spin, NULL);
	check(syscall(SYS_delete_module, "rvisor", O_NONBLOCK) < 0 && (errno == EWOULDBLOCK || errno == EBUSY), "the module cannot be unloaded under a guest");
	kill(pid, SIGKILL);
	box_wait(pid);
	box_close(&box);
	fd = box_device();
	check(syscall(SYS_delete_module, "rvisor", O_NONBLOCK) < 0 && (errno == EWOULDBLOCK || errno == EBUSY), "nor while the device is open");
	close(fd);
	fd = open("/proc/sys/kernel/ftrace_enabled", O_WRONLY);
	check(fd >= 0 && write(fd, "0", 1) < 0 && errno == EBUSY, "ftrace cannot be switched off under it");
	close(fd);
	fd = open("/sys/kernel/debug/rvisor/sandboxes", O_RDONLY);
	check(fd >= 0, "debugfs has it");
	close(fd);
}

/* Guests in two sandboxes at once have two policies. */
static int guest_of(void *argument)
{
	for (int i = 0; i < 20000; i++) {
		if (ERRNO_OF(mkdir("/tmp/never", 0700)) != *(int *)argument)
			return 1;
	}
	return 7;
}

static void test_several(void)
{
	int errors[8];
	struct box boxes[8];
	pid_t pids[8];

	for (int i = 0; i < 8; i++) {
		errors[i] = 100 + i;
		box_open(&boxes[i], refusing(errors[i]), NULL);
		pids[i] = box_spawn(boxes[i].fd, guest_of, &errors[i]);
	}
	for (int i = 0; i < 8; i++) {
		check_is(box_wait(pids[i]), 7, "each sandbox has its own policy");
		box_close(&boxes[i]);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "device", test_device },	   { "replies", test_malformed_replies }, { "registering", test_registering },
	{ "calls", test_calls },	   { "closure", test_closure },		  { "upcalls", test_upcalls },
	{ "paths", test_paths },	   { "addresses", test_addresses },	  { "death", test_death },
	{ "replacing", test_replacing },   { "counting", test_counting },	  { "several", test_several },
	{ "unloading", test_unloading },
};

int main(int argc, char **argv)
{
	static char path[4096];

	/* What guests execute. */
	if (argc > 1 && !strcmp(argv[1], "--denied"))
		return ERRNO_OF(mkdir("/tmp/executed", 0700));
	if (argc > 1 && (!strcmp(argv[1], "--pause") || !strcmp(argv[1], "--sleep"))) {
		sleep(5);
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		bail("/proc/self/exe");
	self_path = path;
	tap_start();
	/* Whoever is left behind is waited for here. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (unsigned i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		bool wanted = argc < 2;

		for (int j = 1; j < argc; j++)
			wanted |= !strcmp(argv[j], groups[i].name);
		if (!wanted)
			continue;
		note("%s", groups[i].name);
		groups[i].run();
	}
	return tap_end();
}
