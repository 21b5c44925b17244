/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every program shares: the ring, the counters, the options that the loader sets. */
#ifndef RINGTAIL_COMMON_BPF_H
#define RINGTAIL_COMMON_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "events.h"

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

/*
 * Flavours. RINGTAIL_LEGACY is for kernels without bpf_loop (before 5.17): bounded loops, no typed task pointers. RINGTAIL_NO_CAST is for
 * kernels without bpf_rdonly_cast (before 6.2), legacy ones among them: fields by the helper.
 */

/* Size is set by the loader; every object of a session reuses the map of the session. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENT_KINDS);
	__type(key, __u32);
	__type(value, struct event_counters);
} counters SEC(".maps");

const volatile __u32 ring_bytes = 8 << 20;
const volatile __u32 self_tgid = 0; /* Ringtail itself, left out; 0 = nobody */

static __always_inline struct event_counters *counters_of(__u32 kind)
{
	return bpf_map_lookup_elem(&counters, &kind);
}

/*
 * Writes one record. The reader sleeps until the ring stops being empty and then for its flush interval, so it is woken
 * a second time only when a quarter of the ring is used. Kinds that are not lifecycle stop at three quarters.
 */
static __always_inline void ring_write(struct event_counters *count, void *record, __u64 len, __u32 kind)
{
	__u64 used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	__u64 flags = used > ring_bytes / 4 ? BPF_RB_FORCE_WAKEUP : 0;

	if (!EVENT_IS_LIFECYCLE(kind) && used > ring_bytes / 4 * 3) {
		count->lost++;
		return;
	}
	if (bpf_ringbuf_output(&events, record, len, flags))
		count->lost++;
	else
		count->written++;
}

/* 1 for 0, else 0. A compiler that sees what it means makes branches of it. */
static __always_inline __u64 is_zero(__u64 value)
{
	__u64 negative = 0 - value, sign;

	barrier_var(negative);
	sign = (value | negative) >> 63;
	barrier_var(sign);
	return sign ^ 1;
}

static __always_inline bool is_self(void)
{
	return self_tgid && bpf_get_current_pid_tgid() >> 32 == self_tgid;
}

#endif
