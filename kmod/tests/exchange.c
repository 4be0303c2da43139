// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * How calls reach the owner and answers the guest: EXCHANGE by hand, in orders that no owner of ours would choose. Runs as root with the module
 * loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "box.h"
#include "self.h"
#include "tap.h"

static int guest_getppid(void *argument)
{
	(void)argument;
	return syscall(SYS_getppid) == 7 ? 7 : 8;
}

static void test_exchange(void)
{
	struct rv_device_exchange exchange = { 0 }, *straddling;
	struct rv_device_reply reply = { .verdict = RV_REPLY_VALUE, .value = 7 };
	struct pollfd poller = { .events = POLLIN };
	char *pages;
	uint64_t first;
	pid_t pid, second;
	int fd = box_device();

	policy_begin(RV_ACTION_ALLOW, 0);
	policy_handler(SYS_getppid, 3, 0);
	box_hello(fd);
	box_load(fd, policy_end());
	pid = box_spawn(fd, guest_getppid, NULL);
	poller.fd = fd;
	check(poll(&poller, 1, 5000) == 1 && poller.revents == POLLIN, "poll says that a call waits");

	/* The event lies where it cannot be written. */
	pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	straddling = (struct rv_device_exchange *)(pages + 4096 - offsetof(struct rv_device_exchange, event));
	check_is(box_exchange(fd, straddling), EFAULT, "an event that cannot be written");
	check_is(box_exchange(fd, &exchange), 0, "is not lost");
	check(exchange.event.kind == RV_EVENT_CALL && exchange.event.call.nr == SYS_getppid && exchange.event.decision.handlers == 8 &&
		      exchange.event.tid == (uint32_t)pid && exchange.event.pid == (uint32_t)pid && exchange.event.id,
	      "the event says what waits");
	first = exchange.event.id;
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_VALID, &(struct rv_device_valid){ first })), 0, "VALID while it waits");
	exchange.flags = RV_EXCHANGE_NOWAIT;
	check_is(box_exchange(fd, &exchange), EAGAIN, "an event is given once");
	reply.id = first;
	exchange = (struct rv_device_exchange){ .reply = reply, .flags = RV_EXCHANGE_REPLY };
	exchange.reply.reserved = 1;
	check_is(box_exchange(fd, &exchange), EINVAL, "a malformed reply leaves the call waiting");
	exchange.reply.reserved = 0;
	check(box_exchange(fd, &exchange) == 0 && exchange.result == 0 && exchange.reply.id == 0, "a reply");
	check_is(box_reply(fd, &reply), ENOENT, "a second one");
	check_is(box_wait(pid), 7, "the call had its answer");
	check(poll(&poller, 1, 5000) == 1 && poller.revents == POLLHUP, "poll says that it is over");
	exchange = (struct rv_device_exchange){ 0 };
	check_is(box_exchange(fd, &exchange), ESRCH, "so does EXCHANGE");

	/* One that dies while it waits, and one that comes after it. */
	pid = box_spawn(fd, guest_getppid, NULL);
	exchange = (struct rv_device_exchange){ 0 };
	box_exchange(fd, &exchange);
	reply.id = exchange.event.id;
	check(reply.id > first, "a new call has a new id");
	kill(pid, SIGKILL);
	check_is(box_wait(pid), KILLED, "a waiting task can be killed");
	check_is(ERRNO_OF(ioctl(fd, RV_DEVICE_VALID, &(struct rv_device_valid){ reply.id })), ENOENT, "VALID when it is dead");
	second = box_spawn(fd, guest_getppid, NULL);
	exchange = (struct rv_device_exchange){ .reply = reply };
	check(box_exchange(fd, &exchange) == 0 && exchange.result == ENOENT && exchange.event.tid == (uint32_t)second,
	      "a reply to the dead is said so, and the next event comes along");
	reply.id = exchange.event.id;
	check_is(box_reply(fd, &reply), 0, "which is answered");
	check_is(box_wait(second), 7, "and had it");

	/* Killed before anybody fetched the call. */
	pid = box_spawn(fd, guest_getppid, NULL);
	poll(&poller, 1, 5000);
	kill(pid, SIGKILL);
	box_wait(pid);
	exchange = (struct rv_device_exchange){ .flags = RV_EXCHANGE_NOWAIT };
	check_is(box_exchange(fd, &exchange), ESRCH, "a call of the dead is not given");
	close(fd);
}

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_exchange();
	return tap_end();
}
