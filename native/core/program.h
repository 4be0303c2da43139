/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the files of the core share: access to a program's sections, and work on byte strings.
 */
#ifndef RV_PROGRAM_H
#define RV_PROGRAM_H

#include "rv_core.h"

static inline const struct rv_header *rv_header(const void *program)
{
	return (const struct rv_header *)program;
}

static inline const void *rv_section(const void *program, uint32_t section)
{
	return (const uint8_t *)program + rv_header(program)->sections[section].offset;
}

static inline uint32_t rv_count(const void *program, uint32_t section)
{
	return rv_header(program)->sections[section].count;
}

static inline uint32_t rv_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Bytes up to the next slash or the end. */
static inline size_t rv_component(const uint8_t *text, size_t length)
{
	size_t n = 0;

	while (n < length && text[n] != '/')
		n++;
	return n;
}

/* The order of memcmp(), a prefix first. */
static inline int rv_compare(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
	size_t i = 0;

	while (i < a_length && i < b_length) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
		i++;
	}
	if (a_length == b_length)
		return 0;
	return a_length < b_length ? -1 : 1;
}

static inline uint32_t rv_hash(const uint8_t *bytes, size_t length)
{
	uint32_t hash = RV_HASH_SEED;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * RV_HASH_PRIME;
	return hash;
}

/* One question about a path or an address, and what the rules that cover it have said so far. */
struct rv_query {
	uint32_t wanted;
	uint32_t deny_mask; /* rights whose denial counts */
	uint32_t granted;
	uint32_t grant_rule;
	uint32_t deny_rule;
	uint64_t filters;
};

/* Whether a rule with these rights has any bearing on the question. */
static inline bool rv_query_concerns(const struct rv_query *query, uint8_t kind, uint32_t rights)
{
	return rights & (kind == RV_KIND_DENY ? query->deny_mask : query->wanted);
}

/* access.c */
bool rv_query_is_sound(uint32_t rights);
void rv_query_start(struct rv_query *query, uint32_t wanted, uint32_t deny_mask);
void rv_query_apply(struct rv_query *query, uint8_t kind, uint32_t id, uint32_t rights);
uint32_t rv_query_answer(struct rv_access *out, uint32_t verdict, uint32_t missing);
uint32_t rv_query_conclude(const struct rv_query *query, struct rv_access *out);

/* path.c */
bool rv_is_name(const uint8_t *name, size_t length);

/* glob.c */
bool rv_part_matches(const void *program, const struct rv_part *part, const uint8_t *text, size_t length);
bool rv_glob_covers(const void *program, const struct rv_path_rule *rule, const uint8_t *text, size_t length);
bool rv_glob_reaches(const void *program, const struct rv_path_rule *rule, const uint8_t *text, size_t length);

#endif
