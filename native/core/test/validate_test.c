// SPDX-License-Identifier: Apache-2.0
/*
 * What is no program (validate.c): one with something in every section is broken in every way that rv_validate() knows. And what lies just within a limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draft.h"
#include "expect.h"
#include "questions.h"
#include "tests.h"

/* A program with something in every section. */
static void full_fixture(void)
{
	static const uint64_t values[] = { 3, 8 };
	static const uint8_t ten[] = { 10 }, twelve[] = { 12 }, doc[] = { 0x20, 1 };

	begin(RV_ACTION_ERRNO, 38);
	sets();
	end_call();
	ADD(CONDITIONS, rv_condition, .op = RV_OP_RANGE, .flags = RV_CONDITION_SIGNED, .mask = ~0ull, .low = -1ull, .high = 1);
	ADD(CONDITIONS, rv_condition, .op = RV_OP_IN, .mask = 0xff, .value_count = 2);
	add(RV_SECTION_VALUES, &values[0]);
	add(RV_SECTION_VALUES, &values[1]);
	ADD(RULES, rv_rule, .id = 1, .action = RV_ACTION_NOTIFY, .paths = 1, .condition_count = 2);
	ADD(RULES, rv_rule, .id = 1, .action = RV_ACTION_HANDLER, .handler = 2, .first_condition = 2);
	ADD(RULES, rv_rule, .id = 2, .action = RV_ACTION_ERRNO, .error = 1, .first_condition = 2);
	end_call();
	node("", 2, 1, 7);
	depth();
	literal("key");
	wild("a?#*");
	path_rule(5, R, RV_KIND_DENY, RV_SCOPE_EXACT);
	node("a", 0, 1, RV_ID_NONE);
	path_rule(6, W, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	node("b", 1, 1, RV_ID_NONE);
	path_rule(7, R, RV_KIND_DENY, RV_SCOPE_EXACT);
	node("c", 0, 0, RV_ID_NONE);
	ADD(GROUPS, rv_group, .family = 4, .prefix = 8, .address_count = 2);
	address_rule(1, RV_KIND_GRANT, C, 1, 80, 90, ten, 1);
	address_rule(2, RV_KIND_GRANT, C, 1, 80, 90, twelve, 1);
	ADD(GROUPS, rv_group, .family = 6, .prefix = 128, .first_address = 2, .address_count = 1);
	address_rule(3, RV_KIND_FILTER, C, 1, 80, 90, doc, 2);
	ADD(ABSTRACTS, rv_abstract, .id = 4, .rights = C, .part = 3);
	literal("bus");
	ADD(ABSTRACTS, rv_abstract, .id = 4, .rights = C, .part = 4);
	wild("b*");
	finish();
}

struct patch {
	const char *what;
	uint32_t section; /* RV_SECTIONS: the header */
	uint32_t index;
	size_t offset;
	size_t size;
	uint64_t value;
	uint32_t code;
};

static void apply_patch(const struct patch *patch)
{
	size_t at = patch->offset;

	if (patch->section < RV_SECTIONS)
		at += draft.header.sections[patch->section].offset + patch->index * record_sizes[patch->section];
	memcpy(image + at, &patch->value, patch->size);
}

#define FIELD(section_, index_, type, field, value_, code_)                                                        \
	{                                                                                                          \
		#section_ "[" #index_ "]." #field " = " #value_, RV_SECTION_##section_, index_, offsetof(struct type, field), \
		sizeof(((struct type *)0)->field), value_, RV_FAULT_##code_                                        \
	}
#define HEADER(field, value_, code_)                                                                                        \
	{                                                                                                                   \
		"header." #field " = " #value_, RV_SECTIONS, 0, offsetof(struct rv_header, field),                          \
		sizeof(((struct rv_header *)0)->field), value_, RV_FAULT_##code_                                            \
	}

static const struct patch patches[] = {
	HEADER(magic, 0, MAGIC),
	HEADER(version, 2, VERSION),
	HEADER(header_size, 127, VERSION),
	HEADER(size, 8, SIZE),
	HEADER(arch, 0x40000003, ARCH),
	HEADER(default_action, 0, ACTION),
	HEADER(default_action, RV_ACTION_HANDLER, ACTION),
	HEADER(default_action, RV_ACTION_ALLOW, ACTION),
	HEADER(default_error, 0, ACTION),
	HEADER(default_error, 4096, ACTION),
	HEADER(foreign_action, RV_ACTION_TRACE, ACTION),
	HEADER(foreign_action, RV_ACTION_HANDLER, ACTION),
	HEADER(foreign_action, RV_ACTION_ERRNO, ACTION),
	HEADER(foreign_error, 1, ACTION),
	HEADER(reserved, 1, RESERVED),
	HEADER(sections[0].offset, 136, SECTION),
	HEADER(sections[3].offset, 0, SECTION),
	HEADER(sections[0].count, RV_MAX_SYSCALLS + 1, LIMIT),
	HEADER(sections[0].count, RV_MAX_SYSCALLS, SECTION),
	HEADER(sections[12].count, 4000, SECTION),
	HEADER(sections[4].count, 0, SECTION),

	FIELD(SYSCALLS, 0, rv_syscall, first_rule, 1, RUN),
	FIELD(SYSCALLS, 0, rv_syscall, rule_count, RV_MAX_CALL_RULES + 1, LIMIT),
	FIELD(SYSCALLS, 1, rv_syscall, rule_count, 4, RUN),
	FIELD(SYSCALLS, 1, rv_syscall, rule_count, 2, RUN),
	FIELD(RULES, 0, rv_rule, id, RV_ID_NONE, ID),
	FIELD(RULES, 0, rv_rule, id, 3, ORDER),
	FIELD(RULES, 0, rv_rule, action, 0, ACTION),
	FIELD(RULES, 0, rv_rule, action, 7, ACTION),
	FIELD(RULES, 0, rv_rule, action, RV_ACTION_ERRNO, ACTION),
	FIELD(RULES, 0, rv_rule, action, RV_ACTION_ALLOW, FIELD),
	FIELD(RULES, 0, rv_rule, error, 1, ACTION),
	FIELD(RULES, 0, rv_rule, flags, 1, FIELD),
	FIELD(RULES, 1, rv_rule, flags, 2, FIELD),
	FIELD(RULES, 1, rv_rule, flags, 1, NONE),
	FIELD(RULES, 0, rv_rule, handler, 1, ID),
	FIELD(RULES, 1, rv_rule, handler, 64, ID),
	FIELD(RULES, 1, rv_rule, handler, 63, NONE),
	FIELD(RULES, 0, rv_rule, paths, 0x40, FIELD),
	FIELD(RULES, 0, rv_rule, addresses, 0x80, FIELD),
	FIELD(RULES, 0, rv_rule, action, RV_ACTION_TRACE, NONE),
	FIELD(RULES, 2, rv_rule, addresses, 1, FIELD),
	FIELD(RULES, 0, rv_rule, reserved[6], 1, RESERVED),
	FIELD(RULES, 0, rv_rule, condition_count, 17, LIMIT),
	FIELD(RULES, 0, rv_rule, condition_count, 3, RUN),
	FIELD(RULES, 0, rv_rule, condition_count, 1, RUN),
	FIELD(RULES, 0, rv_rule, first_condition, 1, RUN),
	FIELD(RULES, 2, rv_rule, first_condition, 0, RUN),
	FIELD(CONDITIONS, 0, rv_condition, argument, 6, FIELD),
	FIELD(CONDITIONS, 0, rv_condition, op, 9, FIELD),
	FIELD(CONDITIONS, 0, rv_condition, op, RV_OP_EQ, FIELD),
	FIELD(CONDITIONS, 0, rv_condition, op, RV_OP_IN, FIELD),
	FIELD(CONDITIONS, 0, rv_condition, flags, 4, FIELD),
	FIELD(CONDITIONS, 0, rv_condition, flags, 0, ORDER),
	FIELD(CONDITIONS, 0, rv_condition, mask, 1, FIELD),
	FIELD(CONDITIONS, 0, rv_condition, low, 2, ORDER),
	FIELD(CONDITIONS, 0, rv_condition, high, -2ull, ORDER),
	FIELD(CONDITIONS, 0, rv_condition, reserved, 1, RESERVED),
	FIELD(CONDITIONS, 0, rv_condition, reserved2, 1, RESERVED),
	FIELD(CONDITIONS, 0, rv_condition, value_count, 1, FIELD),
	FIELD(CONDITIONS, 0, rv_condition, first_value, 1, RUN),
	FIELD(CONDITIONS, 1, rv_condition, op, RV_OP_NOT_IN, NONE),
	FIELD(CONDITIONS, 1, rv_condition, op, RV_OP_NE, FIELD),
	FIELD(CONDITIONS, 1, rv_condition, low, 1, FIELD),
	FIELD(CONDITIONS, 1, rv_condition, high, 1, FIELD),
	FIELD(CONDITIONS, 1, rv_condition, value_count, 0, FIELD),
	FIELD(CONDITIONS, 1, rv_condition, value_count, 1, RUN),
	FIELD(CONDITIONS, 1, rv_condition, value_count, 3, RUN),

	FIELD(NODES, 0, rv_node, name, 1, NAME),
	FIELD(NODES, 0, rv_node, name_length, 1, NAME),
	FIELD(NODES, 0, rv_node, first_child, 0, RUN),
	FIELD(NODES, 0, rv_node, first_child, 2, RUN),
	FIELD(NODES, 0, rv_node, child_count, 1, RUN),
	FIELD(NODES, 0, rv_node, child_count, 9, RUN),
	FIELD(NODES, 0, rv_node, deny_beneath, 8, SUMMARY),
	FIELD(NODES, 1, rv_node, deny_beneath, 6, SUMMARY),
	FIELD(NODES, 1, rv_node, name, 10000, NAME),
	FIELD(NODES, 1, rv_node, name_length, 200, NAME),
	FIELD(NODES, 1, rv_node, name_length, 0, NAME),
	FIELD(NODES, 1, rv_node, reserved, 1, RESERVED),
	FIELD(NODES, 0, rv_node, hash, 1, SUMMARY),
	FIELD(NODES, 1, rv_node, hash, 1, SUMMARY),
	FIELD(NODES, 1, rv_node, first_rule, 0, RUN),
	FIELD(NODES, 1, rv_node, rule_count, RV_MAX_NODE_RULES + 1, LIMIT),
	FIELD(NODES, 1, rv_node, rule_count, 3, RUN),
	FIELD(NODES, 2, rv_node, child_count, 0, RUN),
	FIELD(NODES, 3, rv_node, rule_count, 1, RUN),
	FIELD(NODES, 2, rv_node, rule_count, 0, RUN),
	FIELD(PATH_RULES, 0, rv_path_rule, id, RV_ID_NONE, ID),
	FIELD(PATH_RULES, 0, rv_path_rule, kind, 3, FIELD),
	FIELD(PATH_RULES, 0, rv_path_rule, kind, RV_KIND_FILTER, NONE),
	FIELD(PATH_RULES, 0, rv_path_rule, rights, 0, FIELD),
	FIELD(PATH_RULES, 0, rv_path_rule, rights, 0x8000, FIELD),
	FIELD(PATH_RULES, 0, rv_path_rule, scope, 2, FIELD),
	FIELD(PATH_RULES, 0, rv_path_rule, part_count, 257, LIMIT),
	FIELD(PATH_RULES, 0, rv_path_rule, part_count, 2, RUN),
	FIELD(PATH_RULES, 0, rv_path_rule, part_count, 6, RUN),
	FIELD(PATH_RULES, 0, rv_path_rule, first_part, 1, RUN),
	FIELD(PARTS, 0, rv_part, first, 1, FIELD),
	FIELD(PARTS, 0, rv_part, length, 1, FIELD),
	FIELD(PARTS, 0, rv_part, kind, 3, FIELD),
	FIELD(PARTS, 0, rv_part, reserved, 1, RESERVED),
	FIELD(PARTS, 1, rv_part, length, 0, NAME),
	FIELD(PARTS, 1, rv_part, length, 60000, NAME),
	FIELD(PARTS, 1, rv_part, first, -1u, NAME),
	FIELD(PARTS, 2, rv_part, length, 0, LIMIT),
	FIELD(PARTS, 2, rv_part, length, 256, LIMIT),
	FIELD(PARTS, 2, rv_part, length, 5, RUN),
	FIELD(PARTS, 2, rv_part, first, 1, RUN),
	FIELD(PARTS, 3, rv_part, length, 108, NAME),
	FIELD(PARTS, 3, rv_part, first, -1u, NAME),
	FIELD(PARTS, 3, rv_part, kind, RV_PART_DEPTH, FIELD),
	FIELD(PARTS, 4, rv_part, length, 1, RUN),
	FIELD(TOKENS, 0, rv_token, op, 4, FIELD),
	FIELD(TOKENS, 1, rv_token, byte, 1, FIELD),
	FIELD(TOKENS, 0, rv_token, set, 1, FIELD),
	FIELD(TOKENS, 2, rv_token, set, 2, FIELD),
	FIELD(TOKENS, 2, rv_token, set, 1, NONE),

	FIELD(ABSTRACTS, 0, rv_abstract, id, RV_ID_NONE, ID),
	FIELD(ABSTRACTS, 0, rv_abstract, kind, 3, FIELD),
	FIELD(ABSTRACTS, 0, rv_abstract, reserved[2], 1, RESERVED),
	FIELD(ABSTRACTS, 0, rv_abstract, part, 0, RUN),
	FIELD(ABSTRACTS, 1, rv_abstract, part, 5, RUN),

	FIELD(GROUPS, 0, rv_group, family, 5, FIELD),
	FIELD(GROUPS, 0, rv_group, prefix, 33, FIELD),
	FIELD(GROUPS, 1, rv_group, prefix, 129, FIELD),
	FIELD(GROUPS, 0, rv_group, family, 6, NONE),
	FIELD(GROUPS, 1, rv_group, family, 4, FIELD),
	FIELD(GROUPS, 0, rv_group, reserved, 1, RESERVED),
	FIELD(GROUPS, 0, rv_group, reserved2, 1, RESERVED),
	FIELD(GROUPS, 0, rv_group, address_count, 0, RUN),
	FIELD(GROUPS, 0, rv_group, address_count, 1, RUN),
	FIELD(GROUPS, 0, rv_group, address_count, 4, RUN),
	FIELD(GROUPS, 0, rv_group, prefix, 4, ADDRESS),
	FIELD(GROUPS, 1, rv_group, address_count, 2, RUN),
	FIELD(ADDRESSES, 0, rv_address_rule, bytes[1], 1, ADDRESS),
	FIELD(ADDRESSES, 0, rv_address_rule, bytes[15], 1, ADDRESS),
	FIELD(ADDRESSES, 0, rv_address_rule, bytes[0], 13, ORDER),
	FIELD(ADDRESSES, 0, rv_address_rule, bytes[0], 12, NONE),
	FIELD(ADDRESSES, 0, rv_address_rule, kind, 3, FIELD),
	FIELD(ADDRESSES, 0, rv_address_rule, protocols, 0, FIELD),
	FIELD(ADDRESSES, 0, rv_address_rule, protocols, 16, FIELD),
	FIELD(ADDRESSES, 0, rv_address_rule, port_low, 91, ADDRESS),
	FIELD(ADDRESSES, 0, rv_address_rule, reserved, 1, RESERVED),
	FIELD(ADDRESSES, 2, rv_address_rule, id, 64, ID),
	FIELD(ADDRESSES, 2, rv_address_rule, bytes[15], 1, NONE),
};

/* Gives every node the hash of its name. */
static void rehash(void)
{
	struct rv_node *nodes = (struct rv_node *)(image + draft.header.sections[RV_SECTION_NODES].offset);

	for (uint32_t i = 0; i < draft.counts[RV_SECTION_NODES]; i++) {
		nodes[i].hash = RV_HASH_SEED;
		for (uint32_t j = 0; j < nodes[i].name_length; j++)
			nodes[i].hash = (nodes[i].hash ^ image[draft.header.sections[RV_SECTION_STRINGS].offset + nodes[i].name + j]) * RV_HASH_PRIME;
	}
}

/* Replaces a literal of the fixture by other bytes of the same length, in place. */
static uint32_t fault_with_name(const char *from, const char *to)
{
	uint8_t *strings;

	full_fixture();
	strings = image + draft.header.sections[RV_SECTION_STRINGS].offset;
	for (uint32_t i = 0; i + strlen(from) <= draft.counts[RV_SECTION_STRINGS]; i++) {
		if (memcmp(strings + i, from, strlen(from)) == 0) {
			memcpy(strings + i, to, strlen(from));
			rehash();
			return validate();
		}
	}
	EXPECT(!"the name is in the fixture");
	return RV_FAULT_NONE;
}

void test_faults(void)
{
	struct rv_fault fault;
	struct rv_address_rule *rule;
	struct rv_part *parts;

	full_fixture();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	for (size_t i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
		uint32_t code;

		full_fixture();
		apply_patch(&patches[i]);
		code = validate();
		if (code != patches[i].code) {
			printf("%s gives fault %u, not %u\n", patches[i].what, code, patches[i].code);
			failures++;
		}
	}

	/* the block itself */
	full_fixture();
	EXPECT_EQ(rv_validate(image + 4, image_size, &fault), RV_FAULT_ALIGNMENT);
	EXPECT_EQ(rv_validate(image, 0, &fault), RV_FAULT_SIZE);
	EXPECT_EQ(rv_validate(image, sizeof(struct rv_header) - 1, &fault), RV_FAULT_SIZE);
	EXPECT_EQ(rv_validate(image, RV_MAX_PROGRAM + 1, &fault), RV_FAULT_SIZE);
	EXPECT_EQ(rv_validate(image, image_size - 8, &fault), RV_FAULT_SIZE);
	EXPECT_EQ(fault.offset, offsetof(struct rv_header, size));
	((struct rv_header *)image)->size = RV_MAX_PROGRAM;
	EXPECT_EQ(rv_validate(image, RV_MAX_PROGRAM, &fault), RV_FAULT_SIZE);
	EXPECT_EQ(fault.offset, offsetof(struct rv_header, size));
	EXPECT_EQ(rv_validate(image, RV_MAX_PROGRAM + 1, &fault), RV_FAULT_SIZE);
	EXPECT_EQ(fault.offset, 0);
	for (size_t size = 1; size < sizeof(struct rv_header); size++) {
		uint8_t *piece = malloc(size);

		memcpy(piece, image, size);
		EXPECT_EQ(rv_validate(piece, size, &fault), RV_FAULT_SIZE);
		free(piece);
	}
	((struct rv_header *)image)->size = (uint32_t)image_size + 8;
	EXPECT_EQ(rv_validate(image, image_size + 8, &fault), RV_FAULT_SIZE);

	/* padding */
	full_fixture();
	while (draft.counts[RV_SECTION_STRINGS] % 8 == 0) {
		text("x", 1);
		finish();
	}
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	image[image_size - 1] = 1;
	EXPECT_EQ(validate(), RV_FAULT_RESERVED);

	/* records without an owner */
	for (uint32_t i = RV_SECTION_RULES; i <= RV_SECTION_ADDRESSES; i++) {
		static const uint8_t nothing[64];

		full_fixture();
		add(i, nothing);
		finish();
		EXPECT_EQ(validate(), i == RV_SECTION_SETS ? RV_FAULT_NONE : i == RV_SECTION_GROUPS ? RV_FAULT_FIELD : RV_FAULT_RUN);
	}

	/* an abstract name that is too long, though its bytes are there */
	full_fixture();
	for (int i = 0; i < 120; i++)
		text("x", 1);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	parts = (struct rv_part *)(image + draft.header.sections[RV_SECTION_PARTS].offset);
	parts[3].length = RV_MAX_ABSTRACT_NAME;
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	parts[3].length++;
	EXPECT_EQ(validate(), RV_FAULT_NAME);

	/* no node */
	begin(RV_ACTION_ALLOW, 0);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	draft.counts[RV_SECTION_NODES] = 0;
	memset(draft.bytes[RV_SECTION_NODES], 0, sizeof(struct rv_node));
	image_size = sizeof(struct rv_header);
	memcpy(image, &draft.header, sizeof(draft.header));
	((struct rv_header *)image)->size = (uint32_t)image_size;
	for (uint32_t i = 0; i < RV_SECTIONS; i++)
		((struct rv_header *)image)->sections[i] = (struct rv_section){ .offset = (uint32_t)image_size };
	EXPECT_EQ(validate(), RV_FAULT_RUN);

	/* a node that is its own child, out of the root's reach */
	begin(RV_ACTION_ALLOW, 0);
	ADD(NODES, rv_node, .first_child = 1, .deny_beneath = RV_ID_NONE, .hash = RV_HASH_SEED);
	ADD(NODES, rv_node, .name = text("a", 1), .name_length = 1, .first_child = 1, .child_count = 1, .deny_beneath = RV_ID_NONE,
	    .hash = (RV_HASH_SEED ^ 'a') * RV_HASH_PRIME);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_RUN);

	/* names */
	EXPECT_EQ(fault_with_name("key", "k/y"), RV_FAULT_NAME);
	EXPECT_EQ(fault_with_name("key", "k\0y"), RV_FAULT_NAME);
	EXPECT_EQ(fault_with_name("bus", "b/\0"), RV_FAULT_NONE);
	EXPECT_EQ(fault_with_name("bc", "ac"), RV_FAULT_ORDER); /* twins */
	EXPECT_EQ(fault_with_name("bc", ".c"), RV_FAULT_NAME);
	EXPECT_EQ(fault_with_name("bc", "Bc"), RV_FAULT_ORDER); /* of a lower hash */
	EXPECT_EQ(fault_with_name("bc", "b/"), RV_FAULT_NAME);

	/* values out of order */
	full_fixture();
	((uint64_t *)(image + draft.header.sections[RV_SECTION_VALUES].offset))[1] = 3;
	EXPECT_EQ(validate(), RV_FAULT_ORDER);

	/* signedness is for order only */
	for (uint8_t op = RV_OP_EQ; op <= RV_OP_NOT_IN; op++) {
		const bool is_set = op == RV_OP_IN || op == RV_OP_NOT_IN;
		const bool is_ordered = op >= RV_OP_LT && op <= RV_OP_RANGE;

		begin(RV_ACTION_ALLOW, 0);
		ADD(CONDITIONS, rv_condition, .op = op, .flags = RV_CONDITION_SIGNED, .mask = ~0ull, .value_count = is_set);
		if (is_set)
			ADD(VALUES, rv_condition, 0);
		ADD(RULES, rv_rule, .action = RV_ACTION_KILL, .condition_count = 1);
		ADD(SYSCALLS, rv_syscall, .rule_count = 1);
		finish();
		EXPECT_EQ(validate(), is_ordered ? RV_FAULT_NONE : RV_FAULT_FIELD);
	}

	/* groups out of order, and one written twice */
	full_fixture();
	((struct rv_group *)(image + draft.header.sections[RV_SECTION_GROUPS].offset))[1].family = 4;
	((struct rv_group *)(image + draft.header.sections[RV_SECTION_GROUPS].offset))[1].prefix = 8;
	((struct rv_address_rule *)(image + draft.header.sections[RV_SECTION_ADDRESSES].offset))[2].bytes[1] = 0;
	EXPECT_EQ(validate(), RV_FAULT_ORDER);

	/* IPv4 as IPv6 */
	full_fixture();
	rule = (struct rv_address_rule *)(image + draft.header.sections[RV_SECTION_ADDRESSES].offset) + 2;
	memset(rule->bytes, 0, 16);
	rule->bytes[10] = 0xff;
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	rule->bytes[11] = 0xff;
	EXPECT_EQ(validate(), RV_FAULT_ADDRESS);
}

static uint32_t fault_with_defaults(uint8_t action, uint16_t error, uint8_t foreign_action, uint16_t foreign_error)
{
	begin(action, error);
	draft.header.foreign_action = foreign_action;
	draft.header.foreign_error = foreign_error;
	finish();
	return validate();
}

/* What lies just within a limit is accepted, and works. */
void test_limits(void)
{
	char name[RV_MAX_NAME + 1] = { 0 }, path[RV_MAX_NAME + 2] = { '/' };

	for (uint8_t action = 0; action <= RV_ACTION_HANDLER + 1; action++) {
		bool is_base = action >= RV_ACTION_ALLOW && action <= RV_ACTION_KILL;
		bool is_final = action == RV_ACTION_ERRNO || action == RV_ACTION_KILL;
		uint16_t error = action == RV_ACTION_ERRNO ? RV_MAX_ERRNO : 0;

		EXPECT_EQ(fault_with_defaults(action, error, RV_ACTION_KILL, 0), is_base ? RV_FAULT_NONE : RV_FAULT_ACTION);
		EXPECT_EQ(fault_with_defaults(RV_ACTION_ALLOW, 0, action, error), is_final ? RV_FAULT_NONE : RV_FAULT_ACTION);
	}
	EXPECT_EQ(fault_with_defaults(RV_ACTION_ERRNO, RV_MAX_ERRNO + 1, RV_ACTION_KILL, 0), RV_FAULT_ACTION);
	EXPECT_EQ(fault_with_defaults(RV_ACTION_ERRNO, 1, RV_ACTION_ERRNO, 0), RV_FAULT_ACTION);

	/* the longest table, the most rules of a call, the most conditions of a rule */
	begin(RV_ACTION_ALLOW, 0);
	for (uint32_t i = 0; i < RV_MAX_SYSCALLS - 1; i++)
		ADD(SYSCALLS, rv_syscall, 0);
	ADD(SYSCALLS, rv_syscall, .rule_count = RV_MAX_CALL_RULES);
	for (uint32_t i = 0; i < RV_MAX_RULE_CONDITIONS; i++)
		ADD(CONDITIONS, rv_condition, .argument = RV_ARGUMENTS - 1, .op = RV_OP_EQ, .mask = ~0ull);
	ADD(RULES, rv_rule, .action = RV_ACTION_NOTIFY, .paths = 0x3f, .addresses = 0x3f, .condition_count = RV_MAX_RULE_CONDITIONS);
	for (uint32_t i = 1; i < RV_MAX_CALL_RULES; i++)
		ADD(RULES, rv_rule, .id = i, .action = RV_ACTION_NOTIFY, .first_condition = RV_MAX_RULE_CONDITIONS);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	EXPECT_EQ(decide(RV_MAX_SYSCALLS - 1, RV_ARCH_X86_64).paths, 0x3f);
	EXPECT_EQ(decide(RV_MAX_SYSCALLS, RV_ARCH_X86_64).action, RV_ACTION_ALLOW);

	/* the longest name, the most rules at a node, the most parts of a rule, the most tokens of a part */
	memset(name, 'n', RV_MAX_NAME);
	memset(path + 1, 'n', RV_MAX_NAME);
	begin(RV_ACTION_ALLOW, 0);
	node("", 1, RV_MAX_NODE_RULES, RV_ID_NONE);
	node(name, 0, 0, RV_ID_NONE);
	for (uint32_t i = 0; i < RV_MAX_RULE_PARTS - 1; i++)
		depth();
	wild(name);
	path_rule(63, R, RV_KIND_FILTER, RV_SCOPE_EXACT);
	literal(name);
	for (uint32_t i = 1; i < RV_MAX_NODE_RULES; i++)
		path_rule(i, R, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	GRANTED(ask(path, R, 0), 1, 1ull << 63);
}

/* Every byte of the fixture takes every value. What still validates is asked questions, which must not leave memory. */
void test_mutations(void)
{
	uint8_t *copy;
	size_t accepted = 0;

	full_fixture();
	copy = malloc(image_size);
	for (size_t at = 0; at < image_size; at++) {
		for (unsigned value = 0; value < 256; value++) {
			struct rv_fault fault;
			struct rv_decision decision;
			struct rv_access access;
			struct rv_address address;
			const uint8_t sockaddr[16] = { 2, 0, 0, 80, 10 };
			const struct rv_call call = { .nr = 1, .arch = RV_ARCH_X86_64 };

			memcpy(copy, image, image_size);
			copy[at] = (uint8_t)value;
			if (rv_validate(copy, image_size, &fault) != RV_FAULT_NONE)
				continue;
			accepted++;
			rv_eval_call(copy, &call, &decision);
			rv_eval_path(copy, (const uint8_t *)"/b/key", 6, R, RV_PATH_TREE, &access);
			rv_eval_path(copy, (const uint8_t *)"/q/key/ab5c", 11, R, 0, &access);
			rv_eval_address(copy, sockaddr, sizeof(sockaddr), RV_PROTOCOL_TCP, C, &address, &access);
			rv_eval_address(copy, (const uint8_t *)"\1\0\0bus", 6, 0, C, &address, &access);
		}
	}
	free(copy);
	EXPECT(accepted > image_size);
}
