/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The life of a socket that is not TCP: its making, a connect to another peer, its end. */
#ifndef RINGTAIL_SESSION_RELEASE_BPF_H
#define RINGTAIL_SESSION_RELEASE_BPF_H

#include "session_flow.bpf.h"
#include "session_other.bpf.h"

#define UNREAD_MAX 512 /* datagrams in a queue that are looked at; by default it holds fewer */

static __always_inline void datagram_created(__u64 sk, __u64 cookie)
{
	struct session *socket = session_insert(sk, BPF_ANY);

	if (!socket)
		return;
	socket->flags = SESSION_IS_SOCKET | SESSION_HAS_START;
	socket->start_ns = socket->last_ns = bpf_ktime_get_boot_ns();
	socket->cookie = cookie;
	fill_owner(socket);
}

/* A datagram that lies in a queue has its headers still, and came from nobody that was counted otherwise. */
static __always_inline void forget_datagram(struct flow_key *key, __u64 skb)
{
	__u64 head, header;
	__u32 bytes, ipv4;
	__u16 network, transport, port, protocol;
	struct session *flow;

	KREAD(bytes, skb, sk_buff, len);
	KREAD(head, skb, sk_buff, head);
	KREAD(network, skb, sk_buff, network_header);
	KREAD(transport, skb, sk_buff, transport_header);
	KREAD(protocol, skb, sk_buff, protocol);
	KREAD(port, head + transport, udphdr, source);
	key->port = bpf_ntohs(port);
	header = head + network;
	if (protocol == bpf_htons(0x0800)) {
		KREAD(ipv4, header, iphdr, saddr);
		set_ipv4(key->peer, key->family, ipv4);
	} else {
		header += bpf_core_field_offset(struct ipv6hdr, saddr);
		KREAD_WORD(((__u64 *)key->peer)[0], header);
		KREAD_WORD(((__u64 *)key->peer)[1], header + sizeof(__u64));
		if (is_link_local(key->peer))
			KREAD(key->scope, skb, sk_buff, skb_iif);
	}
	flow = bpf_map_lookup_elem(&flows, key);
	if (flow)
		__sync_fetch_and_add(&flow->received, -(__u64)bytes);
}

static __noinline int forget_queue(__u64 sk, __u64 queue)
{
	struct flow_key key = {.sk = sk};
	__u64 skb;
	__u16 family;

	KREAD(family, sk, sock, __sk_common.skc_family);
	key.family = family;
	KREAD(skb, queue, sk_buff_head, next);
	for (int i = 0; i < UNREAD_MAX; i++) {
		if (!skb || skb == queue)
			return 0;
		forget_datagram(&key, skb);
		KREAD(skb, skb, sk_buff, next);
	}
	return 0;
}

/* What lies unread in the queues of the socket was counted as packets, and is received by nobody. */
static __always_inline void forget_unread(__u64 sk)
{
	forget_queue(sk, sk + bpf_core_field_offset(struct sock, sk_receive_queue));
	forget_queue(sk, sk + bpf_core_field_offset(struct udp_sock, reader_queue));
}

static __always_inline void release_datagrams(struct session *socket, __u64 sk)
{
	__u64 now = bpf_ktime_get_boot_ns();

	if (counts_packets)
		forget_unread(sk);
	socket->last_ns = now;
	socket->flags |= SESSION_IS_CLOSED;
	if (socket->unacked)
		end_flow(sk, socket->sent, socket->received, socket->unacked, now);
	/* the sweep needs it for the others; and a packet may still come in, which begins nothing as long as it is there */
	if (!(socket->flags & SESSION_MANY_PEERS) && !counts_packets)
		bpf_map_delete_elem(&sessions, &sk);
}

static __always_inline void release_socket(__u64 sk, __u64 cookie)
{
	struct session *s = bpf_map_lookup_elem(&sessions, &sk);

	if (!s || (s->cookie && s->cookie != cookie))
		return;
	if (s->flags & SESSION_IS_SOCKET)
		release_datagrams(s, sk);
	else
		end_other(sk, bpf_ktime_get_boot_ns(), true);
}

/* The socket is about to be connected to `next`: its session with the peer before has ended, when that is another one. */
static __always_inline void leave_peer(__u64 sk, const struct flow_key *next)
{
	struct flow_key key = {.sk = sk, .family = next->family};
	const __u64 *one = (const __u64 *)key.peer, *other = (const __u64 *)next->peer;
	struct session *socket;

	if (!read_connected_peer(&key) || (key.port == next->port && one[0] == other[0] && one[1] == other[1]))
		return;
	end_flow(KEY_WORDS(&key), bpf_ktime_get_boot_ns());
	socket = bpf_map_lookup_elem(&sessions, &sk);
	if (socket && socket->unacked == key_tail(&key) && socket->sent == one[0] && socket->received == one[1])
		socket->unacked = 0; /* the next one is the first again */
}

#endif
