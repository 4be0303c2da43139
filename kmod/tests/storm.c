// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The module under a storm: guests that fork without end, die at random, ask and are answered by several threads, while programs are
 * replaced and owners are killed. What matters is what the kernel says afterwards, and that nothing is left behind.
 *
 *     storm [SECONDS [SEED]]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "tap.h"

static unsigned int seed;

static struct policy policy(unsigned int variant)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_mkdir, RV_ACTION_ERRNO, 1 + variant % 100);
	policy_call(SYS_openat, RV_ACTION_NOTIFY, 0);
	policy_handler(SYS_getppid, variant % 64, 0);
	if (variant % 3)
		policy_handler(SYS_getpgid, 1, 0);
	policy_path("/", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_READ);
	policy_path("/dev/null", RV_KIND_DENY, RV_SCOPE_EXACT, RV_RIGHT_WRITE);
	return policy_end();
}

static void *busy_thread(void *argument)
{
	unsigned int state = (uintptr_t)argument;

	for (int i = 0; i < 50; i++) {
		switch (rand_r(&state) % 6) {
		case 0:
			getpgid(0);
			break;
		case 1:
			syscall(SYS_getppid);
			break;
		case 2:
			mkdir("/dev/never", 0700);
			break;
		case 3:
			close(open("/dev/null", O_WRONLY));
			break;
		case 4:
			close(open("/dev/zero", O_RDONLY));
			break;
		default:
			sched_yield();
		}
	}
	return NULL;
}

/* A guest and its descendants: threads, forks, vforks, early deaths. */
static int guest(void *argument)
{
	unsigned int state = (uintptr_t)argument;

	for (;;) {
		pthread_t thread;
		pid_t pid;

		switch (rand_r(&state) % 5) {
		case 0:
			if (!pthread_create(&thread, NULL, busy_thread, (void *)(uintptr_t)rand_r(&state)))
				pthread_detach(thread);
			break;
		case 1:
			pid = vfork();
			if (!pid)
				_exit(0);
			break;
		case 2:
			pid = fork();
			if (!pid) {
				busy_thread((void *)(uintptr_t)rand_r(&state));
				_exit(0);
			}
			break;
		case 3:
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
			break;
		default:
			busy_thread((void *)(uintptr_t)rand_r(&state));
		}
	}
	return 0;
}

static int storm_fd;

static void *answer(void *argument)
{
	struct rv_device_exchange exchange = { 0 };
	unsigned int state = (uintptr_t)argument;

	for (;;) {
		int error = box_exchange(storm_fd, &exchange);

		memset(&exchange.reply, 0, sizeof(exchange.reply));
		if (error == ESRCH)
			usleep(1000);
		else if (error && error != EINTR)
			return NULL;
		if (error || exchange.event.kind != RV_EVENT_CALL)
			continue;
		exchange.reply.id = exchange.event.id;
		switch (rand_r(&state) % 5) {
		case 0:
			exchange.reply.verdict = RV_REPLY_ERRNO;
			exchange.reply.error = EXDEV;
			break;
		case 1:
			exchange.reply.verdict = RV_REPLY_FD;
			exchange.reply.fd = STDIN_FILENO;
			break;
		case 2:
			exchange.reply.verdict = RV_REPLY_REWRITE;
			exchange.reply.call.nr = SYS_getpid;
			break;
		default:
			exchange.reply.verdict = RV_REPLY_CONTINUE;
		}
	}
}

/* An owner that lives until it is killed. */
static void owner(unsigned int state)
{
	pthread_t thread;

	storm_fd = box_device();
	if (storm_fd < 0 || box_hello(storm_fd) || box_load(storm_fd, policy(0)))
		_exit(1);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, answer, (void *)(uintptr_t)rand_r(&state));
	for (unsigned int round = 1;; round++) {
		pid_t pid = box_spawn(storm_fd, guest, (void *)(uintptr_t)rand_r(&state));

		for (int i = rand_r(&state) % 5; i >= 0; i--) {
			usleep(rand_r(&state) % 5000);
			box_load(storm_fd, policy(round * 7 + i));
		}
		kill(pid, SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		/* Its descendants live on, until there are too many. */
		if (box_status(storm_fd).tasks > 64)
			_exit(0);
	}
}

int main(int argc, char **argv)
{
	double length = argc > 1 ? atof(argv[1]) : 5, end = seconds() + length;
	unsigned int owners = 0;
	char left[256] = { 0 };
	int fd, lines = 0;

	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : (unsigned int)time(NULL) ^ getpid();
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_start();
	note("seed %u", seed);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	while (seconds() < end) {
		pid_t pids[2];

		for (int i = 0; i < 2; i++) {
			fflush(stdout);
			pids[i] = fork();
			if (!pids[i])
				owner(rand_r(&seed));
			owners++;
		}
		usleep(rand_r(&seed) % 300000);
		for (int i = 0; i < 2; i++)
			kill(pids[i], SIGKILL);
		/* Until all are gone, guests too. */
		for (double patience = seconds() + 10; seconds() < patience && waitpid(-1, NULL, 0) > 0;)
			;
	}
	check(owners > 2, "%u owners came and went", owners);
	check(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no guest outlived its owner");
	usleep(200000);
	fd = open("/sys/kernel/debug/rvisor/sandboxes", O_RDONLY);
	if (fd >= 0 && read(fd, left, sizeof(left) - 1) >= 0) {
		for (char *at = left; *at; at++)
			lines += *at == '\n';
	}
	check(lines == 1, "no sandbox is left: %s", left);
	return tap_end();
}
