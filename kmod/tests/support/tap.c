// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
#include "tap.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct counts {
	atomic_int all;
	atomic_int failed;
} *counts;

void tap_start(void)
{
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		bail("mmap");
}

/* One write(2) for each line, so that processes do not mix theirs. */
static void line(const char *start, const char *format, va_list values)
{
	char text[1024];
	int used = snprintf(text, sizeof(text), "%s", start);

	used += vsnprintf(text + used, sizeof(text) - used - 1, format, values);
	if (used > (int)sizeof(text) - 2)
		used = sizeof(text) - 2;
	text[used++] = '\n';
	if (write(STDOUT_FILENO, text, used) != used)
		_exit(99);
}

bool check(bool passed, const char *name, ...)
{
	char start[32];
	va_list values;

	snprintf(start, sizeof(start), "%s %d - ", passed ? "ok" : "not ok", atomic_fetch_add(&counts->all, 1) + 1);
	if (!passed)
		atomic_fetch_add(&counts->failed, 1);
	va_start(values, name);
	line(start, name, values);
	va_end(values);
	return passed;
}

bool check_is(long got, long wanted, const char *name)
{
	return got == wanted ? check(true, "%s", name) : check(false, "%s: %ld, not %ld", name, got, wanted);
}

void skip(const char *name, const char *why)
{
	check(true, "%s # SKIP %s", name, why);
}

void note(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	line("# ", format, values);
	va_end(values);
}

int tap_end(void)
{
	printf("1..%d\n", counts->all);
	fflush(stdout);
	return counts->failed ? 1 : 0;
}

void bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(98);
}
