// SPDX-License-Identifier: Apache-2.0
/*
 * What a decision costs: ns per rv_eval_call() and rv_eval_path() over programs that are given as files.
 *
 *     core_bench PROGRAM [PATHS]
 *
 * PATHS is a file of resolved paths, one a line, which are asked in turn. scripts/core-bench.ts makes programs of
 * 10, 1,000 and 100,000 rules and runs this.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rv_core.h"

#define ROUNDS 20
#define PASS_NS 5000000ull

static size_t size_of_last;

static uint8_t *read_file(const char *name)
{
	FILE *file = fopen(name, "rb");
	uint8_t *bytes;

	if (!file || fseek(file, 0, SEEK_END) != 0) {
		perror(name);
		exit(1);
	}
	size_of_last = (size_t)ftell(file);
	rewind(file);
	bytes = malloc(size_of_last + 1);
	if (fread(bytes, 1, size_of_last, file) != size_of_last) {
		perror(name);
		exit(1);
	}
	fclose(file);
	bytes[size_of_last] = 0;
	return bytes;
}

/* Time on the CPU, so that a busy machine counts less. */
static unsigned long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (unsigned long long)time.tv_sec * 1000000000ull + (unsigned long long)time.tv_nsec;
}

/* One pass over everything that is asked; the number of questions. */
typedef size_t (*pass_fn)(const uint8_t *program);

static char **paths;
static size_t *lengths;
static size_t path_count;
static volatile uint32_t sink;

static size_t pass_calls(const uint8_t *program)
{
	for (uint32_t nr = 0; nr < 450; nr++) {
		const struct rv_call call = { .nr = nr, .arch = RV_ARCH_X86_64, .args = { nr, 2, 3 } };
		struct rv_decision decision;

		rv_eval_call(program, &call, &decision);
		sink += decision.action;
	}
	return 450;
}

static size_t pass_paths(const uint8_t *program)
{
	for (size_t i = 0; i < path_count; i++) {
		struct rv_access access;

		sink += rv_eval_path(program, (const uint8_t *)paths[i], lengths[i], RV_RIGHT_READ, 0, &access);
	}
	return path_count;
}

/* The fastest of several rounds, ns per question. */
static double measure(pass_fn pass, const uint8_t *program)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		unsigned long long start = now(), end;
		size_t questions = 0;

		do {
			questions += pass(program);
			end = now();
		} while (end - start < PASS_NS);
		if ((double)(end - start) / (double)questions < best)
			best = (double)(end - start) / (double)questions;
	}
	return best;
}

int main(int argc, char **argv)
{
	struct rv_fault fault;
	unsigned long long start;
	uint8_t *program;
	size_t size;

	if (argc < 2) {
		fprintf(stderr, "usage: core_bench PROGRAM [PATHS]\n");
		return 2;
	}
	program = read_file(argv[1]);
	size = size_of_last;
	start = now();
	if (rv_validate(program, size, &fault) != RV_FAULT_NONE) {
		fprintf(stderr, "%s: fault %u at %u\n", argv[1], fault.code, fault.offset);
		return 1;
	}
	printf("validate_us %.1f\n", (double)(now() - start) / 1000);
	printf("program_bytes %zu\n", size);
	if (argc > 2) {
		char *text = (char *)read_file(argv[2]);

		for (size_t i = 0; i < size_of_last; i++)
			path_count += text[i] == '\n';
		paths = malloc(path_count * sizeof(*paths));
		lengths = malloc(path_count * sizeof(*lengths));
		path_count = 0;
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			paths[path_count] = line;
			lengths[path_count++] = strlen(line);
		}
		printf("path_ns %.1f\n", measure(pass_paths, program));
	}
	printf("call_ns %.1f\n", measure(pass_calls, program));
	return 0;
}
