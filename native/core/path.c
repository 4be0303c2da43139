/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Decisions by path: a walk down the tree of components, gathering what the rules on the way grant and deny.
 */
#include "program.h"

/* Whether these bytes can be one component of a resolved path. */
bool rv_is_name(const uint8_t *name, size_t length)
{
	if (length == 0 || length > RV_MAX_NAME)
		return false;
	if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (name[i] == 0 || name[i] == '/')
			return false;
	}
	return true;
}

bool rv_path_is_resolved(const uint8_t *path, size_t length)
{
	size_t at = 1;

	if (length == 0 || length > RV_MAX_PATH || path[0] != '/')
		return false;
	if (length == 1)
		return true;
	for (;;) {
		size_t n = rv_component(path + at, length - at);

		if (!rv_is_name(path + at, n))
			return false;
		at += n;
		if (at == length)
			return true;
		at++;
	}
}

/* The child of that name, or NULL. */
static const struct rv_node *find_child(const void *program, const struct rv_node *node, const uint8_t *name, size_t length)
{
	const struct rv_node *children = (const struct rv_node *)rv_section(program, RV_SECTION_NODES) + node->first_child;
	const uint8_t *strings = rv_section(program, RV_SECTION_STRINGS);
	const uint32_t hash = rv_hash(name, length);
	uint32_t count = node->child_count;

	while (count > 0) {
		uint32_t half = count / 2;
		const struct rv_node *child = &children[half];
		int order = child->hash < hash ? -1 : 1;

		if (child->hash == hash)
			order = rv_compare(strings + child->name, child->name_length, name, length);
		if (order == 0)
			return child;
		if (order < 0) {
			children = child + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return NULL;
}

/* Whether a rule of a node covers the path whose components after that node are `rest`. */
static bool covers(const void *program, const struct rv_path_rule *rule, bool tree, const uint8_t *rest, size_t length)
{
	if (rule->part_count == 0)
		return length == 0 || rule->scope == RV_SCOPE_SUBTREE;
	if (rv_glob_covers(program, rule, rest, length))
		return true;
	return tree && rule->kind == RV_KIND_DENY && rv_glob_reaches(program, rule, rest, length);
}

static void apply_rules(const void *program, struct rv_query *query, bool tree, const struct rv_node *node, const uint8_t *rest,
			size_t length)
{
	const struct rv_path_rule *rules = (const struct rv_path_rule *)rv_section(program, RV_SECTION_PATH_RULES) + node->first_rule;

	for (uint32_t i = 0; i < node->rule_count; i++) {
		if (rv_query_concerns(query, rules[i].kind, rules[i].rights) && covers(program, &rules[i], tree, rest, length))
			rv_query_apply(query, rules[i].kind, rules[i].id, rules[i].rights);
	}
}

static void walk(const void *program, struct rv_query *query, bool tree, const uint8_t *path, size_t length)
{
	const struct rv_node *node = rv_section(program, RV_SECTION_NODES);
	size_t at = 1;

	while (node) {
		const uint8_t *rest = path + at;
		size_t n = rv_component(rest, length - at);

		apply_rules(program, query, tree, node, rest, length - at);
		if (at == length) {
			if (tree)
				query->deny_rule = rv_min(query->deny_rule, node->deny_beneath);
			return;
		}
		node = find_child(program, node, rest, n);
		at += n;
		if (at < length)
			at++;
	}
}

uint32_t rv_eval_path(const void *program, const uint8_t *path, size_t length, uint32_t rights, uint32_t flags,
		      struct rv_access *out)
{
	const bool tree = flags & RV_PATH_TREE;
	struct rv_query query;

	if (!rv_query_is_sound(rights) || (flags & ~RV_PATH_TREE) || !rv_path_is_resolved(path, length))
		return rv_query_answer(out, RV_VERDICT_MALFORMED, rights);

	rv_query_start(&query, rights, tree ? RV_RIGHT_ALL : rights);
	walk(program, &query, tree, path, length);
	return rv_query_conclude(&query, out);
}
