// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes the validator, and what it lets through: the input is a program. A program that validates answers a fixed set of
 * questions without leaving its bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "rv_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const uint8_t *program)
{
	static const char *const paths[] = { "/", "/a", "/a/b/ab/abc", "/.a/\xc3\xa9/]", "/etc/ssl/private/key" };
	static const uint8_t inet[16] = { 2, 0, 0, 80, 10, 0, 0, 1 };
	static const uint8_t inet6[28] = { 10, 0, 1, 187, [8] = 0x20, 1, 0x0d, 0xb8 };
	static const uint8_t abstract[] = { 1, 0, 0, 'a', '/', 0xc3, 0xa9 };
	struct rv_decision decision;
	struct rv_address address;
	struct rv_access access;

	for (uint32_t nr = 0; nr < RV_MAX_SYSCALLS; nr++) {
		const struct rv_call call = { .nr = nr, .arch = RV_ARCH_X86_64, .args = { 0, 1, ~0ull, 1ull << 31, 1ull << 63, nr } };

		rv_eval_call(program, &call, &decision);
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		rv_eval_path(program, (const uint8_t *)paths[i], strlen(paths[i]), RV_RIGHT_ALL, 0, &access);
		rv_eval_path(program, (const uint8_t *)paths[i], strlen(paths[i]), RV_RIGHT_DELETE, RV_PATH_TREE, &access);
	}
	rv_eval_address(program, inet, sizeof(inet), RV_PROTOCOL_TCP, RV_RIGHT_CONNECT, &address, &access);
	rv_eval_address(program, inet6, sizeof(inet6), RV_PROTOCOL_UDP, RV_RIGHT_SEND, &address, &access);
	rv_eval_address(program, abstract, sizeof(abstract), 0, RV_RIGHT_CONNECT, &address, &access);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long as the input, so that the sanitizer guards its end. malloc() aligns to 16. */
	uint8_t *program = malloc(size ? size : 1);
	struct rv_fault fault;

	if (size)
		memcpy(program, data, size);
	if (rv_validate(program, size, &fault) == RV_FAULT_NONE)
		ask(program);
	else if (fault.code > RV_FAULT_SUMMARY || (fault.code > RV_FAULT_SIZE && fault.offset >= size))
		abort();
	free(program);
	return 0;
}
