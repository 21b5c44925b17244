/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of calls that failed and have no kind of their own: clone and its kin. */
#ifndef RINGTAIL_CALL_FAILED_BPF_H
#define RINGTAIL_CALL_FAILED_BPF_H

#include "actor.bpf.h"
#include "call_limit.bpf.h"
#include "call_rules.bpf.h"
#include "context.bpf.h"

struct failed_call {
	struct context_head context;
	struct call_failed_event event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct failed_call);
} failed_calls SEC(".maps");

static __always_inline __u64 clone_flags_of(struct call_ctx *call)
{
	__u64 flags = 0;

	if (call->call == CALL_CLONE)
		return call->args[0];
	if (call->call == CALL_CLONE3)
		bpf_probe_read_user(&flags, sizeof(flags), (void *)call->args[0]);
	return flags;
}

/* The call is seen, and let in by what is known of it so far. */
static __always_inline int failed_event(struct call_ctx *call)
{
	struct event_counters *count = counters_of(EVENT_CALL_FAILED);
	struct call_failed_event *event;
	struct failed_call *record;
	__u32 zero = 0;

	if (!count)
		return 0;
	if (is_over_limit()) {
		count->limited++;
		return 0;
	}
	record = bpf_map_lookup_elem(&failed_calls, &zero);
	if (!record) {
		count->lost++;
		return 0;
	}
	event = &record->event;
	event->ret = call->ret;
	event->call = call->call;
	event->call_flags = call->flags;
	event->pad = 0;
	event->clone_flags = clone_flags_of(call);
	fill_call_head(&event->head, EVENT_CALL_FAILED, sizeof(*event), call->task);
	ring_write_here(count, event, sizeof(*event), EVENT_CALL_FAILED);
	return 0;
}

#endif
