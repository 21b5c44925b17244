/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where in a trace the thread is that does something, by the map of another program, if that is there. */
#ifndef RINGTAIL_CONTEXT_BPF_H
#define RINGTAIL_CONTEXT_BPF_H

#include "common.bpf.h"

/* Of sizes and not of types, as in rules_maps.bpf.h. */
struct context_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONTEXT_ENTRIES);
	__uint(key_size, sizeof(__u64));
	__uint(value_size, sizeof(struct trace_context));
};

/* That map; empty: it is not there. User space puts it in, and another one in its place, while programs run. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct context_map);
} trace_contexts SEC(".maps");

static __always_inline struct trace_context *context_of(__u64 thread)
{
	__u32 zero = 0;
	void *contexts = bpf_map_lookup_elem(&trace_contexts, &zero);

	return contexts ? bpf_map_lookup_elem(contexts, &thread) : 0;
}

/* Writes a record of a thread; what lies right before it has room for a struct context_head. */
static __always_inline void ring_write_of(struct event_counters *count, void *record, __u64 len, __u32 kind, __u64 thread)
{
	struct trace_context *context = context_of(thread);
	struct context_head *head;

	if (!context) {
		ring_write(count, record, len, kind);
		return;
	}
	head = record - sizeof(*head);
	head->kind = CONTEXT_KIND;
	head->version = 1;
	head->len = sizeof(*head) + len;
	head->context = *context;
	ring_write(count, head, sizeof(*head) + len, kind);
}

/* Of the current thread. */
static __always_inline void ring_write_here(struct event_counters *count, void *record, __u64 len, __u32 kind)
{
	ring_write_of(count, record, len, kind, bpf_get_current_pid_tgid());
}

#endif
