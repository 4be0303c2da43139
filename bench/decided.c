// Times one call that a policy may decide: decided CALL ROUNDS THREADS FILES, where CALL is getppid, open (with close), stat, tcp or unix (a
// connect to a socket of its own), and FILES says how many files the process has open meanwhile. Prints p50, p90 and p99 of all threads, in
// nanoseconds, and how many calls were made in a second; with a word more, p10, p50, p90, p99 and the longest.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"

static const char *call;
static int rounds;
static long *times;
static union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_un un;
} to;
static socklen_t to_size;

static void must(int ok)
{
	if (!ok) {
		perror(call);
		exit(1);
	}
}

static long once(void)
{
	struct stat st;
	struct linger reset = { 1, 0 };
	long begin;
	int s;

	switch (call[0]) {
	case 'o':
		begin = now();
		s = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);
		close(s);
		begin = now() - begin;
		must(s >= 0);
		return begin;
	case 's':
		begin = now();
		s = stat("/usr/bin/env", &st);
		begin = now() - begin;
		must(s == 0);
		return begin;
	case 't':
	case 'u':
		s = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		begin = now();
		must(connect(s, &to.any, to_size) == 0 || to.any.sa_family == AF_INET);
		begin = now() - begin;
		setsockopt(s, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(s);
		return begin;
	default:
		begin = now();
		getppid();
		return now() - begin;
	}
}

static void *measure(void *argument)
{
	long *mine = times + (long)argument * rounds;

	for (int i = -rounds / 10; i < rounds; i++) {
		long took = once();

		if (i >= 0)
			mine[i] = took;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 3 ? atoi(argv[3]) : 1, files = argc > 4 ? atoi(argv[4]) : 0;
	long count, begin;
	pthread_t *running;

	call = argv[1];
	rounds = atoi(argv[2]);
	if (call[0] == 't' || call[0] == 'u') {
		int server = socket(call[0] == 't' ? AF_INET : AF_UNIX, SOCK_STREAM, 0);

		to_size = call[0] == 't' ? sizeof to.in : sizeof to.un;
		to.any.sa_family = call[0] == 't' ? AF_INET : AF_UNIX;
		if (call[0] == 't')
			to.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		else
			snprintf(to.un.sun_path, sizeof to.un.sun_path, "/tmp/rvisor-bench-%d", getpid());
		/* Nobody accepts: the backlog takes all of them. */
		must(bind(server, &to.any, to_size) == 0 && listen(server, 4096) == 0);
		if (call[0] == 't')
			getsockname(server, &to.any, &to_size);
	}
	for (int i = 0; i < files; i++)
		must(open("/usr/bin/env", O_RDONLY | O_CLOEXEC) >= 0);
	times = malloc(sizeof *times * (size_t)rounds * (size_t)threads);
	running = malloc(sizeof *running * (size_t)threads);
	begin = now();
	for (long i = 0; i < threads; i++)
		pthread_create(&running[i], NULL, measure, (void *)i);
	for (int i = 0; i < threads; i++)
		pthread_join(running[i], NULL);
	begin = now() - begin;
	count = (long)rounds * threads;
	qsort(times, (size_t)count, sizeof *times, ascending);
	if (argc > 5)
		printf("%ld %ld %ld %ld %ld\n", times[count / 10], times[count / 2], times[count * 9 / 10], times[count * 99 / 100], times[count - 1]);
	else
		printf("%ld %ld %ld %.0f\n", times[count / 2], times[count * 9 / 10], times[count * 99 / 100], ((double)count + rounds / 10 * threads) * 1e9 / (double)begin);
	if (call[0] == 'u')
		unlink(to.un.sun_path);
	return 0;
}
