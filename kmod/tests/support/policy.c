// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
#include "policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "tap.h"

#define ROOM 256

struct call_rule {
	uint32_t nr;
	struct rv_rule rule;
	bool conditional;
	struct rv_condition condition;
};

struct name {
	char text[RV_MAX_NAME];
	uint32_t length;
	uint32_t parent;
	uint32_t rule_count;
	struct rv_path_rule rules[8];
};

static struct rv_header header;
static struct call_rule calls[ROOM];
static uint32_t call_count;
static struct name names[ROOM]; /* the first is the root; parents come before their children */
static uint32_t name_count;
static uint32_t path_rule_count;
static struct rv_address_rule addresses[2][ROOM]; /* IPv4, IPv6 */
static uint32_t address_counts[2];
static struct {
	const char *name;
	struct rv_abstract rule;
} abstracts[ROOM];
static uint32_t abstract_count;

void policy_begin(uint8_t default_action, uint16_t default_error)
{
	header = (struct rv_header){
		.magic = RV_MAGIC,
		.version = RV_VERSION,
		.header_size = sizeof(header),
		.arch = RV_ARCH_X86_64,
		.default_action = default_action,
		.default_error = default_error,
		.foreign_action = RV_ACTION_ERRNO,
		.foreign_error = FOREIGN_ERROR,
	};
	call_count = path_rule_count = address_counts[0] = address_counts[1] = abstract_count = 0;
	memset(names, 0, sizeof(names));
	name_count = 1;
}

static struct call_rule *add_call(uint32_t nr, uint8_t action, uint16_t error)
{
	struct call_rule *call = &calls[call_count];

	*call = (struct call_rule){ .nr = nr, .rule = { .id = call_count, .action = action, .error = error } };
	call_count++;
	return call;
}

void policy_call(uint32_t nr, uint8_t action, uint16_t error)
{
	add_call(nr, action, error);
}

void policy_call_if(uint32_t nr, uint8_t action, uint16_t error, uint8_t argument, uint64_t value)
{
	struct call_rule *call = add_call(nr, action, error);

	call->conditional = true;
	call->condition = (struct rv_condition){ .argument = argument, .op = RV_OP_EQ, .mask = ~0ull, .low = value };
}

void policy_handler(uint32_t nr, uint8_t handler, uint8_t flags)
{
	struct call_rule *call = add_call(nr, RV_ACTION_HANDLER, 0);

	call->rule.handler = handler;
	call->rule.flags = flags;
}

static uint32_t child(uint32_t parent, const char *text, uint32_t length)
{
	for (uint32_t i = 1; i < name_count; i++) {
		if (names[i].parent == parent && names[i].length == length && !memcmp(names[i].text, text, length))
			return i;
	}
	names[name_count].parent = parent;
	names[name_count].length = length;
	memcpy(names[name_count].text, text, length);
	return name_count++;
}

void policy_path(const char *path, uint8_t kind, uint8_t scope, uint32_t rights)
{
	uint32_t at = 0;

	for (const char *rest = path + 1; *rest;) {
		uint32_t length = strcspn(rest, "/");

		at = child(at, rest, length);
		rest += length;
		rest += *rest == '/';
	}
	names[at].rules[names[at].rule_count++] =
		(struct rv_path_rule){ .id = 1000 + path_rule_count++, .rights = rights, .kind = kind, .scope = scope };
}

static void add_address(int family, const char *text, uint16_t low, uint16_t high, uint8_t kind, uint32_t rights)
{
	struct rv_address_rule *rule = &addresses[family][address_counts[family]];

	*rule = (struct rv_address_rule){
		.id = 2000 + address_counts[0] + address_counts[1],
		.rights = rights,
		.kind = kind,
		.protocols = RV_PROTOCOL_ALL,
		.port_low = low,
		.port_high = high,
	};
	if (inet_pton(family ? AF_INET6 : AF_INET, text, rule->bytes) != 1)
		bail(text);
	address_counts[family]++;
}

void policy_address4(const char *address, uint16_t low, uint16_t high, uint8_t kind, uint32_t rights)
{
	add_address(0, address, low, high, kind, rights);
}

void policy_address6(const char *address, uint16_t low, uint16_t high, uint8_t kind, uint32_t rights)
{
	add_address(1, address, low, high, kind, rights);
}

void policy_abstract(const char *name, uint8_t kind, uint32_t rights)
{
	abstracts[abstract_count].name = name;
	abstracts[abstract_count].rule = (struct rv_abstract){ .id = 3000 + abstract_count, .rights = rights, .kind = kind };
	abstract_count++;
}

/* ------------------------------------------------------------------------------------------------------------ writing */

static const size_t record_sizes[RV_SECTIONS] = {
	sizeof(struct rv_syscall), sizeof(struct rv_rule),	sizeof(struct rv_condition),	sizeof(uint64_t),
	sizeof(struct rv_node),	   sizeof(struct rv_path_rule), sizeof(struct rv_part),		sizeof(struct rv_token),
	sizeof(struct rv_set),	   sizeof(struct rv_group),	sizeof(struct rv_address_rule), sizeof(struct rv_abstract),
	1,
};
static uint8_t *sections[RV_SECTIONS];
static uint32_t counts[RV_SECTIONS];

static uint32_t add(uint32_t section, const void *record)
{
	const size_t size = record_sizes[section];

	sections[section] = realloc(sections[section], (counts[section] + 1) * size);
	memcpy(sections[section] + counts[section] * size, record, size);
	return counts[section]++;
}

static uint32_t add_text(const char *text, uint32_t length)
{
	const uint32_t at = counts[RV_SECTION_STRINGS];

	for (uint32_t i = 0; i < length; i++)
		add(RV_SECTION_STRINGS, text + i);
	return at;
}

static void write_calls(void)
{
	uint32_t end = 0;

	for (uint32_t i = 0; i < call_count; i++)
		end = calls[i].nr >= end ? calls[i].nr + 1 : end;
	for (uint32_t nr = 0; nr < end; nr++) {
		struct rv_syscall entry = { .first_rule = counts[RV_SECTION_RULES] };

		for (uint32_t i = 0; i < call_count; i++) {
			struct rv_rule rule = calls[i].rule;

			if (calls[i].nr != nr)
				continue;
			rule.first_condition = counts[RV_SECTION_CONDITIONS];
			rule.condition_count = calls[i].conditional;
			if (calls[i].conditional)
				add(RV_SECTION_CONDITIONS, &calls[i].condition);
			add(RV_SECTION_RULES, &rule);
			entry.rule_count++;
		}
		add(RV_SECTION_SYSCALLS, &entry);
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct name *one = &names[*(const uint32_t *)a], *two = &names[*(const uint32_t *)b];
	uint32_t left = rv_hash((const uint8_t *)one->text, one->length), right = rv_hash((const uint8_t *)two->text, two->length);

	if (left != right)
		return left < right ? -1 : 1;
	return rv_compare((const uint8_t *)one->text, one->length, (const uint8_t *)two->text, two->length);
}

/* The lowest id of the deny rules beneath a name. */
static uint32_t denied_beneath(uint32_t ancestor)
{
	uint32_t lowest = RV_ID_NONE;

	for (uint32_t i = 1; i < name_count; i++) {
		uint32_t at = names[i].parent;

		while (at != ancestor && at != 0)
			at = names[at].parent;
		if (at != ancestor || i == ancestor)
			continue;
		for (uint32_t j = 0; j < names[i].rule_count; j++) {
			if (names[i].rules[j].kind == RV_KIND_DENY)
				lowest = rv_min(lowest, names[i].rules[j].id);
		}
	}
	return lowest;
}

static void write_paths(void)
{
	uint32_t queue[ROOM] = { 0 }, queued = 1;

	for (uint32_t at = 0; at < queued; at++) {
		const struct name *name = &names[queue[at]];
		struct rv_node node = {
			.name = at ? add_text(name->text, name->length) : 0,
			.name_length = name->length,
			.first_child = queued,
			.first_rule = counts[RV_SECTION_PATH_RULES],
			.rule_count = name->rule_count,
			.deny_beneath = denied_beneath(queue[at]),
			.hash = rv_hash((const uint8_t *)name->text, name->length),
		};

		for (uint32_t i = 1; i < name_count; i++) {
			if (names[i].parent == queue[at])
				queue[queued + node.child_count++] = i;
		}
		qsort(queue + queued, node.child_count, sizeof(*queue), compare_names);
		queued += node.child_count;
		for (uint32_t i = 0; i < name->rule_count; i++)
			add(RV_SECTION_PATH_RULES, &name->rules[i]);
		add(RV_SECTION_NODES, &node);
	}
}

static void write_addresses(void)
{
	for (int family = 0; family < 2; family++) {
		struct rv_group group = {
			.family = family ? RV_ADDRESS_IPV6 : RV_ADDRESS_IPV4,
			.prefix = family ? 128 : 32,
			.first_address = counts[RV_SECTION_ADDRESSES],
			.address_count = address_counts[family],
		};

		if (!address_counts[family])
			continue;
		for (uint32_t i = 0; i < address_counts[family]; i++)
			add(RV_SECTION_ADDRESSES, &addresses[family][i]);
		add(RV_SECTION_GROUPS, &group);
	}
	for (uint32_t i = 0; i < abstract_count; i++) {
		const uint32_t length = strlen(abstracts[i].name);
		struct rv_part part = { .first = add_text(abstracts[i].name, length), .length = length, .kind = RV_PART_LITERAL };

		abstracts[i].rule.part = add(RV_SECTION_PARTS, &part);
		add(RV_SECTION_ABSTRACTS, &abstracts[i].rule);
	}
}

struct policy policy_end(void)
{
	struct policy policy = { .size = sizeof(header) };
	struct rv_fault fault;

	memset(counts, 0, sizeof(counts));
	write_calls();
	write_paths();
	write_addresses();
	for (uint32_t i = 0; i < RV_SECTIONS; i++) {
		header.sections[i] = (struct rv_section){ .offset = policy.size, .count = counts[i] };
		policy.size = (policy.size + counts[i] * record_sizes[i] + 7) & ~(size_t)7;
	}
	header.size = policy.size;
	policy.bytes = calloc(1, policy.size);
	memcpy(policy.bytes, &header, sizeof(header));
	for (uint32_t i = 0; i < RV_SECTIONS; i++) {
		memcpy((char *)policy.bytes + header.sections[i].offset, sections[i], counts[i] * record_sizes[i]);
		free(sections[i]);
		sections[i] = NULL;
	}
	if (rv_validate(policy.bytes, policy.size, &fault) != RV_FAULT_NONE) {
		note("fault %u at %u", fault.code, fault.offset);
		errno = EINVAL;
		bail("the test's own policy");
	}
	return policy;
}

struct policy policy_allow_all(void)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	return policy_end();
}
