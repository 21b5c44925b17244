/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was open before the programs came, and who holds a socket now.
 *
 * on_sweep_sessions clears `mark`, on_owner_file sets it to HELD where the owner still has a descriptor, and on_socket_file gives the others to the
 * process that began first of those that have one. What is made or taken over in between is HELD from its beginning.
 */
#ifndef RINGTAIL_SESSION_OPEN_BPF_H
#define RINGTAIL_SESSION_OPEN_BPF_H

#include "session.bpf.h"
#include "session_enter.bpf.h"
#include "session_tcp.bpf.h"

#define SOCK_DEAD (1 << 0) /* enum sock_flags: an orphan */

enum session_mark {
	MARK_NOT_SEEN = 0,
	MARK_HELD = 1,
	MARK_TAKEN = 2, /* by the process that began first of those that this walk has met */
};

/* The entry of a TCP socket that is open: null when it is no session. */
static __always_inline struct session *enter_tcp(__u64 sk)
{
	struct session *s = session_of(sk);
	__u32 state = sock_state(sk);

	if (s)
		return s;
	if (state == STATE_TCP_CLOSED || state == STATE_NONE)
		return 0;
	s = session_insert(sk, BPF_NOEXIST);
	if (!s)
		return 0;
	s->flags = SESSION_HAS_STATE;
	s->state = state;
	s->cookie = cookie_of(sk);
	s->last_ns = bpf_ktime_get_boot_ns();
	s->mark = MARK_NOT_SEEN;
	read_ends(s, sk);
	if (state == STATE_TCP_LISTEN) {
		set_role(s, ROLE_SERVER);
		s->flags |= SESSION_IS_LISTENER;
		return s;
	}
	if (state == STATE_TCP_SYN_SENT)
		set_role(s, ROLE_CLIENT);
	take_bytes(s, sk, state);
	s->flags &= ~(SESSION_HAS_BYTES | SESSION_HAS_UNACKED); /* as long as it is open they are those of now */
	s->before_sent = s->sent;
	s->before_received = s->received;
	return s;
}

static __always_inline bool began_before(__u64 task, struct session *s)
{
	__u64 leader, start;

	KREAD(leader, task, task_struct, group_leader);
	KREAD(start, leader, task_struct, start_boottime);
	return start < s->owner.start_ns;
}

/* A process has a descriptor of it. */
static __always_inline void held_by(struct session *s, __u64 task)
{
	if (s->mark == MARK_HELD)
		return;
	if (s->mark == MARK_TAKEN && !began_before(task, s))
		return;
	if (is_owner(s, task)) {
		s->mark = MARK_HELD;
		return;
	}
	if (s->mark == MARK_NOT_SEEN && s->known_by != KNOWN_NOT && s->known_by != KNOWN_BY_LISTENER)
		note_stat(SESSION_MOVED);
	fill_owner_of(s, task, KNOWN_BY_ITERATOR);
	s->mark = MARK_TAKEN;
}

static __always_inline __u64 tcp_of_file(struct file *file)
{
	__u64 sk = sock_of_file((__u64)file);
	__u32 family, protocol, type;

	if (!sk)
		return 0;
	KREAD(family, sk, sock, __sk_common.skc_family);
	KREAD(protocol, sk, sock, sk_protocol);
	KREAD(type, sk, sock, sk_type);
	return transport_of(family, type, protocol) == NET_TCP && protocol == IPPROTO_TCP ? sk : 0;
}

/* The verifier lets no typed pointer into a function that takes numbers. */
static __always_inline __u64 address_of(const void *pointer)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

static __always_inline int tcp_file(struct task_struct *task, struct file *file, __u64 sk)
{
	struct session *s;
	bool is_new;

	entered_ns = bpf_ktime_get_boot_ns();
	s = bpf_map_lookup_elem(&sessions, &sk);
	is_new = !s;
	s = enter_tcp(sk);
	if (!s)
		return 0;
	held_by(s, address_of(task));
	if (!is_new)
		return 0;
#ifdef RINGTAIL_LEGACY
	if (s->flags & SESSION_IS_LISTENER)
		remember_listener(s, (struct sock *)sk);
#else
	struct socket *socket = bpf_sock_from_file(file);

	if (socket && socket->sk && s->flags & SESSION_IS_LISTENER)
		remember_listener(s, socket->sk);
#endif
	return 0;
}

static __always_inline int other_file(struct task_struct *task, struct file *file)
{
	__u64 sk = sock_of_file((__u64)file);
	struct session *s = sk ? enter_other(sk) : 0;

	if (s)
		held_by(s, address_of(task));
	return 0;
}

/* All sockets of all network namespaces that have a descriptor. */
SEC("?iter/task_file")
int on_socket_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	__u64 sk;

	if (!task || !file)
		return 0;
	sk = tcp_of_file(file);
	if (!sk)
		return other_file(task, file);
	return session_protocol_wanted(NET_TCP) ? tcp_file(task, file, sk) : 0;
}

/* Before on_socket_file, when owners are looked after: which of them still have it. */
SEC("?iter/task_file")
int on_owner_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct session *s;
	__u64 sk;

	if (!task || !file)
		return 0;
	sk = sock_of_file((__u64)file);
	if (!sk)
		return 0;
	s = bpf_map_lookup_elem(&sessions, &sk);
	if (s && s->mark == MARK_NOT_SEEN && is_owner(s, (__u64)task))
		s->mark = MARK_HELD;
	return 0;
}

/* After on_socket_file, in each network namespace: those without a descriptor wait to be accepted, are on their way, or nobody's any more. */
SEC("?iter/tcp")
int on_open_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	__u64 sk = (__u64)common, socket, flags;
	struct session *s;

	/* at the end of a walk there is no socket, and it may have met none */
	entered_ns = bpf_ktime_get_boot_ns();
	if (!common || !session_protocol_wanted(NET_TCP))
		return 0;
	if (common->skc_state == STATE_TCP_TIME_WAIT || common->skc_state == STATE_TCP_NEW_SYN_RECEIVED)
		return 0;
	if (bpf_map_lookup_elem(&sessions, &sk))
		return 0;
	s = enter_tcp(sk);
	if (!s)
		return 0;
	KREAD(flags, sk, sock, __sk_common.skc_flags);
	if (flags & SOCK_DEAD)
		return 0;
	KREAD(socket, sk, sock, sk_socket);
	if (socket)
		return 0;
	set_role(s, ROLE_SERVER);
	inherit_by_port(s, sk);
	return 0;
}

#endif
