/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * How rules combine, for paths and addresses alike: grants add up, a denial stays, and order means nothing. The rule that is
 * named is always the one with the lowest id.
 */
#include "program.h"

/* Whether the rights are a question at all. */
bool rv_query_is_sound(uint32_t rights)
{
	return rights != 0 && !(rights & ~RV_RIGHT_ALL);
}

void rv_query_start(struct rv_query *query, uint32_t wanted, uint32_t deny_mask)
{
	*query = (struct rv_query){
		.wanted = wanted,
		.deny_mask = deny_mask,
		.grant_rule = RV_ID_NONE,
		.deny_rule = RV_ID_NONE,
	};
}

/* Takes in a rule that covers what is asked about and concerns the question. */
void rv_query_apply(struct rv_query *query, uint8_t kind, uint32_t id, uint32_t rights)
{
	switch (kind) {
	case RV_KIND_GRANT:
		query->granted |= rights;
		query->grant_rule = rv_min(query->grant_rule, id);
		break;
	case RV_KIND_DENY:
		query->deny_rule = rv_min(query->deny_rule, id);
		break;
	default: /* RV_KIND_FILTER */
		query->filters |= 1ull << id;
	}
}

/* An answer without a rule. */
uint32_t rv_query_answer(struct rv_access *out, uint32_t verdict, uint32_t missing)
{
	*out = (struct rv_access){ .verdict = verdict, .rule = RV_ID_NONE, .missing = missing };
	return verdict;
}

uint32_t rv_query_conclude(const struct rv_query *query, struct rv_access *out)
{
	const uint32_t missing = query->wanted & ~query->granted;

	if (query->deny_rule != RV_ID_NONE) {
		rv_query_answer(out, RV_VERDICT_DENIED, query->wanted);
		out->rule = query->deny_rule;
	} else if (missing) {
		rv_query_answer(out, RV_VERDICT_MISSING, missing);
	} else {
		rv_query_answer(out, RV_VERDICT_GRANTED, 0);
		out->rule = query->grant_rule;
	}
	out->filters = query->filters;
	return out->verdict;
}
