// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Decisions about socket addresses, which the kernel has copied, by the address rules of the program. Addresses of AF_UNIX that are
 * paths are judged where the kernel resolves them (objects.c).
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <net/sock.h>

#include "rvisor.h"
#include "trace.h"

static u32 protocol_of(const struct socket *socket)
{
	switch (socket->sk->sk_protocol) {
	case IPPROTO_TCP:
		return RV_PROTOCOL_TCP;
	case IPPROTO_UDP:
		return RV_PROTOCOL_UDP;
	default:
		return socket->type == SOCK_RAW || socket->type == SOCK_PACKET ? RV_PROTOCOL_RAW : RV_PROTOCOL_OTHER;
	}
}

/* Whether the socket takes the address for what it says it is: some families do not look. */
static bool agree(const struct socket *socket, const struct rv_address *address)
{
	switch (address->kind) {
	case RV_ADDRESS_IPV4:
	case RV_ADDRESS_IPV6:
		return socket->sk->sk_family == AF_INET || socket->sk->sk_family == AF_INET6;
	default:
		return socket->sk->sk_family == AF_UNIX;
	}
}

static int error_of(u32 verdict)
{
	switch (verdict) {
	case RV_VERDICT_UNSUPPORTED:
		return -EAFNOSUPPORT;
	case RV_VERDICT_MALFORMED:
		return -EINVAL;
	default:
		return -EACCES;
	}
}

/*
 * The unspecified address means this host, whichever of its addresses the socket has: make it the loopback address that was decided on.
 */
static void settle(struct sockaddr *address, const struct rv_address *decided)
{
	if (!(decided->flags & RV_ADDRESS_UNSPECIFIED))
		return;
	if (address->sa_family == AF_INET)
		memcpy(&((struct sockaddr_in *)address)->sin_addr, decided->bytes, 4);
	else if (decided->kind == RV_ADDRESS_IPV4)
		memcpy(&((struct sockaddr_in6 *)address)->sin6_addr.s6_addr[12], decided->bytes, 4);
	else
		memcpy(&((struct sockaddr_in6 *)address)->sin6_addr, decided->bytes, 16);
}

/* `address` is the kernel's own copy. */
static int judge(struct socket *socket, struct sockaddr *address, int length, u32 rights)
{
	struct rv_task *self = rv_find(current);
	struct rv_program *program;
	struct rv_address decided;
	struct rv_access access = { .rule = RV_ID_NONE };
	int error;

	if (self->judging != RV_JUDGE_ADDRESS)
		return 0;
	rv_count(self->sandbox, objects);
	access.verdict = length < 0 ? RV_VERDICT_MALFORMED : rv_parse_address((const u8 *)address, length, rights, &decided);
	if (access.verdict == RV_VERDICT_GRANTED) {
		if (!agree(socket, &decided))
			access.verdict = RV_VERDICT_UNSUPPORTED;
		else if (decided.kind == RV_ADDRESS_PATH)
			return 0;
	}
	if (access.verdict == RV_VERDICT_GRANTED) {
		program = rv_program_get(self->sandbox);
		rv_eval_address(program->bytes, (const u8 *)address, length, protocol_of(socket), rights, &decided, &access);
		rv_program_put(program);
	}
	trace_rvisor_address(self->sandbox->number, &self->call, rights, &access);
	if (access.verdict == RV_VERDICT_GRANTED) {
		settle(address, &decided);
		return 0;
	}
	error = error_of(access.verdict);
	if (self->appealable)
		return rv_appeal(self, error);
	rv_report(self, &access, rights, -error, RV_TEXT_ADDRESS, address, clamp(length, 0, (int)RV_MAX_SOCKADDR));
	return error;
}

int rv_judge_connect(struct socket *socket, struct sockaddr *address, int length)
{
	return judge(socket, address, length, RV_RIGHT_CONNECT);
}

int rv_judge_bind(struct socket *socket, struct sockaddr *address, int length)
{
	return judge(socket, address, length, RV_RIGHT_BIND);
}

/* Each message that is sent; those without an address go where the socket is connected to. */
int rv_judge_send(struct socket *socket, const struct msghdr *message)
{
	const u32 rights = RV_RIGHT_SEND | (message->msg_flags & MSG_FASTOPEN ? RV_RIGHT_CONNECT : 0);

	return message->msg_name ? judge(socket, message->msg_name, message->msg_namelen, rights) : 0;
}
