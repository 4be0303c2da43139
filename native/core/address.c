/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Decisions by socket address: reading what the guest gave as the kernel reads it, and the rules over it.
 */
#include "program.h"

/* Linux' numbers of address families, and where the fields of their sockaddrs stand. */
#define FAMILY_UNIX 1u
#define FAMILY_INET 2u
#define FAMILY_INET6 10u
#define INET_LENGTH 16u
#define INET6_LENGTH 24u /* SIN6_LEN_RFC2133: the kernel takes addresses without a scope id */
#define INET6_SCOPE 24u
#define INET6_SCOPED_LENGTH 28u
#define NAME_OFFSET 2u

static uint16_t big16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static uint32_t parse_unix(const uint8_t *sockaddr, size_t length, struct rv_address *out)
{
	if (length > RV_MAX_SOCKADDR_UN)
		return RV_VERDICT_MALFORMED;
	/* Without a name: the kernel refuses to connect, and bind() takes a random name. */
	if (length == NAME_OFFSET)
		return RV_VERDICT_UNSUPPORTED;
	if (sockaddr[NAME_OFFSET] == 0) {
		out->kind = RV_ADDRESS_ABSTRACT;
		out->name = NAME_OFFSET + 1;
		out->name_length = (uint16_t)(length - out->name);
		return RV_VERDICT_GRANTED;
	}
	out->kind = RV_ADDRESS_PATH;
	out->name = NAME_OFFSET;
	while (NAME_OFFSET + out->name_length < length && sockaddr[NAME_OFFSET + out->name_length])
		out->name_length++;
	return RV_VERDICT_GRANTED;
}

static void set_loopback(struct rv_address *out)
{
	out->flags |= RV_ADDRESS_UNSPECIFIED;
	if (out->kind == RV_ADDRESS_IPV4)
		out->bytes[0] = 127;
	out->bytes[out->kind == RV_ADDRESS_IPV4 ? 3 : 15] = 1;
}

static uint32_t parse_inet(const uint8_t *sockaddr, size_t length, struct rv_address *out)
{
	if (length < INET_LENGTH)
		return RV_VERDICT_MALFORMED;
	out->kind = RV_ADDRESS_IPV4;
	out->port = big16(sockaddr + 2);
	for (size_t i = 0; i < 4; i++)
		out->bytes[i] = sockaddr[4 + i];
	return RV_VERDICT_GRANTED;
}

static uint32_t parse_inet6(const uint8_t *sockaddr, size_t length, struct rv_address *out)
{
	const uint8_t *address = sockaddr + 8;

	if (length < INET6_LENGTH)
		return RV_VERDICT_MALFORMED;
	out->port = big16(sockaddr + 2);
	if (all_zero(address, 10) && address[10] == 0xff && address[11] == 0xff) {
		out->kind = RV_ADDRESS_IPV4;
		out->flags = RV_ADDRESS_MAPPED;
		for (size_t i = 0; i < 4; i++)
			out->bytes[i] = address[12 + i];
		return RV_VERDICT_GRANTED;
	}
	out->kind = RV_ADDRESS_IPV6;
	for (size_t i = 0; i < 16; i++)
		out->bytes[i] = address[i];
	if (length >= INET6_SCOPED_LENGTH) {
		for (size_t i = 0; i < 4; i++)
			out->scope |= (uint32_t)sockaddr[INET6_SCOPE + i] << (8 * i);
	}
	return RV_VERDICT_GRANTED;
}

uint32_t rv_parse_address(const uint8_t *sockaddr, size_t length, uint32_t rights, struct rv_address *out)
{
	uint32_t verdict;

	*out = (struct rv_address){ 0 };
	if (length < NAME_OFFSET || length > RV_MAX_SOCKADDR)
		return RV_VERDICT_MALFORMED;
	out->family = (uint16_t)(sockaddr[0] | sockaddr[1] << 8);
	switch (out->family) {
	case FAMILY_UNIX:
		return parse_unix(sockaddr, length, out);
	case FAMILY_INET:
		verdict = parse_inet(sockaddr, length, out);
		break;
	case FAMILY_INET6:
		verdict = parse_inet6(sockaddr, length, out);
		break;
	default:
		return RV_VERDICT_UNSUPPORTED;
	}
	if (verdict == RV_VERDICT_GRANTED && rights != RV_RIGHT_BIND && all_zero(out->bytes, sizeof(out->bytes)))
		set_loopback(out);
	return verdict;
}

/* memcmp() of 16 bytes. */
static int compare(const uint8_t *a, const uint8_t *b)
{
	return rv_compare(a, 16, b, 16);
}

/* The address with all but its first `prefix` bits cleared. */
static void mask(uint8_t *to, const uint8_t *from, uint32_t prefix)
{
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t bits = prefix > 8 * i ? prefix - 8 * i : 0;

		to[i] = bits >= 8 ? from[i] : (uint8_t)(from[i] & ~(0xffu >> bits));
	}
}

static void apply_group(const void *program, struct rv_query *query, const struct rv_group *group, const struct rv_address *address,
			uint32_t protocol)
{
	const struct rv_address_rule *rules = rv_section(program, RV_SECTION_ADDRESSES);
	uint32_t low = group->first_address, count = group->address_count;
	const uint32_t end = low + count;
	uint8_t network[16];

	mask(network, address->bytes, group->prefix);
	/* The first rule that is not less. */
	while (count > 0) {
		uint32_t half = count / 2;

		if (compare(rules[low + half].bytes, network) < 0) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	for (; low < end && compare(rules[low].bytes, network) == 0; low++) {
		const struct rv_address_rule *rule = &rules[low];

		if (rv_query_concerns(query, rule->kind, rule->rights) && (rule->protocols & protocol) &&
		    rule->port_low <= address->port && address->port <= rule->port_high)
			rv_query_apply(query, rule->kind, rule->id, rule->rights);
	}
}

static void apply_abstracts(const void *program, struct rv_query *query, const uint8_t *name, size_t length)
{
	const struct rv_abstract *rules = rv_section(program, RV_SECTION_ABSTRACTS);
	const struct rv_part *parts = rv_section(program, RV_SECTION_PARTS);
	uint32_t count = rv_count(program, RV_SECTION_ABSTRACTS);

	for (uint32_t i = 0; i < count; i++) {
		if (rv_query_concerns(query, rules[i].kind, rules[i].rights) &&
		    rv_part_matches(program, &parts[rules[i].part], name, length))
			rv_query_apply(query, rules[i].kind, rules[i].id, rules[i].rights);
	}
}

static bool is_one_protocol(uint32_t protocol)
{
	return protocol && !(protocol & ~RV_PROTOCOL_ALL) && !(protocol & (protocol - 1));
}

static void apply_groups(const void *program, struct rv_query *query, const struct rv_address *address, uint32_t protocol)
{
	const struct rv_group *groups = rv_section(program, RV_SECTION_GROUPS);
	uint32_t count = rv_count(program, RV_SECTION_GROUPS);

	for (uint32_t i = 0; i < count; i++) {
		if (groups[i].family == address->kind)
			apply_group(program, query, &groups[i], address, protocol);
	}
}

uint32_t rv_eval_address(const void *program, const uint8_t *sockaddr, size_t length, uint32_t protocol, uint32_t rights,
			 struct rv_address *address, struct rv_access *out)
{
	const uint32_t verdict = rv_parse_address(sockaddr, length, rights, address);
	struct rv_query query;

	if (verdict != RV_VERDICT_GRANTED)
		return rv_query_answer(out, verdict, rights);
	if (address->kind == RV_ADDRESS_PATH)
		return rv_eval_path(program, sockaddr + address->name, address->name_length, rights, 0, out);
	if (!rv_query_is_sound(rights) || (address->kind != RV_ADDRESS_ABSTRACT && !is_one_protocol(protocol)))
		return rv_query_answer(out, RV_VERDICT_MALFORMED, rights);

	rv_query_start(&query, rights, rights);
	if (address->kind == RV_ADDRESS_ABSTRACT)
		apply_abstracts(program, &query, sockaddr + address->name, address->name_length);
	else
		apply_groups(program, &query, address, protocol);
	return rv_query_conclude(&query, out);
}
