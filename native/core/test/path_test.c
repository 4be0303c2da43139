// SPDX-License-Identifier: Apache-2.0
/*
 * Paths (path.c): which are resolved, and which rules cover one.
 */
#include <string.h>

#include "draft.h"
#include "expect.h"
#include "questions.h"
#include "tests.h"

/*
 * /           grant 50 STAT subtree; deny 60 ALL of "** / .env", subtree; grant 51 READ of "* / #" (# is a digit)
 * /etc        grant 10 READ subtree; deny 11 LIST exact
 * /etc/ssl    filter 5 READ subtree; deny 20 WRITE subtree
 * /etc/ssl/k  deny 21 ALL exact; filter 6 READ exact
 * /srv        grant 12 READ|WRITE subtree; deny 61 METADATA of "a / *.key"
 * /zz/costarring, /zz/liquid   grant 13, 14 WRITE subtree: two names of one hash
 *
 * Siblings stand by the hash of their names: zz, etc, srv.
 */
static void path_fixture(void)
{
	begin(RV_ACTION_ALLOW, 0);
	sets();
	node("", 3, 3, 11);
	path_rule(50, RV_RIGHT_STAT, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	depth();
	literal(".env");
	path_rule(60, RV_RIGHT_ALL, RV_KIND_DENY, RV_SCOPE_SUBTREE);
	wild("*");
	wild("#");
	path_rule(51, R, RV_KIND_GRANT, RV_SCOPE_EXACT);
	node("zz", 2, 0, RV_ID_NONE);
	node("etc", 1, 2, 20);
	path_rule(10, R, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	path_rule(11, RV_RIGHT_LIST, RV_KIND_DENY, RV_SCOPE_EXACT);
	node("srv", 0, 2, RV_ID_NONE);
	path_rule(12, R | W, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	literal("a");
	wild("*.key");
	path_rule(61, RV_RIGHT_METADATA, RV_KIND_DENY, RV_SCOPE_EXACT);
	node("costarring", 0, 1, RV_ID_NONE);
	path_rule(13, W, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	node("liquid", 0, 1, RV_ID_NONE);
	path_rule(14, W, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	node("ssl", 1, 2, 21);
	path_rule(5, R, RV_KIND_FILTER, RV_SCOPE_SUBTREE);
	path_rule(20, W, RV_KIND_DENY, RV_SCOPE_SUBTREE);
	node("k", 0, 2, RV_ID_NONE);
	path_rule(21, RV_RIGHT_ALL, RV_KIND_DENY, RV_SCOPE_EXACT);
	path_rule(6, R, RV_KIND_FILTER, RV_SCOPE_EXACT);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
}

void test_paths(void)
{
	path_fixture();
	GRANTED(ask("/", RV_RIGHT_STAT, 0), 50, 0);
	MISSING(ask("/", R, 0), R, 0);
	GRANTED(ask("/etc/passwd", R, 0), 10, 0);
	GRANTED(ask("/etc", R | RV_RIGHT_STAT, 0), 10, 0);
	MISSING(ask("/etc/passwd", R | W, 0), W, 0);
	DENIED(ask("/etc", RV_RIGHT_LIST, 0), 11, RV_RIGHT_LIST, 0);
	MISSING(ask("/etc/ssl", RV_RIGHT_LIST, 0), RV_RIGHT_LIST, 0);
	GRANTED(ask("/etc/ssl/cert", R, 0), 10, 1 << 5);
	DENIED(ask("/etc/ssl/cert", W, 0), 20, W, 0);
	DENIED(ask("/etc/ssl/k", R | W, 0), 20, R | W, 1 << 5 | 1 << 6);
	GRANTED(ask("/etc/ssl/k/x", R, 0), 10, 1 << 5);
	GRANTED(ask("/zz/costarring/a", W, 0), 13, 0);
	GRANTED(ask("/zz/liquid/a", W, 0), 14, 0);
	/* names that are not there, and prefixes of others */
	MISSING(ask("/et", R, 0), R, 0);
	MISSING(ask("/etcc", R, 0), R, 0);
	MISSING(ask("/a", R, 0), R, 0);
	MISSING(ask("/zzz", R, 0), R, 0);
	MISSING(ask("/zz", R, 0), R, 0);
	MISSING(ask("/zz/a", R, 0), R, 0);
	GRANTED(ask("/srv/.envx", W, 0), 12, 0);
	/* globs */
	DENIED(ask("/srv/.env", R, 0), 60, R, 0);
	DENIED(ask("/.env", R, 0), 60, R, 0);
	DENIED(ask("/srv/a/b/.env/deep/er", W, 0), 60, W, 0);
	DENIED(ask("/srv/a/.key", RV_RIGHT_METADATA, 0), 61, RV_RIGHT_METADATA, 0);
	MISSING(ask("/srv/a/x.key/y", RV_RIGHT_METADATA, 0), RV_RIGHT_METADATA, 0);
	MISSING(ask("/srv/b/x.key", RV_RIGHT_METADATA, 0), RV_RIGHT_METADATA, 0);
	MISSING(ask("/srv/a", RV_RIGHT_METADATA, 0), RV_RIGHT_METADATA, 0);
	GRANTED(ask("/zz/7", R, 0), 51, 0);
	MISSING(ask("/zz/a", R, 0), R, 0);
	MISSING(ask("/zz/77", R, 0), R, 0);
	MISSING(ask("/zz/7/8", R, 0), R, 0);
	/* trees: what must not move because of a rule on it, above it or beneath it */
	DENIED(ask("/", RV_RIGHT_DELETE, RV_PATH_TREE), 11, RV_RIGHT_DELETE, 0);
	DENIED(ask("/etc", R, RV_PATH_TREE), 11, R, 0);
	DENIED(ask("/etc/ssl", R, RV_PATH_TREE), 20, R, 1 << 5);
	DENIED(ask("/srv/a", R, RV_PATH_TREE), 60, R, 0);
	DENIED(ask("/etc/ssl/k/x", R, RV_PATH_TREE), 20, R, 1 << 5);
	/* questions that are none */
	MALFORMED(ask("/etc", 0, 0), 0);
	MALFORMED(ask("/etc", RV_RIGHT_ALL + 1, 0), RV_RIGHT_ALL + 1);
	MALFORMED(ask("/etc", R, 2), R);
}

void test_trees(void)
{
	/* Without the "**" rule: how far globs reach down. */
	begin(RV_ACTION_ALLOW, 0);
	node("", 1, 3, 4);
	literal("a");
	wild("b*");
	literal("c");
	path_rule(3, W, RV_KIND_DENY, RV_SCOPE_EXACT);
	depth();
	literal("q");
	path_rule(8, W, RV_KIND_GRANT, RV_SCOPE_EXACT);
	path_rule(9, RV_RIGHT_ALL, RV_KIND_GRANT, RV_SCOPE_SUBTREE);
	node("x", 0, 1, RV_ID_NONE);
	path_rule(4, W, RV_KIND_DENY, RV_SCOPE_EXACT);
	finish();
	EXPECT_EQ(validate(), RV_FAULT_NONE);
	DENIED(ask("/a", R, RV_PATH_TREE), 3, R, 0);
	DENIED(ask("/a/bb", R, RV_PATH_TREE), 3, R, 0);
	DENIED(ask("/a/bb/c", R, RV_PATH_TREE), 3, R, 0);
	GRANTED(ask("/a/bb/c", R, 0), 9, 0);
	GRANTED(ask("/a/bb/d", R, RV_PATH_TREE), 9, 0);
	GRANTED(ask("/a/bb/c/d", R, RV_PATH_TREE), 9, 0);
	GRANTED(ask("/a/c", R, RV_PATH_TREE), 9, 0);
	GRANTED(ask("/b", R, RV_PATH_TREE), 9, 0);
	DENIED(ask("/x", R, RV_PATH_TREE), 4, R, 0);
	GRANTED(ask("/x", R, 0), 9, 0);
	GRANTED(ask("/x/y", R, RV_PATH_TREE), 9, 0);
}

static bool resolved(const char *path, size_t length)
{
	return rv_path_is_resolved((const uint8_t *)path, length);
}

void test_resolved(void)
{
	char longest[RV_MAX_PATH + 2];
	static const char *good[] = { "/", "/a", "/...", "/..a", "/.a", "/a.", "/a/b", "/.../.b" };
	static const char *bad[] = { "", "a", "//", "/a/", "/a//b", "/.", "/..", "/a/.", "/a/../b", "/./a" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		EXPECT(resolved(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(!resolved(bad[i], strlen(bad[i])));
	EXPECT(!resolved("/a\0b", 4));
	EXPECT(!resolved("/\0", 2));

	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 200 == 0 ? '/' : 'x';
	EXPECT(resolved(longest, RV_MAX_PATH));
	EXPECT(!resolved(longest, RV_MAX_PATH + 1));
	memset(longest + 1, 'x', 256);
	EXPECT(resolved(longest, 1 + RV_MAX_NAME));
	EXPECT(!resolved(longest, 2 + RV_MAX_NAME));
}
