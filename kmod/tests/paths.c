// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Calls that a policy decides by the files they name, however they name them. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "self.h"
#include "tap.h"
#include "tree.h"

static const int path_calls[] = { SYS_open,	SYS_openat,    SYS_openat2,   SYS_creat,   SYS_stat,	SYS_lstat,     SYS_newfstatat, SYS_statx,
				  SYS_access,	SYS_faccessat, SYS_readlink,  SYS_chdir,   SYS_chmod,	SYS_fchmodat,  SYS_chown,      SYS_utimensat,
				  SYS_truncate, SYS_mkdir,     SYS_mkdirat,   SYS_mknod,   SYS_mknodat, SYS_symlink,   SYS_symlinkat,  SYS_link,
				  SYS_linkat,	SYS_unlink,    SYS_unlinkat,  SYS_rmdir,   SYS_rename,	SYS_renameat,  SYS_renameat2,  SYS_execve,
				  SYS_execveat, SYS_setxattr,  SYS_getxattr,  SYS_statfs,  SYS_chroot, SYS_readlinkat, SYS_faccessat2 };

static struct policy path_policy(void)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	for (unsigned i = 0; i < sizeof(path_calls) / sizeof(*path_calls); i++)
		policy_call(path_calls[i], RV_ACTION_NOTIFY, 0);
	policy_path("/", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_EXECUTE);
	policy_path("/tmp/box", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path("/tmp/box/secret", RV_KIND_DENY, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path("/tmp/box/readonly", RV_KIND_DENY, RV_SCOPE_SUBTREE,
		    RV_RIGHT_ALL & ~(RV_RIGHT_READ | RV_RIGHT_STAT | RV_RIGHT_LIST));
	policy_path("/tmp/box/noexec", RV_KIND_DENY, RV_SCOPE_EXACT, RV_RIGHT_EXECUTE);
	return policy_end();
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600), error = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

static int try_exec(const char *path)
{
	char *const arguments[] = { (char *)path, NULL };
	pid_t pid = fork();

	if (!pid) {
		execve(path, arguments, arguments + 1);
		_exit(errno);
	}
	return box_wait(pid);
}

static int guest_paths(void *argument)
{
	struct stat st;
	char text[32];
	int fd, pipes[2];

	(void)argument;
	check_is(try_open("/tmp/box/file", O_RDONLY), 0, "open what is granted");
	check_is(try_open("/tmp/box/secret/file", O_RDONLY), EACCES, "open what is denied");
	check_is(try_open("/tmp/outside/file", O_RDONLY), EACCES, "open what nothing grants");
	check_is(try_open("/tmp/box/link", O_RDONLY), EACCES, "open by a symbolic link");
	check_is(try_open("/tmp/box/dirlink/file", O_RDONLY), EACCES, "open through a linked directory");
	check_is(try_open("/tmp/box/dirlink/../secret/file", O_RDONLY), EACCES, "open through a link and ..");
	check_is(try_open("/tmp/box/dir/../secret/./file", O_RDONLY), EACCES, "open by a path with . and ..");
	check_is(try_open("/tmp/outside/back", O_RDONLY), 0, "a link outside that leads inside: the file counts");
	check_is(try_open("/tmp/box/hardlink", O_RDONLY), 0, "a hard link has a name of its own");
	check_is(try_open("/proc/self/root/tmp/box/secret/file", O_RDONLY), EACCES, "open through /proc/self/root");
	check_is(try_open("/tmp/box/secret/file", O_PATH), EACCES, "O_PATH of what is denied");
	check_is(try_open("/tmp/box/file", O_PATH), 0, "O_PATH of what is granted");
	check_is(try_open("/tmp/box/readonly/file", O_RDONLY), 0, "read what may be read");
	check_is(try_open("/tmp/box/readonly/file", O_WRONLY), EACCES, "write what may only be read");
	check_is(try_open("/tmp/box/readonly/file", O_RDWR), EACCES, "read and write it");
	check_is(try_open("/tmp/box/readonly/file", O_RDONLY | O_TRUNC), EACCES, "truncate it by open");
	check_is(try_open("/tmp/box/readonly/file", 3), EACCES, "mode 3");
	check_is(try_open("/tmp/box/readonly", O_TMPFILE | O_RDWR), EACCES, "a file without a name where none may be made");
	check_is(try_open("/tmp/box/dir", O_TMPFILE | O_RDWR), 0, "and where it may");
	check_is(try_open("/tmp/box/readonly/new", O_CREAT | O_WRONLY), EACCES, "create where nothing may be made");
	check(stat("/tmp/box/readonly/new", &st) < 0 && errno == ENOENT, "and nothing was made");
	check_is(try_open("/tmp/box/dir/new", O_CREAT | O_EXCL | O_WRONLY), 0, "create where it is granted");
	check_is(try_open("/tmp/box/secret", O_RDONLY | O_DIRECTORY), EACCES, "list what is denied");
	check_is(try_open("/tmp/box", O_RDONLY | O_DIRECTORY), 0, "list what is granted");
	check_is(ERRNO_OF(stat("/tmp/box/secret/file", &st)), EACCES, "stat");
	check_is(ERRNO_OF(lstat("/tmp/box/link", &st)), 0, "lstat of a link is about the link");
	check_is(ERRNO_OF(stat("/tmp/box/link", &st)), EACCES, "stat of a link is about its target");
	check_is(ERRNO_OF(stat("/tmp/box/file", &st)), 0, "stat of what is granted");
	check_is(ERRNO_OF(access("/tmp/box/secret/file", F_OK)), EACCES, "access");
	check_is(ERRNO_OF(access("/tmp/box/readonly/file", W_OK)), EACCES, "access for writing what may only be read");
	check_is(ERRNO_OF(access("/tmp/box/readonly/file", R_OK)), 0, "access for reading it");
	check_is(ERRNO_OF(readlink("/tmp/box/link", text, sizeof(text))), 0, "readlink");
	check_is(ERRNO_OF(chdir("/tmp/box/secret")), EACCES, "chdir");
	check_is(ERRNO_OF(chdir("/tmp/box/dir")), 0, "chdir where it is granted");
	check_is(try_open("../secret/file", O_RDONLY), EACCES, "open by a relative path");
	check_is(ERRNO_OF(chmod("/tmp/box/readonly/file", 0777)), EACCES, "chmod");
	check_is(ERRNO_OF(chmod("/tmp/box/other", 0700)), 0, "chmod of what is granted");
	check_is(ERRNO_OF(chown("/tmp/box/readonly/file", 0, 0)), EACCES, "chown");
	check_is(ERRNO_OF(utimensat(AT_FDCWD, "/tmp/box/readonly/file", NULL, 0)), EACCES, "utimensat");
	check_is(ERRNO_OF(truncate("/tmp/box/readonly/file", 0)), EACCES, "truncate");
	check_is(ERRNO_OF(truncate("/tmp/box/other", 1)), 0, "truncate of what is granted");
	check_is(ERRNO_OF(setxattr("/tmp/box/readonly/file", "user.x", "x", 1, 0)), EACCES, "setxattr");
	check_is(ERRNO_OF(getxattr("/tmp/box/secret/file", "user.x", text, sizeof(text))), EACCES, "getxattr");
	check_is(ERRNO_OF(mkdir("/tmp/box/secret/new", 0700)), EACCES, "mkdir");
	check_is(ERRNO_OF(mkdir("/tmp/box/new", 0700)), 0, "mkdir where it is granted");
	check_is(ERRNO_OF(rmdir("/tmp/box/secret/dir")), EACCES, "rmdir");
	check_is(ERRNO_OF(rmdir("/tmp/box/new")), 0, "rmdir where it is granted");
	check_is(ERRNO_OF(mknod("/tmp/box/secret/fifo", S_IFIFO | 0600, 0)), EACCES, "mknod");
	check_is(ERRNO_OF(mknod("/tmp/box/fifo", S_IFIFO | 0600, 0)), 0, "mknod where it is granted");
	check_is(ERRNO_OF(symlink("x", "/tmp/box/secret/symlink")), EACCES, "symlink");
	check_is(ERRNO_OF(symlink("x", "/tmp/box/symlink")), 0, "symlink where it is granted");
	check_is(ERRNO_OF(link("/tmp/box/secret/file", "/tmp/box/name")), EACCES, "a new name for what is denied");
	check_is(ERRNO_OF(link("/tmp/box/file", "/tmp/box/secret/name")), EACCES, "a name where nothing may be made");
	check_is(ERRNO_OF(link("/tmp/box/readonly/file", "/tmp/box/name")), EACCES, "a new name for what may only be read");
	check_is(ERRNO_OF(link("/tmp/box/file", "/tmp/box/name")), 0, "a new name for what is granted");
	check_is(ERRNO_OF(unlink("/tmp/box/readonly/file")), EACCES, "unlink");
	check_is(ERRNO_OF(unlink("/tmp/box/name")), 0, "unlink of what is granted");
	check_is(ERRNO_OF(rename("/tmp/box/secret/file", "/tmp/box/moved")), EACCES, "rename of what is denied");
	check_is(ERRNO_OF(rename("/tmp/box/secret", "/tmp/box/moved")), EACCES, "rename of its directory");
	check_is(ERRNO_OF(rename("/tmp/box", "/tmp/box2")), EACCES, "rename of a directory above it");
	check_is(ERRNO_OF(rename("/tmp/box/file", "/tmp/box/readonly/file")), EACCES, "rename onto what may only be read");
	check_is(ERRNO_OF(syscall(SYS_renameat2, AT_FDCWD, "/tmp/box/dir", AT_FDCWD, "/tmp/box/secret", 2 /* RENAME_EXCHANGE */)), EACCES,
		 "an exchange with what is denied");
	check_is(ERRNO_OF(rename("/tmp/box/other", "/tmp/box/moved")), 0, "rename of what is granted");
	check_is(try_exec("/tmp/box/exec"), 0, "execute what is granted");
	check_is(try_exec("/tmp/box/noexec"), EACCES, "execute what is denied");
	check_is(try_exec("/tmp/box/execlink"), EACCES, "execute it by a link");
	check_is(try_exec("/tmp/box/script"), EACCES, "execute a script whose interpreter is denied");
	if (!pipe(pipes)) {
		snprintf(text, sizeof(text), "/proc/self/fd/%d", pipes[0]);
		check_is(try_open(text, O_RDONLY | O_NONBLOCK), 0, "what has no name is the guest's own");
	}
	fd = open("/tmp/box/gone", O_CREAT | O_RDWR, 0600);
	unlink("/tmp/box/gone");
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	check_is(try_open(text, O_RDWR), 0, "a file that was removed, by its descriptor");
	check_is(ERRNO_OF(fchmod(fd, 0600)), 0, "calls by descriptor are not judged");

	/* A root of its own does not change what paths mean to the policy. */
	check_is(ERRNO_OF(chroot("/tmp/box/secret")), EACCES, "chroot to what is denied");
	if (!chroot("/tmp/box"))
		check_is(try_open("/secret/file", O_RDONLY), EACCES, "a changed root does not change the policy");
	return 7;
}

static int guest_mount_namespace(void *argument)
{
	(void)argument;
	if (unshare(CLONE_NEWNS))
		return 1;
	check_is(try_open("/tmp/box/file", O_RDONLY), EACCES, "in another mount namespace nothing is granted");
	return 7;
}

/* A file system over others opens their files in the course of opening its own: those are nobody's to judge. */
static int guest_overlay(void *argument)
{
	int fd = open("/tmp/box/merged/file", O_RDWR);
	char text[8] = { 0 };

	(void)argument;
	check(fd >= 0 && write(fd, "x", 1) == 1, "a file is copied up");
	check(fd >= 0 && pread(fd, text, 5, 0) == 5 && !strcmp(text, "xower"), "and read");
	close(fd);
	check_is(try_open("/tmp/box/merged/new", O_CREAT | O_RDWR), 0, "a file is made");
	check_is(ERRNO_OF(truncate("/tmp/box/merged/other", 1)), 0, "a file is truncated, and so copied up");
	check_is(try_open("/tmp/box/merged/secret", O_RDONLY), EACCES, "what is denied there");
	check_is(try_open("/tmp/outside/lower/file", O_RDONLY), EACCES, "what lies beneath by its own name");
	return 7;
}

static void test_overlay(void)
{
	struct box box;

	tree_make();
	if (system("mkdir -p /tmp/outside/lower /tmp/outside/upper /tmp/outside/work /tmp/box/merged"))
		bail("fixture");
	tree_put("/tmp/outside/lower/file", "lower");
	tree_put("/tmp/outside/lower/other", "lower");
	tree_put("/tmp/outside/lower/secret", "secret");
	if (mount("overlay", "/tmp/box/merged", "overlay", 0, "lowerdir=/tmp/outside/lower,upperdir=/tmp/outside/upper,workdir=/tmp/outside/work")) {
		skip("a file system over others", "this kernel has no overlay");
		return;
	}
	policy_begin(RV_ACTION_ALLOW, 0);
	for (unsigned int i = 0; i < sizeof(path_calls) / sizeof(*path_calls); i++)
		policy_call(path_calls[i], RV_ACTION_NOTIFY, 0);
	policy_path("/tmp/box", RV_KIND_GRANT, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	policy_path("/tmp/box/merged/secret", RV_KIND_DENY, RV_SCOPE_SUBTREE, RV_RIGHT_ALL);
	box_open(&box, policy_end(), NULL);
	check_is(box_run(&box, guest_overlay, NULL), 7, "the guest ran to its end");
	box_close(&box);
	umount("/tmp/box/merged");
}

/* A sibling thread swaps a link between what is granted and what is denied. */
static volatile int racing;

static void *swap_links(void *argument)
{
	(void)argument;
	while (racing) {
		unlink("/tmp/box/dir/swap2");
		if (symlink("/tmp/box/secret/file", "/tmp/box/dir/swap2"))
			continue;
		rename("/tmp/box/dir/swap2", "/tmp/box/dir/swap");
		unlink("/tmp/box/dir/swap2");
		if (symlink("/tmp/box/file", "/tmp/box/dir/swap2"))
			continue;
		rename("/tmp/box/dir/swap2", "/tmp/box/dir/swap");
	}
	return NULL;
}

/* The same by the bytes of the path. */
static char raced_path[] = "/tmp/box/file\0------------";

static void *swap_bytes(void *argument)
{
	(void)argument;
	while (racing) {
		memcpy(raced_path, "/tmp/box/secret/file", 21);
		__asm__ volatile("" : : : "memory");
		memcpy(raced_path, "/tmp/box/file", 14);
		__asm__ volatile("" : : : "memory");
	}
	return NULL;
}

/* How often a secret was read. */
static int race(void *(*swap)(void *), const char *path, int *opened)
{
	pthread_t thread;
	int secrets = 0;
	double end = seconds() + 1.5;

	*opened = 0;
	racing = 1;
	pthread_create(&thread, NULL, swap, NULL);
	while (seconds() < end) {
		char text[16] = { 0 };
		int fd = open(path, O_RDONLY);

		if (fd < 0)
			continue;
		++*opened;
		if (read(fd, text, 6) == 6 && !memcmp(text, "secret", 6))
			secrets++;
		close(fd);
	}
	racing = 0;
	pthread_join(thread, NULL);
	return secrets;
}

static int guest_race(void *argument)
{
	const bool boxed = argument;
	int opened, secrets;

	secrets = race(swap_links, "/tmp/box/dir/swap", &opened);
	check(boxed ? !secrets && opened : secrets > 0, "%s, a race of links: %d opened, %d secrets", boxed ? "inside" : "outside", opened, secrets);
	secrets = race(swap_bytes, raced_path, &opened);
	check(boxed ? !secrets && opened : secrets > 0, "%s, a race of bytes: %d opened, %d secrets", boxed ? "inside" : "outside", opened, secrets);
	return 7;
}

static void test_paths(void)
{
	struct box box;

	tree_make();
	box_open(&box, path_policy(), NULL);
	check_is(box_run(&box, guest_paths, NULL), 7, "the guest ran to its end");
	box_close(&box);
	check(box.report.text == RV_TEXT_PATH && !strcmp(box.text, "/tmp/box/secret/file") && box.report.rights == RV_RIGHT_READ &&
		      box.report.verdict == RV_VERDICT_DENIED && box.report.rule == 1002 && box.report.error == EACCES,
	      "a refusal is reported with path, rights and rule: %s", box.text);
	box_open(&box, path_policy(), NULL);
	check_is(box_run(&box, guest_mount_namespace, NULL), 7, "the guest ran to its end");
	box_close(&box);
	test_overlay();
	tree_make();
	guest_race(NULL);
	box_open(&box, path_policy(), NULL);
	check_is(box_run(&box, guest_race, (void *)1), 7, "the guest ran to its end");
	box_close(&box);
}

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_paths();
	return tap_end();
}
