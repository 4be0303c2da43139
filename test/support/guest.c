// Things a guest does to its handlers: guest WHAT [ARGUMENTS]. Prints what came of it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int rounds;
static volatile int stop;
static char path[64];

static long told(long result) { return result < 0 ? -errno : result; }

// Each thread asks for the name `rounds` times; what is not "box" is a fault.
static void *names(void *argument)
{
	long wrong = 0;
	struct utsname name;
	(void)argument;
	for (int i = 0; i < rounds; i++)
		if (uname(&name) || strcmp(name.nodename, "box"))
			wrong++;
	return (void *)wrong;
}

static void *swap(void *argument)
{
	(void)argument;
	while (!stop) {
		memcpy(path, "/tmp/secret", 12);
		memcpy(path, "/tmp/public", 12);
	}
	return NULL;
}

// One name leads now here, now there.
static void *relink(void *argument)
{
	(void)argument;
	while (!stop)
		renameat2(AT_FDCWD, "/tmp/link", AT_FDCWD, "/tmp/other", RENAME_EXCHANGE);
	return NULL;
}

static void *asks(void *argument)
{
	(void)argument;
	syscall(SYS_getpgid, 12345);
	return NULL;
}

// Each call has an answer of its own (handler-cases.ts): a number, EPERM, or the kernel's own ESRCH.
static void *numbers(void *argument)
{
	long wrong = 0, first = 0x10000000 + (long)argument * 0x100000;
	for (long n = first; n < first + rounds; n++) {
		long expected = n % 3 == 0 ? n + 1 : n % 3 == 1 ? -EPERM : -ESRCH;
		if (told(syscall(SYS_getpgid, n)) != expected)
			wrong++;
	}
	return (void *)wrong;
}

int main(int argc, char **argv)
{
	const char *what = argv[1];
	struct utsname name;

	if (!strcmp(what, "uname")) {
		printf("%ld %s\n", told(uname(&name)), name.nodename);
	} else if (!strcmp(what, "threads") || !strcmp(what, "numbers")) {
		void *(*body)(void *) = what[0] == 't' ? names : numbers;
		int count = atoi(argv[2]);
		rounds = atoi(argv[3]);
		pthread_t *threads = calloc((size_t)count, sizeof *threads);
		long wrong = 0, started = 0;
		for (int i = 0; i < count; i++)
			started += !pthread_create(&threads[i], NULL, body, (void *)(long)i);
		for (int i = 0; i < started; i++) {
			void *one;
			pthread_join(threads[i], &one);
			wrong += (long)one;
		}
		printf("%ld threads, %ld wrong\n", started, wrong);
	} else if (!strcmp(what, "race") || !strcmp(what, "relink")) {
		// The path, or where it leads, changes under the handler's eyes: a file of the other kind must never be read.
		bool links = !strcmp(what, "relink");
		pthread_t thread;
		long public = 0, secret = 0, refused = 0;
		memcpy(path, links ? "/tmp/link" : "/tmp/public", links ? 10 : 12);
		if (links && (symlink("/tmp/public", "/tmp/link") || symlink("/tmp/secret", "/tmp/other")))
			return 1;
		pthread_create(&thread, NULL, links ? relink : swap, NULL);
		for (int i = 0; i < atoi(argv[2]); i++) {
			char text[16] = "";
			int fd = open(path, O_RDONLY);
			if (fd < 0) {
				refused++;
				continue;
			}
			if (read(fd, text, sizeof text) > 0 && text[0] == 's')
				secret++;
			else
				public++;
			close(fd);
		}
		stop = 1;
		if (links)
			printf("secret %s\n", secret ? "some" : "none");
		else
			printf("public %s, secret %ld, refused %s\n", public ? "some" : "none", secret, refused ? "some" : "none");
	} else if (!strcmp(what, "unmapped")) {
		char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(page + 4096, 4096);
		printf("%ld", told(syscall(SYS_uname, page + 4096)));
		printf(" %ld", told(syscall(SYS_uname, 8L)));
		printf(" %ld", told(syscall(SYS_openat, AT_FDCWD, page + 4096, 0)));
		memset(page + 4090, 'x', 6);
		printf(" %ld", told(syscall(SYS_openat, AT_FDCWD, page + 4090, 0)));
		printf(" %ld\n", told(syscall(SYS_uname, page + 4000)));
	} else if (!strcmp(what, "call")) {
		long a[6] = {0};
		for (int i = 3; i < argc && i < 9; i++)
			a[i - 3] = strtol(argv[i], NULL, 0);
		printf("%ld\n", told(syscall(strtol(argv[2], NULL, 0), a[0], a[1], a[2], a[3], a[4], a[5])));
	} else if (!strcmp(what, "abi")) {
		// getpid by i386's entry and by x32's number, and the number -1.
		long i386 = 20, x32 = 39 | 0x40000000, none = -1;
		asm volatile("int $0x80" : "+a"(i386) : : "memory", "r8", "r9", "r10", "r11");
		asm volatile("syscall" : "+a"(x32) : : "rcx", "r11", "memory");
		asm volatile("syscall" : "+a"(none) : : "rcx", "r11", "memory");
		printf("%ld %ld %ld\n", i386, x32, none);
	} else if (!strcmp(what, "writes")) {
		// A large buffer, to be read in pieces.
		size_t size = (size_t)atol(argv[2]);
		char *bytes = malloc(size);
		for (size_t i = 0; i < size; i++)
			bytes[i] = (char)(i % 251);
		int null = open("/dev/null", O_WRONLY);
		printf("%ld\n", told(write(null, bytes, size)));
	} else if (!strcmp(what, "getrandom")) {
		size_t size = (size_t)atol(argv[2]);
		unsigned char *bytes = calloc(1, size);
		long got = told(syscall(SYS_getrandom, bytes, size, 0)), sum = 0;
		for (size_t i = 0; i < size; i++)
			sum += bytes[i];
		printf("%ld %ld\n", got, sum);
	} else if (!strcmp(what, "connect")) {
		struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[3]))};
		inet_pton(AF_INET, argv[2], &address.sin_addr);
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		printf("%ld\n", told(connect(fd, (struct sockaddr *)&address, sizeof address)));
	} else if (!strcmp(what, "killed")) {
		// Threads and processes that die while their calls wait; then the rest goes on.
		for (int i = 0; i < 8; i++) {
			pid_t child = fork();
			if (child == 0) {
				pthread_t thread;
				for (int n = 0; n < 4; n++)
					pthread_create(&thread, NULL, asks, NULL);
				asks(NULL);
				_exit(0);
			}
			usleep(20000);
			kill(child, SIGKILL);
			waitpid(child, NULL, 0);
		}
		printf("%ld %s\n", told(uname(&name)), name.nodename);
	} else if (!strcmp(what, "forged")) {
		// A memory file of the guest's own, which says that it stands for a directory.
		int fd = memfd_create("/etc", 0);
		printf("%ld", told(syscall(SYS_openat, fd, "hostname", O_RDONLY)));
		printf(" %ld", told(syscall(SYS_openat, fd, "../../etc/hostname", O_RDONLY)));
		printf(" %ld\n", told(syscall(SYS_mkdirat, fd, "made", 0700)));
	} else if (!strcmp(what, "many")) {
		int count = atoi(argv[2]), started = 0;
		pthread_attr_t small;
		pthread_attr_init(&small);
		pthread_attr_setstacksize(&small, 16384);
		pthread_t *threads = calloc((size_t)count, sizeof *threads);
		for (int i = 0; i < count; i++)
			started += !pthread_create(&threads[started], &small, asks, NULL);
		for (int i = 0; i < started; i++)
			pthread_join(threads[i], NULL);
		printf("%d\n", started);
	}
	return 0;
}
