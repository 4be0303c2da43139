// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What ends with what: guests with their owner, and the module with neither. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "self.h"
#include "tap.h"

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

/* The module stays while it is needed. */
static void test_unloading(void)
{
	struct box box;
	pid_t pid;
	int fd;

	box_open(&box, policy_allow_all(), NULL);
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

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_death();
	test_unloading();
	return tap_end();
}
