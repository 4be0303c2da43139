// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What calls cost: `costs NAME…` prints for each a line "cost NAME NANOSECONDS". Where the machine counts instructions instead of
 * measuring time (QEMU's -icount shift=0), a nanosecond is an instruction and the numbers are the same in every run.
 *
 * It is the median over chunks of calls. A mean has in it what the kernel does meanwhile and no call causes (ticks, workqueues, RCU), and
 * that is not the same with every kernel and every boot. A chunk is shorter than the time between two ticks, so that most have none of it; and
 * long enough for all that calls cause now and then (slabs that are filled, callbacks that are run) to be in every chunk, which a minimum
 * would leave out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/box.h"
#include "support/tap.h"

#define CHUNK 100

static const int many = 100000, few = 5000;

/* What a guest measured; it must not print, for its policy may refuse that. */
static double *result;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static int by_size(const void *one, const void *other)
{
	const double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

/* Makes a call so many times, and a tenth of it before, when all that is made at first is made. */
static int measure(int times, int (*call)(void))
{
	static double chunks[100000 / CHUNK];
	const int count = times / CHUNK;

	for (int i = 0; i < times / 10; i++) {
		if (call())
			return 1;
	}
	for (int i = 0; i < count; i++) {
		const double start = now();

		for (int j = 0; j < CHUNK; j++) {
			if (call())
				return 1;
		}
		chunks[i] = (now() - start) / CHUNK;
	}
	qsort(chunks, count, sizeof(*chunks), by_size);
	*result = chunks[count / 2];
	return 0;
}

static int getppid_once(void)
{
	syscall(SYS_getppid);
	return 0;
}

static int open_once(void)
{
	const int fd = open("/tmp/costs/a/b/file", O_RDONLY);

	if (fd < 0)
		return 1;
	close(fd);
	return 0;
}

static int getppids(int times)
{
	return measure(times, getppid_once);
}

static int opens(int times)
{
	return measure(times, open_once);
}

static int guest_getppid(void *times)
{
	return getppids(*(const int *)times);
}

static int guest_open(void *times)
{
	return opens(*(const int *)times);
}

static void say(const char *name)
{
	printf("cost %s %.1f\n", name, *result);
}

static pid_t child(int (*work)(int), int times, void (*before)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bail("fork");
	if (pid)
		return pid;
	if (before)
		before();
	_exit(work(times));
}

static void finish(pid_t pid)
{
	int status = box_wait(pid);

	if (status) {
		printf("not ok - the measured process ended with %d\n", status);
		exit(1);
	}
}

/* ------------------------------------------------------------------------------------------------ what others cost */

static void bare(const char *name)
{
	finish(child(getppids, many, NULL));
	say(name);
}

static void bare_open(const char *name)
{
	finish(child(opens, many / 5, NULL));
	say(name);
}

static void install(struct sock_filter *filter, unsigned short length)
{
	struct sock_fprog program = { length, filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
}

/* A filter that the kernel cannot answer from its bitmap of always allowed calls: it looks at an argument. */
static void with_filter(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12345, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};

	install(filter, 6);
}

static void filtered(const char *name)
{
	finish(child(getppids, many, with_filter));
	say(name);
}

static int listener = -1;

/* The parent shares nothing with this process but the pipe: the listener is handed over by pidfd. */
static void with_notification(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(1);
	listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	/* Its number is known to the parent: the lowest that is free. */
	if (listener != 3)
		_exit(2);
}

static void notified(const char *name)
{
	pid_t pid = child(getppids, few, with_notification);
	int pidfd = syscall(SYS_pidfd_open, pid, 0), fd = -1;

	while (fd < 0) {
		fd = syscall(SYS_pidfd_getfd, pidfd, 3, 0);
		if (fd < 0)
			usleep(1000);
	}
	/* As many as there are: before Linux 6.11 nobody wakes who waits for a call of a process that is gone. */
	for (int i = 0; i < few / 10 + few; i++) {
		struct seccomp_notif call;
		struct seccomp_notif_resp reply;

		memset(&call, 0, sizeof(call));
		memset(&reply, 0, sizeof(reply));
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call))
			bail("SECCOMP_IOCTL_NOTIF_RECV");
		reply.id = call.id;
		reply.val = 1;
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &reply))
			bail("SECCOMP_IOCTL_NOTIF_SEND");
	}
	close(fd);
	close(pidfd);
	finish(pid);
	say(name);
}

static void traced_child(void)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
}

static void traced(const char *name)
{
	pid_t pid = child(getppids, few, traced_child);
	int status;

	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	do {
		struct __ptrace_syscall_info info;

		ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		waitpid(pid, &status, 0);
	} while (WIFSTOPPED(status));
	if (status)
		bail("traced");
	say(name);
}

/* ---------------------------------------------------------------------------------------------- what the module costs */

/* A policy of a usual size: rules over thirty calls and a hundred paths. */
static struct policy usual(uint8_t action, uint16_t error, uint8_t handler, uint8_t open_action)
{
	char path[64];

	policy_begin(RV_ACTION_ALLOW, 0);
	for (unsigned nr = 0; nr < 334; nr++) {
		if (nr == SYS_getppid) {
			policy_call(nr, action, error);
			if (handler)
				policy_handler(nr, 1, 0);
		} else if (nr == SYS_openat || nr == SYS_open)
			policy_call(nr, open_action, 0);
		else if (nr > 200 && nr < 230)
			policy_call(nr, RV_ACTION_ERRNO, EPERM);
	}
	for (unsigned i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/usr/share/%02u", i);
		policy_path(path, RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_READ);
	}
	policy_path("/tmp/costs", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_READ);
	return policy_end();
}

static void value(const struct rv_device_event *event, struct rv_device_reply *reply)
{
	(void)event;
	reply->verdict = RV_REPLY_VALUE;
	reply->value = 1;
}

/* `scheduling`: by which the owner's thread runs. */
static void in_box_beside(int scheduling, const char *name, struct policy policy, answer_fn *answer, guest_fn *guest, int times)
{
	const struct sched_param parameters = { .sched_priority = sched_get_priority_min(scheduling) };
	struct box box;

	box_open(&box, policy, answer);
	errno = pthread_setschedparam(box.thread, scheduling, &parameters);
	if (errno)
		bail("pthread_setschedparam");
	finish(box_spawn(box.fd, guest, &times));
	box_close(&box);
	say(name);
}

static void in_box(const char *name, struct policy policy, answer_fn *answer, guest_fn *guest, int times)
{
	in_box_beside(SCHED_OTHER, name, policy, answer, guest, times);
}

static void allowed(const char *name)
{
	in_box(name, usual(RV_ACTION_ALLOW, 0, 0, RV_ACTION_ALLOW), NULL, guest_getppid, many);
}

/*
 * Who refuses without being asked waits for nobody: the first refusals lie in the queue, the others are counted. The owner takes them
 * when there is nothing else to do; else the mean would be of how the scheduler shares the processor between the two.
 */
static void denied(const char *name)
{
	in_box_beside(SCHED_IDLE, name, usual(RV_ACTION_ERRNO, EPERM, 0, RV_ACTION_ALLOW), NULL, guest_getppid, many);
}

/* The other extreme: the owner runs as soon as there is a report, so that each is told by itself, with two switches between processes. */
static void told(const char *name)
{
	in_box_beside(SCHED_FIFO, name, usual(RV_ACTION_ERRNO, EPERM, 0, RV_ACTION_ALLOW), NULL, guest_getppid, few);
}

static void judged_open(const char *name)
{
	in_box(name, usual(RV_ACTION_ALLOW, 0, 0, RV_ACTION_NOTIFY), NULL, guest_open, many / 5);
}

static void allowed_open(const char *name)
{
	in_box(name, usual(RV_ACTION_ALLOW, 0, 0, RV_ACTION_ALLOW), NULL, guest_open, many / 5);
}

static void asked(const char *name)
{
	in_box(name, usual(RV_ACTION_ALLOW, 0, 1, RV_ACTION_ALLOW), value, guest_getppid, few);
}

static const struct {
	const char *name;
	void (*run)(const char *name);
} costs[] = {
	{ "call", bare },	      { "open", bare_open },	  { "call-filtered", filtered }, { "call-notified", notified },
	{ "call-traced", traced },    { "call-allowed", allowed }, { "call-denied", denied },	  { "call-asked", asked },
	{ "call-told", told },	  { "open-allowed", allowed_open }, { "open-judged", judged_open },
};

/* `costs call=unloaded` measures "call" and prints it as "unloaded". */
int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_start();
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		bail("mmap");
	mkdir("/tmp/costs", 0755);
	mkdir("/tmp/costs/a", 0755);
	mkdir("/tmp/costs/a/b", 0755);
	close(open("/tmp/costs/a/b/file", O_CREAT | O_WRONLY, 0644));
	for (int i = 1; i < argc; i++) {
		char *as = strchr(argv[i], '=');
		bool known = false;

		if (as)
			*as++ = 0;
		for (unsigned j = 0; j < sizeof(costs) / sizeof(*costs); j++) {
			if (strcmp(costs[j].name, argv[i]))
				continue;
			costs[j].run(as ? as : argv[i]);
			known = true;
		}
		if (!known)
			bail(argv[i]);
	}
	return 0;
}
