// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Refusals of which nobody takes the reports. Runs as root with the module loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "box.h"
#include "self.h"
#include "tap.h"

/* More refusals than are kept: the rest is counted, exactly, by call and rule. */
static int guest_many(void *argument)
{
	(void)argument;
	for (int i = 0; i < 1000; i++) {
		mkdir("/tmp/never", 0700);
		rmdir("/tmp/never");
	}
	for (long nr = 400; nr < 500; nr++)
		syscall(nr, -1, -1, -1, -1, -1, -1);
	return 7;
}

static void test_counting(void)
{
	struct rv_device_exchange exchange = { .flags = RV_EXCHANGE_NOWAIT };
	unsigned int reports = 0, counts = 0, total = 0, mkdirs = 0, others = 0;
	const unsigned int all = 2000 + 100;
	struct rv_device_status status;
	int fd = box_device(), error;

	policy_begin(RV_ACTION_ALLOW, 0);
	policy_call(SYS_mkdir, RV_ACTION_ERRNO, EXDEV);
	policy_call(SYS_rmdir, RV_ACTION_ERRNO, EXDEV);
	for (uint32_t nr = 400; nr < 500; nr++)
		policy_call(nr, RV_ACTION_ERRNO, EXDEV);
	box_hello(fd);
	box_load(fd, policy_end());
	check_is(box_wait(box_spawn(fd, guest_many, NULL)), 7, "the guest ran to its end, though nobody takes reports");
	status = box_status(fd);
	check(status.refused == all && status.reports == RV_DEVICE_MAX_REPORTS && status.lost == all - RV_DEVICE_MAX_REPORTS,
	      "what does not fit is counted: %llu refused, %u kept, %llu lost", (unsigned long long)status.refused, status.reports,
	      (unsigned long long)status.lost);
	while (!(error = box_exchange(fd, &exchange))) {
		if (exchange.event.kind == RV_EVENT_REPORT) {
			reports++;
			continue;
		}
		counts++;
		total += exchange.event.count;
		if (exchange.event.call.nr == SYS_mkdir && exchange.event.rule == 0 && exchange.event.call.arch == RV_ARCH_X86_64)
			mkdirs += exchange.event.count;
		if (exchange.event.call.nr == RV_COUNT_OTHER && exchange.event.rule == RV_ID_NONE)
			others += exchange.event.count;
	}
	check(reports == RV_DEVICE_MAX_REPORTS && error == ESRCH, "reports come: %u", reports);
	check(total == all - RV_DEVICE_MAX_REPORTS && mkdirs == 1000 - RV_DEVICE_MAX_REPORTS / 2, "and counts: %u, %u of them of one kind", total,
	      mkdirs);
	check(counts == RV_DEVICE_MAX_KINDS + 1 && others == 100 - (RV_DEVICE_MAX_KINDS - 2), "kinds beyond the limit are counted together: %u, %u",
	      counts, others);
	close(fd);
}

int main(int argc, char **argv)
{
	self_start(argc, argv);
	test_counting();
	return tap_end();
}
