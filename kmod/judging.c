// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Which calls the module itself judges by path or address, at which of the kernel's functions, and which rights they want. The rights are
 * those of docs/decision-core.md.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/unistd.h>

#include "rvisor.h"

/* Here, because headers of older kernels do not have it. */
#define RV_NR_FCHMODAT2 452

static const struct {
	u8 judging;
	u16 rights;		/* LOOKUP: of the object; ADDRESS: of the address */
} table[] = {
	[__NR_open] = { RV_JUDGE_OPEN },
	[__NR_openat] = { RV_JUDGE_OPEN },
	[__NR_openat2] = { RV_JUDGE_OPEN },
	[__NR_creat] = { RV_JUDGE_OPEN },
	[__NR_open_by_handle_at] = { RV_JUDGE_OPEN },

	[__NR_execve] = { RV_JUDGE_EXECUTE },
	[__NR_execveat] = { RV_JUDGE_EXECUTE },
	[__NR_mmap] = { RV_JUDGE_MAP },

	[__NR_stat] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_lstat] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_newfstatat] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_statx] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_access] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_faccessat] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_faccessat2] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_readlink] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_readlinkat] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_statfs] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_chdir] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_chroot] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_getxattr] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_lgetxattr] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_listxattr] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_llistxattr] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_name_to_handle_at] = { RV_JUDGE_LOOKUP, RV_RIGHT_STAT },
	[__NR_inotify_add_watch] = { RV_JUDGE_LOOKUP, RV_RIGHT_READ },
	[__NR_truncate] = { RV_JUDGE_LOOKUP, RV_RIGHT_TRUNCATE },
	[__NR_chmod] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_fchmodat] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[RV_NR_FCHMODAT2] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_chown] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_lchown] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_fchownat] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_utime] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_utimes] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_futimesat] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_utimensat] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_setxattr] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_lsetxattr] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_removexattr] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },
	[__NR_lremovexattr] = { RV_JUDGE_LOOKUP, RV_RIGHT_METADATA },

	[__NR_mkdir] = { RV_JUDGE_NAMES },
	[__NR_mkdirat] = { RV_JUDGE_NAMES },
	[__NR_mknod] = { RV_JUDGE_NAMES },
	[__NR_mknodat] = { RV_JUDGE_NAMES },
	[__NR_symlink] = { RV_JUDGE_NAMES },
	[__NR_symlinkat] = { RV_JUDGE_NAMES },
	[__NR_link] = { RV_JUDGE_NAMES },
	[__NR_linkat] = { RV_JUDGE_NAMES },
	[__NR_unlink] = { RV_JUDGE_NAMES },
	[__NR_unlinkat] = { RV_JUDGE_NAMES },
	[__NR_rmdir] = { RV_JUDGE_NAMES },
	[__NR_rename] = { RV_JUDGE_NAMES },
	[__NR_renameat] = { RV_JUDGE_NAMES },
	[__NR_renameat2] = { RV_JUDGE_NAMES },

	[__NR_connect] = { RV_JUDGE_ADDRESS, RV_RIGHT_CONNECT },
	[__NR_bind] = { RV_JUDGE_ADDRESS, RV_RIGHT_BIND },
	[__NR_sendto] = { RV_JUDGE_ADDRESS, RV_RIGHT_SEND },
	[__NR_sendmsg] = { RV_JUDGE_ADDRESS, RV_RIGHT_SEND },
	[__NR_sendmmsg] = { RV_JUDGE_ADDRESS, RV_RIGHT_SEND },
};

/* How the module judges this call; RV_JUDGE_NOTHING: not at all. */
enum rv_judging rv_judging_of(u32 nr)
{
	return nr < ARRAY_SIZE(table) ? table[nr].judging : RV_JUDGE_NOTHING;
}

/*
 * Whether the call, until it is refused, has changed nothing and told nothing, so that it can be made again for the owner to decide. The
 * flags of openat2(2) lie in memory; sendmmsg(2) may have sent some already.
 */
bool rv_may_appeal(const struct rv_call *call)
{
	switch (rv_judging_of(call->nr)) {
	case RV_JUDGE_LOOKUP:
		return table[call->nr].rights == RV_RIGHT_STAT;
	case RV_JUDGE_OPEN:
		if (call->nr == __NR_open || call->nr == __NR_openat)
			return !(call->args[call->nr == __NR_open ? 1 : 2] & (O_ACCMODE | O_CREAT | O_TRUNC | __O_TMPFILE));
		return false;
	case RV_JUDGE_ADDRESS:
		return call->nr == __NR_sendto || call->nr == __NR_sendmsg;
	default:
		return false;
	}
}

/* What access(2) and its kin ask for. To pass through a directory needs no right, to read it is to list it. */
static u32 access_rights(u32 mode, bool directory)
{
	u32 rights = RV_RIGHT_STAT;

	if (mode & MAY_READ)
		rights |= directory ? RV_RIGHT_LIST : RV_RIGHT_READ;
	if (mode & MAY_WRITE)
		rights |= RV_RIGHT_WRITE;
	if ((mode & MAY_EXEC) && !directory)
		rights |= RV_RIGHT_EXECUTE;
	return rights;
}

/* The rights that a call of RV_JUDGE_LOOKUP or RV_JUDGE_ADDRESS wants over what its path leads to. */
u32 rv_lookup_rights(const struct rv_call *call, bool directory)
{
	switch (call->nr) {
	case __NR_access:
		return access_rights(call->args[1], directory);
	case __NR_faccessat:
	case __NR_faccessat2:
		return access_rights(call->args[2], directory);
	default:
		return table[call->nr].rights;
	}
}

/* The rights that open(2) with these flags wants over what is there. Mode 3 asks for both, as the kernel checks it. */
u32 rv_open_rights(u32 flags, bool directory)
{
	const u32 mode = flags & O_ACCMODE;
	u32 rights = 0;

	if (flags & O_PATH)
		return RV_RIGHT_STAT;
	if (mode != O_WRONLY)
		rights |= directory ? RV_RIGHT_LIST : RV_RIGHT_READ;
	if (mode != O_RDONLY)
		rights |= RV_RIGHT_WRITE;
	if (flags & O_TRUNC)
		rights |= RV_RIGHT_TRUNCATE;
	if (flags & __O_TMPFILE)
		rights = RV_RIGHT_CREATE | RV_RIGHT_WRITE;
	return rights;
}
