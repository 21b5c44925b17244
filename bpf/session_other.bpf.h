/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Raw sockets and those of ICMP: one session each, by who made it, from its making to its end or to a time without a packet. */
#ifndef RINGTAIL_SESSION_OTHER_BPF_H
#define RINGTAIL_SESSION_OTHER_BPF_H

#include "session_flow.bpf.h"

static __always_inline bool is_other(__u32 transport)
{
	return transport == NET_ICMP || transport == NET_RAW;
}

/* A socket that was made, or that is used again after its session ended; `what` is of DATAGRAM_*. There is an entry afterwards, but for want of room.
 */
__noinline int begin_other(__u64 sk, __u64 what)
{
	struct session *s = session_insert(sk, BPF_ANY);

	if (!s)
		return 0;
	s->flags = SESSION_HAS_START | SESSION_HAS_BYTES;
	s->start_ns = s->last_ns = bpf_ktime_get_boot_ns();
	s->cookie = cookie_of(sk);
	if (what & DATAGRAM_HAS_TASK)
		follow_owner(s);
	read_ends(s, sk);
	session_opened(s);
	return 0;
}

/* Bytes through a socket that has one session. */
static __always_inline void count_other(struct datagram *it)
{
	__u64 sk = it->key.sk;
	struct session *s = bpf_map_lookup_elem(&sessions, &sk);

	if (s && s->cookie && s->cookie != it->cookie)
		s = 0;
	if (!s) {
		if (!has_file(sk)) /* by which the kernel says that nobody is there */
			return;
		begin_other(sk, it->has_task ? DATAGRAM_HAS_TASK : 0);
		s = bpf_map_lookup_elem(&sessions, &sk);
	}
	if (!s)
		return;
	if (it->has_task)
		follow_user(s, sk);
	s->last_ns = bpf_ktime_get_boot_ns();
	if (it->sent)
		__sync_fetch_and_add(&s->sent, it->bytes);
	else
		__sync_fetch_and_add(&s->received, it->bytes);
}

/* Its session has ended, at this boot time: told once, whoever finds it. `has_socket`: its memory can still be asked. */
__noinline int end_other(__u64 sk, __u64 end_ns, __u64 has_socket)
{
	struct session *s = bpf_map_lookup_elem(&sessions, &sk);
	struct session_sum sum;

	if (!s || !session_claim(s))
		return 0;
	if (has_socket && s->family != AF_UNIX)
		read_ends(s, sk);
	session_ended(s, STATE_NONE, end_ns, &sum);
	if (s->family == AF_UNIX)
		bpf_map_delete_elem(&unix_sessions, &sk);
	bpf_map_delete_elem(&sessions, &sk);
	session_sum_add(&sum);
	return 0;
}

#endif
