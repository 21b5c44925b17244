/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whom a call on a socket is with: the socket's word, where it has one, before the caller's. */
#ifndef RINGTAIL_SOCKET_PEER_BPF_H
#define RINGTAIL_SOCKET_PEER_BPF_H

#include "socket_caller.bpf.h"

#define ENOTSOCK 88
#define EBADF 9

/* All kinds of the network have the same fields. */
struct socket_record {
	struct connect_event event;
	__u8 data[2 * ADDRESS_ROOM];
};

/* Of the call that this CPU is at the exit of, as it is being found out. */
struct socket_scratch {
	struct context_head context; /* of the record */
	struct socket_record record;
	struct socket_facts facts;
	struct socket_end named; /* what the caller called the peer */
	__u64 name; /* where it called it so, in its memory; 0 = it did not */
	__u64 name_len;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct socket_scratch);
} socket_scratches SEC(".maps");

static __always_inline struct socket_scratch *current_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&socket_scratches, &zero);
}

static __always_inline bool is_same_end(const struct socket_end *one, const struct socket_end *other)
{
	const __u32 *a = (const __u32 *)one->bytes, *b = (const __u32 *)other->bytes;

	if (one->len != other->len || one->port != other->port || a[0] != b[0])
		return false;
	return one->len != IPV6_BYTES || (a[1] == b[1] && a[2] == b[2] && a[3] == b[3]);
}

/*
 * The socket's word on whom it connects to; where it has none any more, that of the caller. With a shared table the caller's word must fit the
 * socket's: it may be another socket by now.
 */
static __always_inline void find_connected(struct socket_scratch *scratch, struct call_ctx *call, bool shared)
{
	struct socket_facts *facts = &scratch->facts;
	bool known = facts->peer.len, named;

	if (!shared && (known || call->ret >= 0))
		return;
	named = read_caller_name(&scratch->named, facts, call->args[1], (__u32)call->args[2]);
	if (known || call->ret >= 0) {
		if (!known || !named || (facts->net_flags & NET_IS_INET && !is_same_end(&scratch->named, &facts->peer)))
			call->flags |= CALL_IS_UNVERIFIED;
	} else if (named) {
		call->flags |= CALL_IS_UNVERIFIED;
		facts->peer = scratch->named;
	}
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

/* Bytes that the current call asked for, and the name in it. */
__noinline int read_request(void)
{
	struct socket_scratch *scratch = current_scratch();
	struct call_ctx *call = current_ctx();
	__u64 size;
	struct message_view view = {};
	__u32 len = 0, compat;
	bool many;

	if (!scratch || !call)
		return 0;
	size = call->args[2];
	compat = !!(call->flags & CALL_IS_COMPAT);
	switch (call->call) {
	case CALL_SENDTO:
		scratch->name_len = (__u32)call->args[5];
		scratch->name = call->args[4];
		break;
	case CALL_RECVFROM:
		scratch->name = call->args[4];
		if (scratch->name && !bpf_probe_read_user(&len, sizeof(len), (void *)call->args[5]))
			scratch->name_len = len;
		break;
	case CALL_SEND:
	case CALL_RECV:
		break;
	default:
		many = call->call == CALL_SENDMMSG || call->call == CALL_RECVMMSG;
		if (many && !(__u32)call->args[2]) {
			size = 0;
			break;
		}
		if (!read_message(&view, call->args[1], compat))
			return 0;
		scratch->name = view.name;
		scratch->name_len = view.name_len;
		size = many ? messages_bytes(call->args[1], call->args[2], compat) : message_bytes(&view, compat);
	}
	if (size == SIZE_UNKNOWN)
		return 0;
	scratch->record.event.requested = size;
	scratch->record.event.net_flags |= NET_HAS_SIZE;
	return 0;
}

/*
 * A datagram goes where its call says, and comes from whom the kernel wrote down in the caller's memory, if the caller let it: with a length of 0
 * there stands what the caller put there. A stream has one peer, and so has a socket of datagrams that receives from that one alone.
 */
static __always_inline void find_partner(struct socket_scratch *scratch, struct call_ctx *call)
{
	struct socket_facts *facts = &scratch->facts;

	if (!facts->family || is_stream(facts) || !scratch->name || !scratch->name_len)
		return;
	if (call->kind == EVENT_RECEIVE && (call->ret < 0 || facts->peer.len))
		return;
	if (!read_caller_name(&scratch->named, facts, scratch->name, scratch->name_len))
		return;
	facts->peer = scratch->named;
	call->flags |= CALL_IS_UNVERIFIED;
}

/* Facts of the current call, which is none of close; `fd` is the descriptor that it is about. */
__noinline int find_facts(__u32 fd)
{
	struct socket_scratch *scratch = current_scratch();
	struct call_ctx *call = current_ctx();
	bool shared, refused;
	__u64 sk;

	if (!scratch || !call)
		return 0;
	shared = has_shared_files(call);
	refused = call->ret == -EBADF || call->ret == -ENOTSOCK;
	sk = socket_at(call, fd);
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
	return 0;
}

#endif
