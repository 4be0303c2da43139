// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Calls that a policy decides by their registers: what is refused or kills, whom a policy holds, and the filter that a guest cannot be
 * without. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "self.h"
#include "tap.h"

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
	box_open(&box, policy_allow_all(), NULL);
	if (pipe(pipes) || pipe(go))
		bail("pipe");
	pid = fork();
	if (!pid) {
		process_gains_nothing();
		if (write(pipes[1], "", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(1);
		execl(self_path, self_path, "--denied", NULL);
		check_is(errno, EPERM, "a registered task without the filter executes nothing");
		process_filters_itself();
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
		process_gains_nothing();
		box_filter();
		_exit(0);
	}
	check_is(box_wait(pid), 1000 + SIGSYS, "the filter kills whom the module does not know");
}

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_calls();
	return tap_end();
}
