// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Which program holds: while it is replaced under load, and in several sandboxes at once. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "box.h"
#include "process.h"
#include "self.h"
#include "tap.h"

static int guest_both(void *argument)
{
	int first = 0, second = 0, other = 0;
	double end = seconds() + *(double *)argument;

	while (seconds() < end) {
		int error = ERRNO_OF(mkdir("/tmp/never", 0700));

		first += error == EXDEV;
		second += error == EMLINK;
		other += error != EXDEV && error != EMLINK;
	}
	check(first && second && !other, "a program is replaced under load: %d by one, %d by the other, %d by none", first, second, other);
	return 7;
}

static struct policy refusing(int error)
{
	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_mkdir, RV_ACTION_ERRNO, error);
	return policy_end();
}

static void test_replacing(void)
{
	double length = 1.5, end;
	struct box box;
	pid_t pids[3];
	int loads = 0;

	box_open(&box, refusing(EXDEV), NULL);
	for (int i = 0; i < 3; i++)
		pids[i] = box_spawn(box.fd, guest_both, &length);
	for (end = seconds() + length; seconds() < end; loads++) {
		if (box_load(box.fd, refusing(loads & 1 ? EXDEV : EMLINK)))
			bail("PROGRAM");
		usleep(500);
	}
	for (int i = 0; i < 3; i++)
		check_is(box_wait(pids[i]), 7, "the guest ran to its end");
	box_close(&box);
	note("%d programs were loaded", loads);
}

/* Guests in two sandboxes at once have two policies. */
static int guest_of(void *argument)
{
	for (int i = 0; i < 20000; i++) {
		if (ERRNO_OF(mkdir("/tmp/never", 0700)) != *(int *)argument)
			return 1;
	}
	return 7;
}

static void test_several(void)
{
	int errors[8];
	struct box boxes[8];
	pid_t pids[8];

	for (int i = 0; i < 8; i++) {
		errors[i] = 100 + i;
		box_open(&boxes[i], refusing(errors[i]), NULL);
		pids[i] = box_spawn(boxes[i].fd, guest_of, &errors[i]);
	}
	for (int i = 0; i < 8; i++) {
		check_is(box_wait(pids[i]), 7, "each sandbox has its own policy");
		box_close(&boxes[i]);
	}
}

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_replacing();
	test_several();
	return tap_end();
}
