// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
#include "tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

void tree_put(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0755);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		bail(path);
	close(fd);
}

void tree_make(void)
{
	if (system("rm -rf /tmp/box /tmp/outside 2>/dev/null; exec mkdir -p /tmp/box/secret/dir /tmp/box/readonly /tmp/box/dir /tmp/outside"))
		bail("fixture");
	tree_put("/tmp/box/secret/file", "secret");
	tree_put("/tmp/box/secret/dir/file", "secret");
	tree_put("/tmp/box/readonly/file", "readonly");
	tree_put("/tmp/box/file", "public");
	tree_put("/tmp/box/other", "other");
	tree_put("/tmp/outside/file", "outside");
	tree_put("/tmp/box/noexec", "#!/bin/sh\nexit 0\n");
	tree_put("/tmp/box/exec", "#!/bin/sh\nexit 0\n");
	tree_put("/tmp/box/secret/exec", "#!/bin/sh\nexit 0\n");
	tree_put("/tmp/box/script", "#!/tmp/box/secret/exec\n");
	if (symlink("/tmp/box/secret/file", "/tmp/box/link") || symlink("secret", "/tmp/box/dirlink") ||
	    symlink("/tmp/box/file", "/tmp/outside/back") || link("/tmp/box/secret/file", "/tmp/box/hardlink") ||
	    symlink("/tmp/box/secret/exec", "/tmp/box/execlink"))
		bail("links");
}
