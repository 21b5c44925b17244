/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP by the changes of its sockets' states. The kernel's lock of a socket lets one change happen at a time. A softirq that interrupts a program
 * is skipped by newer kernels, so any change may be the first one that is seen of a socket, and its destruction always ends it.
 */
#ifndef RINGTAIL_SESSION_TCP_BPF_H
#define RINGTAIL_SESSION_TCP_BPF_H

#include "session.bpf.h"
#include "session_note.bpf.h"
#include "session_tcp_end.bpf.h"

/* A connect, a socket that begins to listen, or one that the kernel made for a peer: whatever was known under its address is over. */
static __always_inline int tcp_begins(struct sock *sk, __u64 at, __u32 old, __u32 new)
{
	struct session *s = bpf_map_lookup_elem(&sessions, &at);
	__u64 now = bpf_ktime_get_boot_ns();
	struct session_note *note;

	if (s)
		tcp_abandon(s, at);
	s = session_insert(at, BPF_ANY);
	if (!s)
		return 0;
	s->flags = SESSION_HAS_STATE | SESSION_HAS_START;
	s->state = new;
	s->start_ns = s->last_ns = now;
	if (new == STATE_TCP_SYN_RECEIVED) {
		/* cookie and ends may still be the listener's */
		set_role(s, ROLE_SERVER);
		inherit_listener(s, sk);
		return 0;
	}
	take_cookie(s, sk);
	read_ends(s, at);
	fill_owner(s);
	if (new == STATE_TCP_SYN_SENT) {
		set_role(s, ROLE_CLIENT);
		note = note_for(at, NOTE_CONNECT);
		if (note)
			note->what = NOTE_NONE;
		tell_state(s, old, now);
		return 0;
	}
	set_role(s, ROLE_SERVER);
	s->flags |= SESSION_IS_LISTENER;
	remember_listener(s, sk);
	session_emit(s, EVENT_SESSION_LISTEN, old, now);
	tell_state(s, old, now);
	return 0;
}

/* First seen in the middle of its life. */
static __always_inline struct session *tcp_met(struct sock *sk, __u64 at, __u32 old, __u32 new)
{
	struct session *s = session_insert(at, BPF_ANY);
	__u64 now = bpf_ktime_get_boot_ns(), socket;

	if (!s)
		return 0;
	s->flags = SESSION_HAS_STATE;
	s->state = old;
	s->start_ns = s->last_ns = now;
	take_cookie(s, sk);
	read_ends(s, at);
	KREAD(socket, at, sock, sk_socket);
	if (old == STATE_TCP_SYN_SENT)
		set_role(s, ROLE_CLIENT);
	else if (!socket && (new == STATE_TCP_ESTABLISHED || new == STATE_TCP_CLOSE_WAIT))
		set_role(s, ROLE_SERVER);
	if (is_all_entered(now))
		s->flags |= SESSION_HAS_START;
	if (s->role == ROLE_SERVER)
		inherit_listener(s, sk);
	return s;
}

/* The entry of a listener stays until its socket is destroyed: the connections that it did not accept are destroyed before. */
static __always_inline int listener_closed(struct session *s)
{
	s->state = STATE_TCP_CLOSED;
	s->last_ns = bpf_ktime_get_boot_ns();
	tell_state(s, STATE_TCP_LISTEN, s->last_ns);
	s->flags |= SESSION_IS_CLOSED;
	closes_listener(s);
	return 0;
}

static __always_inline int tcp_closed(struct session *s, __u64 at, __u32 old)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 steps;

	if (!s->local_port || old == STATE_TCP_SYN_SENT)
		read_ends(s, at);
	take_bytes(s, at, old);
	take_error(s, at);
	s->last_ns = now;
	s->last_state = old;
	s->state = STATE_TCP_CLOSED;
	if (is_unaccepted(s)) {
		if (old == STATE_TCP_SYN_RECEIVED && !(s->flags & SESSION_IS_TOLD)) {
			/* the kernel gave up what it had not finished; with Fast Open it may be accepted already */
			bpf_map_delete_elem(&sessions, &at);
			return 0;
		}
		tell_state(s, old, now);
		s->flags |= SESSION_IS_CLOSED;
		steps = session_step(s, SESSION_STEP_CLOSED);
		return steps & SESSION_STEP_ACCEPTED ? tcp_end(s, at, old) : 0;
	}
	tell_state(s, old, now);
	if (s->role == ROLE_CLIENT && old == STATE_TCP_SYN_SENT && !s->error) {
		/* the reason is the result of the call, or that the program gave it up */
		s->flags |= SESSION_IS_CLOSED;
		return 0;
	}
	return tcp_end(s, at, old);
}

static __always_inline int tcp_changed(struct sock *sk, __u32 old, __u32 new)
{
	__u64 at = (__u64)sk;
	struct session *s;

	if (new == STATE_TCP_SYN_SENT || new == STATE_TCP_LISTEN || (new == STATE_TCP_SYN_RECEIVED &&old == STATE_TCP_LISTEN))
		return tcp_begins(sk, at, old, new);
	s = tcp_session_of(at);
	if (!s) {
		if (new == STATE_TCP_CLOSED || old == STATE_TCP_LISTEN)
			return 0;
		s = tcp_met(sk, at, old, new);
		if (!s)
			return 0;
	}
	if (old == STATE_TCP_LISTEN)
		return new == STATE_TCP_CLOSED ? listener_closed(s) : 0;
	if (!s->cookie)
		take_cookie(s, sk);
	if (new == STATE_TCP_ESTABLISHED) {
		read_ends(s, at);
		if (old == STATE_TCP_SYN_RECEIVED && s->role == ROLE_SERVER) {
			/* told now: before, the ends were not known */
			s->state = STATE_TCP_SYN_RECEIVED;
			tell_state(s, STATE_TCP_LISTEN, s->start_ns);
		}
		s->state = new;
		if (s->role == ROLE_CLIENT)
			session_opened(s);
	} else if (old == STATE_TCP_ESTABLISHED && s->role == ROLE_CLIENT) {
		session_opened(s); /* its change to this state was skipped */
	}
	if (new == STATE_TCP_FIN_WAIT_1 || (old == STATE_TCP_CLOSE_WAIT && new == STATE_TCP_LAST_ACK)) {
		follow_owner(s); /* who shuts it down or closes it */
		look_at_bytes(s, at, old);
	}
	if (new == STATE_TCP_CLOSED)
		return tcp_closed(s, at, old);
	s->state = new;
	tell_state(s, old, 0);
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, struct sock *sk, int old, int new)
{
	/* a close behind a shutdown sets the state that is there */
	if (old == new || sk->sk_protocol != IPPROTO_TCP || !session_protocol_wanted(NET_TCP))
		return 0;
	return tcp_changed(sk, old, new);
}

/* What is still there was closed in silence, or was never accepted. */
static __always_inline int tcp_destroyed(__u64 at)
{
	struct session *s = tcp_session_of(at);
	__u32 old;

	if (!s)
		return 0;
	if (s->flags & SESSION_IS_LISTENER) {
		forget_listener(s);
		bpf_map_delete_elem(&sessions, &at);
		return 0;
	}
	old = s->state;
	if (old != STATE_TCP_CLOSED) {
		read_ends(s, at);
		take_bytes(s, at, old);
		take_error(s, at);
		s->last_ns = bpf_ktime_get_boot_ns();
		s->state = STATE_TCP_CLOSED;
	} else {
		old = s->last_state;
	}
	if (old == STATE_TCP_SYN_SENT && !s->error)
		s->error = CONNECT_GIVEN_UP;
	if (is_unaccepted(s) && s->known_by == KNOWN_NOT)
		take_closing_owner(s);
	if (is_unaccepted(s) && old == STATE_TCP_SYN_RECEIVED)
		bpf_map_delete_elem(&sessions, &at);
	else
		tcp_end(s, at, old);
	return 0;
}

SEC("?tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	return tcp_destroyed((__u64)sk);
}

#endif
