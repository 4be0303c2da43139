// SPDX-License-Identifier: Apache-2.0
/*
 * The tests, by the files that they are in. Those of paths and addresses are also those of access.c: how rules combine.
 */
#ifndef TESTS_H
#define TESTS_H

/* call_test.c */
void test_conditions(void);
void test_sets(void);
void test_calls(void);
/* path_test.c */
void test_paths(void);
void test_trees(void);
void test_resolved(void);
/* glob_test.c */
void test_globs(void);
/* address_test.c */
void test_addresses(void);
/* validate_test.c */
void test_faults(void);
void test_limits(void);
void test_mutations(void);

#endif
