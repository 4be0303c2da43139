// SPDX-License-Identifier: Apache-2.0
/*
 * Socket addresses (address.c): how they are read, and which rules cover one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draft.h"
#include "expect.h"
#include "questions.h"
#include "tests.h"

static struct rv_address last_address;

static struct rv_access ask_address(const void *sockaddr, size_t length, uint32_t protocol, uint32_t rights)
{
	/* On the heap, exactly as long as it is: the sanitizer sees a byte read too many. */
	uint8_t *copy = malloc(length ? length : 1);
	struct rv_access access;
	uint32_t verdict;

	memcpy(copy, sockaddr, length);
	memset(&access, 0xaa, sizeof(access));
	memset(&last_address, 0xaa, sizeof(last_address));
	verdict = rv_eval_address(image, copy, length, protocol, rights, &last_address, &access);
	EXPECT_EQ(verdict, access.verdict);
	EXPECT_EQ(last_address.reserved, 0);
	free(copy);
	return access;
}

static struct rv_access ask4(const char *ip, uint16_t port, uint32_t protocol, uint32_t rights)
{
	unsigned a, b, c, d;
	/* The guest may fill sin_zero as it likes. */
	uint8_t sockaddr[16] = { 2, 0, (uint8_t)(port >> 8), (uint8_t)port, [8] = 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee };

	sscanf(ip, "%u.%u.%u.%u", &a, &b, &c, &d);
	sockaddr[4] = (uint8_t)a;
	sockaddr[5] = (uint8_t)b;
	sockaddr[6] = (uint8_t)c;
	sockaddr[7] = (uint8_t)d;
	return ask_address(sockaddr, sizeof(sockaddr), protocol, rights);
}

static struct rv_access ask6(const uint8_t *ip, uint16_t port, size_t length, uint32_t rights)
{
	uint8_t sockaddr[28] = { 10, 0, (uint8_t)(port >> 8), (uint8_t)port, 0xee, 0xee, 0xee, 0xee, [24] = 4, [27] = 1 };

	memcpy(sockaddr + 8, ip, 16);
	return ask_address(sockaddr, length, RV_PROTOCOL_TCP, rights);
}

static struct rv_access ask_unix(const char *name, size_t length, uint32_t rights)
{
	uint8_t sockaddr[256] = { 1, 0 };

	memcpy(sockaddr + 2, name, length);
	return ask_address(sockaddr, 2 + length, 0, rights);
}

/*
 * v4: /0 grant 30 CONNECT tcp 443; /8 10: grant 31 CONNECT any; 127: grant 32 CONNECT|BIND;
 *     /32 10.0.0.1: deny 33, filter 2; 10.0.0.9: grant 34
 * v6: /32 2001:db8: grant 35 CONNECT; /128 ::1: grant 36 CONNECT
 * abstract: "bus" grant 37; "x*" deny 38; "?z" grant 40 BIND
 */
static void address_fixture(void)
{
	static const uint8_t one[] = { 10, 0, 0, 1 }, nine[] = { 10, 0, 0, 9 }, doc[] = { 0x20, 1, 0x0d, 0xb8 }, loop[16] = { [15] = 1 };

	begin(RV_ACTION_ALLOW, 0);
	sets();
	node("", 1, 0, RV_ID_NONE);
	node("run", 0, 1, RV_ID_NONE);
	path_rule(39, C, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	ADD(GROUPS, rv_group, .family = 4, .prefix = 0, .address_count = 1);
	address_rule(30, RV_KIND_GRANT, C, RV_PROTOCOL_TCP, 443, 443, one, 0);
	ADD(GROUPS, rv_group, .family = 4, .prefix = 8, .first_address = 1, .address_count = 2);
	address_rule(31, RV_KIND_GRANT, C, RV_PROTOCOL_ALL, 0, 65535, one, 1);
	address_rule(32, RV_KIND_GRANT, C | B, RV_PROTOCOL_ALL, 0, 65535, (const uint8_t[]){ 127 }, 1);
	ADD(GROUPS, rv_group, .family = 4, .prefix = 32, .first_address = 3, .address_count = 3);
	address_rule(33, RV_KIND_DENY, C, RV_PROTOCOL_UDP, 0, 65535, one, 4);
	address_rule(2, RV_KIND_FILTER, C, RV_PROTOCOL_ALL, 80, 90, one, 4);
	address_rule(34, RV_KIND_GRANT, RV_RIGHT_ALL, RV_PROTOCOL_ALL, 0, 65535, nine, 4);
	ADD(GROUPS, rv_group, .family = 6, .prefix = 32, .first_address = 6, .address_count = 1);
	address_rule(35, RV_KIND_GRANT, C, RV_PROTOCOL_ALL, 0, 65535, doc, 4);
	ADD(GROUPS, rv_group, .family = 6, .prefix = 128, .first_address = 7, .address_count = 1);
	address_rule(36, RV_KIND_GRANT, C, RV_PROTOCOL_ALL, 0, 65535, loop, 16);
	ADD(ABSTRACTS, rv_abstract, .id = 37, .rights = C, .kind = RV_KIND_GRANT, .part = 0);
	literal("bus");
	ADD(ABSTRACTS, rv_abstract, .id = 38, .rights = C, .kind = RV_KIND_DENY, .part = 1);
	wild("x*");
	ADD(ABSTRACTS, rv_abstract, .id = 40, .rights = B, .kind = RV_KIND_GRANT, .part = 2);
	wild("?z");
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
}

void test_addresses(void)
{
	static const uint8_t doc[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 7 }, other[16] = { 0x20, 2 }, any[16] = { 0 };
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 }, mapped_any[16] = { [10] = 0xff, 0xff };
	static const uint8_t half_mapped[16] = { [10] = 0xff, 0xfe, 10 }, not_mapped[16] = { [10] = 0xfe, 0xff, 10 };
	char longest[120];

	address_fixture();
	GRANTED(ask4("10.0.0.9", 80, RV_PROTOCOL_UDP, C), 31, 0);
	GRANTED(ask4("10.0.0.1", 80, RV_PROTOCOL_TCP, C), 31, 1 << 2);
	GRANTED(ask4("10.0.0.1", 91, RV_PROTOCOL_TCP, C), 31, 0);
	GRANTED(ask4("10.0.0.1", 79, RV_PROTOCOL_TCP, C), 31, 0);
	DENIED(ask4("10.0.0.1", 80, RV_PROTOCOL_UDP, C), 33, C, 1 << 2);
	GRANTED(ask4("8.8.8.8", 443, RV_PROTOCOL_TCP, C), 30, 0);
	MISSING(ask4("8.8.8.8", 444, RV_PROTOCOL_TCP, C), C, 0);
	MISSING(ask4("8.8.8.8", 443, RV_PROTOCOL_UDP, C), C, 0);
	MISSING(ask4("10.0.0.2", 443, RV_PROTOCOL_TCP, B), B, 0);
	MISSING(ask4("255.255.255.255", 1, RV_PROTOCOL_TCP, C), C, 0);
	EXPECT(last_address.kind == RV_ADDRESS_IPV4 && last_address.port == 1 && last_address.bytes[3] == 255 && last_address.bytes[4] == 0);
	EXPECT(last_address.scope == 0 && last_address.name == 0 && last_address.name_length == 0);

	/* 0.0.0.0 is the host when connected to, and every interface when bound */
	GRANTED(ask4("0.0.0.0", 5, RV_PROTOCOL_TCP, C), 32, 0);
	EXPECT(last_address.flags == RV_ADDRESS_UNSPECIFIED && last_address.bytes[0] == 127 && last_address.bytes[3] == 1);
	MISSING(ask4("0.0.0.0", 5, RV_PROTOCOL_TCP, B), B, 0);
	EXPECT(last_address.flags == 0 && last_address.bytes[0] == 0);
	GRANTED(ask4("127.0.0.1", 5, RV_PROTOCOL_TCP, B), 32, 0);

	GRANTED(ask6(doc, 5, 28, C), 35, 0);
	EXPECT(last_address.kind == RV_ADDRESS_IPV6 && last_address.scope == 0x01000004 && last_address.bytes[15] == 7);
	GRANTED(ask6(doc, 5, 24, C), 35, 0);
	EXPECT_EQ(last_address.scope, 0);
	MISSING(ask6(other, 5, 28, C), C, 0);
	GRANTED(ask6(mapped, 80, 28, C), 31, 1 << 2);
	EXPECT(last_address.kind == RV_ADDRESS_IPV4 && last_address.flags == RV_ADDRESS_MAPPED && last_address.bytes[0] == 10);
	GRANTED(ask6(mapped_any, 80, 28, C), 32, 0);
	EXPECT_EQ(last_address.flags, RV_ADDRESS_MAPPED | RV_ADDRESS_UNSPECIFIED);
	MISSING(ask6(half_mapped, 80, 28, C), C, 0);
	MISSING(ask6(not_mapped, 80, 28, C), C, 0);
	GRANTED(ask6(any, 80, 28, C), 36, 0);
	EXPECT(last_address.flags == RV_ADDRESS_UNSPECIFIED && last_address.bytes[15] == 1);
	MISSING(ask6(any, 80, 28, B), B, 0);
	EXPECT_EQ(last_address.bytes[15], 0);

	/* AF_UNIX */
	GRANTED(ask_unix("/run/s", 6, C), 39, 0);
	EXPECT(last_address.kind == RV_ADDRESS_PATH && last_address.name == 2 && last_address.name_length == 6);
	GRANTED(ask_unix("/run/s\0junk", 11, C), 39, 0);
	EXPECT_EQ(last_address.name_length, 6);
	MISSING(ask_unix("/tmp/s", 6, C), C, 0);
	MALFORMED(ask_unix("run/s", 5, C), C);
	GRANTED(ask_unix("\0bus", 4, C), 37, 0);
	EXPECT(last_address.kind == RV_ADDRESS_ABSTRACT && last_address.name == 3 && last_address.name_length == 3);
	MISSING(ask_unix("\0bus\0", 5, C), C, 0); /* the length is part of an abstract name */
	MISSING(ask_unix("\0", 1, C), C, 0);
	DENIED(ask_unix("\0xyz", 4, C), 38, C, 0);
	MISSING(ask_unix("\0xyz", 4, B), B, 0);
	GRANTED(ask_unix("\0az", 3, B), 40, 0);
	MISSING(ask_unix("\0", 1, B), B, 0);
	memset(longest, 'x', sizeof(longest));
	longest[0] = 0;
	DENIED(ask_unix(longest, 108, C), 38, C, 0);
	MALFORMED(ask_unix(longest, 109, C), C);
	longest[0] = '/';
	MISSING(ask_unix(longest, 108, C), C, 0);
	UNSUPPORTED(ask_unix("", 0, C), C);
	MALFORMED(ask_unix("\0bus", 4, 0), 0);

	/* a group ends where the next one begins, whatever stands there */
	begin(RV_ACTION_ALLOW, 0);
	ADD(GROUPS, rv_group, .family = 4, .prefix = 0, .address_count = 1);
	address_rule(1, RV_KIND_GRANT, C, RV_PROTOCOL_TCP, 443, 443, any, 0);
	ADD(GROUPS, rv_group, .family = 4, .prefix = 8, .first_address = 1, .address_count = 1);
	address_rule(2, RV_KIND_GRANT, C, RV_PROTOCOL_TCP, 0, 65535, any, 0);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	GRANTED(ask4("0.9.9.9", 80, RV_PROTOCOL_TCP, C), 2, 0);
	MISSING(ask4("9.9.9.9", 80, RV_PROTOCOL_TCP, C), C, 0);

	/* what is not an address */
	address_fixture();
	MALFORMED(ask_address("", 0, RV_PROTOCOL_TCP, C), C);
	MALFORMED(ask_address("\2", 1, RV_PROTOCOL_TCP, C), C);
	MALFORMED(ask_address((uint8_t[129]){ 2 }, 129, RV_PROTOCOL_TCP, C), C);
	MALFORMED(ask_address((uint8_t[15]){ 2 }, 15, RV_PROTOCOL_TCP, C), C);
	MALFORMED(ask_address((uint8_t[23]){ 10 }, 23, RV_PROTOCOL_TCP, C), C);
	UNSUPPORTED(ask_address((uint8_t[128]){ 0 }, 128, RV_PROTOCOL_TCP, C), C);
	UNSUPPORTED(ask_address((uint8_t[16]){ 2, 1 }, 16, RV_PROTOCOL_TCP, C), C);
	UNSUPPORTED(ask_address((uint8_t[12]){ 16 }, 12, RV_PROTOCOL_TCP, C), C);

	/* what is not a question */
	MALFORMED(ask4("10.0.0.9", 80, 0, C), C);
	MALFORMED(ask4("10.0.0.9", 80, 3, C), C);
	MALFORMED(ask4("10.0.0.9", 80, 16, C), C);
	MALFORMED(ask4("10.0.0.9", 80, RV_PROTOCOL_TCP, 0), 0);
}
