/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of calls on sockets: connect, accept, send, receive, close. What they say of both ends is the socket's word where it has one. */
#ifndef RINGTAIL_SOCKET_BPF_H
#define RINGTAIL_SOCKET_BPF_H

#include "actor.bpf.h"
#include "call.bpf.h"
#include "call_limit.bpf.h"
#include "call_rules.bpf.h"
#include "context.bpf.h"
#include "socket_close.bpf.h"
#include "socket_peer.bpf.h"

static __always_inline void copy_ip(__u8 *to, const __u8 *from)
{
	for (int word = 0; word < IPV6_BYTES / sizeof(__u32); word++)
		((__u32 *)to)[word] = ((const __u32 *)from)[word];
}

/* Puts the facts into the record; returns the length of both ends. */
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
	if (facts->net_flags & NET_IS_INET) {
		copy_ip(record->data, facts->local.bytes);
		copy_ip(record->data + local, facts->peer.bytes);
		return local + peer;
	}
	if (local)
		bpf_probe_read_kernel(record->data, local, facts->local.bytes);
	if (peer)
		bpf_probe_read_kernel(record->data + local, peer, facts->peer.bytes);
	return local + peer;
}

__noinline int write_socket_event(__s32 fd)
{
	struct socket_scratch *scratch = current_scratch();
	struct call_ctx *call = current_ctx();
	struct event_counters *count;
	struct connect_event *event;
	__u64 len;

	if (!scratch || !call)
		return 0;
	count = counters_of(call->kind);
	if (!count)
		return 0;
	event = &scratch->record.event;
	len = put_facts(&scratch->record, &scratch->facts);
	barrier_var(len);
	if (len > sizeof(scratch->record.data))
		len = 0;
	event->ret = call->ret;
	event->call = call->call;
	event->call_flags = call->flags | CALL_HAS_FD | (call->ret < 0 ? CALL_HAS_FAILED : 0);
	event->fd = fd;
	fill_call_head(&event->head, call->kind, sizeof(*event) + len, call->task);
	ring_write_here(count, &scratch->record, sizeof(*event) + len, call->kind);
	return 0;
}

/* 1: dropped by whom the call is with. */
__noinline int is_peer_dropped(void)
{
	__u32 zero = 0, len;
	struct rule_state *rules = bpf_map_lookup_elem(&rule_states, &zero);
	struct socket_scratch *scratch = current_scratch();
	struct call_ctx *call = current_ctx();
	struct socket_facts *facts;

	if (!rules || !scratch || !call)
		return 0;
	facts = &scratch->facts;
	len = facts->net_flags & NET_IS_INET ? facts->peer.len : 0;
	return rules_peer(rules, call, facts->peer.bytes, len, facts->peer.port);
}

/* The facts stand; the rest is the same for all. */
static __always_inline int tell_socket(struct event_counters *count, struct call_ctx *call, __s32 fd)
{
	if (is_peer_dropped())
		count->filtered++;
	else if (is_over_limit())
		count->limited++;
	else
		write_socket_event(fd);
	return 0;
}

/* The exit of close; the descriptor may be anything, and only sockets are told. */
static __always_inline int close_event(struct call_ctx *call, struct socket_scratch *scratch, struct event_counters *count)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct close_note *note;
	bool is_socket;

	if (took_mark(thread))
		return 0;
	note = close_note_of(thread);
	if (!note) {
		count_missed();
		return 0;
	}
	is_socket = note->seen == CLOSE_OF_SOCKET;
	if (is_socket)
		scratch->facts = note->facts;
	drop_note(note, thread);
	if (!is_socket)
		return 0;
	count->seen++;
	if (call->ret == -EBADF) /* another thread was faster */
		call->flags |= CALL_IS_UNVERIFIED;
	if (is_left_or_dropped()) {
		count->filtered++;
		return 0;
	}
	return tell_socket(count, call, call->args[0]);
}

/* The exit of a call on a socket. The record of accept is about the new one. */
static __always_inline int socket_event(struct call_ctx *call)
{
	struct event_counters *count = counters_of(call->kind);
	struct socket_scratch *scratch = current_scratch();
	__s32 fd = call->kind == EVENT_ACCEPT && call->ret >= 0 ? call->ret : call->args[0];

	if (!count || !scratch)
		return 0;
	scratch->record.event.requested = 0;
	scratch->record.event.net_flags = 0;
	scratch->name = 0;
	scratch->name_len = 0;
	if (call->kind == EVENT_CLOSE)
		return close_event(call, scratch, count);
	count->seen++;
	if (is_left_or_dropped()) {
		count->filtered++;
		return 0;
	}
	if (call->kind == EVENT_SEND || call->kind == EVENT_RECEIVE)
		read_request();
	find_facts(fd);
	return tell_socket(count, call, fd);
}

#endif
