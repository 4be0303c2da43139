// SPDX-License-Identifier: Apache-2.0
/*
 * Unit tests of the decision core, without files or arguments. They build programs record by record (draft.h), ask questions of them (questions.h),
 * and break them in every way that rv_validate() knows. scripts/core-coverage.mjs holds that they reach every branch.
 */
#include "expect.h"
#include "tests.h"

unsigned failures;

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
