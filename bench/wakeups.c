// Times a system call that another process answers by a seccomp notification, without anything of rvisor's: wakeups SYNC ROUNDS, where SYNC is 1
// to have the kernel wake each side on the other's CPU (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6). Prints p10, p50, p90, p99 and the
// longest, in nanoseconds.
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

static int listener_of_this(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	int rounds = atoi(argv[2]), gate[2];
	if (pipe(gate))
		return 1;
	// It shares our descriptors but not our filter.
	pid_t answers = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
	if (answers == 0) {
		int listener;
		if (read(gate[0], &listener, sizeof listener) != sizeof listener)
			_exit(1);
		if (atoi(argv[1]) && ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 1UL))
			_exit(1);
		for (;;) {
			struct seccomp_notif call;
			memset(&call, 0, sizeof call);
			if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
				continue;
			struct seccomp_notif_resp answer = {call.id, 1, 0, 0};
			ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
		}
	}
	int listener = listener_of_this();
	if (listener < 0 || write(gate[1], &listener, sizeof listener) != sizeof listener)
		return 1;
	long *times = malloc(sizeof *times * (size_t)rounds);
	for (int i = -rounds / 10; i < rounds; i++) {
		long begin = now();
		syscall(SYS_getppid);
		if (i >= 0)
			times[i] = now() - begin;
	}
	kill(answers, SIGKILL);
	waitpid(answers, NULL, 0);
	qsort(times, (size_t)rounds, sizeof *times, ascending);
	printf("%ld %ld %ld %ld %ld\n", times[rounds / 10], times[rounds / 2], times[rounds * 9L / 10], times[rounds * 99L / 100], times[rounds - 1]);
	return 0;
}
