/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of calls on sockets: connect, accept, send, receive, close. What they say of both ends is the socket's word where it has one. */
#ifndef RINGTAIL_SOCKET_BPF_H
#define RINGTAIL_SOCKET_BPF_H

#include "actor.bpf.h"
#include "call.bpf.h"
#include "call_limit.bpf.h"
#include "exclude.bpf.h"
#include "rules.bpf.h"
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
	fill_call_head(&event->head, call->kind, sizeof(*event) + len, call->task);
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
	struct socket_scratch *scratch;
	struct close_note *note;
	struct rule_state rules;
	__u32 zero = 0;

	if (took_mark(thread))
		return 0;
	note = close_note_of(thread);
	scratch = bpf_map_lookup_elem(&socket_scratches, &zero);
	if (!count || !scratch)
		return 0;
	if (!note) {
		count_missed();
		return 0;
	}
	if (note->seen == CLOSE_OF_SOCKET) {
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
