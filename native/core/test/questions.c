// SPDX-License-Identifier: Apache-2.0
/*
 * Questions to the program in `image`, and what is expected of the answers.
 */
#include <stdio.h>
#include <string.h>

#include "draft.h"
#include "expect.h"
#include "questions.h"

struct rv_decision decide(uint32_t nr, uint32_t arch)
{
	struct rv_decision decision;
	struct rv_call call = { .nr = nr, .arch = arch };

	memset(&decision, 0xaa, sizeof(decision));
	rv_eval_call(image, &call, &decision);
	EXPECT_EQ(decision.reserved, 0);
	EXPECT_EQ(decision.reserved2, 0);
	return decision;
}

struct rv_access ask(const char *path, uint32_t rights, uint32_t flags)
{
	struct rv_access access;
	uint32_t verdict;

	memset(&access, 0xaa, sizeof(access));
	verdict = rv_eval_path(image, (const uint8_t *)path, strlen(path), rights, flags, &access);
	EXPECT_EQ(verdict, access.verdict);
	EXPECT_EQ(access.reserved, 0);
	return access;
}

void expect_access(const char *file, int line, struct rv_access access, uint32_t verdict, uint32_t rule, uint32_t missing, uint64_t filters)
{
	if (access.verdict != verdict || access.rule != rule || access.missing != missing || access.filters != filters) {
		printf("%s:%d: verdict %u rule %u missing %x filters %llx\n", file, line, access.verdict, access.rule, access.missing,
		       (unsigned long long)access.filters);
		failures++;
	}
}
