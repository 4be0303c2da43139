/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * A tree of files that rules speak of, /tmp/box: `secret` is to be denied, `readonly` to be read only, and links lead from one to the other.
 * /tmp/outside lies beside it, which nothing grants.
 */
#ifndef TREE_H
#define TREE_H

/* Makes it anew. */
void tree_make(void);
/* An executable file with this text. */
void tree_put(const char *path, const char *text);

#endif
