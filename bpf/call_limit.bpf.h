/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Token buckets: so many records a second for each cgroup or process. */
#ifndef RINGTAIL_CALL_LIMIT_BPF_H
#define RINGTAIL_CALL_LIMIT_BPF_H

#include "call.bpf.h"

#define BUCKETS 16384 /* cgroups or processes that make calls at one time; one that falls out begins with a full bucket */

struct bucket_key {
	__u64 id; /* cgroup, or start of the process */
	__u32 pid;
	__u32 per;
};

/* When the bucket would be full again, had nothing been taken: one number holds both the tokens and the time. */
struct call_bucket {
	__u64 full_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BUCKETS);
	__type(key, struct bucket_key);
	__type(value, struct call_bucket);
} buckets SEC(".maps");

/* Takes a token; false when there is none. CPUs that take the last one at the same moment all get it. */
static __always_inline bool take_token(struct call_bucket *bucket, __u64 now, __u64 token_ns, __u64 window_ns)
{
	__u64 full = bucket->full_ns;

	if (full < now) {
		bucket->full_ns = now + token_ns;
		return true;
	}
	if (full + token_ns > now + window_ns)
		return false;
	__sync_fetch_and_add(&bucket->full_ns, token_ns);
	return true;
}

/* 1: the record of the current call is over the limit of whom it belongs to. */
__noinline int is_over_limit(void)
{
	struct call_ctx *call = current_ctx();
	__u32 zero = 0;
	struct call_settings *settings = bpf_map_lookup_elem(&call_settings, &zero);
	struct bucket_key key = {};
	struct call_bucket *bucket, first = {};
	__u64 now, leader;

	if (!call || !settings || settings->limit_per == LIMIT_NONE || !settings->burst)
		return 0;
	key.per = settings->limit_per;
	if (settings->limit_per == LIMIT_CGROUP) {
		key.id = current_cgroup();
	} else {
		KREAD(leader, call->task, task_struct, group_leader);
		KREAD(key.id, leader, task_struct, start_boottime);
		KREAD(key.pid, leader, task_struct, tgid);
	}
	now = bpf_ktime_get_ns();
	bucket = bpf_map_lookup_elem(&buckets, &key);
	if (bucket)
		return !take_token(bucket, now, settings->token_ns, settings->token_ns * settings->burst);
	first.full_ns = now + settings->token_ns;
	bpf_map_update_elem(&buckets, &key, &first, BPF_NOEXIST);
	return 0;
}

#endif
