/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a session begins and ends for those who want to know: once, whoever finds it. */
#ifndef RINGTAIL_SESSION_END_BPF_H
#define RINGTAIL_SESSION_END_BPF_H

#include "session.bpf.h"

#ifdef RINGTAIL_LEGACY
/* By id; before 5.12 a program cannot set a bit and see what it was. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SESSION_CLAIMS);
	__type(key, __u64);
	__type(value, __u8);
} session_claims SEC(".maps");
#endif

/* Takes a step; returns those that were taken before. Without atomic results two may both see the other's. */
static __always_inline __u32 session_step(struct session *s, __u32 step)
{
#ifdef RINGTAIL_LEGACY
	__u32 before = *(volatile __u32 *)&s->steps;

	if (before & step)
		return before;
	__sync_fetch_and_add(&s->steps, step);
	barrier();
	return *(volatile __u32 *)&s->steps & ~step;
#else
	return __sync_fetch_and_or(&s->steps, step);
#endif
}

/* True for one only: who is to tell the end and to take the entry out. */
static __always_inline bool session_claim(struct session *s)
{
#ifdef RINGTAIL_LEGACY
	__u64 id = s->id;
	__u8 one = 1;

	return !bpf_map_update_elem(&session_claims, &id, &one, BPF_NOEXIST);
#else
	return !(__sync_fetch_and_or(&s->steps, SESSION_STEP_ENDED) & SESSION_STEP_ENDED);
#endif
}

/* It is established, was made, or its first datagram went: counted, and told with the time at which it began. Once; not for what was open before. */
static __always_inline void session_opened(struct session *s)
{
	if (!(s->flags & SESSION_HAS_START) || s->flags & SESSION_IS_TOLD)
		return;
	s->flags |= SESSION_IS_TOLD;
	session_count_opened(s);
	session_emit(s, EVENT_SESSION_START, STATE_NONE, s->start_ns);
}

/* The end at `end_ns`, counted in `sum`. The caller has claimed it, takes the entry out of its map, and then calls session_sum_add(sum). */
static __always_inline void session_ended(struct session *s, __u32 old_state, __u64 end_ns, struct session_sum *sum)
{
	if (s->known_by == KNOWN_NOT)
		note_stat(SESSION_NO_OWNER);
	session_sum_of(s, end_ns, sum);
	session_emit(s, EVENT_SESSION_END, old_state, end_ns);
}

#endif
