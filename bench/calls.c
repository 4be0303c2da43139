// Times one system call: calls NAME ROUNDS THREADS, where NAME is getppid, getpgid, uname, access or open. Prints p10, p50, p90, p99 and the longest
// of all threads, in nanoseconds, and how many calls were made in a second.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"

static int is_open, is_uname, is_access, is_getpgid, rounds;
static long *times;

static void *measure(void *argument)
{
	long *mine = times + (long)argument * rounds;
	struct utsname name;
	for (int i = -rounds / 10; i < rounds; i++) {
		int fd = -1;
		long begin = now();
		if (is_open)
			fd = open("/etc/hostname", O_RDONLY);
		else if (is_uname)
			uname(&name);
		else if (is_access)
			access("/etc/hostname", R_OK);
		else if (is_getpgid)
			getpgid(0);
		else
			getppid();
		long took = now() - begin;
		if (i >= 0)
			mine[i] = took;
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 3 ? atoi(argv[3]) : 1;
	is_open = !strcmp(argv[1], "open");
	is_uname = !strcmp(argv[1], "uname");
	is_getpgid = !strcmp(argv[1], "getpgid");
	is_access = !strcmp(argv[1], "access");
	rounds = atoi(argv[2]);
	times = malloc(sizeof *times * (size_t)rounds * (size_t)threads);
	pthread_t *running = malloc(sizeof *running * (size_t)threads);
	long begin = now();
	for (long i = 0; i < threads; i++)
		pthread_create(&running[i], NULL, measure, (void *)i);
	for (int i = 0; i < threads; i++)
		pthread_join(running[i], NULL);
	long took = now() - begin, count = (long)rounds * threads;
	qsort(times, (size_t)count, sizeof *times, ascending);
	printf("%ld %ld %ld %ld %ld %ld\n", times[count / 10], times[count / 2], times[count * 9 / 10], times[count * 99 / 100], times[count - 1],
	       (count + rounds / 10 * threads) * 1000000000 / took);
	return 0;
}
