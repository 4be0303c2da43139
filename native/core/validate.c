/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Proves that a program is what the evaluators take it for: every index inside its section, every run owned exactly once,
 * every order kept, every field meaningful. What is checked here is checked nowhere else.
 *
 * Sections are visited owners first. `next[s]` is the number of records of section s that have found their owner: a run must
 * start there, which rules out gaps, overlaps and cycles at once, and at the end every record must have been found.
 */
#include "program.h"

struct check {
	const uint8_t *program;
	uint32_t next[RV_SECTIONS];
	struct rv_fault *fault;
};

static const struct {
	uint32_t size;
	uint32_t limit;
} records[RV_SECTIONS] = {
	[RV_SECTION_SYSCALLS] = { sizeof(struct rv_syscall), RV_MAX_SYSCALLS },
	[RV_SECTION_RULES] = { sizeof(struct rv_rule), RV_MAX_RULES },
	[RV_SECTION_CONDITIONS] = { sizeof(struct rv_condition), RV_MAX_CONDITIONS },
	[RV_SECTION_VALUES] = { sizeof(uint64_t), RV_MAX_VALUES },
	[RV_SECTION_NODES] = { sizeof(struct rv_node), RV_MAX_NODES },
	[RV_SECTION_PATH_RULES] = { sizeof(struct rv_path_rule), RV_MAX_PATH_RULES },
	[RV_SECTION_PARTS] = { sizeof(struct rv_part), RV_MAX_PARTS },
	[RV_SECTION_TOKENS] = { sizeof(struct rv_token), RV_MAX_TOKENS },
	[RV_SECTION_SETS] = { sizeof(struct rv_set), RV_MAX_SETS },
	[RV_SECTION_GROUPS] = { sizeof(struct rv_group), RV_MAX_GROUPS },
	[RV_SECTION_ADDRESSES] = { sizeof(struct rv_address_rule), RV_MAX_ADDRESSES },
	[RV_SECTION_ABSTRACTS] = { sizeof(struct rv_abstract), RV_MAX_ABSTRACTS },
	[RV_SECTION_STRINGS] = { 1, RV_MAX_STRINGS },
};

static const void *section(const struct check *check, uint32_t which)
{
	return rv_section(check->program, which);
}

static uint32_t count(const struct check *check, uint32_t which)
{
	return rv_count(check->program, which);
}

/* Notes the fault of a record and returns false, for `return fail(…)`. */
static bool fail(struct check *check, uint32_t code, const void *record)
{
	check->fault->code = code;
	check->fault->offset = (uint32_t)((const uint8_t *)record - check->program);
	return false;
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* Gives the run to its owner, `record`. */
static bool own(struct check *check, uint32_t which, uint32_t first, uint32_t length, const void *record)
{
	if (first != check->next[which] || length > count(check, which) - first)
		return fail(check, RV_FAULT_RUN, record);
	check->next[which] += length;
	return true;
}

/* Every record of the section has an owner. */
static bool all_owned(struct check *check, uint32_t which)
{
	if (check->next[which] != count(check, which))
		return fail(check, RV_FAULT_RUN, &rv_header(check->program)->sections[which]);
	return true;
}

static bool is_error(uint8_t action, uint16_t error)
{
	if (action == RV_ACTION_ERRNO)
		return error >= 1 && error <= RV_MAX_ERRNO;
	return error == 0;
}

static bool check_header(struct check *check, size_t size)
{
	const struct rv_header *header = rv_header(check->program);

	if (header->magic != RV_MAGIC)
		return fail(check, RV_FAULT_MAGIC, header);
	if (header->version != RV_VERSION || header->header_size != sizeof(*header))
		return fail(check, RV_FAULT_VERSION, &header->version);
	if (header->size != size)
		return fail(check, RV_FAULT_SIZE, &header->size);
	if (header->arch != RV_ARCH_X86_64)
		return fail(check, RV_FAULT_ARCH, &header->arch);
	if (header->default_action < RV_ACTION_ALLOW || header->default_action > RV_ACTION_KILL ||
	    !is_error(header->default_action, header->default_error))
		return fail(check, RV_FAULT_ACTION, &header->default_action);
	if (header->foreign_action < RV_ACTION_ERRNO || header->foreign_action > RV_ACTION_KILL ||
	    !is_error(header->foreign_action, header->foreign_error))
		return fail(check, RV_FAULT_ACTION, &header->foreign_action);
	if (header->reserved)
		return fail(check, RV_FAULT_RESERVED, &header->reserved);
	return true;
}

static bool check_sections(struct check *check, size_t size)
{
	const struct rv_header *header = rv_header(check->program);
	uint64_t end = sizeof(*header);

	for (uint32_t i = 0; i < RV_SECTIONS; i++) {
		const struct rv_section *at = &header->sections[i];
		uint64_t padded;

		if (at->count > records[i].limit)
			return fail(check, RV_FAULT_LIMIT, at);
		if (at->offset != end)
			return fail(check, RV_FAULT_SECTION, at);
		end += (uint64_t)at->count * records[i].size;
		padded = (end + 7) & ~7ull;
		if (padded > size)
			return fail(check, RV_FAULT_SECTION, at);
		if (!is_zero(check->program + end, padded - end))
			return fail(check, RV_FAULT_RESERVED, check->program + end);
		end = padded;
	}
	if (end != size)
		return fail(check, RV_FAULT_SIZE, &header->size);
	return true;
}

static bool check_rule(struct check *check, const struct rv_rule *rule)
{
	const bool is_handler = rule->action == RV_ACTION_HANDLER;
	const bool looks = is_handler || rule->action == RV_ACTION_NOTIFY || rule->action == RV_ACTION_TRACE;

	if (rule->id == RV_ID_NONE || rule->handler >= RV_MAX_HANDLERS || (rule->handler && !is_handler))
		return fail(check, RV_FAULT_ID, rule);
	if (rule->action < RV_ACTION_ALLOW || rule->action > RV_ACTION_HANDLER || !is_error(rule->action, rule->error))
		return fail(check, RV_FAULT_ACTION, rule);
	if ((rule->flags & ~RV_RULE_OVERRIDE) || (rule->flags && !is_handler))
		return fail(check, RV_FAULT_FIELD, rule);
	if (((rule->paths | rule->addresses) >> RV_ARGUMENTS) || ((rule->paths | rule->addresses) && !looks))
		return fail(check, RV_FAULT_FIELD, rule);
	if (!is_zero(rule->reserved, sizeof(rule->reserved)))
		return fail(check, RV_FAULT_RESERVED, rule);
	if (rule->condition_count > RV_MAX_RULE_CONDITIONS)
		return fail(check, RV_FAULT_LIMIT, rule);
	return own(check, RV_SECTION_CONDITIONS, rule->first_condition, rule->condition_count, rule);
}

static bool check_calls(struct check *check)
{
	const struct rv_syscall *syscalls = section(check, RV_SECTION_SYSCALLS);
	const struct rv_rule *rules = section(check, RV_SECTION_RULES);

	for (uint32_t i = 0; i < count(check, RV_SECTION_SYSCALLS); i++) {
		uint32_t first = syscalls[i].first_rule;

		if (syscalls[i].rule_count > RV_MAX_CALL_RULES)
			return fail(check, RV_FAULT_LIMIT, &syscalls[i]);
		if (!own(check, RV_SECTION_RULES, first, syscalls[i].rule_count, &syscalls[i]))
			return false;
		for (uint32_t j = first; j < check->next[RV_SECTION_RULES]; j++) {
			if (!check_rule(check, &rules[j]))
				return false;
			if (j > first && rules[j].id < rules[j - 1].id)
				return fail(check, RV_FAULT_ORDER, &rules[j]);
		}
	}
	return all_owned(check, RV_SECTION_RULES) && all_owned(check, RV_SECTION_CONDITIONS);
}

static bool check_operands(struct check *check, const struct rv_condition *condition)
{
	const uint64_t *values = section(check, RV_SECTION_VALUES);
	const bool is_set = condition->op == RV_OP_IN || condition->op == RV_OP_NOT_IN;
	const uint64_t bias = condition->flags & RV_CONDITION_SIGNED ? 1ull << 63 : 0;

	if (is_set != (condition->value_count > 0) || (is_set && condition->low))
		return fail(check, RV_FAULT_FIELD, condition);
	if (condition->op == RV_OP_RANGE) {
		if ((condition->low ^ bias) > (condition->high ^ bias))
			return fail(check, RV_FAULT_ORDER, condition);
	} else if (condition->high) {
		return fail(check, RV_FAULT_FIELD, condition);
	}
	if (!own(check, RV_SECTION_VALUES, condition->first_value, condition->value_count, condition))
		return false;
	for (uint32_t i = condition->first_value + 1; i < check->next[RV_SECTION_VALUES]; i++) {
		if (values[i] <= values[i - 1])
			return fail(check, RV_FAULT_ORDER, &values[i]);
	}
	return true;
}

static bool check_conditions(struct check *check)
{
	const struct rv_condition *conditions = section(check, RV_SECTION_CONDITIONS);

	for (uint32_t i = 0; i < count(check, RV_SECTION_CONDITIONS); i++) {
		const struct rv_condition *condition = &conditions[i];

		if (condition->argument >= RV_ARGUMENTS || condition->op > RV_OP_NOT_IN ||
		    (condition->flags & ~(RV_CONDITION_SIGNED | RV_CONDITION_NARROW)))
			return fail(check, RV_FAULT_FIELD, condition);
		if ((condition->flags & RV_CONDITION_SIGNED) &&
		    (condition->op < RV_OP_LT || condition->op > RV_OP_RANGE || ~condition->mask))
			return fail(check, RV_FAULT_FIELD, condition);
		if (condition->reserved || condition->reserved2)
			return fail(check, RV_FAULT_RESERVED, condition);
		if (!check_operands(check, condition))
			return false;
	}
	return all_owned(check, RV_SECTION_VALUES);
}

/* The bytes of a string, or NULL if it leaves the section. */
static const uint8_t *string(const struct check *check, uint32_t offset, uint32_t length)
{
	const uint32_t size = count(check, RV_SECTION_STRINGS);

	if (offset > size || length > size - offset)
		return NULL;
	return (const uint8_t *)section(check, RV_SECTION_STRINGS) + offset;
}

static bool check_node(struct check *check, const struct rv_node *node, bool is_root)
{
	const uint8_t *name = string(check, node->name, node->name_length);

	if (node->reserved)
		return fail(check, RV_FAULT_RESERVED, node);
	if (is_root ? node->name || node->name_length : !name || !rv_is_name(name, node->name_length))
		return fail(check, RV_FAULT_NAME, node);
	if (node->hash != rv_hash(name, node->name_length))
		return fail(check, RV_FAULT_SUMMARY, node);
	if (node->rule_count > RV_MAX_NODE_RULES)
		return fail(check, RV_FAULT_LIMIT, node);
	return own(check, RV_SECTION_NODES, node->first_child, node->child_count, node) &&
	       own(check, RV_SECTION_PATH_RULES, node->first_rule, node->rule_count, node);
}

/* Lowest id of the deny rules that hang on a node or beneath it. */
static uint32_t lowest_deny(const struct check *check, const struct rv_node *node)
{
	const struct rv_path_rule *rules = section(check, RV_SECTION_PATH_RULES);
	uint32_t lowest = node->deny_beneath;

	for (uint32_t i = node->first_rule; i < node->first_rule + node->rule_count; i++) {
		if (rules[i].kind == RV_KIND_DENY)
			lowest = rv_min(lowest, rules[i].id);
	}
	return lowest;
}

/* Whether two siblings stand in order. */
static bool is_before(const uint8_t *strings, const struct rv_node *a, const struct rv_node *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash;
	return rv_compare(strings + a->name, a->name_length, strings + b->name, b->name_length) < 0;
}

/* The children of a node, all of them sound: their order, and what the node says of their rules. */
static bool check_children(struct check *check, const struct rv_node *node)
{
	const struct rv_node *nodes = section(check, RV_SECTION_NODES);
	const uint8_t *strings = section(check, RV_SECTION_STRINGS);
	uint32_t lowest = RV_ID_NONE;

	for (uint32_t i = node->first_child; i < node->first_child + node->child_count; i++) {
		if (i > node->first_child && !is_before(strings, &nodes[i - 1], &nodes[i]))
			return fail(check, RV_FAULT_ORDER, &nodes[i]);
		lowest = rv_min(lowest, lowest_deny(check, &nodes[i]));
	}
	if (node->deny_beneath != lowest)
		return fail(check, RV_FAULT_SUMMARY, node);
	return true;
}

/*
 * Child runs start at 1 and follow each other, and each begins after its owner. So when a node is reached it has been owned, by a
 * node before it and by no other; the last node's run begins, empty, at the end, and every node is beneath the root.
 */
static bool check_nodes(struct check *check)
{
	const struct rv_node *nodes = section(check, RV_SECTION_NODES);

	if (count(check, RV_SECTION_NODES) == 0)
		return fail(check, RV_FAULT_RUN, &rv_header(check->program)->sections[RV_SECTION_NODES]);
	check->next[RV_SECTION_NODES] = 1;
	for (uint32_t i = 0; i < count(check, RV_SECTION_NODES); i++) {
		if (nodes[i].first_child <= i)
			return fail(check, RV_FAULT_RUN, &nodes[i]);
		if (!check_node(check, &nodes[i], i == 0))
			return false;
	}
	if (!all_owned(check, RV_SECTION_PATH_RULES))
		return false;
	for (uint32_t i = 0; i < count(check, RV_SECTION_NODES); i++) {
		if (!check_children(check, &nodes[i]))
			return false;
	}
	return true;
}

static bool check_subject(struct check *check, uint32_t id, uint32_t rights, uint8_t kind, const void *record)
{
	if (kind > RV_KIND_FILTER || !rv_query_is_sound(rights))
		return fail(check, RV_FAULT_FIELD, record);
	if (kind == RV_KIND_FILTER ? id >= RV_MAX_HANDLERS : id == RV_ID_NONE)
		return fail(check, RV_FAULT_ID, record);
	return true;
}

static bool check_tokens(struct check *check, const struct rv_part *part)
{
	const struct rv_token *tokens = section(check, RV_SECTION_TOKENS);

	if (part->length == 0 || part->length > RV_MAX_PART_TOKENS)
		return fail(check, RV_FAULT_LIMIT, part);
	if (!own(check, RV_SECTION_TOKENS, part->first, part->length, part))
		return false;
	for (uint32_t i = part->first; i < check->next[RV_SECTION_TOKENS]; i++) {
		const struct rv_token *token = &tokens[i];

		if (token->op > RV_TOKEN_SET || (token->op != RV_TOKEN_BYTE && token->byte))
			return fail(check, RV_FAULT_FIELD, token);
		if (token->op == RV_TOKEN_SET ? token->set >= count(check, RV_SECTION_SETS) : token->set)
			return fail(check, RV_FAULT_FIELD, token);
	}
	return true;
}

static bool check_part(struct check *check, const struct rv_part *part, bool is_abstract)
{
	const uint8_t *bytes = string(check, part->first, part->length);

	if (part->reserved)
		return fail(check, RV_FAULT_RESERVED, part);
	switch (part->kind) {
	case RV_PART_LITERAL:
		if (!bytes || (is_abstract ? part->length > RV_MAX_ABSTRACT_NAME : !rv_is_name(bytes, part->length)))
			return fail(check, RV_FAULT_NAME, part);
		return true;
	case RV_PART_WILD:
		return check_tokens(check, part);
	case RV_PART_DEPTH:
		if (is_abstract || part->first || part->length)
			return fail(check, RV_FAULT_FIELD, part);
		return true;
	default:
		return fail(check, RV_FAULT_FIELD, part);
	}
}

static bool check_path_rules(struct check *check)
{
	const struct rv_path_rule *rules = section(check, RV_SECTION_PATH_RULES);
	const struct rv_part *parts = section(check, RV_SECTION_PARTS);

	for (uint32_t i = 0; i < count(check, RV_SECTION_PATH_RULES); i++) {
		const struct rv_path_rule *rule = &rules[i];

		if (!check_subject(check, rule->id, rule->rights, rule->kind, rule))
			return false;
		if (rule->scope > RV_SCOPE_SUBTREE)
			return fail(check, RV_FAULT_FIELD, rule);
		if (rule->part_count > RV_MAX_RULE_PARTS)
			return fail(check, RV_FAULT_LIMIT, rule);
		if (!own(check, RV_SECTION_PARTS, rule->first_part, rule->part_count, rule))
			return false;
		for (uint32_t j = rule->first_part; j < check->next[RV_SECTION_PARTS]; j++) {
			if (!check_part(check, &parts[j], false))
				return false;
		}
	}
	return true;
}

static bool check_abstracts(struct check *check)
{
	const struct rv_abstract *rules = section(check, RV_SECTION_ABSTRACTS);
	const struct rv_part *parts = section(check, RV_SECTION_PARTS);

	for (uint32_t i = 0; i < count(check, RV_SECTION_ABSTRACTS); i++) {
		if (!check_subject(check, rules[i].id, rules[i].rights, rules[i].kind, &rules[i]))
			return false;
		if (!is_zero(rules[i].reserved, sizeof(rules[i].reserved)))
			return fail(check, RV_FAULT_RESERVED, &rules[i]);
		if (!own(check, RV_SECTION_PARTS, rules[i].part, 1, &rules[i]))
			return false;
		if (!check_part(check, &parts[rules[i].part], true))
			return false;
	}
	return all_owned(check, RV_SECTION_PARTS) && all_owned(check, RV_SECTION_TOKENS);
}

/* Whether no bit stands beyond the first `prefix`. */
static bool is_network(const uint8_t *bytes, uint32_t prefix)
{
	const uint32_t whole = prefix >> 3;

	if (whole == 16)
		return true;
	return !(bytes[whole] & (0xffu >> (prefix & 7))) && is_zero(bytes + whole + 1, 15 - whole);
}

static bool is_mapped(const uint8_t *bytes)
{
	return is_zero(bytes, 10) && bytes[10] == 0xff && bytes[11] == 0xff;
}

static bool check_address(struct check *check, const struct rv_group *group, const struct rv_address_rule *rule)
{
	if (!check_subject(check, rule->id, rule->rights, rule->kind, rule))
		return false;
	if (rule->protocols == 0 || (rule->protocols & ~RV_PROTOCOL_ALL))
		return fail(check, RV_FAULT_FIELD, rule);
	if (rule->reserved)
		return fail(check, RV_FAULT_RESERVED, rule);
	if (rule->port_low > rule->port_high || !is_network(rule->bytes, group->prefix))
		return fail(check, RV_FAULT_ADDRESS, rule);
	if (group->family == RV_ADDRESS_IPV6 && is_mapped(rule->bytes))
		return fail(check, RV_FAULT_ADDRESS, rule);
	return true;
}

static bool check_group(struct check *check, const struct rv_group *group)
{
	if (group->family != RV_ADDRESS_IPV4 && group->family != RV_ADDRESS_IPV6)
		return fail(check, RV_FAULT_FIELD, group);
	if (group->prefix > (group->family == RV_ADDRESS_IPV4 ? 32 : 128))
		return fail(check, RV_FAULT_FIELD, group);
	if (group->reserved || group->reserved2)
		return fail(check, RV_FAULT_RESERVED, group);
	if (group->address_count == 0)
		return fail(check, RV_FAULT_RUN, group);
	return own(check, RV_SECTION_ADDRESSES, group->first_address, group->address_count, group);
}

static bool check_addresses(struct check *check)
{
	const struct rv_group *groups = section(check, RV_SECTION_GROUPS);
	const struct rv_address_rule *rules = section(check, RV_SECTION_ADDRESSES);
	uint32_t last = 0;

	for (uint32_t i = 0; i < count(check, RV_SECTION_GROUPS); i++) {
		const struct rv_group *group = &groups[i];
		const uint32_t key = (uint32_t)group->family << 8 | group->prefix;

		if (!check_group(check, group))
			return false;
		if (key <= last)
			return fail(check, RV_FAULT_ORDER, group);
		last = key;
		for (uint32_t j = group->first_address; j < check->next[RV_SECTION_ADDRESSES]; j++) {
			if (!check_address(check, group, &rules[j]))
				return false;
			if (j > group->first_address && rv_compare(rules[j - 1].bytes, 16, rules[j].bytes, 16) > 0)
				return fail(check, RV_FAULT_ORDER, &rules[j]);
		}
	}
	return all_owned(check, RV_SECTION_ADDRESSES);
}

uint32_t rv_validate(const void *program, size_t size, struct rv_fault *fault)
{
	struct check check = { .program = program, .fault = fault };

	*fault = (struct rv_fault){ .code = RV_FAULT_NONE };
	if ((uintptr_t)program & 7) {
		fault->code = RV_FAULT_ALIGNMENT;
	} else if (size < sizeof(struct rv_header) || size > RV_MAX_PROGRAM) {
		fault->code = RV_FAULT_SIZE;
	} else if (check_header(&check, size) && check_sections(&check, size) && check_calls(&check) && check_conditions(&check) &&
		   check_nodes(&check) && check_path_rules(&check) && check_abstracts(&check)) {
		check_addresses(&check);
	}
	return fault->code;
}
