// SPDX-License-Identifier: Apache-2.0
/*
 * Questions to the program in `image` (draft.h), and what is expected of the answers.
 */
#ifndef QUESTIONS_H
#define QUESTIONS_H

#include "rv_core.h"

#define R RV_RIGHT_READ
#define W RV_RIGHT_WRITE
#define C RV_RIGHT_CONNECT
#define B RV_RIGHT_BIND

/* What is decided of a call without arguments. */
struct rv_decision decide(uint32_t nr, uint32_t arch);
/* What is decided of a path. */
struct rv_access ask(const char *path, uint32_t rights, uint32_t flags);

void expect_access(const char *file, int line, struct rv_access access, uint32_t verdict, uint32_t rule, uint32_t missing, uint64_t filters);

#define GRANTED(access, rule, filters) expect_access(__FILE__, __LINE__, access, RV_VERDICT_GRANTED, rule, 0, filters)
#define DENIED(access, rule, wanted, filters) expect_access(__FILE__, __LINE__, access, RV_VERDICT_DENIED, rule, wanted, filters)
#define MISSING(access, rights, filters) expect_access(__FILE__, __LINE__, access, RV_VERDICT_MISSING, RV_ID_NONE, rights, filters)
#define MALFORMED(access, wanted) expect_access(__FILE__, __LINE__, access, RV_VERDICT_MALFORMED, RV_ID_NONE, wanted, 0)
#define UNSUPPORTED(access, wanted) expect_access(__FILE__, __LINE__, access, RV_VERDICT_UNSUPPORTED, RV_ID_NONE, wanted, 0)

#endif
