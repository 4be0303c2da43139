// SPDX-License-Identifier: Apache-2.0
/*
 * Programs record by record, right or wrong: begin(), records, finish(); what comes out is `image`. Records are added in the order in which
 * the format wants them.
 */
#ifndef DRAFT_H
#define DRAFT_H

#include "rv_core.h"

/* Bytes that a section may have here. */
#define ROOM 0x20000

extern const size_t record_sizes[RV_SECTIONS];

extern struct draft {
	struct rv_header header;
	uint32_t counts[RV_SECTIONS];
	uint8_t bytes[RV_SECTIONS][ROOM];
} draft;

extern uint8_t image[RV_SECTIONS * ROOM];
extern size_t image_size;

void begin(uint8_t default_action, uint16_t default_error);
/* A record; its index. */
uint32_t add(uint32_t section, const void *record);
#define ADD(section, type, ...) add(RV_SECTION_##section, &(struct type){ __VA_ARGS__ })
/* Bytes among the strings; their offset. */
uint32_t text(const char *bytes, size_t length);
void finish(void);
/* What rv_validate() says of the image: RV_FAULT_*. */
uint32_t validate(void);

void call_rule(uint32_t id, uint8_t action, uint16_t error, uint8_t paths, uint8_t addresses);
void handler_rule(uint32_t id, uint8_t handler, uint8_t flags, uint8_t paths);
/* Ends the rules of the next call number. */
void end_call(void);

/* Parts of the next rule over paths, or of an abstract name: a name as it stands, */
void literal(const char *name);
/* "**", */
void depth(void);
/* tokens from text: "*", "?", "#" for the set of digits, "~" for all but "a", else the byte. The sets are there after sets(). */
void wild(const char *pattern);
void sets(void);

/* A node whose children and rules are the next ones. */
void node(const char *name, uint32_t children, uint32_t rules, uint32_t deny_beneath);
/* With the parts since the last one. */
void path_rule(uint32_t id, uint32_t rights, uint8_t kind, uint8_t scope);

void address_rule(uint32_t id, uint8_t kind, uint32_t rights, uint8_t protocols, uint16_t low, uint16_t high, const uint8_t *bytes, size_t n);

#endif
