/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is read of a TCP socket, and how its session ends: closed by the kernel, given up, or found to be gone. */
#ifndef RINGTAIL_SESSION_TCP_END_BPF_H
#define RINGTAIL_SESSION_TCP_END_BPF_H

#include "session.bpf.h"
#include "session_listener.bpf.h"

#define ENTERED_PAUSE_NS 200000000 /* a walk over what is open takes less between two of its steps */
#define CONNECT_GIVEN_UP 103 /* ECONNABORTED: the program closed it while it connected */

/* Boot time of the last step of a walk over what was open before; 0: there was none. */
__u64 entered_ns = 0;

/* Whether a socket that is met for the first time can only have been made since the programs run. */
static __always_inline bool is_all_entered(__u64 now)
{
	__u64 last = *(volatile __u64 *)&entered_ns;

	return last && now > last + ENTERED_PAUSE_NS;
}

static __always_inline bool is_unaccepted(struct session *s)
{
	return s->role == ROLE_SERVER && !(s->flags & (SESSION_IS_ACCEPTED | SESSION_IS_LISTENER));
}

static __always_inline void take_cookie(struct session *s, struct sock *sk)
{
#ifdef RINGTAIL_LEGACY
	s->cookie = cookie_of((__u64)sk);
#else
	s->cookie = bpf_get_socket_cookie(sk);
#endif
}

/* Bytes and retransmits as they are now, which is all that there will be when nobody sees its end; `state` is that before CLOSE. */
static __always_inline void look_at_bytes(struct session *s, __u64 at, __u32 state)
{
	struct tcp_bytes bytes = {};

	read_tcp_bytes(at, state, &bytes);
	s->sent = bytes.sent;
	s->received = bytes.received;
	s->unacked = bytes.unacked;
	KREAD(s->retransmits, at, tcp_sock, total_retrans);
}

/* Those of the end. */
static __always_inline void take_bytes(struct session *s, __u64 at, __u32 state)
{
	look_at_bytes(s, at, state);
	s->flags |= SESSION_HAS_BYTES | SESSION_HAS_UNACKED;
}

static __always_inline void take_error(struct session *s, __u64 at)
{
	__s32 error;

	KREAD(error, at, sock, sk_err);
	s->error = error < 0 ? -error : error;
}

/* `boot_ns` 0: now. */
static __always_inline void tell_state(struct session *s, __u32 old, __u64 boot_ns)
{
	struct session_settings *settings = session_settings_now();

	if (settings && settings->states >> (s->state & (SESSION_STATES - 1)) & 1)
		session_emit(s, EVENT_SESSION_STATE, old, boot_ns ? boot_ns : bpf_ktime_get_boot_ns());
}

/*
 * The end of a connection that is closed; the caller has seen to it that nobody else tells it. `s` is gone afterwards.
 * `old` is the last state before; one that never was established has failed.
 */
static __noinline int tcp_end(struct session *s, __u64 at, __u32 old)
{
	struct session_sum sum;

	if (!session_claim(s))
		return 0;
	if (s->role == ROLE_CLIENT && old == STATE_TCP_SYN_SENT && !(s->flags & SESSION_IS_TOLD)) {
		s->flags &= ~(SESSION_HAS_BYTES | SESSION_HAS_UNACKED);
		session_count_failed(s, old);
		session_emit(s, EVENT_SESSION_END, old, s->last_ns);
		bpf_map_delete_elem(&sessions, &at);
		return 0;
	}
	session_opened(s);
	session_ended(s, old, s->last_ns, &sum);
	bpf_map_delete_elem(&sessions, &at);
	session_sum_add(&sum);
	return 0;
}

/* The kernel skipped its end, and its address belongs to another socket now: what it moved at last nobody knows any more. */
static __always_inline void tcp_abandon(struct session *s, __u64 at)
{
	if (s->flags & SESSION_IS_LISTENER)
		forget_listener(s);
	if (is_unaccepted(s) && s->state == STATE_TCP_SYN_RECEIVED) {
		bpf_map_delete_elem(&sessions, &at);
		return;
	}
	note_stat(SESSION_REUSED);
	if (s->flags & SESSION_IS_LISTENER) {
		bpf_map_delete_elem(&sessions, &at);
		return;
	}
	if (s->state != STATE_TCP_CLOSED) {
		s->last_state = s->state;
		s->last_ns = bpf_ktime_get_boot_ns();
		s->state = STATE_TCP_CLOSED;
	}
	if (s->role == ROLE_CLIENT && !s->error && s->last_state == STATE_TCP_SYN_SENT)
		s->error = CONNECT_GIVEN_UP;
	tcp_end(s, at, s->last_state);
}

/* The entry of a socket, not that of another one which was there before. */
static __always_inline struct session *tcp_session_of(__u64 at)
{
	struct session *s = bpf_map_lookup_elem(&sessions, &at);

	if (!s || is_same_socket(s))
		return s;
	tcp_abandon(s, at);
	return 0;
}

#endif
