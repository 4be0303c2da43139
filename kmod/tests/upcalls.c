// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Calls that the owner answers, each kind of answer. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "self.h"
#include "tap.h"

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
}

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_upcalls();
	return tap_end();
}
