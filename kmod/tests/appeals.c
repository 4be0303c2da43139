// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The flags of a program (RV_PROGRAM_*) and descriptors that are moved (RV_REPLY_MOVE), from the outside. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "tap.h"

#define DENIED "/tmp/appeals/denied"
#define GRANTED "/tmp/appeals/granted"
#define MISSING "/tmp/appeals/missing"

/* What the owner says to appeals: the guest's choice, by the last register, which is none of the arguments of these calls (but sendto's). */
enum wish { GO_ON, REFUSE, GIVE, VALUE };

static volatile unsigned appeals, wrong;
static int memory, moved;

static void answer(const struct rv_device_event *event, struct rv_device_reply *reply)
{
	appeals++;
	if (event->decision.action != RV_ACTION_NOTIFY || event->decision.base != RV_ACTION_NOTIFY)
		wrong++;
	if (moved && fcntl(moved, F_GETFD) >= 0)
		wrong++;
	switch (event->call.args[5]) {
	case REFUSE:
		reply->verdict = RV_REPLY_ERRNO;
		reply->error = EXFULL;
		break;
	case GIVE:
		reply->verdict = RV_REPLY_FD;
		reply->fd = moved = fcntl(memory, F_DUPFD_CLOEXEC, 100);
		reply->flags = RV_REPLY_MOVE;
		break;
	case VALUE:
		reply->verdict = RV_REPLY_VALUE;
		reply->value = 77;
		break;
	}
}

static long try(long nr, long a, long b, long c, enum wish wish)
{
	long result = syscall(nr, a, b, c, 0, 0, wish);

	return result < 0 ? -errno : result;
}

static long try_open(const char *path, int flags, enum wish wish)
{
	return try(SYS_openat, AT_FDCWD, (long)path, flags, wish);
}

static long try_stat(const char *path, enum wish wish)
{
	struct stat st;

	return try(SYS_stat, (long)path, (long)&st, 0, wish);
}

static long try_send(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	long result = syscall(SYS_sendto, fd, "x", 1, 0, &address, sizeof(address));

	close(fd);
	return result < 0 ? -errno : result;
}

static volatile int signals;

static void on_signal(int signal)
{
	struct stat st;

	(void)signal;
	signals++;
	/* The handler makes calls of its own, of the same kind too. */
	syscall(SYS_stat, GRANTED, &st);
	syscall(SYS_getppid);
}

static int guest_appeals(void *argument)
{
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = on_signal };
	char text[8] = "";
	int odd = 0;
	long fd;

	(void)argument;
	check_is(try_stat(GRANTED, REFUSE), 0, "what is granted is not asked for");
	fd = try_open(GRANTED, O_RDONLY, REFUSE);
	check(fd >= 0, "nor when it is opened");
	close(fd);
	check_is(try_stat(DENIED, REFUSE), -EXFULL, "a denied path: as the owner says");
	check_is(try_stat(DENIED, VALUE), 77, "also a value");
	check_is(try_stat(DENIED, GO_ON), -EACCES, "to go on is to be refused");
	check_is(try_stat(MISSING, REFUSE), -EXFULL, "a path that leads nowhere: as the owner says");
	check_is(try_stat(MISSING, GO_ON), -ENOENT, "to go on is to find nothing");
	check_is(try_stat(GRANTED "/x", REFUSE), -EXFULL, "a path through a file: as the owner says");
	check_is(try_open(DENIED, O_RDONLY, REFUSE), -EXFULL, "a denied file is opened: as the owner says");
	check_is(try_open(DENIED, O_PATH, REFUSE), -EXFULL, "or only found");
	check_is(try_open(MISSING, O_RDONLY, REFUSE), -EXFULL, "or is not there");
	fd = try_open(DENIED, O_RDONLY, GIVE);
	check(fd >= 0 && pread(fd, text, 5, 0) == 5 && !strcmp(text, "given"), "or another file is given: %ld %s", fd, text);
	close(fd);
	check_is(try_open(DENIED, O_WRONLY, REFUSE), -EACCES, "no appeal for what writes");
	check_is(try_open("/tmp/appeals/denied-new", O_WRONLY | O_CREAT, REFUSE), -EACCES, "nor for what makes");
	check_is(try(SYS_mkdir, (long)DENIED "/x", 0700, 0, REFUSE), -ENOTDIR, "nor for other calls");
	check_is(try_send(9), 1, "a granted address is sent to");
	check_is(try_send(10), -EACCES, "another one is appealed against");

	/* Signals come between a refusal and the appeal. */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 3000; i++) {
		odd += try_stat(DENIED, REFUSE) != -EXFULL;
		odd += try_stat(GRANTED, REFUSE) != 0;
		odd += try_stat(MISSING, VALUE) != 77;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	check_is(odd, 0, "appeals while signals come");
	check(signals > 10, "there were signals: %d", signals);
	return 7;
}

static struct policy policy(uint32_t flags)
{
	struct policy made;

	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_stat, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_openat, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_mkdir, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_sendto, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_getuid, RV_ACTION_ERRNO, EXFULL);
	policy_call(SYS_getgid, RV_ACTION_KILL, 0);
	policy_path("/", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path(DENIED, RV_KIND_DENY, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path(DENIED "-new", RV_KIND_DENY, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_address4("127.0.0.1", 9, 9, RV_KIND_GRANT, RV_RIGHT_SEND);
	made = policy_end();
	made.flags = flags;
	return made;
}

static void test_appeals(void)
{
	struct box box;

	memory = memfd_create("answer", MFD_CLOEXEC);
	if (memory < 0 || write(memory, "given", 5) != 5)
		bail("memfd");
	box_open(&box, policy(RV_PROGRAM_APPEAL), answer);
	check_is(box_run(&box, guest_appeals, NULL), 7, "the guest ran to its end");
	box_close(&box);
	check(appeals >= 6000, "the owner was asked: %u", appeals);
	check_is(wrong, 0, "always as NOTIFY");
	check(moved && fcntl(moved, F_GETFD) < 0 && errno == EBADF, "a descriptor that is moved is the owner's no more");
	check_is(box.reports, 4, "what was refused without an appeal, or after one, is reported");
	close(memory);
}

static int guest_quiet(void *argument)
{
	pid_t pid;
	int status;
	long result;

	(void)argument;
	check(syscall(SYS_getuid) == -1 && errno == EXFULL, "a call is refused");
	asm volatile("int $0x80" : "=a"(result) : "0"(20L) : "memory", "r8", "r9", "r10", "r11");
	check_is(result, -FOREIGN_ERROR, "so is one of i386");
	pid = fork();
	if (!pid) {
		syscall(SYS_getgid);
		_exit(1);
	}
	check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "KILL is of the process: %x", status);
	return 7;
}

static void test_quiet(void)
{
	struct rv_device_status status;
	struct box box;

	box_open(&box, policy(RV_PROGRAM_QUIET | RV_PROGRAM_KILL_PROCESS), NULL);
	check_is(box_run(&box, guest_quiet, NULL), 7, "the guest ran to its end");
	pthread_join(box.thread, NULL);
	status = box_status(box.fd);
	close(box.fd);
	check(box.reports == 1 && box.report.call.arch != RV_ARCH_X86_64, "the foreign call alone is reported: %u", box.reports);
	check(status.refused == 3 && status.reported == 1 && status.lost == 0, "all are counted: %lu %lu %lu", status.refused, status.reported, status.lost);
	box_open(&box, policy(RV_PROGRAM_QUIET), NULL);
	check_is(box_run(&box, guest_quiet, NULL), KILLED, "without the flag KILL is of the sandbox");
	box_close(&box);
}

static void test_flags(void)
{
	struct policy made = policy(8);
	int fd = box_device();

	check_is(box_hello(fd), 0, "HELLO");
	check_is(box_load(fd, made), EINVAL, "a flag that is none");
	close(fd);
}

int main(void)
{
	int fd;

	tap_start();
	if (system("rm -rf /tmp/appeals && mkdir /tmp/appeals") || (fd = creat(DENIED, 0644)) < 0 || close(fd) || (fd = creat(GRANTED, 0644)) < 0 || close(fd))
		bail("fixture");
	test_flags();
	test_appeals();
	test_quiet();
	return tap_end();
}
