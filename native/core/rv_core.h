/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The decision core: what a policy says about a system call, a path, a socket address.
 *
 * Pure functions over a program (rv_abi.h) and their arguments: no allocation, no recursion, no state, no libc, every loop
 * bounded. They may run concurrently on one program. rv_validate() must have accepted the program, and its bytes must not
 * change afterwards: keep it where the guest cannot write. All arguments must be the caller's own copies of
 * what the guest gave: the core reads them more than once.
 */
#ifndef RV_CORE_H
#define RV_CORE_H

#include "rv_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Checks a program completely. Returns RV_FAULT_NONE, or the first fault, which `fault` then describes. Cost: linear in `size`
 * plus the lengths of all names.
 */
uint32_t rv_validate(const void *program, size_t size, struct rv_fault *fault);

/*
 * Decides a call by its registers. Cost: at most RV_MAX_CALL_RULES × RV_MAX_RULE_CONDITIONS comparisons, each of a register
 * with a constant or, by binary search, with a set; other calls' rules cost nothing.
 *
 * Where `out->paths` or `out->addresses` is not zero, the caller decides each of those with the functions below
 * and refuses the call unless all are granted. Where `out->pending` is not zero, it then calls handlers
 * `out->handlers | (out->pending & filters)`, with the filters of all paths and addresses of the call; if there are
 * none, `out->base` is the action.
 */
void rv_eval_call(const void *program, const struct rv_call *call, struct rv_decision *out);

/*
 * Whether the `length` bytes are a path as the core takes it: absolute, of at most RV_MAX_PATH bytes, in components of at most
 * RV_MAX_NAME, without NUL, "//", ".", "..", or a slash at the end (but "/" itself).
 */
bool rv_path_is_resolved(const uint8_t *path, size_t length);

/*
 * Decides an access to a path that the caller has resolved (no symbolic link left in it). `rights` is what is wanted,
 * RV_RIGHT_*, at least one; `flags` is 0 or RV_PATH_TREE. Grants of all rules that cover the path add up; a denied right
 * stays denied whatever grants it, at whatever depth either stands. Returns `out->verdict`.
 *
 * Cost: one binary search among siblings per component, whatever the number of rules, plus for each glob that is
 * anchored at the path or above it at most (its tokens × the bytes of the rest of the path) steps.
 */
uint32_t rv_eval_path(const void *program, const uint8_t *path, size_t length, uint32_t rights, uint32_t flags,
		      struct rv_access *out);

/*
 * Reads a socket address exactly as connect(2), bind(2) and sendto(2) would. `rights` as above: an unspecified IP address
 * becomes the loopback address unless it is only to be bound. Returns RV_VERDICT_GRANTED if `out` is an address that rules can
 * speak of, else RV_VERDICT_MALFORMED or RV_VERDICT_UNSUPPORTED.
 */
uint32_t rv_parse_address(const uint8_t *sockaddr, size_t length, uint32_t rights, struct rv_address *out);

/*
 * Decides an access to a socket address. `protocol` is one RV_PROTOCOL_* bit (ignored for AF_UNIX). IPv4 written as IPv6 is IPv4.
 * An AF_UNIX path is decided by the path rules, as it stands: a caller that has to resolve it first does so with
 * rv_parse_address() and rv_eval_path(). Returns `out->verdict`.
 *
 * Cost: one binary search per prefix length in use, plus the rules of each prefix that matches; for abstract names, the
 * number of their rules.
 */
uint32_t rv_eval_address(const void *program, const uint8_t *sockaddr, size_t length, uint32_t protocol, uint32_t rights,
			 struct rv_address *address, struct rv_access *out);

#ifdef __cplusplus
}
#endif

#endif
