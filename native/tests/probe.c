// SPDX-License-Identifier: Apache-2.0
// A guest of execution_test.cc: shows how it was executed, or executes something in some way.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void show(int argc, char **argv)
{
	char name[17] = "", exe[4096] = "";
	ssize_t size;

	prctl(PR_GET_NAME, name);
	size = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[size > 0 ? size : 0] = 0;
	for (int i = 0; i < argc; i++)
		printf("[%s]", argv[i]);
	printf(" execfn=%s comm=%s tid=%d exe=%s\n", (char *)getauxval(AT_EXECFN), name, gettid() == getpid(), exe);
}

static int failed(void)
{
	printf("%s\n", strerrorname_np(errno));
	return 0;
}

static char **after_one;

static void *execute_from_thread(void *path)
{
	execve(path, after_one, environ);
	failed();
	exit(0);
}

/* A sibling that turns every path below the other's stack into this one. */
static const char *other_path;
static volatile char *stack_below;

static void *turn(void *unused)
{
	size_t size = strlen(other_path) + 1;

	for (;;)
		for (volatile char *at = stack_below - 1536; at < stack_below; at += 16)
			if (*at == '/' && strcmp((char *)at, other_path))
				memcpy((char *)at, other_path, size);
	return unused;
}

static long bare_execve(const char *path, char **argv, char **env)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "0"(SYS_execve), "D"(path), "S"(argv), "d"(env) : "rcx", "r11", "memory");
	return result;
}

static int race(char *path, char *to)
{
	static char path_copy[256];
	pthread_t thread;
	char here;

	other_path = to;
	strcpy(path_copy, path);
	stack_below = (char *)((unsigned long)&here & ~15UL);
	memset((char *)stack_below - 4096, 0, 2048);
	pthread_create(&thread, NULL, turn, NULL);
	usleep(1000);
	errno = (int)-bare_execve(path_copy, after_one, environ);
	return failed();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "show";

	setvbuf(stdout, NULL, _IOLBF, 0);
	after_one = argv + 3;
	if (argc < 3 || strcmp(argv[0], "do")) {
		show(argc, argv);
		return 0;
	}
	if (!strcmp(how, "execve"))
		execve(argv[2], after_one, environ);
	else if (!strcmp(how, "append")) {
		pid_t pid = fork();
		int fd;

		if (pid == 0) {
			execve(argv[2], after_one, environ);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
		fd = open(getenv("OTHER"), O_WRONLY | O_APPEND | O_CLOEXEC);
		if (write(fd, "x", 1) != 1)
			return failed();
		close(fd);
		execve(argv[2], after_one, environ);
	} else if (!strcmp(how, "null"))
		syscall(SYS_execve, argv[2], NULL, NULL);
	else if (!strcmp(how, "empty"))
		syscall(SYS_execve, argv[2], (char *[]){NULL}, environ);
	else if (!strcmp(how, "bad-path"))
		syscall(SYS_execve, 1, after_one, environ);
	else if (!strcmp(how, "bad-argv"))
		syscall(SYS_execve, argv[2], 1, environ);
	else if (!strcmp(how, "descriptor"))
		syscall(SYS_execveat, open(argv[2], O_RDONLY), "", after_one, environ, AT_EMPTY_PATH);
	else if (!strcmp(how, "descriptor-path"))
		syscall(SYS_execveat, open(argv[2], O_PATH), "", after_one, environ, AT_EMPTY_PATH);
	else if (!strcmp(how, "cloexec"))
		syscall(SYS_execveat, open(argv[2], O_RDONLY | O_CLOEXEC), "", after_one, environ, AT_EMPTY_PATH);
	else if (!strcmp(how, "at"))
		syscall(SYS_execveat, open(argv[2], O_PATH | O_DIRECTORY), argv[3], argv + 4, environ, 0);
	else if (!strcmp(how, "nofollow"))
		syscall(SYS_execveat, AT_FDCWD, argv[2], after_one, environ, AT_SYMLINK_NOFOLLOW);
	else if (!strcmp(how, "flags"))
		syscall(SYS_execveat, AT_FDCWD, argv[2], after_one, environ, 0x40);
	else if (!strcmp(how, "proc-fd")) {
		char path[64];
		int fd = open(argv[2], O_RDONLY);

		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		execve(path, after_one, environ);
	} else if (!strcmp(how, "memfd")) {
		int from = open(argv[2], O_RDONLY), to = memfd_create("thing", MFD_CLOEXEC);
		char bytes[65536];
		ssize_t size;

		while ((size = read(from, bytes, sizeof bytes)) > 0)
			if (write(to, bytes, (size_t)size) != size)
				return 1;
		syscall(SYS_execveat, to, "", after_one, environ, AT_EMPTY_PATH);
	} else if (!strcmp(how, "thread")) {
		pthread_t thread;

		pthread_create(&thread, NULL, execute_from_thread, argv[2]);
		pause();
	} else if (!strcmp(how, "vfork")) {
		int status;
		pid_t pid = vfork();

		if (pid == 0) {
			execve(argv[2], after_one, environ);
			_exit(errno);
		}
		waitpid(pid, &status, 0);
		printf("status=%d\n", WEXITSTATUS(status));
		return 0;
	} else if (!strcmp(how, "small-stack")) {
		/* One page of stack, and what lies below it is somebody's. */
		char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		long result;

		mprotect(memory, 4096, PROT_NONE);
		__asm__ volatile("mov %%rsp, %%rbx; mov %5, %%rsp; syscall; mov %%rbx, %%rsp"
				 : "=a"(result)
				 : "0"(SYS_execve), "D"(argv[2]), "S"(after_one), "d"(environ), "r"(memory + 4096 + 64)
				 : "rbx", "rcx", "r11", "memory");
		errno = (int)-result;
	} else if (!strcmp(how, "writable")) {
		if (open(getenv("OTHER"), O_RDWR | O_CLOEXEC) < 0)
			return failed();
		execve(argv[2], after_one, environ);
	} else if (!strcmp(how, "many")) {
		/* So many arguments that their addresses alone take pages. */
		int count = atoi(argv[3]);
		char **many = calloc((size_t)count + 2, sizeof *many);

		for (int i = 0; i <= count; i++)
			many[i] = "x";
		execve(argv[2], many, environ);
	} else if (!strcmp(how, "twice")) {
		/* What a call that fails leaves behind is nothing. */
		static char before[64 * 1024], after[64 * 1024];
		int maps = open("/proc/self/maps", O_RDONLY);
		ssize_t size = read(maps, before, sizeof before), again;

		for (int i = 0; i < 3; i++)
			execve(argv[2], after_one, environ);
		printf("%s ", strerrorname_np(errno));
		lseek(maps, 0, SEEK_SET);
		again = read(maps, after, sizeof after);
		printf("%s\n", size == again && !memcmp(before, after, (size_t)size) ? "same" : "different");
		return 0;
	} else if (!strcmp(how, "chdir")) {
		char cwd[4096];

		if (chdir(argv[2]))
			return failed();
		printf("%s\n", getcwd(cwd, sizeof cwd));
		return 0;
	} else if (!strcmp(how, "chroot")) {
		if (chroot(argv[2]) == 0)
			return 1;
	} else if (!strcmp(how, "race"))
		return race(argv[2], getenv("OTHER"));
	else
		return 1;
	return failed();
}
