// Things a guest does at trace points: steer WHAT [ARGUMENTS]. Prints what came of it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int stop, ticks;
static int rounds;

static long told(long result) { return result < 0 ? -errno : result; }
static void on_tick(int signal) { (void)signal; ticks++; }

// The result in a[6], and in a[0..5] the argument registers as the call left them.
static long bare(long nr, long a[6])
{
	register long r10 asm("r10") = a[3], r8 asm("r8") = a[4], r9 asm("r9") = a[5];
	long rdi = a[0], rsi = a[1], rdx = a[2], result = nr;

	asm volatile("syscall" : "+a"(result), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9) : : "rcx", "r11", "memory");
	a[0] = rdi, a[1] = rsi, a[2] = rdx, a[3] = r10, a[4] = r8, a[5] = r9;
	return result;
}

static void timer(int usec)
{
	struct itimerval every = {{0, usec}, {0, usec}};
	struct sigaction action = {.sa_handler = on_tick};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

// Each thread makes the call `rounds` times; what is not 77 is a fault.
static void *asks(void *argument)
{
	long wrong = 0;
	(void)argument;
	for (int i = 0; i < rounds; i++)
		if (syscall(SYS_getpgid, i) != 77)
			wrong++;
	return (void *)wrong;
}

static void *executes(void *argument)
{
	char *argv[] = {"steer", "say", "executed", NULL}, *envp[] = {NULL};
	syscall(SYS_execve, argument, argv, envp);
	_exit(9);
}

static void *spins(void *argument)
{
	(void)argument;
	for (;;) syscall(SYS_getpgid, 5);
	return NULL;
}

static char *code; // a page of the guest's own, with `syscall; ret`
static void *scribbles(void *argument)
{
	(void)argument;
	while (!stop) {
		code[0] = 0x90, code[1] = 0x90;
		sched_yield();
		code[0] = 0x0f, code[1] = 0x05;
		for (int i = 0; i < 2000 && !stop; i++) asm volatile("pause");
	}
	return NULL;
}

// Below the red zone of the calling thread, where nobody but a handler puts anything.
static char *volatile below;
static volatile int done;
static void *spoils(void *argument)
{
	(void)argument;
	while (!below) {}
	while (!stop) {
		for (int i = 144; i < 2048; i++) below[-i] ^= 0x41;
		sched_yield();
	}
	done = 1;
	return NULL;
}

static char *stack_pointer(void)
{
	char *result;
	asm volatile("mov %%rsp, %0" : "=r"(result));
	return result;
}

static void *sleeps(void *argument)
{
	(void)argument;
	for (;;) pause();
	return NULL;
}

int main(int argc, char **argv)
{
	const char *what = argv[1];
	int status;

	if (!strcmp(what, "say")) {
		puts(argv[2]);
	} else if (!strcmp(what, "registers")) {
		long a[6] = {11, 12, 13, 14, 15, 16};
		long result = bare(atol(argv[2]), a);
		printf("%ld: %ld %ld %ld %ld %ld %ld\n", result, a[0], a[1], a[2], a[3], a[4], a[5]);
	} else if (!strcmp(what, "call")) {
		long a[6] = {0};
		for (int i = 3; i < argc; i++) a[i - 3] = atol(argv[i]);
		printf("%ld\n", bare(atol(argv[2]), a));
	} else if (!strcmp(what, "threads")) {
		int count = atoi(argv[2]);
		pthread_t *threads = calloc(count, sizeof *threads);
		long wrong = 0;
		rounds = atoi(argv[3]);
		for (int i = 0; i < count; i++) pthread_create(&threads[i], NULL, asks, NULL);
		for (int i = 0; i < count; i++) {
			void *one;
			pthread_join(threads[i], &one);
			wrong += (long)one;
		}
		printf("%d threads, %ld wrong\n", count, wrong);
	} else if (!strcmp(what, "storm")) { // signals all the while
		long wrong = 0;
		rounds = atoi(argv[2]);
		timer(500);
		for (int i = 0; i < rounds; i++) {
			long a[6] = {i, 2, 3, 4, 5, 6};
			if (bare(SYS_getpgid, a) != 77 || a[0] != i || a[1] != 2 || a[2] != 3 || a[3] != 4 || a[4] != 5 || a[5] != 6) wrong++;
		}
		printf("%s, %ld wrong\n", ticks ? "signals" : "no signal", wrong);
	} else if (!strcmp(what, "interrupted")) { // a read that a signal ends, or (restart) does not
		int ends[2];
		char byte = 0;
		struct sigaction action = {.sa_handler = on_tick, .sa_flags = argc > 2 ? SA_RESTART : 0};
		struct itimerval once = {{0, 0}, {0, 50000}};
		if (pipe(ends)) return 1;
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &once, NULL);
		if (argc > 2 && fork() == 0) {
			usleep(150000);
			_exit(write(ends[1], "x", 1) != 1);
		}
		long a[6] = {ends[0], (long)&byte, 1, 4, 5, 6};
		long result = bare(SYS_read, a);
		printf("%ld %d, %s\n", result, ticks, a[0] == ends[0] && a[1] == (long)&byte && a[2] == 1 && a[3] == 4 ? "registers kept" : "registers lost");
	} else if (!strcmp(what, "sleep")) { // nanosleep over a stop: the kernel's own restart
		struct timespec time = {0, 200000000};
		pid_t child = fork();
		if (child == 0) return nanosleep(&time, NULL) ? 1 : 0;
		usleep(50000);
		kill(child, SIGSTOP);
		waitpid(child, &status, WUNTRACED);
		int stopped = WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
		kill(child, SIGCONT);
		waitpid(child, &status, WCONTINUED);
		int continued = WIFCONTINUED(status);
		waitpid(child, &status, 0);
		printf("stopped %d, continued %d, exit %d\n", stopped, continued, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	} else if (!strcmp(what, "killed")) { // in the middle of a call that a handler thinks about
		pid_t child = fork();
		if (child == 0) {
			syscall(SYS_getpgid, 4242);
			_exit(0);
		}
		usleep(100000);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		printf("%s\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "killed" : "not killed");
	} else if (!strcmp(what, "thread-exec")) { // by a thread that is not the first, while others are at trace points
		pthread_t thread;
		for (int i = 0; i < 4; i++) pthread_create(&thread, NULL, spins, NULL);
		usleep(20000);
		pthread_create(&thread, NULL, executes, argv[0]);
		spins(NULL);
	} else if (!strcmp(what, "vfork")) {
		pid_t child = vfork();
		if (child == 0) {
			execl(argv[0], argv[0], "say", "child", NULL);
			_exit(9);
		}
		waitpid(child, &status, 0);
		printf("parent %d\n", WEXITSTATUS(status));
	} else if (!strcmp(what, "forks")) { // a tree of them
		int failures = 0;
		for (int i = 0; i < atoi(argv[2]); i++) {
			pid_t child = fork();
			if (child == 0) {
				pid_t grandchild = fork();
				if (grandchild == 0) _exit(syscall(SYS_getpgid, 1) == 77 ? 3 : 4);
				waitpid(grandchild, &status, 0);
				_exit(WEXITSTATUS(status));
			}
			waitpid(child, &status, 0);
			failures += !WIFEXITED(status) || WEXITSTATUS(status) != 3;
		}
		printf("%d failures\n", failures);
	} else if (!strcmp(what, "untraced")) { // children that ask for not being traced
		long a[6] = {CLONE_UNTRACED | SIGCHLD};
		pid_t child = bare(SYS_clone, a);
		if (child == 0) _exit(syscall(SYS_getpgid, 1) == 77 ? 3 : 4);
		waitpid(child, &status, 0);
		printf("%d, ", WEXITSTATUS(status));
		struct { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, size, tls; } how = {.flags = CLONE_UNTRACED, .exit_signal = SIGCHLD};
		long b[6] = {(long)&how, sizeof how};
		child = bare(SYS_clone3, b);
		if (child == 0) _exit(syscall(SYS_getpgid, 1) == 77 ? 3 : 4);
		if (child > 0) waitpid(child, &status, 0);
		printf("%d\n", child > 0 ? WEXITSTATUS(status) : child);
	} else if (!strcmp(what, "orphans")) { // dead at once, and nobody waits for them
		for (int i = 0; i < 50; i++)
			if (fork() == 0) {
				if (fork() == 0) _exit(0);
				_exit(0);
			}
		while (wait(&status) > 0) {}
		puts("done");
	} else if (!strcmp(what, "death-signal")) {
		pid_t child = fork();
		if (child == 0) {
			int ends[2];
			if (pipe(ends)) _exit(1);
			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGTERM);
				if (write(ends[1], "x", 1) != 1) _exit(1);
				for (;;) pause();
			}
			char byte;
			_exit(read(ends[0], &byte, 1) != 1);
		}
		waitpid(child, &status, 0);
		usleep(50000);
		if (kill(-1, 0) && errno == ESRCH) puts("gone");
		else puts("still there");
	} else if (!strcmp(what, "bounced")) { // the number that only a trace point uses
		long a[6] = {0}, wrong = 0;
		for (long first = 0; first < 4096; first++) {
			memset(a, 0, sizeof a);
			a[0] = first;
			wrong += bare(SYS_epoll_ctl_old, a) != -ENOSYS;
		}
		// Just after a real one, with its very arguments.
		int fd = open("/etc/hostname", O_RDONLY);
		long b[6] = {(long)"/etc/hostname", O_RDONLY, 0}, c[6] = {AT_FDCWD, (long)"/etc/hostname", O_RDONLY, 0};
		wrong += fd < 0 || bare(SYS_epoll_ctl_old, b) != -ENOSYS || bare(SYS_epoll_ctl_old, c) != -ENOSYS;
		printf("%ld wrong\n", wrong);
	} else if (!strcmp(what, "ptrace")) {
		pid_t child = fork();
		if (child == 0) sleeps(NULL);
		long seize = told(ptrace(PTRACE_SEIZE, child, NULL, NULL));
		long init = told(ptrace(PTRACE_SEIZE, 1, NULL, NULL));
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		printf("child %ld, init %ld\n", seize, init);
	} else if (!strcmp(what, "hunt")) { // for commands of the sandbox that are just being started
		int seized = 0, unfiltered = 0, written = 0, descriptors = 0;
		char name[64], line[256];
		for (time_t end = time(NULL) + atoi(argv[2]); time(NULL) < end;) {
			for (pid_t pid = getpid() + 1; pid < getpid() + 400; pid++) {
				if (kill(pid, 0)) continue;
				snprintf(name, sizeof name, "/proc/%d/mem", pid);
				int memory = open(name, O_RDONLY);
				long seize = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
				if (memory < 0 && seize) continue;
				written += memory >= 0;
				seized += !seize;
				snprintf(name, sizeof name, "/proc/%d/status", pid);
				FILE *file = fopen(name, "r");
				while (file && fgets(line, sizeof line, file))
					if (!strncmp(line, "Seccomp:", 8)) unfiltered += atoi(line + 8) != 2;
				if (file) fclose(file);
				// Sockets, listeners and rings are init's.
				for (int fd = 0; fd < 64; fd++) {
					snprintf(name, sizeof name, "/proc/%d/fd/%d", pid, fd);
					if (readlink(name, line, sizeof line) > 0 && (!strncmp(line, "socket:", 7) || !strncmp(line, "anon_inode:", 11) || !strncmp(line, "/memfd:", 7))) descriptors++;
				}
				if (!seize) ptrace(PTRACE_DETACH, pid, NULL, NULL);
				if (memory >= 0) close(memory);
			}
		}
		printf("seized %s, opened %s, unfiltered %d, descriptors %d\n", seized ? "some" : "none", written ? "some" : "none", unfiltered, descriptors);
	} else if (!strcmp(what, "scribble")) { // the instruction itself changes while calls are injected
		pthread_t thread;
		int wrong = 0;
		code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memcpy(code, "\x0f\x05\xc3", 3);
		pthread_create(&thread, NULL, scribbles, NULL);
		for (int i = 0; i < atoi(argv[2]); i++) {
			long result = SYS_getpgid;
			asm volatile("call *%1" : "+a"(result) : "r"(code), "D"(i) : "rcx", "r11", "rsi", "rdx", "r10", "r8", "r9", "memory");
			// 77, or the number where no call was made; the injected call's own number or result is neither.
			wrong += result != 77 && result != SYS_getpgid && result != SYS_getppid && result != getppid();
		}
		stop = 1;
		pthread_join(thread, NULL);
		printf("%d wrong\n", wrong);
	} else if (!strcmp(what, "scratch")) { // what lies there is changed meanwhile
		pthread_t thread;
		const int rounds = atoi(argv[2]);
		long good = 0, spoilt = 0, other = 0;
		pthread_create(&thread, NULL, spoils, NULL);
		below = stack_pointer(); // from here on no deep call until it is done
		for (int i = 0; i < rounds; i++) {
			long a[6] = {i};
			long result = bare(SYS_getpgid, a);
			if (result == 77) good++;
			else if (result < 0) spoilt++;
			else other++;
		}
		stop = 1;
		while (!done) {}
		pthread_join(thread, NULL);
		printf("good %s, spoilt %s, other %ld\n", good ? "some" : "none", spoilt ? "some" : "none", other);
	} else if (!strcmp(what, "given")) { // likewise, while a descriptor is given
		pthread_t thread;
		const int rounds = atoi(argv[2]);
		char text[64] = {0};
		long good = 0;
		pthread_create(&thread, NULL, spoils, NULL);
		below = stack_pointer(); // from here on no deep call until it is done
		for (int i = 0; i < rounds; i++) {
			long a[6] = {AT_FDCWD, (long)"/etc/hostname", O_RDONLY}, b[6] = {0};
			long fd = b[0] = bare(SYS_openat, a);
			good += fd >= 0;
			if (fd > 2) bare(SYS_close, b);
		}
		stop = 1;
		while (!done) {}
		pthread_join(thread, NULL);
		int fd = open("/etc/hostname", O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof text - 1) < 0) return 1;
		printf("good %s, then %s", good ? "some" : "none", text);
	} else if (!strcmp(what, "no-stack")) { // the stack pointer is nonsense
		long result = SYS_getpgid, before;
		asm volatile("mov %%rsp, %1; xor %%esp, %%esp; syscall; mov %1, %%rsp" : "+a"(result), "=&r"(before) : "D"(1) : "rcx", "r11", "memory");
		printf("%ld\n", result);
	} else if (!strcmp(what, "time")) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		printf("%ld\n", (long)now.tv_sec);
	} else if (!strcmp(what, "vdso")) { // is brought back
		printf("%ld\n", told(syscall(SYS_arch_prctl, 0x2003, 0)));
	} else if (!strcmp(what, "open")) {
		int fd = open(argv[2], O_RDONLY);
		char text[64] = {0};
		if (fd < 0) return printf("%ld\n", told(fd)), 0;
		if (read(fd, text, sizeof text - 1) < 0) return 1;
		printf("%s", text);
	} else if (!strcmp(what, "fifo")) { // waits for a writer: a signal ends it, or (restart) does not
		const char *path = "/tmp/fifo";
		mkfifo(path, 0600);
		struct sigaction action = {.sa_handler = on_tick};
		struct itimerval once = {{0, 0}, {0, 50000}};
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &once, NULL);
		long first = told(open(path, O_RDONLY));
		action.sa_flags = SA_RESTART;
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &once, NULL);
		if (fork() == 0) {
			usleep(200000);
			_exit(open(path, O_WRONLY) < 0);
		}
		long second = told(open(path, O_RDONLY));
		pid_t child = fork();
		if (child == 0) _exit(open(path, O_RDONLY) < 0); // waits until it is killed
		usleep(100000);
		kill(child, SIGKILL);
		while (wait(&status) > 0) {}
		printf("%ld, %s, %d signals\n", first, second >= 0 ? "opened" : "failed", ticks);
	} else if (!strcmp(what, "opens")) { // with signals, whose handler opens too
		long wrong = 0, again = 0;
		timer(1000);
		for (int i = 0; i < atoi(argv[2]); i++) {
			int fd = open("/etc/hostname", O_RDONLY);
			if (fd < 0 && errno == EINTR) again++;
			else if (fd < 0) wrong++;
			else close(fd);
		}
		printf("%ld wrong\n", wrong);
	} else if (!strcmp(what, "loop")) {
		for (;;) syscall(SYS_getpgid, 5);
	}
	return 0;
}
