// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
#include "self.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

const char *self_path;

void self_start(int argc, char **argv)
{
	static char path[4096];

	if (argc > 1 && !strcmp(argv[1], "--denied"))
		exit(ERRNO_OF(mkdir("/tmp/executed", 0700)));
	if (argc > 1 && !strcmp(argv[1], "--sleep")) {
		sleep(5);
		exit(0);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		bail("/proc/self/exe");
	self_path = path;
	tap_start();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}
