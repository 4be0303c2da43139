/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Decisions by register values alone: which of a call's rules match, and which of those is strongest.
 */
#include "program.h"

#define SIGN_BIT 0x8000000000000000u
#define NARROW_SIGN_BIT 0x80000000u
#define NARROW_MASK 0xffffffffu

/* What rules of one class ask for. */
struct wish {
	uint64_t handlers;
	uint64_t pending;
	uint8_t paths;
	uint8_t addresses;
};

/* Binary search in an ascending run. */
static bool contains(const uint64_t *values, uint32_t count, uint64_t x)
{
	uint32_t low = 0;

	while (count > 0) {
		uint32_t half = count / 2;

		if (values[low + half] == x)
			return true;
		if (values[low + half] < x) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return false;
}

/* The register as the condition sees it. */
static uint64_t operand(const struct rv_condition *condition, const struct rv_call *call)
{
	uint64_t x = call->args[condition->argument];

	if (condition->flags & RV_CONDITION_NARROW) {
		x &= NARROW_MASK;
		if ((condition->flags & RV_CONDITION_SIGNED) && (x & NARROW_SIGN_BIT))
			x |= ~(uint64_t)NARROW_MASK;
	}
	return x & condition->mask;
}

static bool holds(const void *program, const struct rv_condition *condition, const struct rv_call *call)
{
	const uint64_t *values = rv_section(program, RV_SECTION_VALUES);
	/* Signed order is unsigned order with the sign bit turned over. */
	const uint64_t bias = condition->flags & RV_CONDITION_SIGNED ? SIGN_BIT : 0;
	const uint64_t raw = operand(condition, call);
	const uint64_t x = raw ^ bias;
	const uint64_t low = condition->low ^ bias;

	switch (condition->op) {
	case RV_OP_EQ:
		return x == low;
	case RV_OP_NE:
		return x != low;
	case RV_OP_LT:
		return x < low;
	case RV_OP_LE:
		return x <= low;
	case RV_OP_GT:
		return x > low;
	case RV_OP_GE:
		return x >= low;
	case RV_OP_RANGE:
		return low <= x && x <= (condition->high ^ bias);
	case RV_OP_IN:
		return contains(values + condition->first_value, condition->value_count, raw);
	default: /* RV_OP_NOT_IN */
		return !contains(values + condition->first_value, condition->value_count, raw);
	}
}

static bool matches(const void *program, const struct rv_rule *rule, const struct rv_call *call)
{
	const struct rv_condition *conditions = rv_section(program, RV_SECTION_CONDITIONS);

	for (uint32_t i = 0; i < rule->condition_count; i++) {
		if (!holds(program, &conditions[rule->first_condition + i], call))
			return false;
	}
	return true;
}

static void wish_for(struct wish *wish, const struct rv_rule *rule)
{
	wish->paths |= rule->paths;
	wish->addresses |= rule->addresses;
	if (rule->action != RV_ACTION_HANDLER)
		return;
	if (rule->paths | rule->addresses)
		wish->pending |= 1ull << rule->handler;
	else
		wish->handlers |= 1ull << rule->handler;
}

static void grant_wish(struct rv_decision *out, const struct wish *wish)
{
	out->paths |= wish->paths;
	out->addresses |= wish->addresses;
	out->handlers |= wish->handlers;
	out->pending |= wish->pending;
}

/* Our own ABI only: the number -1 and x32 both carry the x32 bit, i386 has another arch. */
static bool is_foreign(const struct rv_header *header, const struct rv_call *call)
{
	return call->arch != header->arch || (call->nr & RV_X32_BIT);
}

void rv_eval_call(const void *program, const struct rv_call *call, struct rv_decision *out)
{
	const struct rv_header *header = rv_header(program);
	struct wish sentry = { 0 }, handler = { 0 }, override = { 0 };

	*out = (struct rv_decision){
		.base = header->default_action,
		.error = header->default_error,
		.rule = RV_ID_NONE,
	};
	if (is_foreign(header, call)) {
		out->base = header->foreign_action;
		out->error = header->foreign_error;
	} else if (call->nr < rv_count(program, RV_SECTION_SYSCALLS)) {
		const struct rv_syscall *entry = (const struct rv_syscall *)rv_section(program, RV_SECTION_SYSCALLS) + call->nr;
		const struct rv_rule *rules = (const struct rv_rule *)rv_section(program, RV_SECTION_RULES) + entry->first_rule;
		uint8_t strongest = 0;

		for (uint32_t i = 0; i < entry->rule_count; i++) {
			const struct rv_rule *rule = &rules[i];

			if (!matches(program, rule, call))
				continue;
			if (rule->action == RV_ACTION_HANDLER) {
				wish_for(rule->flags & RV_RULE_OVERRIDE ? &override : &handler, rule);
				continue;
			}
			wish_for(&sentry, rule);
			/* Ids ascend, so of equals the first is the one with the lowest id. */
			if (rule->action > strongest) {
				strongest = rule->action;
				out->base = rule->action;
				out->error = rule->error;
				out->rule = rule->id;
			}
		}
	}

	if (out->base < RV_ACTION_KILL)
		grant_wish(out, &override);
	if (out->base < RV_ACTION_ERRNO) {
		grant_wish(out, &handler);
		grant_wish(out, &sentry);
	}
	out->pending &= ~out->handlers;
	out->action = out->handlers | out->pending ? RV_ACTION_HANDLER : out->base;
}
