/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walks over what is kept, once a second: what ended by its time, and what is gone without anybody having said so. */
#ifndef RINGTAIL_SESSION_SWEEP_BPF_H
#define RINGTAIL_SESSION_SWEEP_BPF_H

#include "session_flow.bpf.h"
#include "session_open.bpf.h"
#include "session_other.bpf.h"

#define CLOSED_KEPT_NS 1500000000ULL /* two sweeps of the sessions of a closed socket */

/* Its memory is that of another socket or of none. A socket of UDP, raw or unix has lost its file when it was closed; one of TCP lives on. */
static __always_inline bool is_gone(struct session *s)
{
	__u64 file;
	__u32 holders;

	if (!is_same_socket(s))
		return true;
	KREAD(holders, s->sk, sock, __sk_common.skc_refcnt.refs.counter);
	if (!holders)
		return true;
	if (s->transport == NET_TCP)
		return false;
	KREAD(file, s->sk, sock, sk_socket);
	return !file;
}

static __always_inline bool is_idle(const struct session *s, __u64 now)
{
	struct session_settings *settings = session_settings_now();
	__u64 limit, last = s->last_ns;

	if (!settings || s->transport >= SESSION_TRANSPORTS)
		return false;
	limit = settings->idle_ns[s->transport & (SESSION_TRANSPORTS - 1)];
	return limit && now > last && now - last > limit;
}

/* When the socket of this session was closed, if that was seen; else now. */
static __always_inline __u64 closed_at(const struct session *flow, __u64 now)
{
	__u64 sk = flow->sk;
	struct session *socket = bpf_map_lookup_elem(&sessions, &sk);

	if (socket && socket->cookie == flow->cookie && socket->flags & SESSION_IS_CLOSED)
		return socket->last_ns;
	note_stat(SESSION_SWEPT);
	return now;
}

/* A session that was idle ended with its last datagram. */
SEC("?iter/bpf_map_elem")
int on_sweep_flows(struct bpf_iter__bpf_map_elem *ctx)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct flow_key *met = ctx->key, key;
	struct session *flow;

	if (!met)
		return 0;
	key = *met;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow || !flow->cookie)
		return 0;
	if (is_gone(flow))
		end_flow(KEY_WORDS(&key), closed_at(flow, now));
	else if (is_idle(flow, now))
		end_flow(KEY_WORDS(&key), flow->last_ns);
	return 0;
}

static __always_inline void sweep_datagram_socket(struct session *socket, __u64 sk, __u64 now)
{
	if (socket->flags & SESSION_IS_CLOSED) {
		if (now < socket->last_ns + CLOSED_KEPT_NS)
			return;
	} else if (is_gone(socket)) {
		note_stat(SESSION_SWEPT);
	} else {
		read_ends(socket, sk); /* it may have been bound since */
		return;
	}
	bpf_map_delete_elem(&sessions, &sk);
}

/* Of TCP nobody saw the end: bytes are not known. */
static __always_inline void sweep_session(struct session *s, __u64 sk, __u64 now)
{
	bool gone = is_gone(s);

	if (!gone && (s->transport == NET_TCP || !is_idle(s, now)))
		return;
	if (gone && s->transport != NET_UNIX)
		note_stat(SESSION_SWEPT);
	if (s->flags & SESSION_IS_LISTENER) {
		forget_listener(s);
		bpf_map_delete_elem(&sessions, &sk);
		return;
	}
	s->state = s->transport == NET_TCP ? STATE_TCP_CLOSED : STATE_NONE;
	end_other(sk, gone ? now : s->last_ns, !gone);
}

SEC("?iter/bpf_map_elem")
int on_sweep_sessions(struct bpf_iter__bpf_map_elem *ctx)
{
	__u64 now = bpf_ktime_get_boot_ns(), *met = ctx->key, sk;
	struct session *s;

	if (!met)
		return 0;
	sk = *met;
	s = bpf_map_lookup_elem(&sessions, &sk);
	if (!s || !s->sk) /* it is just being made */
		return 0;
	s->mark = MARK_NOT_SEEN; /* whoever looks after the owners next finds it held */
	if (s->flags & SESSION_IS_SOCKET)
		sweep_datagram_socket(s, sk, now);
	else
		sweep_session(s, sk, now);
	return 0;
}

#endif
