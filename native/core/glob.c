/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Globs, matched component by component without recursion.
 *
 * Both levels, characters within a component and components within a path, have one kind of wildcard that takes any number
 * ("*", "**"), and for both the same holds: once what stands between two such wildcards has matched at its earliest place,
 * no later place can do better, so only the last wildcard ever needs to take more. Hence no pair (token, byte) and no pair
 * (part, component) is compared twice, and a match costs at most tokens × bytes steps.
 */
#include "program.h"

/*
 * Bytes of the character that begins at `text`: a UTF-8 sequence, or one byte where none begins. All bytes of a sequence but the
 * first are of a kind that begins none, so every text falls into characters in one way only, and where text of
 * whole characters matches, it begins and ends between two of them.
 */
static size_t character(const uint8_t *text, size_t length)
{
	size_t n = 1;

	if (text[0] >= 0xc2 && text[0] < 0xf5)
		n = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (n > length)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 1;
	}
	return n;
}

/* How many bytes at `text` a token other than RUN takes; 0: it does not match. */
static size_t token_takes(const void *program, const struct rv_token *token, const uint8_t *text, size_t length)
{
	const struct rv_set *sets = rv_section(program, RV_SECTION_SETS);

	switch (token->op) {
	case RV_TOKEN_BYTE:
		return token->byte == text[0];
	case RV_TOKEN_SET:
		return sets[token->set].bits[text[0] >> 3] >> (text[0] & 7) & 1 ? character(text, length) : 0;
	default: /* RV_TOKEN_ANY */
		return character(text, length);
	}
}

static bool tokens_match(const void *program, const struct rv_token *tokens, size_t count, const uint8_t *text, size_t length)
{
	size_t token = 0, at = 0;
	/* Where to go on when the last run has to take one more character; 0: there was no run yet. */
	size_t resume = 0, taken = 0;
	const struct rv_token *last = &tokens[count - 1];

	/* Most names are told apart by their end. */
	if (last->op == RV_TOKEN_BYTE && (length == 0 || text[length - 1] != last->byte))
		return false;
	while (at < length) {
		size_t n = 0;

		if (token < count && tokens[token].op == RV_TOKEN_RUN) {
			resume = ++token;
			taken = at;
			continue;
		}
		if (token < count)
			n = token_takes(program, &tokens[token], text + at, length - at);
		if (n > 0) {
			token++;
			at += n;
		} else if (resume > 0) {
			token = resume;
			taken += character(text + taken, length - taken);
			at = taken;
		} else {
			return false;
		}
	}
	while (token < count && tokens[token].op == RV_TOKEN_RUN)
		token++;
	return token == count;
}

/* Whether a part, LITERAL or WILD, matches one whole component. */
bool rv_part_matches(const void *program, const struct rv_part *part, const uint8_t *text, size_t length)
{
	const uint8_t *strings = rv_section(program, RV_SECTION_STRINGS);
	const struct rv_token *tokens = rv_section(program, RV_SECTION_TOKENS);

	if (part->kind == RV_PART_LITERAL)
		return rv_compare(strings + part->first, part->length, text, length) == 0;
	return tokens_match(program, tokens + part->first, part->length, text, length);
}

/* Whether a part, LITERAL or WILD, can match a component that begins with this byte: most cannot. */
static bool may_begin(const void *program, const struct rv_part *part, uint8_t byte)
{
	const uint8_t *strings = rv_section(program, RV_SECTION_STRINGS);
	const struct rv_token *tokens = rv_section(program, RV_SECTION_TOKENS);

	if (part->kind == RV_PART_LITERAL)
		return strings[part->first] == byte;
	return tokens[part->first].op != RV_TOKEN_BYTE || tokens[part->first].byte == byte;
}

/* Where the component after the one of `n` bytes at `at` begins; `length` if there is none. */
static size_t next_component(size_t at, size_t n, size_t length)
{
	at += n;
	return at < length ? at + 1 : at;
}

/*
 * Whether a rule's parts match `text`, the components after the rule's node ("" for the node itself): all of it, or, for a
 * subtree, any number of its components from the left.
 */
bool rv_glob_covers(const void *program, const struct rv_path_rule *rule, const uint8_t *text, size_t length)
{
	const struct rv_part *parts = (const struct rv_part *)rv_section(program, RV_SECTION_PARTS) + rule->first_part;
	size_t part = 0, at = 0;
	/* Where to go on when the last "**" has to take one more component; 0: there was none yet. */
	size_t resume = 0, taken = 0;

	for (;;) {
		if (part == rule->part_count) {
			if (at == length || rule->scope == RV_SCOPE_SUBTREE)
				return true;
		} else if (parts[part].kind == RV_PART_DEPTH) {
			resume = ++part;
			taken = at;
			continue;
		} else if (at == length) {
			return false;
		} else if (may_begin(program, &parts[part], text[at])) {
			size_t n = rv_component(text + at, length - at);

			if (rv_part_matches(program, &parts[part], text + at, n)) {
				part++;
				at = next_component(at, n, length);
				continue;
			}
		}
		if (resume == 0)
			return false;
		part = resume;
		taken = next_component(taken, rv_component(text + taken, length - taken), length);
		at = taken;
	}
}

/* Whether a rule's parts could match something beneath `text`. */
bool rv_glob_reaches(const void *program, const struct rv_path_rule *rule, const uint8_t *text, size_t length)
{
	const struct rv_part *parts = (const struct rv_part *)rv_section(program, RV_SECTION_PARTS) + rule->first_part;
	size_t at = 0;

	for (uint32_t i = 0; i < rule->part_count; i++) {
		size_t n = rv_component(text + at, length - at);

		if (at == length || parts[i].kind == RV_PART_DEPTH)
			return true;
		if (!rv_part_matches(program, &parts[i], text + at, n))
			return false;
		at = next_component(at, n, length);
	}
	return false;
}
