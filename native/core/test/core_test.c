// SPDX-License-Identifier: Apache-2.0
/*
 * Unit tests of the decision core, without files or arguments. They build programs record by record, ask questions of them,
 * and break them in every way that rv_validate() knows. scripts/core-coverage.mjs holds that they reach every branch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rv_core.h"

static unsigned failures;

#define EXPECT(condition)                                                              \
	do {                                                                           \
		if (!(condition)) {                                                    \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			failures++;                                                    \
		}                                                                      \
	} while (0)

#define EXPECT_EQ(actual, expected)                                                                                            \
	do {                                                                                                                   \
		unsigned long long a_ = (actual), e_ = (expected);                                                             \
		if (a_ != e_) {                                                                                                \
			printf("%s:%d: %s is %llu (0x%llx), not %llu (0x%llx)\n", __FILE__, __LINE__, #actual, a_, a_, e_, e_); \
			failures++;                                                                                            \
		}                                                                                                              \
	} while (0)

/* ------------------------------------------------------------------------------------------------------------ builder */

#define ROOM 0x20000

static const size_t record_sizes[RV_SECTIONS] = {
	sizeof(struct rv_syscall),	sizeof(struct rv_rule),	   sizeof(struct rv_condition),	   sizeof(uint64_t),
	sizeof(struct rv_node),		sizeof(struct rv_path_rule), sizeof(struct rv_part),	   sizeof(struct rv_token),
	sizeof(struct rv_set),		sizeof(struct rv_group),   sizeof(struct rv_address_rule), sizeof(struct rv_abstract),
	1,
};

static struct {
	struct rv_header header;
	uint32_t counts[RV_SECTIONS];
	uint8_t bytes[RV_SECTIONS][ROOM];
} draft;

static _Alignas(8) uint8_t image[RV_SECTIONS * ROOM];
static size_t image_size;

static void begin(uint8_t default_action, uint16_t default_error)
{
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

static uint32_t add(uint32_t section, const void *record)
{
	uint32_t index = draft.counts[section]++;

	memcpy(draft.bytes[section] + index * record_sizes[section], record, record_sizes[section]);
	return index;
}

#define ADD(section, type, ...) add(RV_SECTION_##section, &(struct type){ __VA_ARGS__ })

static uint32_t text(const char *bytes, size_t length)
{
	uint32_t offset = draft.counts[RV_SECTION_STRINGS];

	for (size_t i = 0; i < length; i++)
		add(RV_SECTION_STRINGS, &bytes[i]);
	return offset;
}

static void finish(void)
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

static uint32_t validate(void)
{
	struct rv_fault fault;
	uint32_t code = rv_validate(image, image_size, &fault);

	EXPECT_EQ(code, fault.code);
	EXPECT(fault.offset < image_size);
	return code;
}

/* ---------------------------------------------------------------------------------------------------------- conditions */

static bool condition_holds(struct rv_condition condition, const uint64_t *values, uint32_t count, uint64_t argument)
{
	struct rv_decision decision;
	struct rv_call call = { .arch = RV_ARCH_X86_64, .args = { [3] = argument } };

	begin(RV_ACTION_ALLOW, 0);
	condition.argument = 3;
	condition.value_count = count;
	for (uint32_t i = 0; i < count; i++)
		add(RV_SECTION_VALUES, &values[i]);
	add(RV_SECTION_CONDITIONS, &condition);
	ADD(RULES, rv_rule, .action = RV_ACTION_ERRNO, .error = 1, .id = 9, .condition_count = 1);
	ADD(SYSCALLS, rv_syscall, .rule_count = 1);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	rv_eval_call(image, &call, &decision);
	EXPECT_EQ(decision.rule, decision.action == RV_ACTION_ERRNO ? 9 : RV_ID_NONE);
	return decision.action == RV_ACTION_ERRNO;
}

static void test_conditions(void)
{
	const uint64_t all = ~0ull, minus = -5ull;
	static const struct {
		uint8_t op, flags;
		uint64_t mask, low, high, argument;
		bool holds;
	} cases[] = {
		{ RV_OP_EQ, 0, ~0ull, 7, 0, 7, true },
		{ RV_OP_EQ, 0, ~0ull, 7, 0, 0x100000007, false }, /* the high half counts */
		{ RV_OP_EQ, RV_CONDITION_NARROW, ~0ull, 7, 0, 0x100000007, true },
		{ RV_OP_EQ, 0, 0xf0, 0x30, 0, 0xabc3f, true },
		{ RV_OP_EQ, 0, 0xf0, 0x30, 0, 0xabc4f, false },
		{ RV_OP_NE, 0, ~0ull, 7, 0, 7, false },
		{ RV_OP_NE, 0, ~0ull, 7, 0, 8, true },
		{ RV_OP_LT, 0, ~0ull, 7, 0, 6, true },
		{ RV_OP_LT, 0, ~0ull, 7, 0, 7, false },
		{ RV_OP_LT, 0, ~0ull, 7, 0, -1ull, false },
		{ RV_OP_LT, RV_CONDITION_SIGNED, ~0ull, 7, 0, -1ull, true },
		{ RV_OP_LT, RV_CONDITION_SIGNED | RV_CONDITION_NARROW, ~0ull, 0, 0, 0xffffffff, true },
		{ RV_OP_LT, RV_CONDITION_SIGNED | RV_CONDITION_NARROW, ~0ull, 0, 0, 0x7fffffff, false },
		{ RV_OP_LT, RV_CONDITION_SIGNED, ~0ull, 0, 0, 0xffffffff, false },
		{ RV_OP_LE, 0, ~0ull, 7, 0, 7, true },
		{ RV_OP_LE, 0, ~0ull, 7, 0, 8, false },
		{ RV_OP_GT, 0, ~0ull, 7, 0, 8, true },
		{ RV_OP_GT, 0, ~0ull, 7, 0, 7, false },
		{ RV_OP_GE, 0, ~0ull, 7, 0, 7, true },
		{ RV_OP_GE, 0, ~0ull, 7, 0, 6, false },
		{ RV_OP_GE, RV_CONDITION_SIGNED, ~0ull, -7ull, 0, -7ull, true },
		{ RV_OP_GE, RV_CONDITION_SIGNED | RV_CONDITION_NARROW, ~0ull, -5ull, 0, 0x7fffffffd, true },
		{ RV_OP_GE, RV_CONDITION_SIGNED | RV_CONDITION_NARROW, ~0ull, -2ull, 0, 0xfffffffd, false },
		{ RV_OP_RANGE, 0, ~0ull, 3, 5, 2, false },
		{ RV_OP_RANGE, 0, ~0ull, 3, 5, 3, true },
		{ RV_OP_RANGE, 0, ~0ull, 3, 5, 5, true },
		{ RV_OP_RANGE, 0, ~0ull, 3, 5, 6, false },
		{ RV_OP_RANGE, RV_CONDITION_SIGNED, ~0ull, -3ull, 5, 0, true },
		{ RV_OP_RANGE, RV_CONDITION_SIGNED, ~0ull, -3ull, 5, -4ull, false },
	};
	static const uint64_t set[] = { 1, 3, 5, 0xffffffff, ~0ull };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rv_condition condition = {
			.op = cases[i].op, .flags = cases[i].flags, .mask = cases[i].mask, .low = cases[i].low, .high = cases[i].high,
		};

		if (condition_holds(condition, NULL, 0, cases[i].argument) != cases[i].holds) {
			printf("condition %zu is wrong\n", i);
			failures++;
		}
	}
	for (uint64_t x = 0; x < 8; x++) {
		bool member = x == 1 || x == 3 || x == 5;

		EXPECT_EQ(condition_holds((struct rv_condition){ .op = RV_OP_IN, .mask = all }, set, 5, x), member);
		EXPECT_EQ(condition_holds((struct rv_condition){ .op = RV_OP_NOT_IN, .mask = all }, set, 5, x), !member);
	}
	EXPECT(condition_holds((struct rv_condition){ .op = RV_OP_IN, .mask = all }, set, 5, all));
	EXPECT(!condition_holds((struct rv_condition){ .op = RV_OP_IN, .mask = all }, set, 5, minus));
}

/* A set ends where the next one begins. */
static void test_sets(void)
{
	static const uint64_t values[] = { 1, 3, 5, 7 };
	struct rv_decision decision;

	begin(RV_ACTION_ALLOW, 0);
	for (size_t i = 0; i < 4; i++)
		add(RV_SECTION_VALUES, &values[i]);
	ADD(CONDITIONS, rv_condition, .op = RV_OP_IN, .mask = ~0ull, .value_count = 2);
	ADD(CONDITIONS, rv_condition, .op = RV_OP_IN, .mask = ~0ull, .first_value = 2, .value_count = 2);
	ADD(RULES, rv_rule, .id = 1, .action = RV_ACTION_NOTIFY, .condition_count = 1);
	ADD(RULES, rv_rule, .id = 2, .action = RV_ACTION_NOTIFY, .first_condition = 1, .condition_count = 1);
	ADD(SYSCALLS, rv_syscall, .rule_count = 2);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	for (uint64_t x = 0; x < 9; x++) {
		const struct rv_call call = { .arch = RV_ARCH_X86_64, .args = { x } };

		rv_eval_call(image, &call, &decision);
		EXPECT_EQ(decision.rule, x == 1 || x == 3 ? 1 : x == 5 || x == 7 ? 2 : RV_ID_NONE);
	}
}

/* --------------------------------------------------------------------------------------------------------------- calls */

static void call_rule(uint32_t id, uint8_t action, uint16_t error, uint8_t paths, uint8_t addresses)
{
	ADD(RULES, rv_rule, .id = id, .action = action, .error = error, .paths = paths, .addresses = addresses);
}

static void handler_rule(uint32_t id, uint8_t handler, uint8_t flags, uint8_t paths)
{
	ADD(RULES, rv_rule, .id = id, .action = RV_ACTION_HANDLER, .handler = handler, .flags = flags, .paths = paths);
}

/* Ends the rules of the next call number. */
static void end_call(void)
{
	static uint32_t owned;

	if (draft.counts[RV_SECTION_SYSCALLS] == 0)
		owned = 0;
	ADD(SYSCALLS, rv_syscall, .first_rule = owned, .rule_count = draft.counts[RV_SECTION_RULES] - owned);
	owned = draft.counts[RV_SECTION_RULES];
}

static struct rv_decision decide(uint32_t nr, uint32_t arch)
{
	struct rv_decision decision;
	struct rv_call call = { .nr = nr, .arch = arch };

	memset(&decision, 0xaa, sizeof(decision));
	rv_eval_call(image, &call, &decision);
	EXPECT_EQ(decision.reserved, 0);
	EXPECT_EQ(decision.reserved2, 0);
	return decision;
}

static void test_calls(void)
{
	struct rv_decision d;

	begin(RV_ACTION_ERRNO, 38);
	draft.header.foreign_action = RV_ACTION_ERRNO;
	draft.header.foreign_error = 1;
	end_call(); /* 0: no rule */
	call_rule(1, RV_ACTION_ALLOW, 0, 0, 0); /* 1: the strongest wins, then the lowest id */
	call_rule(2, RV_ACTION_ERRNO, 13, 0, 0);
	call_rule(3, RV_ACTION_ERRNO, 2, 0, 0);
	call_rule(4, RV_ACTION_NOTIFY, 0, 1, 2);
	end_call();
	call_rule(5, RV_ACTION_NOTIFY, 0, 2, 1); /* 2: pointers add up */
	call_rule(6, RV_ACTION_TRACE, 0, 8, 4);
	end_call();
	handler_rule(7, 3, 0, 0); /* 3: handlers over an allowed call */
	handler_rule(7, 5, 0, 0);
	handler_rule(7, 62, 0, 4);
	handler_rule(7, 63, 0, 4);
	handler_rule(7, 3, 0, 4);
	call_rule(8, RV_ACTION_ALLOW, 0, 0, 0);
	end_call();
	handler_rule(9, 0, 0, 0); /* 4: a refusal stands, */
	end_call();
	handler_rule(9, 0, 0, 1); /* 5: unless overridden */
	handler_rule(10, 1, RV_RULE_OVERRIDE, 2);
	end_call();
	handler_rule(10, 1, RV_RULE_OVERRIDE, 0); /* 6: a kill is not */
	call_rule(11, RV_ACTION_KILL, 0, 0, 0);
	end_call();
	ADD(CONDITIONS, rv_condition, .op = RV_OP_EQ, .mask = ~0ull, .low = 1); /* 7: a rule that does not match */
	ADD(RULES, rv_rule, .id = 12, .action = RV_ACTION_KILL, .condition_count = 1);
	end_call();
	/* 8: what all of them ask for */
	ADD(RULES, rv_rule, .id = 13, .action = RV_ACTION_HANDLER, .first_condition = 1, .flags = RV_RULE_OVERRIDE, .addresses = 1, .paths = 8);
	ADD(RULES, rv_rule, .id = 13, .action = RV_ACTION_HANDLER, .first_condition = 1, .handler = 1, .addresses = 2, .paths = 16);
	ADD(RULES, rv_rule, .id = 13, .action = RV_ACTION_NOTIFY, .first_condition = 1, .addresses = 4, .paths = 32);
	end_call();
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);

	d = decide(8, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_HANDLER && d.base == RV_ACTION_NOTIFY && d.handlers == 0 && d.pending == 3);
	EXPECT(d.addresses == 7 && d.paths == 56);
	d = decide(0, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_ERRNO && d.base == RV_ACTION_ERRNO && d.error == 38 && d.rule == RV_ID_NONE);
	d = decide(1, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_ERRNO && d.error == 13 && d.rule == 2 && d.paths == 0 && d.addresses == 0);
	d = decide(2, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_TRACE && d.error == 0 && d.rule == 6 && d.paths == 10 && d.addresses == 5);
	d = decide(3, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_HANDLER && d.base == RV_ACTION_ALLOW && d.rule == 8 && d.error == 0 && d.paths == 4);
	EXPECT(d.handlers == 40 && d.pending == 3ull << 62);
	d = decide(4, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_ERRNO && d.handlers == 0 && d.pending == 0);
	d = decide(5, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_HANDLER && d.base == RV_ACTION_ERRNO && d.error == 38);
	EXPECT(d.handlers == 0 && d.pending == 2 && d.paths == 2);
	d = decide(6, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_KILL && d.rule == 11 && d.handlers == 0);
	d = decide(7, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_ERRNO && d.rule == RV_ID_NONE);
	d = decide(9, RV_ARCH_X86_64); /* beyond the table */
	EXPECT(d.action == RV_ACTION_ERRNO && d.error == 38);
	/* i386, x32, -1 */
	d = decide(3, 0x40000003);
	EXPECT(d.action == RV_ACTION_ERRNO && d.error == 1 && d.handlers == 0);
	d = decide(3 | RV_X32_BIT, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_ERRNO && d.error == 1);
	d = decide(-1u, RV_ARCH_X86_64);
	EXPECT(d.action == RV_ACTION_ERRNO && d.error == 1);
}

/* --------------------------------------------------------------------------------------------------------------- paths */

static void literal(const char *name)
{
	ADD(PARTS, rv_part, .kind = RV_PART_LITERAL, .first = text(name, strlen(name)), .length = (uint16_t)strlen(name));
}

static void depth(void)
{
	ADD(PARTS, rv_part, .kind = RV_PART_DEPTH);
}

/* Tokens from text: "*", "?", "#" for the set of digits, "~" for all but "a", else the byte. */
static void wild(const char *pattern)
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

static void sets(void)
{
	struct rv_set digits = { .bits = { [6] = 0xff, [7] = 0x03 } };
	struct rv_set not_a;

	memset(&not_a, 0xff, sizeof(not_a));
	not_a.bits['a' >> 3] &= (uint8_t) ~(1u << ('a' & 7));
	add(RV_SECTION_SETS, &digits);
	add(RV_SECTION_SETS, &not_a);
}

/* Adds a node whose children and rules are the next ones. */
static void node(const char *name, uint32_t children, uint32_t rules, uint32_t deny_beneath)
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

static uint32_t parts_before;

static void path_rule(uint32_t id, uint32_t rights, uint8_t kind, uint8_t scope)
{
	uint32_t parts = draft.counts[RV_SECTION_PARTS];

	ADD(PATH_RULES, rv_path_rule, .id = id, .rights = rights, .kind = kind, .scope = scope, .first_part = parts_before,
	    .part_count = (uint16_t)(parts - parts_before));
	parts_before = parts;
}

static struct rv_access ask(const char *path, uint32_t rights, uint32_t flags)
{
	struct rv_access access;
	uint32_t verdict;

	memset(&access, 0xaa, sizeof(access));
	verdict = rv_eval_path(image, (const uint8_t *)path, strlen(path), rights, flags, &access);
	EXPECT_EQ(verdict, access.verdict);
	EXPECT_EQ(access.reserved, 0);
	return access;
}

#define R RV_RIGHT_READ
#define W RV_RIGHT_WRITE

/*
 * /           grant 50 STAT subtree; deny 60 ALL of "** / .env", subtree; grant 51 READ of "* / #" (# is a digit)
 * /etc        grant 10 READ subtree; deny 11 LIST exact
 * /etc/ssl    filter 5 READ subtree; deny 20 WRITE subtree
 * /etc/ssl/k  deny 21 ALL exact; filter 6 READ exact
 * /srv        grant 12 READ|WRITE subtree; deny 61 METADATA of "a / *.key"
 * /zz/costarring, /zz/liquid   grant 13, 14 WRITE subtree: two names of one hash
 *
 * Siblings stand by the hash of their names: zz, etc, srv.
 */
static void path_fixture(void)
{
	begin(RV_ACTION_ALLOW, 0);
	parts_before = 0;
	sets();
	node("", 3, 3, 11);
	path_rule(50, RV_RIGHT_STAT, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	depth();
	literal(".env");
	path_rule(60, RV_RIGHT_ALL, RV_KIND_DENY, RV_SCOPE_SUBTREE);
	wild("*");
	wild("#");
	path_rule(51, R, RV_KIND_GRANT, RV_SCOPE_EXACT);
	node("zz", 2, 0, RV_ID_NONE);
	node("etc", 1, 2, 20);
	path_rule(10, R, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	path_rule(11, RV_RIGHT_LIST, RV_KIND_DENY, RV_SCOPE_EXACT);
	node("srv", 0, 2, RV_ID_NONE);
	path_rule(12, R | W, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	literal("a");
	wild("*.key");
	path_rule(61, RV_RIGHT_METADATA, RV_KIND_DENY, RV_SCOPE_EXACT);
	node("costarring", 0, 1, RV_ID_NONE);
	path_rule(13, W, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	node("liquid", 0, 1, RV_ID_NONE);
	path_rule(14, W, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	node("ssl", 1, 2, 21);
	path_rule(5, R, RV_KIND_FILTER, RV_SCOPE_SUBTREE);
	path_rule(20, W, RV_KIND_DENY, RV_SCOPE_SUBTREE);
	node("k", 0, 2, RV_ID_NONE);
	path_rule(21, RV_RIGHT_ALL, RV_KIND_DENY, RV_SCOPE_EXACT);
	path_rule(6, R, RV_KIND_FILTER, RV_SCOPE_EXACT);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
}

static void expect_access(int line, struct rv_access access, uint32_t verdict, uint32_t rule, uint32_t missing, uint64_t filters)
{
	if (access.verdict != verdict || access.rule != rule || access.missing != missing || access.filters != filters) {
		printf("line %d: verdict %u rule %u missing %x filters %llx\n", line, access.verdict, access.rule, access.missing,
		       (unsigned long long)access.filters);
		failures++;
	}
}

#define GRANTED(access, rule, filters) expect_access(__LINE__, access, RV_VERDICT_GRANTED, rule, 0, filters)
#define DENIED(access, rule, wanted, filters) expect_access(__LINE__, access, RV_VERDICT_DENIED, rule, wanted, filters)
#define MISSING(access, rights, filters) expect_access(__LINE__, access, RV_VERDICT_MISSING, RV_ID_NONE, rights, filters)
#define MALFORMED(access, wanted) expect_access(__LINE__, access, RV_VERDICT_MALFORMED, RV_ID_NONE, wanted, 0)
#define UNSUPPORTED(access, wanted) expect_access(__LINE__, access, RV_VERDICT_UNSUPPORTED, RV_ID_NONE, wanted, 0)

static void test_paths(void)
{
	path_fixture();
	GRANTED(ask("/", RV_RIGHT_STAT, 0), 50, 0);
	MISSING(ask("/", R, 0), R, 0);
	GRANTED(ask("/etc/passwd", R, 0), 10, 0);
	GRANTED(ask("/etc", R | RV_RIGHT_STAT, 0), 10, 0);
	MISSING(ask("/etc/passwd", R | W, 0), W, 0);
	DENIED(ask("/etc", RV_RIGHT_LIST, 0), 11, RV_RIGHT_LIST, 0);
	MISSING(ask("/etc/ssl", RV_RIGHT_LIST, 0), RV_RIGHT_LIST, 0);
	GRANTED(ask("/etc/ssl/cert", R, 0), 10, 1 << 5);
	DENIED(ask("/etc/ssl/cert", W, 0), 20, W, 0);
	DENIED(ask("/etc/ssl/k", R | W, 0), 20, R | W, 1 << 5 | 1 << 6);
	GRANTED(ask("/etc/ssl/k/x", R, 0), 10, 1 << 5);
	GRANTED(ask("/zz/costarring/a", W, 0), 13, 0);
	GRANTED(ask("/zz/liquid/a", W, 0), 14, 0);
	/* names that are not there, and prefixes of others */
	MISSING(ask("/et", R, 0), R, 0);
	MISSING(ask("/etcc", R, 0), R, 0);
	MISSING(ask("/a", R, 0), R, 0);
	MISSING(ask("/zzz", R, 0), R, 0);
	MISSING(ask("/zz", R, 0), R, 0);
	MISSING(ask("/zz/a", R, 0), R, 0);
	GRANTED(ask("/srv/.envx", W, 0), 12, 0);
	/* globs */
	DENIED(ask("/srv/.env", R, 0), 60, R, 0);
	DENIED(ask("/.env", R, 0), 60, R, 0);
	DENIED(ask("/srv/a/b/.env/deep/er", W, 0), 60, W, 0);
	DENIED(ask("/srv/a/.key", RV_RIGHT_METADATA, 0), 61, RV_RIGHT_METADATA, 0);
	MISSING(ask("/srv/a/x.key/y", RV_RIGHT_METADATA, 0), RV_RIGHT_METADATA, 0);
	MISSING(ask("/srv/b/x.key", RV_RIGHT_METADATA, 0), RV_RIGHT_METADATA, 0);
	MISSING(ask("/srv/a", RV_RIGHT_METADATA, 0), RV_RIGHT_METADATA, 0);
	GRANTED(ask("/zz/7", R, 0), 51, 0);
	MISSING(ask("/zz/a", R, 0), R, 0);
	MISSING(ask("/zz/77", R, 0), R, 0);
	MISSING(ask("/zz/7/8", R, 0), R, 0);
	/* trees: what must not move because of a rule on it, above it or beneath it */
	DENIED(ask("/", RV_RIGHT_DELETE, RV_PATH_TREE), 11, RV_RIGHT_DELETE, 0);
	DENIED(ask("/etc", R, RV_PATH_TREE), 11, R, 0);
	DENIED(ask("/etc/ssl", R, RV_PATH_TREE), 20, R, 1 << 5);
	DENIED(ask("/srv/a", R, RV_PATH_TREE), 60, R, 0);
	DENIED(ask("/etc/ssl/k/x", R, RV_PATH_TREE), 20, R, 1 << 5);
	/* questions that are none */
	MALFORMED(ask("/etc", 0, 0), 0);
	MALFORMED(ask("/etc", RV_RIGHT_ALL + 1, 0), RV_RIGHT_ALL + 1);
	MALFORMED(ask("/etc", R, 2), R);
}

static void test_trees(void)
{
	/* Without the "**" rule: how far globs reach down. */
	begin(RV_ACTION_ALLOW, 0);
	parts_before = 0;
	node("", 1, 3, 4);
	literal("a");
	wild("b*");
	literal("c");
	path_rule(3, W, RV_KIND_DENY, RV_SCOPE_EXACT);
	depth();
	literal("q");
	path_rule(8, W, RV_KIND_GRANT, RV_SCOPE_EXACT);
	path_rule(9, RV_RIGHT_ALL, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	node("x", 0, 1, RV_ID_NONE);
	path_rule(4, W, RV_KIND_DENY, RV_SCOPE_EXACT);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	DENIED(ask("/a", R, RV_PATH_TREE), 3, R, 0);
	DENIED(ask("/a/bb", R, RV_PATH_TREE), 3, R, 0);
	DENIED(ask("/a/bb/c", R, RV_PATH_TREE), 3, R, 0);
	GRANTED(ask("/a/bb/c", R, 0), 9, 0);
	GRANTED(ask("/a/bb/d", R, RV_PATH_TREE), 9, 0);
	GRANTED(ask("/a/bb/c/d", R, RV_PATH_TREE), 9, 0);
	GRANTED(ask("/a/c", R, RV_PATH_TREE), 9, 0);
	GRANTED(ask("/b", R, RV_PATH_TREE), 9, 0);
	DENIED(ask("/x", R, RV_PATH_TREE), 4, R, 0);
	GRANTED(ask("/x", R, 0), 9, 0);
	GRANTED(ask("/x/y", R, RV_PATH_TREE), 9, 0);
}

static bool glob_matches(void (*parts)(void), uint8_t scope, const char *path)
{
	begin(RV_ACTION_ALLOW, 0);
	parts_before = 0;
	sets();
	node("", 0, 1, RV_ID_NONE);
	parts();
	path_rule(1, R, RV_KIND_GRANT, scope);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	return ask(path, R, 0).verdict == RV_VERDICT_GRANTED;
}

static const char *glob_text;

/* Parts from text: "**" alone, or wild; separated by slashes. */
static void parts_of_text(void)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", glob_text);
	for (char *name = strtok(copy, "/"); name; name = strtok(NULL, "/")) {
		if (strcmp(name, "**") == 0)
			depth();
		else
			wild(name);
	}
}

static void test_globs(void)
{
	static const struct {
		const char *glob, *path;
		bool exact, subtree;
	} cases[] = {
		{ "**", "/", true, true },
		{ "**", "/a/b", true, true },
		{ "*", "/", false, false },
		{ "*", "/a", true, true },
		{ "*", "/.a", true, true },
		{ "*", "/a/b", false, true },
		{ "a*b*c", "/abc", true, true },
		{ "a*b*c", "/aXbYbZc", true, true },
		{ "a*b*c", "/aXbYbZ", false, false },
		{ "a*bc", "/abbbc", true, true },
		{ "*a", "/b", false, false },
		{ "a**", "/a", true, true },
		{ "a", "/ab", false, false },
		{ "ab", "/a", false, false },
		{ "?", "/a", true, true },
		{ "?", "/\xc3\xa9", true, true },
		{ "??", "/\xc3\xa9", false, false },
		{ "??", "/\xc3\x61", true, true }, /* stray bytes count one each */
		{ "?", "/\xe2\x80\xa6", true, true },
		{ "?", "/\xf0\x9f\x98\x80", true, true },
		{ "???", "/\xf0\x9f\x98", true, true },
		{ "?", "/\xc1", true, true },
		{ "??", "/\xc1\xbf", true, true },
		{ "?", "/\xc2\x80", true, true },
		{ "?", "/\xdf\xbf", true, true },
		{ "?", "/\xe0\xa0\x80", true, true },
		{ "?", "/\xef\xbf\xbf", true, true },
		{ "?", "/\xf0\x90\x80\x80", true, true },
		{ "?", "/\xf4\x8f\xbf\xbf", true, true },
		{ "????", "/\xf5\x80\x80\x80", true, true },
		{ "?", "/\xf5", true, true },
		{ "*\xa9", "/\xc3\xa9", false, false }, /* nothing begins within a character */
		{ "*?", "/\xc3\xa9", true, true },
		{ "~", "/\xc3\xa9", true, true },
		{ "~", "/a", false, false },
		{ "~b", "/ab", false, false },
		{ "~b", "/cb", true, true },
		{ "#*", "/5th", true, true },
		{ "*#", "/a5", true, true },
		{ "**/x", "/x", true, true },
		{ "**/x", "/a/b/x", true, true },
		{ "**/x", "/x/y", false, true },
		{ "**/x", "/x/y/x", true, true },
		{ "**/x/y", "/x/x/y", true, true },
		{ "a/**/b", "/a/b", true, true },
		{ "a/**/b", "/a/c/b", true, true },
		{ "a/**/b", "/a/c/d", false, false },
		{ "a/**/b/**/c", "/a/1/b/2/b/c", true, true },
		{ "a/**/b/**/c", "/a/1/c/2/c/c", false, false },
		{ "a/**", "/a", true, true },
		{ "a/**", "/a/b/c", true, true },
		{ "a/**", "/b", false, false },
		{ "**/**/x", "/x", true, true },
		{ "a/b", "/a", false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		glob_text = cases[i].glob;
		if (glob_matches(parts_of_text, RV_SCOPE_EXACT, cases[i].path) != cases[i].exact ||
		    glob_matches(parts_of_text, RV_SCOPE_SUBTREE, cases[i].path) != cases[i].subtree) {
			printf("glob %s over %s is wrong\n", cases[i].glob, cases[i].path);
			failures++;
		}
	}
}

static bool resolved(const char *path, size_t length)
{
	return rv_path_is_resolved((const uint8_t *)path, length);
}

static void test_resolved(void)
{
	char longest[RV_MAX_PATH + 2];
	static const char *good[] = { "/", "/a", "/...", "/..a", "/.a", "/a.", "/a/b", "/.../.b" };
	static const char *bad[] = { "", "a", "//", "/a/", "/a//b", "/.", "/..", "/a/.", "/a/../b", "/./a" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		EXPECT(resolved(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(!resolved(bad[i], strlen(bad[i])));
	EXPECT(!resolved("/a\0b", 4));
	EXPECT(!resolved("/\0", 2));

	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 200 == 0 ? '/' : 'x';
	EXPECT(resolved(longest, RV_MAX_PATH));
	EXPECT(!resolved(longest, RV_MAX_PATH + 1));
	memset(longest + 1, 'x', 256);
	EXPECT(resolved(longest, 1 + RV_MAX_NAME));
	EXPECT(!resolved(longest, 2 + RV_MAX_NAME));
}

/* ----------------------------------------------------------------------------------------------------------- addresses */

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

#define C RV_RIGHT_CONNECT
#define B RV_RIGHT_BIND

static void address_rule(uint32_t id, uint8_t kind, uint32_t rights, uint8_t protocols, uint16_t low, uint16_t high,
			 const uint8_t *bytes, size_t n)
{
	struct rv_address_rule rule = {
		.id = id, .kind = kind, .rights = rights, .protocols = protocols, .port_low = low, .port_high = high,
	};

	memcpy(rule.bytes, bytes, n);
	add(RV_SECTION_ADDRESSES, &rule);
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
	parts_before = 0;
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

static void test_addresses(void)
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

/* -------------------------------------------------------------------------------------------------------------- faults */

/* A program with something in every section. */
static void full_fixture(void)
{
	static const uint64_t values[] = { 3, 8 };
	static const uint8_t ten[] = { 10 }, twelve[] = { 12 }, doc[] = { 0x20, 1 };

	begin(RV_ACTION_ERRNO, 38);
	parts_before = 0;
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

static void test_faults(void)
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
static void test_limits(void)
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
	parts_before = 0;
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

/* ----------------------------------------------------------------------------------------------------------- mutations */

/* Every byte of the fixture takes every value. What still validates is asked questions, which must not leave memory. */
static void test_mutations(void)
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

int main(void)
{
	test_conditions();
	test_sets();
	test_calls();
	test_paths();
	test_trees();
	test_globs();
	test_resolved();
	test_addresses();
	test_faults();
	test_limits();
	test_mutations();
	if (failures)
		printf("%u failures\n", failures);
	else
		printf("core: all tests passed\n");
	return failures != 0;
}
