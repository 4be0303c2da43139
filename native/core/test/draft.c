// SPDX-License-Identifier: Apache-2.0
/*
 * Programs record by record.
 */
#include <string.h>

#include "draft.h"
#include "expect.h"

const size_t record_sizes[RV_SECTIONS] = {
	sizeof(struct rv_syscall),	sizeof(struct rv_rule),	   sizeof(struct rv_condition),	   sizeof(uint64_t),
	sizeof(struct rv_node),		sizeof(struct rv_path_rule), sizeof(struct rv_part),	   sizeof(struct rv_token),
	sizeof(struct rv_set),		sizeof(struct rv_group),   sizeof(struct rv_address_rule), sizeof(struct rv_abstract),
	1,
};

struct draft draft;
_Alignas(8) uint8_t image[RV_SECTIONS * ROOM];
size_t image_size;

static uint32_t parts_before;

void begin(uint8_t default_action, uint16_t default_error)
{
	parts_before = 0;
	memset(&draft, 0, sizeof(draft));
	draft.header = (struct rv_header){
		.magic = RV_MAGIC,
		.version = RV_VERSION,
		.header_size = sizeof(struct rv_header),
		.arch = RV_ARCH_X86_64,
		.default_action = default_action,
		.default_error = default_error,
		.foreign_action = RV_ACTION_KILL,
	};
}

uint32_t add(uint32_t section, const void *record)
{
	uint32_t index = draft.counts[section]++;

	memcpy(draft.bytes[section] + index * record_sizes[section], record, record_sizes[section]);
	return index;
}

uint32_t text(const char *bytes, size_t length)
{
	uint32_t offset = draft.counts[RV_SECTION_STRINGS];

	for (size_t i = 0; i < length; i++)
		add(RV_SECTION_STRINGS, &bytes[i]);
	return offset;
}

void finish(void)
{
	size_t at = sizeof(struct rv_header);

	if (draft.counts[RV_SECTION_NODES] == 0)
		ADD(NODES, rv_node, .first_child = 1, .deny_beneath = RV_ID_NONE, .hash = RV_HASH_SEED);
	memset(image, 0, sizeof(image));
	for (uint32_t i = 0; i < RV_SECTIONS; i++) {
		size_t bytes = draft.counts[i] * record_sizes[i];

		draft.header.sections[i] = (struct rv_section){ .offset = (uint32_t)at, .count = draft.counts[i] };
		memcpy(image + at, draft.bytes[i], bytes);
		at = (at + bytes + 7) & ~(size_t)7;
	}
	draft.header.size = (uint32_t)at;
	memcpy(image, &draft.header, sizeof(draft.header));
	image_size = at;
}

uint32_t validate(void)
{
	struct rv_fault fault;
	uint32_t code = rv_validate(image, image_size, &fault);

	EXPECT_EQ(code, fault.code);
	EXPECT(fault.offset < image_size);
	return code;
}

void call_rule(uint32_t id, uint8_t action, uint16_t error, uint8_t paths, uint8_t addresses)
{
	ADD(RULES, rv_rule, .id = id, .action = action, .error = error, .paths = paths, .addresses = addresses);
}

void handler_rule(uint32_t id, uint8_t handler, uint8_t flags, uint8_t paths)
{
	ADD(RULES, rv_rule, .id = id, .action = RV_ACTION_HANDLER, .handler = handler, .flags = flags, .paths = paths);
}

void end_call(void)
{
	static uint32_t owned;

	if (draft.counts[RV_SECTION_SYSCALLS] == 0)
		owned = 0;
	ADD(SYSCALLS, rv_syscall, .first_rule = owned, .rule_count = draft.counts[RV_SECTION_RULES] - owned);
	owned = draft.counts[RV_SECTION_RULES];
}

void literal(const char *name)
{
	ADD(PARTS, rv_part, .kind = RV_PART_LITERAL, .first = text(name, strlen(name)), .length = (uint16_t)strlen(name));
}

void depth(void)
{
	ADD(PARTS, rv_part, .kind = RV_PART_DEPTH);
}

void wild(const char *pattern)
{
	ADD(PARTS, rv_part, .kind = RV_PART_WILD, .first = draft.counts[RV_SECTION_TOKENS], .length = (uint16_t)strlen(pattern));
	for (; *pattern; pattern++) {
		struct rv_token token = { .op = RV_TOKEN_BYTE };

		switch (*pattern) {
		case '*':
			token.op = RV_TOKEN_RUN;
			break;
		case '?':
			token.op = RV_TOKEN_ANY;
			break;
		case '#':
		case '~':
			token = (struct rv_token){ .op = RV_TOKEN_SET, .set = *pattern == '~' };
			break;
		default:
			token.byte = (uint8_t)*pattern;
		}
		add(RV_SECTION_TOKENS, &token);
	}
}

void sets(void)
{
	struct rv_set digits = { .bits = { [6] = 0xff, [7] = 0x03 } };
	struct rv_set not_a;

	memset(&not_a, 0xff, sizeof(not_a));
	not_a.bits['a' >> 3] &= (uint8_t) ~(1u << ('a' & 7));
	add(RV_SECTION_SETS, &digits);
	add(RV_SECTION_SETS, &not_a);
}

void node(const char *name, uint32_t children, uint32_t rules, uint32_t deny_beneath)
{
	static uint32_t next_child, next_rule;
	uint32_t hash = RV_HASH_SEED;

	if (draft.counts[RV_SECTION_NODES] == 0) {
		next_child = 1;
		next_rule = 0;
	}
	for (const char *byte = name; *byte; byte++)
		hash = (hash ^ (uint8_t)*byte) * RV_HASH_PRIME;
	ADD(NODES, rv_node, .hash = hash, .name = name[0] ? text(name, strlen(name)) : 0, .name_length = (uint16_t)strlen(name),
	    .first_child = next_child, .child_count = children, .first_rule = next_rule, .rule_count = rules, .deny_beneath = deny_beneath);
	next_child += children;
	next_rule += rules;
}

void path_rule(uint32_t id, uint32_t rights, uint8_t kind, uint8_t scope)
{
	uint32_t parts = draft.counts[RV_SECTION_PARTS];

	ADD(PATH_RULES, rv_path_rule, .id = id, .rights = rights, .kind = kind, .scope = scope, .first_part = parts_before,
	    .part_count = (uint16_t)(parts - parts_before));
	parts_before = parts;
}

void address_rule(uint32_t id, uint8_t kind, uint32_t rights, uint8_t protocols, uint16_t low, uint16_t high,
			 const uint8_t *bytes, size_t n)
{
	struct rv_address_rule rule = {
		.id = id, .kind = kind, .rights = rights, .protocols = protocols, .port_low = low, .port_high = high,
	};

	memcpy(rule.bytes, bytes, n);
	add(RV_SECTION_ADDRESSES, &rule);
}
