// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Calls that a policy decides by the socket addresses they name. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "self.h"
#include "tap.h"
#include "tree.h"

static uint16_t open_port, denied_port;

static int listener(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (void *)&address, size) || listen(fd, 64) || getsockname(fd, (void *)&address, &size))
		bail("listener");
	*port = ntohs(address.sin_port);
	return fd;
}

static int connect4(uint32_t ip, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), error = ERRNO_OF(connect(fd, (void *)&address, sizeof(address)));

	close(fd);
	return error;
}

static int connect6(const char *ip, uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), error;

	inet_pton(AF_INET6, ip, &address.sin6_addr);
	error = ERRNO_OF(connect(fd, (void *)&address, sizeof(address)));
	close(fd);
	return error;
}

static int unix_call(bool binding, int type, const char *name, bool abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1;
	int fd = socket(AF_UNIX, type, 0), error;

	strcpy(address.sun_path + abstract, name);
	error = ERRNO_OF(binding ? bind(fd, (void *)&address, size) : connect(fd, (void *)&address, size));
	close(fd);
	return error;
}

static int send4(uint32_t ip, uint16_t port, uint16_t family)
{
	struct sockaddr_in address = { .sin_family = family, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), error = ERRNO_OF(sendto(fd, "x", 1, 0, (void *)&address, sizeof(address)));

	close(fd);
	return error;
}

static int guest_addresses(void *argument)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(denied_port) };
	struct sockaddr unspecified = { .sa_family = AF_UNSPEC };
	struct iovec data = { "x", 1 };
	struct msghdr message = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &data, .msg_iovlen = 1 };
	struct mmsghdr messages[2] = { { .msg_hdr = message } };
	int fd, pair[2];

	(void)argument;
	check_is(connect4(INADDR_LOOPBACK, open_port), 0, "connect to what is granted");
	check_is(connect4(INADDR_LOOPBACK, denied_port), EACCES, "connect to what is not");
	check_is(connect4(0x7f000002, open_port), EACCES, "connect to another address");
	check_is(connect4(INADDR_ANY, open_port), 0, "0.0.0.0 is the loopback address");
	check_is(connect4(INADDR_ANY, denied_port), EACCES, "for refusals too");
	check_is(connect6("::ffff:127.0.0.1", open_port), 0, "IPv4 written as IPv6");
	check_is(connect6("::ffff:127.0.0.1", denied_port), EACCES, "likewise what is not granted");
	check_is(connect6("::1", denied_port), EACCES, "IPv6");
	check_is(connect6("::1", open_port), ECONNREFUSED, "IPv6, granted: nobody is there");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check_is(ERRNO_OF(connect(fd, &unspecified, sizeof(unspecified))), EAFNOSUPPORT, "AF_UNSPEC");
	check_is(ERRNO_OF(bind(fd, (void *)&address, sizeof(address))), EACCES, "bind");
	close(fd);
	fd = socket(AF_NETLINK, SOCK_RAW, 0);
	check_is(ERRNO_OF(bind(fd, (struct sockaddr *)&(struct sockaddr){ .sa_family = AF_NETLINK }, 12)), EAFNOSUPPORT, "another family");
	close(fd);
	check_is(send4(INADDR_LOOPBACK, open_port, AF_INET), 0, "sendto");
	check_is(send4(INADDR_LOOPBACK, denied_port, AF_INET), EACCES, "sendto what is not granted");
	check_is(send4(INADDR_LOOPBACK, denied_port, AF_UNSPEC), EAFNOSUPPORT, "sendto with AF_UNSPEC, which the kernel takes for IPv4");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	check_is(ERRNO_OF(sendmsg(fd, &message, 0)), EACCES, "sendmsg");
	check_is(ERRNO_OF(sendmmsg(fd, messages, 1, 0)), EACCES, "sendmmsg");
	messages[1] = messages[0];
	messages[0].msg_hdr.msg_name = NULL;
	messages[0].msg_hdr.msg_namelen = 0;
	check(sendmmsg(fd, messages + 1, 1, 0) < 0 && errno == EACCES, "a second message of several");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	check_is(ERRNO_OF(sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&address, sizeof(address))), EACCES, "a connection by sendto");
	close(fd);
	if (!socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		check_is(send(pair[0], "x", 1, 0), 1, "what is connected may send");
	check_is(unix_call(false, SOCK_STREAM, "/tmp/box/socket", false), 0, "connect by path");
	check_is(unix_call(false, SOCK_STREAM, "/tmp/box/secret/socket", false), EACCES, "connect to a denied path");
	check_is(unix_call(false, SOCK_STREAM, "/tmp/box/socketlink", false), EACCES, "connect to it by a link");
	check_is(unix_call(true, SOCK_STREAM, "/tmp/box/mine", false), 0, "bind by path");
	check_is(unix_call(true, SOCK_STREAM, "/tmp/box/secret/mine", false), EACCES, "bind to a denied path");
	check_is(unix_call(true, SOCK_STREAM, "rvisor-mine", true), 0, "bind to an abstract name");
	check_is(unix_call(true, SOCK_STREAM, "rvisor-other", true), EACCES, "bind to another");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	{
		struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "/tmp/box/socket" };

		check_is(ERRNO_OF(connect(fd, (void *)&path, sizeof(path))), EAFNOSUPPORT, "a path for a socket of another family");
	}
	close(fd);
	return 7;
}

/* A sibling thread swaps the port. */
static volatile int racing;
static struct sockaddr_in raced_address;

static void *swap_ports(void *argument)
{
	(void)argument;
	while (racing) {
		raced_address.sin_port = htons(denied_port);
		__asm__ volatile("" : : : "memory");
		raced_address.sin_port = htons(open_port);
		__asm__ volatile("" : : : "memory");
	}
	return NULL;
}

static int guest_address_race(void *argument)
{
	pthread_t thread;
	int connected = 0, wrong = 0;
	double end = seconds() + 1;

	(void)argument;
	raced_address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(open_port) };
	racing = 1;
	pthread_create(&thread, NULL, swap_ports, NULL);
	while (seconds() < end && connected < 500) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		struct sockaddr_in peer;
		socklen_t size = sizeof(peer);

		if (!connect(fd, (void *)&raced_address, sizeof(raced_address))) {
			connected++;
			if (!getpeername(fd, (void *)&peer, &size) && peer.sin_port == htons(denied_port))
				wrong++;
		}
		close(fd);
	}
	racing = 0;
	pthread_join(thread, NULL);
	check(connected && !wrong, "a race of ports: %d connected, %d wrongly", connected, wrong);
	return 7;
}

static void *accept_all(void *argument)
{
	int fd = *(int *)argument, peer;

	while ((peer = accept(fd, NULL, NULL)) >= 0)
		close(peer);
	return NULL;
}

static struct policy address_policy(void)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_connect, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_bind, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_sendto, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_sendmsg, RV_ACTION_NOTIFY, 0);
	policy_call(SYS_sendmmsg, RV_ACTION_NOTIFY, 0);
	policy_address4("127.0.0.1", open_port, open_port, RV_KIND_GRANT, RV_RIGHT_CONNECT | RV_RIGHT_SEND);
	policy_address6("::1", open_port, open_port, RV_KIND_GRANT, RV_RIGHT_CONNECT);
	policy_path("/tmp/box", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path("/tmp/box/secret", RV_KIND_DENY, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_abstract("rvisor-mine", RV_KIND_GRANT, RV_RIGHT_BIND);
	return policy_end();
}

static int unix_listener(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	unlink(path);
	if (bind(fd, (void *)&address, sizeof(address)) || listen(fd, 16))
		bail(path);
	return fd;
}

static void test_addresses(void)
{
	pthread_t threads[2];
	struct box box;
	int fds[4];

	tree_make();
	/* 127.0.0.1 alone: what it does there is the rules' business. */
	fds[0] = listener(&open_port);
	fds[1] = listener(&denied_port);
	fds[2] = unix_listener("/tmp/box/socket");
	fds[3] = unix_listener("/tmp/box/secret/socket");
	if (symlink("/tmp/box/secret/socket", "/tmp/box/socketlink"))
		bail("symlink");
	check_is(connect4(INADDR_LOOPBACK, denied_port), 0, "outside everybody connects");
	check_is(unix_call(false, SOCK_STREAM, "/tmp/box/secret/socket", false), 0, "by path too");
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, accept_all, &fds[i]);
	box_open(&box, address_policy(), NULL);
	check_is(box_run(&box, guest_addresses, NULL), 7, "the guest ran to its end");
	box_close(&box);
	box_open(&box, address_policy(), NULL);
	check_is(box_run(&box, guest_address_race, NULL), 7, "the guest ran to its end");
	box_close(&box);
	check(box.reports == 0 || (box.report.text == RV_TEXT_ADDRESS && box.report.text_size == sizeof(struct sockaddr_in) &&
				   box.report.rights == RV_RIGHT_CONNECT),
	      "a refusal is reported with the address");
	for (int i = 0; i < 4; i++) {
		shutdown(fds[i], SHUT_RDWR);
		if (i < 2)
			pthread_join(threads[i], NULL);
		close(fds[i]);
	}
}

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_addresses();
	return tap_end();
}
