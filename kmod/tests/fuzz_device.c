// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A structured fuzzer of /dev/rvisor: requests that are nearly right, in any order, from several threads, on several sandboxes, while
 * guests make calls that need answers. What it finds, the kernel says (run it with slub_debug or KASAN).
 *
 *     fuzz_device [SECONDS [SEED]]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "tap.h"

#define BOXES 3
#define THREADS 3

static struct policy sample;
static int fds[BOXES];
static volatile int stop;
static char *edge; /* the last byte before memory that is not there */
static struct totals {
	unsigned long requests, accepted;
} *totals;

static uint64_t odd(unsigned int *state)
{
	static const uint64_t values[] = { 0, 1, 2, 3, 4, 7, 8, 63, 64, 255, 256, 4095, 4096, 0x7fffffff, 0x80000000, 0xffffffff,
					   0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff };

	return values[rand_r(state) % (sizeof(values) / sizeof(*values))];
}

/* Now and then one field of a request becomes something odd. */
static void spoil(void *bytes, size_t size, unsigned int *state)
{
	uint64_t value = odd(state);
	const size_t width = rand_r(state) % 2 ? 4 : 8;

	if (rand_r(state) % 3 == 0 && size >= width)
		memcpy((char *)bytes + (rand_r(state) % (size / width)) * width, &value, width);
}

/* Where a request lies: mostly where it should, sometimes at the edge of memory, sometimes nowhere. */
static long request(int fd, uint32_t command, void *bytes, size_t size, unsigned int *state)
{
	void *at = bytes;
	long result;

	spoil(bytes, size, state);
	switch (rand_r(state) % 16) {
	case 0:
		at = edge - rand_r(state) % (size + 1);
		memcpy(at, bytes, (size_t)(edge - (char *)at) < size ? (size_t)(edge - (char *)at) : size);
		break;
	case 1:
		at = (void *)(uintptr_t)odd(state);
		break;
	case 2:
		command ^= 1u << rand_r(state) % 32;
		break;
	}
	result = ioctl(fd, command, at);
	__atomic_fetch_add(&totals->requests, 1, __ATOMIC_RELAXED);
	if (!result)
		__atomic_fetch_add(&totals->accepted, 1, __ATOMIC_RELAXED);
	return result;
}

static void fuzz_program(int fd, unsigned int *state)
{
	char *copy = malloc(sample.size + 64);
	struct rv_device_program program = { .address = (uintptr_t)copy, .size = sample.size };

	memcpy(copy, sample.bytes, sample.size);
	memset(copy + sample.size, 0, 64);
	for (unsigned int i = rand_r(state) % 4; i > 0; i--)
		copy[rand_r(state) % sample.size] ^= 1 << rand_r(state) % 8;
	if (rand_r(state) % 8 == 0)
		program.size = rand_r(state) % (sample.size + 64);
	request(fd, RV_DEVICE_PROGRAM, &program, sizeof(program), state);
	free(copy);
}

/*
 * Where a thread has texts written to: far from everything else that is mapped, so that an address of which one half
 * was spoiled is nowhere, and not in the allocator's memory or on a stack.
 */
static char *far_page(void)
{
	static unsigned long taken;
	char *page = (char *)0x210000000 + 0x100000 * __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);

	if (mmap(page, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != page)
		_exit(1);
	return page;
}

static void fuzz_exchange(int fd, unsigned int *state, uint64_t *last, char *text)
{
	struct rv_device_exchange exchange = {
		.reply = { .id = rand_r(state) % 4 ? *last : (uint64_t)rand_r(state) % 1000, .verdict = rand_r(state) % 8 },
		.flags = rand_r(state) % 8 ? RV_EXCHANGE_NOWAIT : RV_EXCHANGE_REPLY,
		.text = (uintptr_t)text,
		.capacity = rand_r(state) % 64,
	};

	if (!*last)
		exchange.reply.id = 0;
	switch (exchange.reply.verdict) {
	case RV_REPLY_VALUE:
		exchange.reply.value = odd(state);
		break;
	case RV_REPLY_ERRNO:
		exchange.reply.error = rand_r(state) % 140;
		break;
	case RV_REPLY_FD:
		exchange.reply.fd = rand_r(state) % 3 ? rand_r(state) % 16 : fds[0];
		exchange.reply.flags = rand_r(state) % 4;
		exchange.reply.target = exchange.reply.flags & RV_REPLY_REPLACE ? rand_r(state) % 32 + 3 : 0;
		break;
	case RV_REPLY_REWRITE:
		/* What does no harm to the test itself: getpid, getppid, gettid, sched_yield, or a number that is none. */
		exchange.reply.call.nr = (const int[]){ SYS_getpid, SYS_getppid, SYS_gettid, SYS_sched_yield, 1000, -1 }[rand_r(state) % 6];
		exchange.reply.call.args[0] = odd(state);
		break;
	case RV_REPLY_KILL:
		if (rand_r(state) % 64)
			exchange.reply.verdict = RV_REPLY_CONTINUE;
		break;
	}
	if (!request(fd, RV_DEVICE_EXCHANGE, &exchange, offsetof(struct rv_device_exchange, event), state))
		*last = exchange.event.kind == RV_EVENT_CALL ? exchange.event.id : 0;
}

static void *fuzz(void *argument)
{
	unsigned int state = (uintptr_t)argument;
	uint64_t last[BOXES] = { 0 };
	char *text = far_page();

	while (!stop) {
		const int box = rand_r(&state) % BOXES;
		struct rv_device_hello hello = { .version = RV_DEVICE_VERSION, .program_version = RV_VERSION };
		struct rv_device_register registered = { .tid = rand_r(&state) % 2 ? getpid() : rand_r(&state) % 1000 };
		struct rv_device_valid valid = { .id = rand_r(&state) % 2 ? last[box] : odd(&state) };
		struct rv_device_status status = { 0 };
		struct pollfd poller = { .fd = fds[box], .events = POLLIN };

		switch (rand_r(&state) % 16) {
		case 0:
			request(fds[box], RV_DEVICE_HELLO, &hello, sizeof(hello), &state);
			break;
		case 1:
			fuzz_program(fds[box], &state);
			break;
		case 2:
			request(fds[box], RV_DEVICE_REGISTER, &registered, sizeof(registered), &state);
			break;
		case 3:
			request(fds[box], RV_DEVICE_VALID, &valid, sizeof(valid), &state);
			break;
		case 4:
			request(fds[box], RV_DEVICE_STATUS, &status, sizeof(status), &state);
			break;
		case 5:
			poll(&poller, 1, 0);
			break;
		default:
			fuzz_exchange(fds[box], &state, &last[box], text);
		}
	}
	return NULL;
}

static int guest(void *argument)
{
	unsigned int state = (uintptr_t)argument;

	for (;;) {
		if (rand_r(&state) % 8 == 0 && !fork())
			_exit(syscall(SYS_getppid));
		syscall(SYS_getppid);
		syscall(SYS_getpgid, 0);
		syscall(SYS_mkdir, "/dev/never", 0);
		close(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY));
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	return 0;
}

static void make_sample(void)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	policy_handler(SYS_getppid, 0, 0);
	policy_handler(SYS_getpgid, 5, RV_RULE_OVERRIDE);
	policy_call(SYS_mkdir, RV_ACTION_ERRNO, EXDEV);
	policy_call(SYS_openat, RV_ACTION_NOTIFY, 0);
	policy_path("/dev", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path("/dev/null", RV_KIND_DENY, RV_SCOPE_EXACT, RV_RIGHT_READ);
	policy_address4("127.0.0.1", 1, 2, RV_KIND_GRANT, RV_RIGHT_CONNECT);
	sample = policy_end();
}

static void woken(int signal)
{
	(void)signal;
}

/* One process that owns sandboxes and fuzzes them; another may come when it is gone. */
static void round_of(unsigned int state, double length)
{
	pthread_t threads[THREADS];
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	double end = seconds() + length;
	bool over = false;

	/* Interrupts a thread that waits for an event. */
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = woken }, NULL);
	munmap(pages + 4096, 4096);
	edge = pages + 4096;
	for (int i = 0; i < BOXES; i++) {
		struct rv_device_program program = { .address = (uintptr_t)sample.bytes, .size = sample.size };

		fds[i] = box_device();
		if (fds[i] < 0 || box_hello(fds[i]) || ioctl(fds[i], RV_DEVICE_PROGRAM, &program))
			_exit(1);
		box_spawn(fds[i], guest, (void *)(uintptr_t)rand_r(&state));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, fuzz, (void *)(uintptr_t)rand_r(&state));
	while (seconds() < end && !over) {
		usleep(20000);
		for (int i = 0; i < THREADS; i++)
			pthread_kill(threads[i], SIGUSR1);
		/* A sandbox that has lost its guests ends the round. */
		for (int i = 0; i < BOXES; i++)
			over |= !box_status(fds[i]).tasks;
	}
	stop = 1;
	for (int i = 0; i < BOXES; i++)
		ioctl(fds[i], RV_DEVICE_KILL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

int main(int argc, char **argv)
{
	double length = argc > 1 ? atof(argv[1]) : 5, end = seconds() + length;
	unsigned int seed = argc > 2 ? strtoul(argv[2], NULL, 0) : (unsigned int)time(NULL) ^ getpid();
	int rounds = 0, wrong = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	tap_start();
	note("seed %u", seed);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make_sample();
	while (seconds() < end) {
		int status = 0;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (!pid)
			round_of(rand_r(&seed), end - seconds());
		waitpid(pid, &status, 0);
		wrong += WIFSIGNALED(status) || WEXITSTATUS(status) == 1;
		rounds++;
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
	check(rounds && !wrong, "%d rounds of requests, %d of them went wrong", rounds, wrong);
	check(totals->requests > 1000 && totals->accepted > totals->requests / 20, "%lu requests, of which %lu were accepted", totals->requests,
	      totals->accepted);
	check(box_hello(box_device()) == 0, "the device still answers");
	return tap_end();
}
