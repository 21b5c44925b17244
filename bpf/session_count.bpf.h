/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sessions that are added up for metrics, whatever becomes of their records: what opened, failed and ended, by cgroup, namespace and role. */
#ifndef RINGTAIL_SESSION_COUNT_BPF_H
#define RINGTAIL_SESSION_COUNT_BPF_H

#include "session.bpf.h"

#define SESSION_COUNT_ENTRIES 10240
#define NS_PER_MS 1000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, SESSION_COUNT_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct session_count_key);
	__type(value, struct session_count);
} session_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct session_rest);
} session_rest SEC(".maps");

static const struct session_count nothing_counted = {};

/* What is left to add up when a session has ended; taken before its entry goes, for nobody may look at it behind that. */
struct session_sum {
	struct session_count_key key;
	__u64 sent;
	__u64 received;
	__u64 duration_ns;
	bool is_meant;
	bool has_duration;
};

static __always_inline bool counts_session(struct session *session)
{
	__u32 zero = 0;
	struct session_settings *now = bpf_map_lookup_elem(&session_settings, &zero);

	return now && now->wants & SESSION_WANT_COUNT && session_is_meant(session);
}

static __always_inline void count_key(struct session *session, struct session_count_key *key)
{
	key->cgroup_id = session->cgroup_id;
	key->netns_cookie = session->netns_cookie;
	key->transport = session->transport;
	key->family = session->family == AF_INET ? 4 : session->family == AF_INET6 ? 6 : 0;
	key->role = session->role;
	key->state = 0;
	key->error = 0;
	key->zero = 0;
}

/* Null when there is no room: then it never has an entry of its own but for a shortage of memory. */
static __always_inline struct session_count *own_count(struct session_count_key *key)
{
	struct session_count *count = bpf_map_lookup_elem(&session_counts, key);

	if (count)
		return count;
	bpf_map_update_elem(&session_counts, key, &nothing_counted, BPF_NOEXIST);
	return bpf_map_lookup_elem(&session_counts, key);
}

static __always_inline struct session_count *count_of(struct session_count_key *key)
{
	struct session_count *count = own_count(key);
	struct session_rest *rest;
	__u32 zero = 0;

	if (count)
		return count;
	note_stat(SESSION_COUNT_NO_ROOM);
	rest = bpf_map_lookup_elem(&session_rest, &zero);
	return rest ? &rest->ended : 0;
}

/* A softirq may interrupt a program of the same CPU, so a plain addition could lose one. */
#define COUNT(count, field, by) __sync_fetch_and_add(&(count)->field, by)

/* It is established, or its first datagram went. */
static __noinline __attribute__((unused)) int session_count_opened(struct session *session)
{
	struct session_count_key key;
	struct session_count *count;

	if (!counts_session(session))
		return 0;
	count_key(session, &key);
	count = count_of(&key);
	if (count)
		COUNT(count, opened, 1);
	return 0;
}

/* `last_state` is the one before it was closed. */
static __noinline __attribute__((unused)) int session_count_failed(struct session *session, __u8 last_state)
{
	struct session_count_key key;
	struct session_count *count;

	if (!counts_session(session))
		return 0;
	count_key(session, &key);
	key.error = session->error;
	key.state = last_state;
	count = count_of(&key);
	if (count)
		COUNT(count, failed, 1);
	return 0;
}

/* 1 or 0, without a branch: a verifier follows both ways of each. */
static __always_inline __u64 is_longer(__u64 ns, __u64 bound_ms)
{
	__u64 rest = bound_ms * NS_PER_MS - ns;

	barrier_var(rest);
	return rest >> 63;
}

static __always_inline void count_duration(struct session_count *count, __u64 duration_ns)
{
	__u64 ns = duration_ns;
	__u32 bucket = is_longer(ns, DURATION_MS_1) + is_longer(ns, DURATION_MS_5) + is_longer(ns, DURATION_MS_10) + is_longer(ns, DURATION_MS_50) +
		       is_longer(ns, DURATION_MS_100) + is_longer(ns, DURATION_MS_500) + is_longer(ns, DURATION_S_1) + is_longer(ns, DURATION_S_5) +
		       is_longer(ns, DURATION_S_15) + is_longer(ns, DURATION_MIN_1) + is_longer(ns, DURATION_MIN_5) + is_longer(ns, DURATION_MIN_30) +
		       is_longer(ns, DURATION_H_2);

	COUNT(count, ended, 1);
	COUNT(count, duration_ns, duration_ns);
	barrier_var(bucket);
	if (bucket < DURATION_BUCKETS)
		COUNT(count, durations[bucket], 1);
}

/* `sent` and `received` of the session are final. `end_ns` is boot time. */
static __always_inline void session_sum_of(struct session *session, __u64 end_ns, struct session_sum *sum)
{
	sum->is_meant = counts_session(session);
	count_key(session, &sum->key);
	sum->key.error = session->error;
	sum->sent = session->sent > session->before_sent ? session->sent - session->before_sent : 0;
	sum->received = session->received > session->before_received ? session->received - session->before_received : 0;
	sum->has_duration = session->flags & SESSION_HAS_START && end_ns >= session->start_ns;
	sum->duration_ns = sum->has_duration ? end_ns - session->start_ns : 0;
}

/* Bytes belong to the key without an error, as those of what is still open do: together they only grow. */
static __noinline __attribute__((unused)) int session_sum_add(struct session_sum *sum)
{
	__u16 error = sum->key.error;
	struct session_count *count;

	if (!sum->is_meant)
		return 0;
	count = count_of(&sum->key);
	if (count) {
		COUNT(count, closed, 1);
		if (sum->has_duration)
			count_duration(count, sum->duration_ns);
	}
	if (!sum->sent && !sum->received)
		return 0;
	sum->key.error = 0;
	count = count_of(&sum->key);
	sum->key.error = error;
	if (!count)
		return 0;
	COUNT(count, sent, sum->sent);
	COUNT(count, received, sum->received);
	return 0;
}

#endif
