// SPDX-License-Identifier: Apache-2.0
/*
 * Globs (glob.c).
 */
#include <stdio.h>
#include <string.h>

#include "draft.h"
#include "expect.h"
#include "questions.h"
#include "tests.h"

static bool glob_matches(void (*parts)(void), uint8_t scope, const char *path)
{
	begin(RV_ACTION_ALLOW, 0);
	sets();
	node("", 0, 1, RV_ID_NONE);
	parts();
	path_rule(1, R, RV_KIND_GRANT, scope);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	return ask(path, R, 0).verdict == RV_VERDICT_GRANTED;
}

static const char *glob_text;

/* Parts from text: "**" alone, or wild; separated by slashes. */
static void parts_of_text(void)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%s", glob_text);
	for (char *name = strtok(copy, "/"); name; name = strtok(NULL, "/")) {
		if (strcmp(name, "**") == 0)
			depth();
		else
			wild(name);
	}
}

void test_globs(void)
{
	static const struct {
		const char *glob, *path;
		bool exact, subtree;
	} cases[] = {
		{ "**", "/", true, true },
		{ "**", "/a/b", true, true },
		{ "*", "/", false, false },
		{ "*", "/a", true, true },
		{ "*", "/.a", true, true },
		{ "*", "/a/b", false, true },
		{ "a*b*c", "/abc", true, true },
		{ "a*b*c", "/aXbYbZc", true, true },
		{ "a*b*c", "/aXbYbZ", false, false },
		{ "a*bc", "/abbbc", true, true },
		{ "*a", "/b", false, false },
		{ "a**", "/a", true, true },
		{ "a", "/ab", false, false },
		{ "ab", "/a", false, false },
		{ "?", "/a", true, true },
		{ "?", "/\xc3\xa9", true, true },
		{ "??", "/\xc3\xa9", false, false },
		{ "??", "/\xc3\x61", true, true }, /* stray bytes count one each */
		{ "?", "/\xe2\x80\xa6", true, true },
		{ "?", "/\xf0\x9f\x98\x80", true, true },
		{ "???", "/\xf0\x9f\x98", true, true },
		{ "?", "/\xc1", true, true },
		{ "??", "/\xc1\xbf", true, true },
		{ "?", "/\xc2\x80", true, true },
		{ "?", "/\xdf\xbf", true, true },
		{ "?", "/\xe0\xa0\x80", true, true },
		{ "?", "/\xef\xbf\xbf", true, true },
		{ "?", "/\xf0\x90\x80\x80", true, true },
		{ "?", "/\xf4\x8f\xbf\xbf", true, true },
		{ "????", "/\xf5\x80\x80\x80", true, true },
		{ "?", "/\xf5", true, true },
		{ "*\xa9", "/\xc3\xa9", false, false }, /* nothing begins within a character */
		{ "*?", "/\xc3\xa9", true, true },
		{ "~", "/\xc3\xa9", true, true },
		{ "~", "/a", false, false },
		{ "~b", "/ab", false, false },
		{ "~b", "/cb", true, true },
		{ "#*", "/5th", true, true },
		{ "*#", "/a5", true, true },
		{ "**/x", "/x", true, true },
		{ "**/x", "/a/b/x", true, true },
		{ "**/x", "/x/y", false, true },
		{ "**/x", "/x/y/x", true, true },
		{ "**/x/y", "/x/x/y", true, true },
		{ "a/**/b", "/a/b", true, true },
		{ "a/**/b", "/a/c/b", true, true },
		{ "a/**/b", "/a/c/d", false, false },
		{ "a/**/b/**/c", "/a/1/b/2/b/c", true, true },
		{ "a/**/b/**/c", "/a/1/c/2/c/c", false, false },
		{ "a/**", "/a", true, true },
		{ "a/**", "/a/b/c", true, true },
		{ "a/**", "/b", false, false },
		{ "**/**/x", "/x", true, true },
		{ "a/b", "/a", false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		glob_text = cases[i].glob;
		if (glob_matches(parts_of_text, RV_SCOPE_EXACT, cases[i].path) != cases[i].exact ||
		    glob_matches(parts_of_text, RV_SCOPE_SUBTREE, cases[i].path) != cases[i].subtree) {
			printf("glob %s over %s is wrong\n", cases[i].glob, cases[i].path);
			failures++;
		}
	}
}
