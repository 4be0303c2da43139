/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The compiled policy ("program") and the records that go with it, as bytes.
 *
 * A program is one read-only block without pointers: a header, then the sections in the order of RV_SECTION_*, each an
 * array of one record type, each starting at the next multiple of 8, nothing before, between or after them but zero
 * padding. Everything is little-endian and of fixed width. References are indices; whatever a record owns (the rules of a
 * call, the conditions of a rule, the children of a node, …) is a run of the next section in owner order, so that the runs of
 * one section follow each other without gap or overlap. That makes a program's shape provable in one pass
 * (rv_validate()), and it makes trees acyclic by construction: children come after their parents.
 *
 * sdk/internal/decision/format.ts is generated from this file by scripts/generate-abi.mjs. Whoever changes a
 * record raises RV_VERSION. Reserved fields are zero.
 */
#ifndef RV_ABI_H
#define RV_ABI_H

#include "rv_types.h"

#ifdef __cplusplus
#define RV_ASSERT static_assert
#else
#define RV_ASSERT _Static_assert
#endif

RV_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "programs are little-endian");

#define RV_MAGIC 0x47505652u /* "RVPG" */
#define RV_VERSION 1u

/* ------------------------------------------------------------------------------------------------------------ limits */

/* Bytes of a program. */
#define RV_MAX_PROGRAM 0x8000000u
/* Length of the table of calls: numbers from here on have no rules. */
#define RV_MAX_SYSCALLS 1024u
#define RV_MAX_RULES 0x10000u
/* Rules of one call number, and conditions of one rule: the bound of rv_eval_call(). */
#define RV_MAX_CALL_RULES 1024u
#define RV_MAX_RULE_CONDITIONS 16u
#define RV_MAX_CONDITIONS 0x40000u
#define RV_MAX_VALUES 0x40000u
#define RV_MAX_NODES 0x200000u
#define RV_MAX_PATH_RULES 0x100000u
/* Rules at one node: what one component of a path may cost. */
#define RV_MAX_NODE_RULES 4096u
#define RV_MAX_PARTS 0x80000u
#define RV_MAX_RULE_PARTS 256u
#define RV_MAX_TOKENS 0x200000u
/* Tokens of one component of a glob. */
#define RV_MAX_PART_TOKENS 255u
#define RV_MAX_SETS 0x10000u
/* One group per prefix length: 0 to 32 and 0 to 128. */
#define RV_MAX_GROUPS 162u
#define RV_MAX_ADDRESSES 0x40000u
#define RV_MAX_ABSTRACTS 4096u
#define RV_MAX_STRINGS 0x4000000u
/* Handlers of one program: a set of handlers is one 64-bit word. */
#define RV_MAX_HANDLERS 64u
#define RV_MAX_ERRNO 4095u

/* Bytes of a path without a terminator (PATH_MAX - 1) and of one component (NAME_MAX). */
#define RV_MAX_PATH 4095u
#define RV_MAX_NAME 255u
/* sizeof(struct sockaddr_storage), sizeof(struct sockaddr_un), bytes of an abstract name after its leading NUL. */
#define RV_MAX_SOCKADDR 128u
#define RV_MAX_SOCKADDR_UN 110u
#define RV_MAX_ABSTRACT_NAME 107u

#define RV_HASH_SEED 0x811c9dc5u
#define RV_HASH_PRIME 0x01000193u

/* Rule ids are the host program's own; they come back as they are. This one means that no rule decided: a default did. */
#define RV_ID_NONE 0xffffffffu

/* ---------------------------------------------------------------------------------------------------------- the call */

#define RV_ARCH_X86_64 0xc000003eu
/* Marks the x32 ABI in a call number; number -1 carries it too. */
#define RV_X32_BIT 0x40000000u
#define RV_ARGUMENTS 6u

/* A system call as it was made. The layout is that of the kernel's struct seccomp_data. */
struct rv_call {
	uint32_t nr;	      /* number, with whatever high bits the guest gave */
	uint32_t arch;	      /* AUDIT_ARCH_* of the entry that was used */
	uint64_t ip;	      /* instruction pointer of the guest */
	uint64_t args[6];     /* registers, all 64 bits */
};

/*
 * What becomes of a call. The number is the strength: of several rules that match, the strongest decides, in whatever order they
 * stand. Handlers stand outside this order (struct rv_decision).
 */
#define RV_ACTION_ALLOW 1u   /* the kernel runs it */
#define RV_ACTION_NOTIFY 2u  /* the sentry decides by path or address, and runs it on the guest's behalf */
#define RV_ACTION_TRACE 3u   /* the same at a ptrace stop: registers or control flow have to change */
#define RV_ACTION_ERRNO 4u   /* refused with an errno */
#define RV_ACTION_KILL 5u    /* the guest dies */
#define RV_ACTION_HANDLER 6u /* handlers are asked */

/* A handler rule that may answer though a rule or the default refuses the call with an errno. Nothing overrides a kill. */
#define RV_RULE_OVERRIDE 1u

/* The answer of rv_eval_call(). */
struct rv_decision {
	uint8_t action;	      /* RV_ACTION_* */
	uint8_t base;	      /* RV_ACTION_* but HANDLER: what holds when no handler answers, or says `continue` */
	uint16_t error;	      /* errno, if base is ERRNO; else 0 */
	uint32_t rule;	      /* the rule that gave `base`, RV_ID_NONE for a default */
	uint8_t paths;	      /* bit N: the path that argument N points to is still to be decided, by rv_eval_path() */
	uint8_t addresses;    /* bit N: likewise the socket address, by rv_eval_address() */
	uint16_t reserved;
	uint32_t reserved2;
	uint64_t handlers;    /* these handlers want the call, bit N for handler N */
	uint64_t pending;     /* these want it if a path or address of it passes their filter (struct rv_access.filters) */
};

/* --------------------------------------------------------------------------------------------------------- the access */

/* Rights over paths and addresses. Their names follow Landlock's; see docs/decision-core.md for the call → right table. */
#define RV_RIGHT_READ 0x0001u	  /* read a file; readlink */
#define RV_RIGHT_WRITE 0x0002u	  /* write to a file */
#define RV_RIGHT_EXECUTE 0x0004u  /* execute a file */
#define RV_RIGHT_LIST 0x0008u	  /* list a directory */
#define RV_RIGHT_STAT 0x0010u	  /* learn that it is there: stat, access, chdir */
#define RV_RIGHT_CREATE 0x0020u	  /* make this name: file, directory, symlink, FIFO, new name of a rename */
#define RV_RIGHT_DELETE 0x0040u	  /* remove this name: unlink, rmdir, old name of a rename */
#define RV_RIGHT_LINK 0x0080u	  /* give it a further name, or move it into another directory */
#define RV_RIGHT_TRUNCATE 0x0100u /* change its length */
#define RV_RIGHT_METADATA 0x0200u /* change mode, owner, times, attributes */
#define RV_RIGHT_DEVICE 0x0400u	  /* make a device node of this name */
#define RV_RIGHT_IOCTL 0x0800u	  /* ioctl on the device behind it */
#define RV_RIGHT_CONNECT 0x1000u  /* connect to it (AF_UNIX by path too) */
#define RV_RIGHT_BIND 0x2000u	  /* take it as one's own address (AF_UNIX by path too) */
#define RV_RIGHT_SEND 0x4000u	  /* send a datagram to it */
#define RV_RIGHT_ALL 0x7fffu

/* Flag of rv_eval_path(): the path moves away with all that is beneath it, so no rule may deny anything there. */
#define RV_PATH_TREE 1u

/* Why an access is granted or not. */
#define RV_VERDICT_GRANTED 0u	  /* every wanted right is granted and none denied */
#define RV_VERDICT_DENIED 1u	  /* a deny rule holds */
#define RV_VERDICT_MISSING 2u	  /* no rule grants all that was wanted */
#define RV_VERDICT_MALFORMED 3u	  /* not a resolved absolute path, not an address, or not a question */
#define RV_VERDICT_UNSUPPORTED 4u /* an address family that no rule can speak of */

/* The answer of rv_eval_path() and rv_eval_address(). */
struct rv_access {
	uint32_t verdict;     /* RV_VERDICT_* */
	uint32_t rule;	      /* DENIED: lowest id of the rules that deny; GRANTED: of those that grant; else RV_ID_NONE */
	uint32_t missing;     /* MISSING: the rights that no rule grants; GRANTED: 0; else all that were wanted */
	uint32_t reserved;
	uint64_t filters;     /* handlers whose filter the path or address passes, whatever the verdict */
};

/* Protocols of a socket, one bit each. */
#define RV_PROTOCOL_TCP 1u
#define RV_PROTOCOL_UDP 2u
#define RV_PROTOCOL_RAW 4u   /* raw and packet-level sockets, ICMP */
#define RV_PROTOCOL_OTHER 8u /* SCTP, DCCP, … */
#define RV_PROTOCOL_ALL 15u

#define RV_ADDRESS_NONE 0u
#define RV_ADDRESS_IPV4 4u
#define RV_ADDRESS_IPV6 6u
#define RV_ADDRESS_PATH 1u     /* AF_UNIX by path */
#define RV_ADDRESS_ABSTRACT 2u /* AF_UNIX by abstract name */

/* It was ::ffff:a.b.c.d. */
#define RV_ADDRESS_MAPPED 1u
/* It was 0.0.0.0 or ::, which the kernel takes for the host itself when one connects or sends to it. */
#define RV_ADDRESS_UNSPECIFIED 2u

/* A socket address in the one form that was decided on. Whoever acts on the decision uses this, not the guest's bytes. */
struct rv_address {
	uint8_t kind;	      /* RV_ADDRESS_* */
	uint8_t flags;	      /* RV_ADDRESS_MAPPED, RV_ADDRESS_UNSPECIFIED */
	uint16_t port;	      /* IPv4, IPv6: in host order */
	uint16_t family;      /* as it was given */
	uint16_t name;	      /* PATH, ABSTRACT: where in the sockaddr the path, or the name after its NUL, starts */
	uint16_t name_length; /* and its bytes */
	uint16_t reserved;
	uint32_t scope;	      /* IPv6: scope id, 0 where there is none */
	uint8_t bytes[16];    /* IPv6: network order; IPv4: the first four */
};

/* -------------------------------------------------------------------------------------------------------- the program */

#define RV_SECTION_SYSCALLS 0u
#define RV_SECTION_RULES 1u
#define RV_SECTION_CONDITIONS 2u
#define RV_SECTION_VALUES 3u
#define RV_SECTION_NODES 4u
#define RV_SECTION_PATH_RULES 5u
#define RV_SECTION_PARTS 6u
#define RV_SECTION_TOKENS 7u
#define RV_SECTION_SETS 8u
#define RV_SECTION_GROUPS 9u
#define RV_SECTION_ADDRESSES 10u
#define RV_SECTION_ABSTRACTS 11u
#define RV_SECTION_STRINGS 12u
#define RV_SECTIONS 13u

struct rv_section {
	uint32_t offset;      /* from the start of the program, a multiple of 8 */
	uint32_t count;	      /* records, not bytes */
};

struct rv_header {
	uint32_t magic;		 /* RV_MAGIC */
	uint16_t version;	 /* RV_VERSION */
	uint16_t header_size;	 /* sizeof(struct rv_header) */
	uint32_t size;		 /* bytes of the whole program */
	uint32_t arch;		 /* RV_ARCH_X86_64 */
	uint8_t default_action;	 /* for numbers that no rule matches: any but HANDLER */
	uint8_t foreign_action;	 /* for other ABIs, x32 and number -1: ERRNO or KILL */
	uint16_t default_error;	 /* errno of the former, 0 unless it is ERRNO */
	uint16_t foreign_error;	 /* errno of the latter, 0 unless it is ERRNO */
	uint16_t reserved;
	struct rv_section sections[13];
};

/* SYSCALLS: indexed by call number. Owns a run of RULES. */
struct rv_syscall {
	uint32_t first_rule;
	uint32_t rule_count;  /* ≤ RV_MAX_CALL_RULES; 0: the default */
};

/* RULES: one rule over one call number; ids of one call ascend. Owns a run of CONDITIONS, all of which must hold. */
struct rv_rule {
	uint32_t id;
	uint8_t action;		  /* RV_ACTION_* */
	uint8_t flags;		  /* RV_RULE_OVERRIDE, for HANDLER only */
	uint16_t error;		  /* 1 to RV_MAX_ERRNO if the action is ERRNO, else 0 */
	uint32_t first_condition;
	uint16_t condition_count; /* ≤ RV_MAX_RULE_CONDITIONS */
	uint8_t paths;		  /* NOTIFY, TRACE: bit N: argument N is a path to be decided. HANDLER: to be filtered */
	uint8_t addresses;	  /* likewise a socket address */
	uint8_t handler;	  /* HANDLER: its number, else 0 */
	uint8_t reserved[7];
};

#define RV_OP_EQ 0u
#define RV_OP_NE 1u
#define RV_OP_LT 2u
#define RV_OP_LE 3u
#define RV_OP_GT 4u
#define RV_OP_GE 5u
#define RV_OP_RANGE 6u	/* low ≤ x ≤ high */
#define RV_OP_IN 7u	/* one of the values */
#define RV_OP_NOT_IN 8u

/* Ordered comparisons are signed, after extension from bit 31 if NARROW. The mask is then all ones. */
#define RV_CONDITION_SIGNED 1u
/* The kernel takes an int: the high half of the register does not count. */
#define RV_CONDITION_NARROW 2u

/* CONDITIONS: (argument, narrowed or extended) & mask, compared. Owns a run of VALUES, strictly ascending. */
struct rv_condition {
	uint8_t argument;     /* < RV_ARGUMENTS */
	uint8_t op;	      /* RV_OP_* */
	uint8_t flags;	      /* RV_CONDITION_* */
	uint8_t reserved;
	uint32_t first_value;
	uint32_t value_count; /* 0 unless IN or NOT_IN */
	uint32_t reserved2;
	uint64_t mask;
	uint64_t low;	      /* 0 if IN or NOT_IN */
	uint64_t high;	      /* RANGE, else 0 */
};

/*
 * NODES: the tree of path components, breadth first; node 0 is "/". Owns a run of NODES, its children, strictly ascending by
 * (hash, name), names bytewise and a prefix first; and a run of PATH_RULES. The hash is there so that a search among siblings
 * seldom has to look at names; searches are binary whatever it says.
 */
struct rv_node {
	uint32_t name;	       /* offset in STRINGS; 0 for the root */
	uint16_t name_length;  /* 1 to RV_MAX_NAME; 0 for the root */
	uint16_t reserved;
	uint32_t first_child;
	uint32_t child_count;
	uint32_t first_rule;
	uint32_t rule_count;   /* ≤ RV_MAX_NODE_RULES */
	uint32_t deny_beneath; /* lowest id of the deny rules that hang on nodes beneath this one, or RV_ID_NONE */
	uint32_t hash;	       /* FNV-1a, 32 bits, of the name */
};

#define RV_KIND_GRANT 0u
#define RV_KIND_DENY 1u
/* Neither grants nor denies: lets a handler's filter pass. */
#define RV_KIND_FILTER 2u

#define RV_SCOPE_EXACT 0u
#define RV_SCOPE_SUBTREE 1u /* and everything beneath */

/*
 * PATH_RULES: a rule over the node's own path, or, if it owns a run of PARTS, over the paths beneath it that the parts match,
 * one component each.
 */
struct rv_path_rule {
	uint32_t id;	      /* FILTER: number of the handler */
	uint32_t rights;      /* RV_RIGHT_*, at least one. FILTER: passes accesses that want one of these */
	uint8_t kind;	      /* RV_KIND_* */
	uint8_t scope;	      /* RV_SCOPE_* */
	uint16_t part_count;  /* ≤ RV_MAX_RULE_PARTS */
	uint32_t first_part;
};

#define RV_PART_LITERAL 0u /* these bytes of STRINGS */
#define RV_PART_WILD 1u	   /* a run of TOKENS, owned */
#define RV_PART_DEPTH 2u   /* any number of components, none too */

/* PARTS: one component of a glob, or the pattern of an abstract name. */
struct rv_part {
	uint32_t first;	      /* offset in STRINGS, or first token; 0 for DEPTH */
	uint16_t length;      /* bytes or tokens; 0 for DEPTH */
	uint8_t kind;	      /* RV_PART_* */
	uint8_t reserved;
};

#define RV_TOKEN_BYTE 0u /* this byte; a run of them spells whole characters */
#define RV_TOKEN_ANY 1u	 /* any one character: a UTF-8 sequence, or a byte that begins none */
#define RV_TOKEN_RUN 2u	 /* any number of characters, none too */
#define RV_TOKEN_SET 3u	 /* one character whose first byte is in the set */

/* TOKENS */
struct rv_token {
	uint8_t op;	      /* RV_TOKEN_* */
	uint8_t byte;	      /* BYTE, else 0 */
	uint16_t set;	      /* SET: index in SETS, else 0 */
};

/* SETS: bit N of byte M stands for byte value 8 M + N. */
struct rv_set {
	uint8_t bits[32];
};

/* GROUPS: the address rules of one prefix length, ascending by (family, prefix). Owns a run of ADDRESSES. */
struct rv_group {
	uint8_t family;	      /* RV_ADDRESS_IPV4 or RV_ADDRESS_IPV6 */
	uint8_t prefix;	      /* bits: at most 32 or 128 */
	uint16_t reserved;
	uint32_t first_address;
	uint32_t address_count; /* at least 1 */
	uint32_t reserved2;
};

/* ADDRESSES: ascending by address within a group; bits beyond the prefix are 0. No IPv6 rule stands within ::ffff:0:0/96. */
struct rv_address_rule {
	uint32_t id;	      /* FILTER: number of the handler */
	uint32_t rights;      /* RV_RIGHT_*, at least one */
	uint8_t kind;	      /* RV_KIND_* */
	uint8_t protocols;    /* RV_PROTOCOL_*, at least one */
	uint16_t port_low;
	uint16_t port_high;   /* ≥ port_low */
	uint16_t reserved;
	uint8_t bytes[16];    /* network order; IPv4: the first four, then zeros */
};

/* ABSTRACTS: rules over abstract AF_UNIX names. The name, without its leading NUL, is matched as one component. */
struct rv_abstract {
	uint32_t id;	      /* FILTER: number of the handler */
	uint32_t rights;      /* RV_RIGHT_*, at least one */
	uint8_t kind;	      /* RV_KIND_* */
	uint8_t reserved[3];
	uint32_t part;	      /* owned: LITERAL or WILD; the parts of abstract names come after all parts of paths */
};

/* ------------------------------------------------------------------------------------------------------ what is wrong */

#define RV_FAULT_NONE 0u
#define RV_FAULT_ALIGNMENT 1u	/* the block does not start at a multiple of 8 */
#define RV_FAULT_SIZE 2u	/* shorter than a header, longer than the limit, or not what the header says */
#define RV_FAULT_MAGIC 3u
#define RV_FAULT_VERSION 4u
#define RV_FAULT_ARCH 5u
#define RV_FAULT_RESERVED 6u	/* a reserved field or padding is not zero */
#define RV_FAULT_SECTION 7u	/* a section is misplaced, or leaves the program */
#define RV_FAULT_LIMIT 8u	/* more than a limit of this file */
#define RV_FAULT_ACTION 9u	/* no such action, or not here, or its errno is wrong */
#define RV_FAULT_RUN 10u	/* owned records that do not follow the ones before, or leave their section */
#define RV_FAULT_ORDER 11u	/* not ascending where it must be */
#define RV_FAULT_ID 12u		/* an id that is RV_ID_NONE, or a handler's number that is too high */
#define RV_FAULT_FIELD 13u	/* a field with a value that means nothing */
#define RV_FAULT_NAME 14u	/* not a name: empty, too long, ".", "..", or with "/" or NUL in it */
#define RV_FAULT_ADDRESS 15u	/* bits beyond the prefix, ports upside down, or IPv4 written as IPv6 */
#define RV_FAULT_SUMMARY 16u	/* deny_beneath or hash is not what the tree says */

/* The first fault of a program. */
struct rv_fault {
	uint32_t code;	      /* RV_FAULT_* */
	uint32_t offset;      /* of the record that is wrong, in bytes from the start */
};

/* ---------------------------------------------------------------------------------------------------------- the layout */

#define RV_PIN(type, field, at) RV_ASSERT(offsetof(struct type, field) == (at), #type "." #field)
#define RV_PIN_SIZE(type, bytes) RV_ASSERT(sizeof(struct type) == (bytes), #type)

RV_PIN(rv_call, nr, 0);
RV_PIN(rv_call, arch, 4);
RV_PIN(rv_call, ip, 8);
RV_PIN(rv_call, args, 16);
RV_PIN_SIZE(rv_call, 64);

RV_PIN(rv_decision, action, 0);
RV_PIN(rv_decision, base, 1);
RV_PIN(rv_decision, error, 2);
RV_PIN(rv_decision, rule, 4);
RV_PIN(rv_decision, paths, 8);
RV_PIN(rv_decision, addresses, 9);
RV_PIN(rv_decision, reserved, 10);
RV_PIN(rv_decision, reserved2, 12);
RV_PIN(rv_decision, handlers, 16);
RV_PIN(rv_decision, pending, 24);
RV_PIN_SIZE(rv_decision, 32);

RV_PIN(rv_access, verdict, 0);
RV_PIN(rv_access, rule, 4);
RV_PIN(rv_access, missing, 8);
RV_PIN(rv_access, reserved, 12);
RV_PIN(rv_access, filters, 16);
RV_PIN_SIZE(rv_access, 24);

RV_PIN(rv_address, kind, 0);
RV_PIN(rv_address, flags, 1);
RV_PIN(rv_address, port, 2);
RV_PIN(rv_address, family, 4);
RV_PIN(rv_address, name, 6);
RV_PIN(rv_address, name_length, 8);
RV_PIN(rv_address, reserved, 10);
RV_PIN(rv_address, scope, 12);
RV_PIN(rv_address, bytes, 16);
RV_PIN_SIZE(rv_address, 32);

RV_PIN(rv_section, offset, 0);
RV_PIN(rv_section, count, 4);
RV_PIN_SIZE(rv_section, 8);

RV_PIN(rv_header, magic, 0);
RV_PIN(rv_header, version, 4);
RV_PIN(rv_header, header_size, 6);
RV_PIN(rv_header, size, 8);
RV_PIN(rv_header, arch, 12);
RV_PIN(rv_header, default_action, 16);
RV_PIN(rv_header, foreign_action, 17);
RV_PIN(rv_header, default_error, 18);
RV_PIN(rv_header, foreign_error, 20);
RV_PIN(rv_header, reserved, 22);
RV_PIN(rv_header, sections, 24);
RV_PIN_SIZE(rv_header, 128);

RV_PIN(rv_syscall, first_rule, 0);
RV_PIN(rv_syscall, rule_count, 4);
RV_PIN_SIZE(rv_syscall, 8);

RV_PIN(rv_rule, id, 0);
RV_PIN(rv_rule, action, 4);
RV_PIN(rv_rule, flags, 5);
RV_PIN(rv_rule, error, 6);
RV_PIN(rv_rule, first_condition, 8);
RV_PIN(rv_rule, condition_count, 12);
RV_PIN(rv_rule, paths, 14);
RV_PIN(rv_rule, addresses, 15);
RV_PIN(rv_rule, handler, 16);
RV_PIN(rv_rule, reserved, 17);
RV_PIN_SIZE(rv_rule, 24);

RV_PIN(rv_condition, argument, 0);
RV_PIN(rv_condition, op, 1);
RV_PIN(rv_condition, flags, 2);
RV_PIN(rv_condition, reserved, 3);
RV_PIN(rv_condition, first_value, 4);
RV_PIN(rv_condition, value_count, 8);
RV_PIN(rv_condition, reserved2, 12);
RV_PIN(rv_condition, mask, 16);
RV_PIN(rv_condition, low, 24);
RV_PIN(rv_condition, high, 32);
RV_PIN_SIZE(rv_condition, 40);

RV_PIN(rv_node, name, 0);
RV_PIN(rv_node, name_length, 4);
RV_PIN(rv_node, reserved, 6);
RV_PIN(rv_node, first_child, 8);
RV_PIN(rv_node, child_count, 12);
RV_PIN(rv_node, first_rule, 16);
RV_PIN(rv_node, rule_count, 20);
RV_PIN(rv_node, deny_beneath, 24);
RV_PIN(rv_node, hash, 28);
RV_PIN_SIZE(rv_node, 32);

RV_PIN(rv_path_rule, id, 0);
RV_PIN(rv_path_rule, rights, 4);
RV_PIN(rv_path_rule, kind, 8);
RV_PIN(rv_path_rule, scope, 9);
RV_PIN(rv_path_rule, part_count, 10);
RV_PIN(rv_path_rule, first_part, 12);
RV_PIN_SIZE(rv_path_rule, 16);

RV_PIN(rv_part, first, 0);
RV_PIN(rv_part, length, 4);
RV_PIN(rv_part, kind, 6);
RV_PIN(rv_part, reserved, 7);
RV_PIN_SIZE(rv_part, 8);

RV_PIN(rv_token, op, 0);
RV_PIN(rv_token, byte, 1);
RV_PIN(rv_token, set, 2);
RV_PIN_SIZE(rv_token, 4);

RV_PIN_SIZE(rv_set, 32);

RV_PIN(rv_group, family, 0);
RV_PIN(rv_group, prefix, 1);
RV_PIN(rv_group, reserved, 2);
RV_PIN(rv_group, first_address, 4);
RV_PIN(rv_group, address_count, 8);
RV_PIN(rv_group, reserved2, 12);
RV_PIN_SIZE(rv_group, 16);

RV_PIN(rv_address_rule, id, 0);
RV_PIN(rv_address_rule, rights, 4);
RV_PIN(rv_address_rule, kind, 8);
RV_PIN(rv_address_rule, protocols, 9);
RV_PIN(rv_address_rule, port_low, 10);
RV_PIN(rv_address_rule, port_high, 12);
RV_PIN(rv_address_rule, reserved, 14);
RV_PIN(rv_address_rule, bytes, 16);
RV_PIN_SIZE(rv_address_rule, 32);

RV_PIN(rv_abstract, id, 0);
RV_PIN(rv_abstract, rights, 4);
RV_PIN(rv_abstract, kind, 8);
RV_PIN(rv_abstract, reserved, 9);
RV_PIN(rv_abstract, part, 12);
RV_PIN_SIZE(rv_abstract, 16);

RV_PIN(rv_fault, code, 0);
RV_PIN(rv_fault, offset, 4);
RV_PIN_SIZE(rv_fault, 8);

#endif
