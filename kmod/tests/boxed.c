// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * `boxed COMMAND ARGUMENTS…` runs a program as a guest: every path and address it names is decided by rules (all of which grant), and
 * some of its calls are answered from here. Its exit code is the program's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/box.h"
#include "support/tap.h"

/* Calls that the module judges by paths or addresses. */
static const unsigned int judged[] = {
	SYS_open, SYS_openat, SYS_openat2, SYS_creat, SYS_execve, SYS_execveat, SYS_stat, SYS_lstat, SYS_newfstatat, SYS_statx, SYS_access,
	SYS_faccessat, SYS_readlink, SYS_readlinkat, SYS_chdir, SYS_truncate, SYS_chmod, SYS_fchmodat, SYS_mkdir, SYS_mkdirat, SYS_mknod, SYS_mknodat,
	SYS_symlink, SYS_symlinkat, SYS_link, SYS_linkat, SYS_unlink, SYS_unlinkat, SYS_rmdir, SYS_rename, SYS_renameat, SYS_renameat2,
	SYS_connect, SYS_bind, SYS_sendto, SYS_sendmsg,
};

/* Calls that come here, and go on. */
static const unsigned int asked[] = { SYS_getppid, SYS_sched_yield, SYS_uname };

static int execute(void *words)
{
	char **argv = words;

	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	return 127;
}

int main(int argc, char **argv)
{
	struct box box;
	int status;

	if (argc < 2)
		return 2;
	tap_start();
	policy_begin(RV_ACTION_ALLOW, 0);
	for (unsigned nr = 0; nr < 500; nr++) {
		for (unsigned i = 0; i < sizeof(judged) / sizeof(*judged); i++) {
			if (judged[i] == nr)
				policy_call(nr, RV_ACTION_NOTIFY, 0);
		}
		for (unsigned i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
			if (asked[i] == nr)
				policy_handler(nr, 1, 0);
		}
	}
	policy_path("/", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_address4("127.0.0.1", 0, 65535, RV_KIND_GRANT, RV_RIGHT_CONNECT | RV_RIGHT_BIND | RV_RIGHT_SEND);
	box_open(&box, policy_end(), NULL);
	status = box_run(&box, execute, argv + 1);
	box_close(&box);
	fprintf(stderr, "%u calls were answered, %u refusals reported\n", box.calls, box.reports);
	return status > 255 ? 128 + status % 1000 : status;
}
