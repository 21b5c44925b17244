/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walks for who looks at sessions while they are open: each one is written to the iterator's file, whatever becomes of its records. */
#ifndef RINGTAIL_SESSION_SHOWN_BPF_H
#define RINGTAIL_SESSION_SHOWN_BPF_H

#include "session.bpf.h"
#include "session_sweep.bpf.h"

static __always_inline void show_owner(struct session_shown *shown, const struct session *s)
{
	shown->uid = s->uid;
	if (s->known_by == KNOWN_NOT)
		return;
	shown->pid = s->owner.pid;
	shown->owner_start_ns = s->owner.start_ns;
	shown->uid = s->owner.euid;
	shown->owner_flags = s->owner.flags;
	__builtin_memcpy(shown->comm, s->owner.comm, sizeof(shown->comm));
	barrier();
	shown->known_by = *(volatile __u8 *)&s->known_by;
}

static __always_inline void show_session(struct session_shown *shown, const struct session *s)
{
	shown->id = s->id;
	shown->sk = s->sk;
	shown->start_ns = s->start_ns;
	shown->sent = s->sent;
	shown->received = s->received;
	shown->cgroup_id = s->cgroup_id;
	shown->netns_cookie = s->netns_cookie;
	shown->netns = s->netns;
	shown->flags = s->flags;
	shown->family = s->family;
	shown->local_port = s->local_port;
	shown->peer_port = s->peer_port;
	shown->transport = s->transport;
	shown->role = s->role;
	shown->state = s->state;
	__builtin_memcpy(shown->local, s->local, sizeof(shown->local));
	__builtin_memcpy(shown->peer, s->peer, sizeof(shown->peer));
	__builtin_memcpy(shown->zone, s->zone, sizeof(shown->zone));
	show_owner(shown, s);
}

/* TCP is asked itself where it is and what it moved. False: it is just ending. */
static __always_inline bool show_tcp(struct session_shown *shown, const struct session *s)
{
	struct tcp_bytes bytes = {};

	shown->state = sock_state(s->sk);
	if (shown->state == STATE_TCP_CLOSED)
		return false;
	if (s->flags & SESSION_IS_LISTENER)
		return true;
	read_tcp_bytes(s->sk, shown->state, &bytes);
	shown->sent = bytes.sent;
	shown->received = bytes.received;
	shown->flags |= SESSION_HAS_BYTES;
	return true;
}

SEC("?iter/bpf_map_elem")
int on_show_session(struct bpf_iter__bpf_map_elem *ctx)
{
	struct session *s = ctx->value;
	struct session_shown shown = {};

	if (!s || !s->sk) /* it is just being made */
		return 0;
	if (s->flags & (SESSION_IS_LEFT_OUT | SESSION_IS_CLOSED | SESSION_IS_SOCKET) || is_gone(s))
		return 0;
	show_session(&shown, s);
	if (s->transport == NET_TCP && !show_tcp(&shown, s))
		return 0;
	bpf_seq_write(ctx->meta->seq, &shown, sizeof(shown));
	return 0;
}

SEC("?iter/bpf_map_elem")
int on_show_flow(struct bpf_iter__bpf_map_elem *ctx)
{
	struct session *flow = ctx->value;
	struct session_shown shown = {};

	if (!flow || !flow->cookie) /* it is just being made */
		return 0;
	if (flow->flags & SESSION_IS_LEFT_OUT || is_gone(flow))
		return 0;
	show_session(&shown, flow);
	bpf_seq_write(ctx->meta->seq, &shown, sizeof(shown));
	return 0;
}

#endif
