// Times single operations: micro MILLISECONDS FILE, where FILE is one of 64 KiB to read. For each operation prints its name and the nanoseconds that
// one takes (the median of nine batches that together take about MILLISECONDS); at the end a checksum of what was read. Every result of every call
// is checked.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 9
#define PAGES 64

static const char *self, *file;
static int fd, there[2], back[2];
static unsigned long sum;
static char block[4096];
static int turn;

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void do_getppid(void)
{
	must(syscall(SYS_getppid) >= 0, "getppid");
}

static void do_read(void)
{
	must(lseek(fd, 0, SEEK_SET) == 0 && read(fd, block, sizeof block) == sizeof block, "read");
}

static void do_pread(void)
{
	must(pread(fd, block, sizeof block, 8192) == sizeof block, "pread");
}

static void do_open(void)
{
	int opened = open(file, O_RDONLY | O_CLOEXEC);

	must(opened >= 0 && close(opened) == 0, "open");
}

static void do_stat(void)
{
	struct stat st;

	must(stat(file, &st) == 0 && st.st_size == 65536, "stat");
}

static void do_pipe(void)
{
	char byte = 'x';

	must(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "pipe");
}

static void do_mmap(void)
{
	char *memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(memory != MAP_FAILED, "mmap");
	for (int i = 0; i < PAGES; i++)
		memory[i * 4096] = 1;
	must(munmap(memory, PAGES * 4096) == 0, "munmap");
}

static void ended(pid_t child)
{
	int status;

	must(child > 0 && waitpid(child, &status, 0) == child && status == 0, "wait");
}

static void do_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	ended(child);
}

static void do_exec(void)
{
	pid_t child = fork();

	if (child == 0) {
		execl(self, self, (char *)NULL);
		_exit(1);
	}
	ended(child);
}

static void *nothing(void *argument)
{
	return argument;
}

static void do_thread(void)
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0, "thread");
}

/* Two threads take turns: a wake-up and a wait of each. */
static void await(int mine)
{
	int seen;

	while ((seen = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine) {
		if (seen < 0)
			return;
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
	}
}

static void pass(int other)
{
	__atomic_store_n(&turn, other, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *partner(void *argument)
{
	for (;;) {
		await(1);
		if (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) < 0)
			return argument;
		pass(0);
	}
}

static void do_switch(void)
{
	pass(1);
	await(0);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *name, void (*one)(void), double budget)
{
	double batches[BATCHES], begin = now(), took;
	long count = 0;

	/* How many make a batch: as many as a tenth of the time has room for. */
	do {
		one();
		count++;
		took = now() - begin;
	} while (took < budget / (BATCHES + 1));
	for (int batch = 0; batch < BATCHES; batch++) {
		begin = now();
		for (long i = 0; i < count; i++)
			one();
		batches[batch] = (now() - begin) / (double)count;
	}
	qsort(batches, BATCHES, sizeof *batches, ascending);
	printf("%s %.1f\n", name, batches[BATCHES / 2]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	double budget;
	pthread_t thread;
	pid_t echo;

	if (argc < 3)
		return 0;
	self = argv[0];
	file = argv[2];
	budget = atof(argv[1]) * 1e6;
	fd = open(file, O_RDONLY);
	must(fd >= 0 && pipe(there) == 0 && pipe(back) == 0, file);
	measure("getppid", do_getppid, budget);
	measure("read", do_read, budget);
	for (int i = 0; i < (int)sizeof block; i++)
		sum = sum * 31 + (unsigned char)block[i];
	measure("pread", do_pread, budget);
	for (int i = 0; i < (int)sizeof block; i++)
		sum = sum * 31 + (unsigned char)block[i];
	measure("open", do_open, budget);
	measure("stat", do_stat, budget);
	echo = fork();
	if (echo == 0) {
		char byte;

		close(there[1]);
		while (read(there[0], &byte, 1) == 1)
			must(write(back[1], &byte, 1) == 1, "echo");
		_exit(0);
	}
	measure("pipe", do_pipe, budget);
	close(there[1]);
	ended(echo);
	measure("mmap", do_mmap, budget);
	measure("fork", do_fork, budget);
	measure("exec", do_exec, budget);
	measure("thread", do_thread, budget);
	must(pthread_create(&thread, NULL, partner, NULL) == 0, "thread");
	measure("switch", do_switch, budget);
	__atomic_store_n(&turn, -1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	pthread_join(thread, NULL);
	printf("sum %lx\n", sum);
	return 0;
}
