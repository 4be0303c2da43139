// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Who can be made a guest, and by whom. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "self.h"
#include "tap.h"

struct candidate {
	const char *name;
	int error;
	int flags; /* of clone(2) */
	void (*prepare)(void);
};

static void nothing(void)
{
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

	process_gains_nothing();
	pthread_create(&thread, NULL, sleeper, NULL);
}

static void executed(void)
{
	process_gains_nothing();
	execl(self_path, self_path, "--sleep", NULL);
	_exit(1);
}

static void ringed(void)
{
	char params[120] = { 0 };

	process_gains_nothing();
	if (syscall(425 /* io_uring_setup */, 4, params) < 0)
		_exit(1);
}

static void another_user(void)
{
	process_gains_nothing();
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

	process_settles(pid);
	check_is(box_register(fd, pid), candidate->error, candidate->name);
	kill(pid, SIGKILL);
	box_wait(pid);
}

static void test_registering(void)
{
	static const struct candidate candidates[] = {
		{ "a child without no_new_privs", EPERM, 0, nothing },
		{ "a child with a seccomp filter of its own", EBUSY, 0, process_filters_itself },
		{ "a child with a second thread", EINVAL, 0, threaded },
		{ "a child that has executed a program", EPERM, 0, executed },
		{ "a child with an io_uring", EBUSY, 0, ringed },
		{ "a child that shares the owner's memory", EINVAL, CLONE_VM, process_gains_nothing },
		{ "a child that shares the owner's descriptors", EINVAL, CLONE_FILES, process_gains_nothing },
		{ "a child that shares the owner's directory", EINVAL, CLONE_FS, process_gains_nothing },
		{ "a child that shares the owner's signal handlers", EINVAL, CLONE_VM | CLONE_SIGHAND, process_gains_nothing },
		{ "a child as it should be", 0, 0, process_gains_nothing },
		{ "a child of another user, by root", 0, 0, another_user },
	};
	int fd = box_device(), other, pipes[2];
	pid_t pid, grandchild;

	box_hello(fd);
	box_load(fd, policy_allow_all());
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
			process_gains_nothing();
			pause();
		}
		if (write(pipes[1], &grandchild, sizeof(grandchild)) < 0)
			_exit(1);
		pause();
	}
	if (read(pipes[0], &grandchild, sizeof(grandchild)) != sizeof(grandchild))
		bail("grandchild");
	process_settles(grandchild);
	check_is(box_register(fd, grandchild), EPERM, "a grandchild");
	kill(grandchild, SIGKILL);
	kill(pid, SIGKILL);
	box_wait(pid);

	pid = fork();
	if (!pid) {
		process_gains_nothing();
		pause();
	}
	process_settles(pid);
	other = box_device();
	box_hello(other);
	box_load(other, policy_allow_all());
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
			process_gains_nothing();
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
		process_gains_nothing();
		if (chroot("/tmp"))
			_exit(1);
		pause();
	}
	process_settles(pid);
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
		process_settles(child);
		if (setresuid(65534, 65534, 65534))
			_exit(1);
		box_hello(fd);
		box_load(fd, policy_allow_all());
		check_is(box_register(fd, child), EPERM, "a child of another user, by nobody");
		child = fork();
		if (!child) {
			process_gains_nothing();
			pause();
		}
		process_settles(child);
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

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_registering();
	return tap_end();
}
