/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Trace events: what was decided, and what was asked. In /sys/kernel/tracing/events/rvisor.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM rvisor

#if !defined(RVISOR_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RVISOR_TRACE_H

#include <linux/tracepoint.h>
#include <linux/version.h>

#include "../native/core/rv_device.h"

/* Later kernels remember the source from __string(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define RV_ASSIGN_STR(field, source) __assign_str(field, source)
#else
#define RV_ASSIGN_STR(field, source) __assign_str(field)
#endif

TRACE_EVENT(rvisor_call,
	TP_PROTO(u32 sandbox, const struct rv_call *call, const struct rv_decision *decision),
	TP_ARGS(sandbox, call, decision),
	TP_STRUCT__entry(
		__field(u32, sandbox)
		__field(u32, nr)
		__field(u32, arch)
		__field(u32, rule)
		__field(u64, handlers)
		__field(u16, error)
		__field(u8, action)
		__field(u8, base)
	),
	TP_fast_assign(
		__entry->sandbox = sandbox;
		__entry->nr = call->nr;
		__entry->arch = call->arch;
		__entry->rule = decision->rule;
		__entry->handlers = decision->handlers | decision->pending;
		__entry->error = decision->error;
		__entry->action = decision->action;
		__entry->base = decision->base;
	),
	TP_printk("sandbox=%u nr=%d arch=%x action=%u base=%u error=%u rule=%d handlers=%llx", __entry->sandbox, (int)__entry->nr,
		  __entry->arch, __entry->action, __entry->base, __entry->error, (int)__entry->rule, __entry->handlers)
);

TRACE_EVENT(rvisor_path,
	TP_PROTO(u32 sandbox, const struct rv_call *call, u32 rights, const struct rv_access *access, const char *path),
	TP_ARGS(sandbox, call, rights, access, path),
	TP_STRUCT__entry(
		__field(u32, sandbox)
		__field(u32, nr)
		__field(u32, rights)
		__field(u32, verdict)
		__field(u32, rule)
		__string(path, path)
	),
	TP_fast_assign(
		__entry->sandbox = sandbox;
		__entry->nr = call->nr;
		__entry->rights = rights;
		__entry->verdict = access->verdict;
		__entry->rule = access->rule;
		RV_ASSIGN_STR(path, path);
	),
	TP_printk("sandbox=%u nr=%d rights=%x verdict=%u rule=%d path=%s", __entry->sandbox, (int)__entry->nr, __entry->rights,
		  __entry->verdict, (int)__entry->rule, __get_str(path))
);

TRACE_EVENT(rvisor_address,
	TP_PROTO(u32 sandbox, const struct rv_call *call, u32 rights, const struct rv_access *access),
	TP_ARGS(sandbox, call, rights, access),
	TP_STRUCT__entry(
		__field(u32, sandbox)
		__field(u32, nr)
		__field(u32, rights)
		__field(u32, verdict)
		__field(u32, rule)
	),
	TP_fast_assign(
		__entry->sandbox = sandbox;
		__entry->nr = call->nr;
		__entry->rights = rights;
		__entry->verdict = access->verdict;
		__entry->rule = access->rule;
	),
	TP_printk("sandbox=%u nr=%d rights=%x verdict=%u rule=%d", __entry->sandbox, (int)__entry->nr, __entry->rights,
		  __entry->verdict, (int)__entry->rule)
);

TRACE_EVENT(rvisor_upcall,
	TP_PROTO(u32 sandbox, u64 id, const struct rv_call *call),
	TP_ARGS(sandbox, id, call),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, sandbox)
		__field(u32, nr)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->sandbox = sandbox;
		__entry->nr = call->nr;
	),
	TP_printk("sandbox=%u id=%llu nr=%d", __entry->sandbox, __entry->id, (int)__entry->nr)
);

TRACE_EVENT(rvisor_reply,
	TP_PROTO(u32 sandbox, const struct rv_device_reply *reply, u32 result),
	TP_ARGS(sandbox, reply, result),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(s64, value)
		__field(u32, sandbox)
		__field(u32, verdict)
		__field(s32, error)
		__field(u32, result)
	),
	TP_fast_assign(
		__entry->id = reply->id;
		__entry->value = reply->value;
		__entry->sandbox = sandbox;
		__entry->verdict = reply->verdict;
		__entry->error = reply->error;
		__entry->result = result;
	),
	TP_printk("sandbox=%u id=%llu verdict=%u value=%lld error=%d result=%u", __entry->sandbox, __entry->id, __entry->verdict,
		  __entry->value, __entry->error, __entry->result)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
