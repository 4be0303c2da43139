// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzes the evaluators: the input is a question and a program.
 *
 *     length   u16   bytes of the question
 *     question       struct rv_call, u32 rights, u32 flags, u32 protocol, then bytes that are a path and a sockaddr
 *     program        the rest
 *
 * Beyond memory safety it holds what must be so for any program: answers are consistent in themselves, a right is granted
 * with others only if it is granted alone, and a tree may be moved only if its root may.
 *
 * Mutation leaves the lengths of question and program alone where it changes the program: one that has grown is never valid.
 */
#include <stdlib.h>
#include <string.h>

#include "rv_core.h"

#define FIXED (sizeof(struct rv_call) + 12)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void *copy_of(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (size)
		memcpy(copy, data, size);
	return copy;
}

static void check_access(const struct rv_access *access, uint32_t returned, uint32_t rights)
{
	require(access->verdict == returned && returned <= RV_VERDICT_UNSUPPORTED && access->reserved == 0);
	require((access->verdict == RV_VERDICT_GRANTED) == (access->missing == 0) || rights == 0);
	require((access->missing & ~rights) == 0);
	require(access->verdict == RV_VERDICT_GRANTED || access->verdict == RV_VERDICT_DENIED || access->rule == RV_ID_NONE);
	require(access->verdict > RV_VERDICT_DENIED || access->rule != RV_ID_NONE);
}

static void ask_call(const void *program, const struct rv_call *call)
{
	struct rv_decision decision;

	rv_eval_call(program, call, &decision);
	require(decision.base >= RV_ACTION_ALLOW && decision.base <= RV_ACTION_KILL);
	require(decision.action == ((decision.handlers | decision.pending) ? RV_ACTION_HANDLER : decision.base));
	require((decision.base == RV_ACTION_ERRNO) == (decision.error != 0) && decision.error <= RV_MAX_ERRNO);
	require((decision.handlers & decision.pending) == 0);
	require(decision.base != RV_ACTION_KILL || decision.action == RV_ACTION_KILL);
	require(!decision.pending || decision.paths || decision.addresses);
	require((decision.paths | decision.addresses) < 64);
}

static void ask_path(const void *program, const uint8_t *path, size_t length, uint32_t rights, uint32_t flags)
{
	struct rv_access access, other;

	check_access(&access, rv_eval_path(program, path, length, rights, flags, &access), rights);
	require(rv_path_is_resolved(path, length) || access.verdict == RV_VERDICT_MALFORMED);
	if (access.verdict != RV_VERDICT_GRANTED)
		return;
	require(rv_eval_path(program, path, length, rights & -rights, 0, &other) == RV_VERDICT_GRANTED);
}

static void ask_address(const void *program, const uint8_t *sockaddr, size_t length, uint32_t protocol, uint32_t rights)
{
	struct rv_address address;
	struct rv_access access;

	check_access(&access, rv_eval_address(program, sockaddr, length, protocol, rights, &address, &access), rights);
	require((size_t)address.name + address.name_length <= length);
	require(access.verdict != RV_VERDICT_GRANTED || address.kind != RV_ADDRESS_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rv_fault fault;
	struct rv_call call;
	uint32_t rights, flags, protocol;
	uint8_t *program, *text;
	uint16_t length;

	if (size < 2 + FIXED)
		return -1;
	memcpy(&length, data, 2);
	if (length < FIXED || length > size - 2)
		return -1;
	memcpy(&call, data + 2, sizeof(call));
	memcpy(&rights, data + 2 + sizeof(call), 4);
	memcpy(&flags, data + 2 + sizeof(call) + 4, 4);
	memcpy(&protocol, data + 2 + sizeof(call) + 8, 4);
	text = copy_of(data + 2 + FIXED, length - FIXED);
	program = copy_of(data + 2 + length, size - 2 - length);
	if (rv_validate(program, size - 2 - length, &fault) == RV_FAULT_NONE) {
		ask_call(program, &call);
		ask_path(program, text, length - FIXED, rights, flags);
		ask_address(program, text, length - FIXED, protocol, rights);
	}
	free(program);
	free(text);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	uint8_t question[4096];
	size_t grown, rest;
	uint16_t length;

	if (size < 2 + FIXED || max_size > sizeof(question) + 0x10000)
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&length, data, 2);
	if (length < FIXED || length > size - 2 || length > sizeof(question))
		return LLVMFuzzerMutate(data, size, max_size);
	rest = size - 2 - length;
	if (seed % 3 == 0 && rest > 0) {
		LLVMFuzzerMutate(data + 2 + length, rest, rest);
		return size;
	}
	if (seed % 3 == 1) {
		LLVMFuzzerMutate(data + 2, FIXED, FIXED);
		return size;
	}
	/* The path or sockaddr, which may grow or shrink. */
	memcpy(question, data + 2, length);
	grown = length - FIXED;
	if (max_size > size && sizeof(question) - length < max_size - size)
		max_size = size + sizeof(question) - length;
	grown = LLVMFuzzerMutate(question + FIXED, grown, grown + max_size - size);
	memmove(data + 2 + FIXED + grown, data + 2 + length, rest);
	length = (uint16_t)(FIXED + grown);
	memcpy(data, &length, 2);
	memcpy(data + 2, question, length);
	return 2 + length + rest;
}
