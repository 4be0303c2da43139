// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

int box_device(void)
{
	return open(RV_DEVICE_PATH, O_RDWR | O_CLOEXEC);
}

int box_hello(int fd)
{
	struct rv_device_hello hello = { .version = RV_DEVICE_VERSION, .program_version = RV_VERSION };

	return ERRNO_OF(ioctl(fd, RV_DEVICE_HELLO, &hello));
}

int box_load(int fd, struct policy policy)
{
	struct rv_device_program program = { .address = (uintptr_t)policy.bytes, .size = policy.size, .flags = policy.flags };
	int error = ERRNO_OF(ioctl(fd, RV_DEVICE_PROGRAM, &program));

	free(policy.bytes);
	return error;
}

int box_register(int fd, pid_t tid)
{
	struct rv_device_register request = { .tid = tid };

	return ERRNO_OF(ioctl(fd, RV_DEVICE_REGISTER, &request));
}

int box_exchange(int fd, struct rv_device_exchange *exchange)
{
	return ERRNO_OF(ioctl(fd, RV_DEVICE_EXCHANGE, exchange));
}

int box_reply(int fd, const struct rv_device_reply *reply)
{
	struct rv_device_exchange exchange = { .reply = *reply, .flags = RV_EXCHANGE_REPLY };
	int error = box_exchange(fd, &exchange);

	return error ? error : (int)exchange.result;
}

struct rv_device_status box_status(int fd)
{
	struct rv_device_status status;

	if (ioctl(fd, RV_DEVICE_STATUS, &status))
		bail("STATUS");
	return status;
}

static void *answer(void *argument)
{
	struct box *box = argument;
	char text[RV_DEVICE_MAX_TEXT];
	struct rv_device_exchange exchange = { .text = (uintptr_t)text, .capacity = sizeof(text) };

	for (;;) {
		box->ended = box_exchange(box->fd, &exchange);
		if (box->ended == EINTR)
			continue;
		if (box->ended)
			return NULL;
		memset(&exchange.reply, 0, sizeof(exchange.reply));
		if (exchange.event.kind == RV_EVENT_REPORT) {
			box->report = exchange.event;
			memcpy(box->text, text, exchange.event.text_size);
			box->text[exchange.event.text_size] = 0;
			box->reports++;
			continue;
		}
		box->calls++;
		exchange.reply.id = exchange.event.id;
		exchange.reply.verdict = RV_REPLY_CONTINUE;
		if (box->answer)
			box->answer(&exchange.event, &exchange.reply);
		if (!exchange.reply.verdict)
			exchange.reply.id = 0;
	}
}

void box_open(struct box *box, struct policy policy, answer_fn *function)
{
	int error;

	memset(box, 0, sizeof(*box));
	box->answer = function;
	box->fd = box_device();
	if (box->fd < 0)
		bail(RV_DEVICE_PATH);
	errno = box_hello(box->fd);
	if (errno)
		bail("HELLO");
	errno = box_load(box->fd, policy);
	if (errno)
		bail("PROGRAM");
	error = pthread_create(&box->thread, NULL, answer, box);
	if (error)
		bail("pthread_create");
}

void box_close(struct box *box)
{
	pthread_join(box->thread, NULL);
	close(box->fd);
}

void box_filter(void)
{
	struct sock_filter filter[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS) };
	struct sock_fprog program = { 1, filter };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		_exit(97);
}

pid_t box_spawn(int fd, guest_fn *guest, void *argument)
{
	int ready[2], go[2];
	char byte = 0;
	pid_t pid;

	fflush(stdout);
	if (pipe(ready) || pipe(go))
		bail("pipe");
	pid = fork();
	if (pid < 0)
		bail("fork");
	if (!pid) {
		close(ready[0]);
		close(go[1]);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(96);
		close(ready[1]);
		close(go[0]);
		box_filter();
		_exit(guest(argument));
	}
	close(ready[1]);
	close(go[0]);
	if (read(ready[0], &byte, 1) != 1)
		bail("guest");
	errno = box_register(fd, pid);
	if (errno)
		bail("REGISTER");
	if (write(go[1], &byte, 1) != 1)
		bail("guest");
	close(ready[0]);
	close(go[1]);
	return pid;
}

int box_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int box_run(struct box *box, guest_fn *guest, void *argument)
{
	return box_wait(box_spawn(box->fd, guest, argument));
}
