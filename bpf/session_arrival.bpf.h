/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets that found no room in the queue of their socket. */
#ifndef RINGTAIL_SESSION_ARRIVAL_BPF_H
#define RINGTAIL_SESSION_ARRIVAL_BPF_H

#include "session_flow.bpf.h"

/* The last datagram that came in as a packet on this CPU: when it does not fit, the kernel says so right behind it. */
struct arrival {
	struct flow_key key;
	__u64 bytes; /* 0: none, or it is told already */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct arrival);
} last_arrivals SEC(".maps");

static __always_inline struct arrival *last_arrival(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&last_arrivals, &zero);
}

static __always_inline void keep_arrival(const struct datagram *it)
{
	struct arrival *last = last_arrival();

	if (!last)
		return;
	last->key = it->key;
	last->bytes = it->bytes;
}

#endif
