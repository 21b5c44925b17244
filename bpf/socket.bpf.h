/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of calls on sockets: connect, accept, send, receive, close. What they say of both ends is the socket's word where it has one. */
#ifndef RINGTAIL_SOCKET_BPF_H
#define RINGTAIL_SOCKET_BPF_H

#include "actor.bpf.h"
#include "call.bpf.h"
#include "call_limit.bpf.h"
#include "exclude.bpf.h"
#include "rules.bpf.h"
#include "socket_caller.bpf.h"
#include "socket_close.bpf.h"

#define ENOTSOCK 88
#define EBADF 9

/* All kinds of the network have the same fields. */
struct socket_record {
	struct connect_event event;
	__u8 data[2 * ADDRESS_ROOM];
};

struct socket_scratch {
	struct socket_record record;
	struct socket_facts facts;
	struct socket_end named; /* what the caller called the peer */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct socket_scratch);
} socket_scratches SEC(".maps");

static __always_inline bool is_same_end(const struct socket_end *one, const struct socket_end *other)
{
	const __u32 *a = (const __u32 *)one->bytes, *b = (const __u32 *)other->bytes;

	if (one->len != other->len || one->port != other->port || a[0] != b[0])
		return false;
	return one->len != IPV6_BYTES || (a[1] == b[1] && a[2] == b[2] && a[3] == b[3]);
}

/* The socket's word on whom it connects to; where it has none any more, that of the caller. */
static __always_inline void find_connected(struct socket_scratch *scratch, struct call_ctx *call, bool shared)
{
	struct socket_facts *facts = &scratch->facts;
	bool named;

	if (facts->peer.len && (!shared || !(facts->net_flags & NET_IS_INET)))
		return;
	if (!facts->peer.len && call->ret >= 0)
		return;
	named = read_caller_name(&scratch->named, facts, call->args[1], (__u32)call->args[2]);
	if (!named)
		return;
	if (facts->peer.len && is_same_end(&scratch->named, &facts->peer))
		return;
	call->flags |= CALL_IS_UNVERIFIED;
	if (!facts->peer.len)
		facts->peer = scratch->named;
}

/* The descriptor is new; what stands there now must look like a child of the listening socket. */
static __always_inline void check_accepted(struct socket_scratch *scratch, struct call_ctx *call)
{
	const struct socket_facts *facts = &scratch->facts;
	__u64 listener = socket_at(call, call->args[0]);
	__u16 family = 0, type = 0;
	__u32 name_len = 0;

	if (listener) {
		KREAD(family, listener, sock, __sk_common.skc_family);
		KREAD(type, listener, sock, sk_type);
		if (family != facts->family || type != facts->type)
			call->flags |= CALL_IS_UNVERIFIED;
	}
	if (!facts->peer.len && facts->net_flags & NET_IS_INET)
		call->flags |= CALL_IS_UNVERIFIED;
	if (!call->args[1] || !(facts->net_flags & NET_IS_INET))
		return;
	if (bpf_probe_read_user(&name_len, sizeof(name_len), (void *)call->args[2]))
		return;
	if (read_caller_name(&scratch->named, facts, call->args[1], name_len) && !is_same_end(&scratch->named, &facts->peer))
		call->flags |= CALL_IS_UNVERIFIED;
}

/* Bytes that were asked for, and the name in the call: an address in the caller's memory with its length, or 0. */
static __always_inline void read_request(struct socket_scratch *scratch, struct call_ctx *call, __u64 *name, __u64 *name_len)
{
	struct message_view view = {};
	__u64 size = call->args[2];
	__u32 len = 0;
	bool many = call->call == CALL_SENDMMSG || call->call == CALL_RECVMMSG;

	*name = 0;
	*name_len = 0;
	switch (call->call) {
	case CALL_SENDTO:
		*name_len = (__u32)call->args[5];
		*name = call->args[4];
		break;
	case CALL_RECVFROM:
		*name = call->args[4];
		if (*name && !bpf_probe_read_user(&len, sizeof(len), (void *)call->args[5]))
			*name_len = len;
		break;
	case CALL_SEND:
	case CALL_RECV:
		break;
	default:
		size = messages_bytes(call->args[1], many ? call->args[2] : 1, !!(call->flags & CALL_IS_COMPAT));
		if (read_message(&view, call->args[1], call->flags & CALL_IS_COMPAT)) {
			*name = view.name;
			*name_len = view.name_len;
		}
	}
	if (size == SIZE_UNKNOWN)
		return;
	scratch->record.event.requested = size;
	scratch->record.event.net_flags |= NET_HAS_SIZE;
}

/* A datagram goes where its call says, and comes from whom the kernel wrote down; a stream has one peer. */
static __always_inline void find_partner(struct socket_scratch *scratch, struct call_ctx *call)
{
	struct socket_facts *facts = &scratch->facts;
	__u64 name, name_len;

	read_request(scratch, call, &name, &name_len);
	if (!facts->family || is_stream(facts) || !name || !name_len)
		return;
	if (call->kind == EVENT_RECEIVE && call->ret < 0)
		return;
	if (!read_caller_name(&scratch->named, facts, name, name_len))
		return;
	facts->peer = scratch->named;
	/* several messages may have as many peers; this is the one of the first */
	if (call->kind == EVENT_SEND || (call->call == CALL_RECVMMSG && call->ret > 1))
		call->flags |= CALL_IS_UNVERIFIED;
}

static __always_inline void find_facts(struct socket_scratch *scratch, struct call_ctx *call, __u32 fd)
{
	bool shared = has_shared_files(call), refused = call->ret == -EBADF || call->ret == -ENOTSOCK;
	__u64 sk = socket_at(call, fd);

	read_socket(&scratch->facts, sk);
	if (shared && refused == !!sk)
		call->flags |= CALL_IS_UNVERIFIED;
	if (call->kind == EVENT_CONNECT)
		find_connected(scratch, call, shared);
	else if (call->kind != EVENT_ACCEPT)
		find_partner(scratch, call);
	else if (shared && sk && call->ret >= 0)
		check_accepted(scratch, call);
	if (shared && sk && socket_at(call, fd) != sk)
		call->flags |= CALL_IS_UNVERIFIED;
}

/* Puts the facts into the record; returns its length. */
static __always_inline __u64 put_facts(struct socket_record *record, const struct socket_facts *facts)
{
	struct connect_event *event = &record->event;
	__u64 local = facts->local.len, peer = facts->peer.len;

	event->netns_cookie = facts->netns_cookie;
	event->family = facts->family;
	event->transport = facts->transport;
	event->net_flags |= facts->net_flags;
	event->local_port = facts->local.port;
	event->peer_port = facts->peer.port;
	barrier_var(local);
	if (local > ADDRESS_ROOM - 1)
		local = 0;
	barrier_var(peer);
	if (peer > ADDRESS_ROOM - 1)
		peer = 0;
	event->local_len = local;
	event->peer_len = peer;
	bpf_probe_read_kernel(record->data, local, facts->local.bytes);
	bpf_probe_read_kernel(record->data + local, peer, facts->peer.bytes);
	return local + peer;
}

static __always_inline int write_socket_event(
	struct socket_scratch *scratch, struct call_ctx *call, struct event_counters *count, const struct socket_facts *facts, __s32 fd)
{
	struct connect_event *event = &scratch->record.event;
	__u64 len = put_facts(&scratch->record, facts);

	barrier_var(len);
	if (len > sizeof(scratch->record.data))
		len = 0;
	event->ret = call->ret;
	event->call = call->call;
	event->call_flags = call->flags | CALL_HAS_FD | (call->ret < 0 ? CALL_HAS_FAILED : 0);
	event->fd = fd;
	fill_head(&event->head, call->kind, sizeof(*event) + len, call->task);
	ring_write(count, &scratch->record, sizeof(*event) + len, call->kind);
	return 0;
}

/* Whom the call is with is known: a rule may drop it, or its like may have had their share. Counts it then. */
static __always_inline bool is_refused(
	struct event_counters *count, struct rule_state *rules, struct call_ctx *call, const struct socket_facts *facts)
{
	__u32 len = facts->net_flags & NET_IS_INET ? facts->peer.len : 0;

	if (rules_peer(rules, call, facts->peer.bytes, len, facts->peer.port)) {
		count->filtered++;
		return true;
	}
	if (is_limited(call)) {
		count->limited++;
		return true;
	}
	return false;
}

/* The exit of close; the descriptor may be anything, and only sockets are told. */
static __always_inline int close_event(struct call_ctx *call)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct event_counters *count = counters_of(EVENT_CLOSE);
	struct close_note *note = close_note_of(thread);
	struct socket_scratch *scratch;
	struct rule_state rules;
	__u32 zero = 0, seen;

	scratch = bpf_map_lookup_elem(&socket_scratches, &zero);
	if (!count || !scratch)
		return 0;
	seen = note ? note->seen : CLOSE_UNSEEN;
	if (seen == CLOSE_UNSEEN)
		count_missed();
	if (note && seen == CLOSE_OF_SOCKET) {
		count->seen++;
		scratch->record.event.requested = 0;
		scratch->record.event.net_flags = 0;
		if (call->ret == -EBADF) /* another thread was faster */
			call->flags |= CALL_IS_UNVERIFIED;
		if (is_left_out(call->task) || rules_begin(&rules, call))
			count->filtered++;
		else if (!is_refused(count, &rules, call, &note->facts))
			write_socket_event(scratch, call, count, &note->facts, call->args[0]);
	}
	if (note && seen != CLOSE_UNSEEN)
		drop_note(note, thread);
	return 0;
}

/* The exit of a call on a socket. */
static __always_inline int socket_event(struct call_ctx *call)
{
	struct event_counters *count = counters_of(call->kind);
	struct socket_scratch *scratch;
	struct rule_state rules;
	__u32 zero = 0;
	__s32 fd = call->kind == EVENT_ACCEPT && call->ret >= 0 ? call->ret : call->args[0];

	if (call->kind == EVENT_CLOSE)
		return close_event(call);
	scratch = bpf_map_lookup_elem(&socket_scratches, &zero);
	if (!count || !scratch)
		return 0;
	count->seen++;
	scratch->record.event.requested = 0;
	scratch->record.event.net_flags = 0;
	if (is_left_out(call->task) || rules_begin(&rules, call)) {
		count->filtered++;
		return 0;
	}
	find_facts(scratch, call, fd);
	if (is_refused(count, &rules, call, &scratch->facts))
		return 0;
	return write_socket_event(scratch, call, count, &scratch->facts, fd);
}

#endif
