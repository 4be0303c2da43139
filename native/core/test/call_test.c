// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that are decided by their registers (call.c): conditions, sets of values, rules that add up.
 */
#include <stdio.h>

#include "draft.h"
#include "expect.h"
#include "questions.h"
#include "tests.h"

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

void test_conditions(void)
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
void test_sets(void)
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

void test_calls(void)
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
