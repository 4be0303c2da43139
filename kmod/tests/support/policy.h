/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Small programs (native/core/rv_abi.h) for tests, made by hand. One policy at a time.
 */
#ifndef POLICY_H
#define POLICY_H

#include "rv_abi.h"

/* What holds where no rule does. Foreign ABIs get FOREIGN_ERROR. */
void policy_begin(uint8_t default_action, uint16_t default_error);
#define FOREIGN_ERROR 71 /* EPROTO: nothing else gives it */

/* A rule over all calls of that number. `error` for ERRNO, else 0. */
void policy_call(uint32_t nr, uint8_t action, uint16_t error);
/* Only where the register has that value. */
void policy_call_if(uint32_t nr, uint8_t action, uint16_t error, uint8_t argument, uint64_t value);
/* Handlers are asked for these calls; `flags`: RV_RULE_OVERRIDE. */
void policy_handler(uint32_t nr, uint8_t handler, uint8_t flags);
/* A rule over a path: RV_KIND_*, RV_SCOPE_*, RV_RIGHT_*. Its id is the order of the call, from 1000 on. */
void policy_path(const char *path, uint8_t kind, uint8_t scope, uint32_t rights);
/* A rule over one IPv4 or IPv6 address and a range of ports; its id from 2000 on. In the order of the addresses' bytes. */
void policy_address4(const char *address, uint16_t low, uint16_t high, uint8_t kind, uint32_t rights);
void policy_address6(const char *address, uint16_t low, uint16_t high, uint8_t kind, uint32_t rights);
/* A rule over one abstract name; its id from 3000 on. */
void policy_abstract(const char *name, uint8_t kind, uint32_t rights);

struct policy {
	void *bytes;
	size_t size;
	uint32_t flags; /* RV_PROGRAM_* */
};

/* The program, without flags; the caller frees its bytes. */
struct policy policy_end(void);
/* A whole program, without a rule: everything goes. */
struct policy policy_allow_all(void);

#endif
