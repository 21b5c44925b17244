/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a `struct sock` says of its session: both ends, zone, namespace, cgroup, bytes. Addresses of the struct sock come as numbers. */
#ifndef RINGTAIL_SESSION_FIELDS_BPF_H
#define RINGTAIL_SESSION_FIELDS_BPF_H

#include "common.bpf.h"
#include "sock.bpf.h"

#define SOCK_DONE_BIT 1 /* enum sock_flags: a FIN was received */
#define DEVICE_IS_LOOPBACK 8 /* IFF_LOOPBACK */
#define DEVICE_TABLE_SLOTS 256 /* NETDEV_HASHENTRIES */
#define DEVICE_CHAIN_MAX 32
#define LOOPBACK_NET 127
#define DEVICE_NONE 0

struct tcp_bytes {
	__u64 sent;     /* payload that the peer acknowledged */
	__u64 received; /* payload in order, read by the program or not */
	__u64 unacked;  /* payload written and not acknowledged, sent or not */
};

static __always_inline __u32 sock_state(__u64 sk)
{
	__u8 state;

	KREAD(state, sk, sock, __sk_common.skc_state);
	return state;
}

/* What a unix socket, which has no cookie until somebody asks for it, is known by: the number of its inode. 0: it was closed. */
static __always_inline __u64 unix_number(__u64 sk)
{
	__u64 socket, file, inode, number;

	KREAD(socket, sk, sock, sk_socket);
	if (!socket)
		return 0;
	KREAD(file, socket, socket, file);
	if (!file)
		return 0;
	KREAD(inode, file, file, f_inode);
	KREAD(number, inode, inode, i_ino);
	return number;
}

/* Whether its memory is still the socket that the entry was made for. Without a cookie nobody can say; without `sk` it is just being made. */
static __always_inline bool is_same_socket(struct session *s)
{
	if (!s->sk || !s->cookie)
		return true;
	return (s->transport == NET_UNIX ? unix_number(s->sk) : cookie_of(s->sk)) == s->cookie;
}

static __always_inline bool has_fin(__u32 state)
{
	return state == STATE_TCP_FIN_WAIT_1 || state == STATE_TCP_FIN_WAIT_2 || state == STATE_TCP_CLOSING || state == STATE_TCP_LAST_ACK ||
	       state == STATE_TCP_TIME_WAIT;
}

/*
 * Payload bytes of a TCP socket. `state` is that before CLOSE. Numbers of sequence count SYN and FIN too: a FIN is known by the state; whether the
 * SYN is in bytes_acked by what was sent.
 */
static __always_inline void read_tcp_bytes(__u64 sk, __u32 state, struct tcp_bytes *bytes)
{
	__u64 total, again, acked, received, flags;
	__u32 written, next, first, waiting, flying;

	KREAD(total, sk, tcp_sock, bytes_sent);
	KREAD(again, sk, tcp_sock, bytes_retrans);
	KREAD(acked, sk, tcp_sock, bytes_acked);
	KREAD(received, sk, tcp_sock, bytes_received);
	KREAD(written, sk, tcp_sock, write_seq);
	KREAD(next, sk, tcp_sock, snd_nxt);
	KREAD(first, sk, tcp_sock, snd_una);
	KREAD(flags, sk, sock, __sk_common.skc_flags);
	waiting = written - first;
	flying = next - first;
	if (has_fin(state)) {
		if (!waiting) {
			acked -= acked > 0;
		} else {
			flying -= flying == waiting;
			waiting--;
		}
	} else if (state == STATE_TCP_SYN_SENT && waiting) {
		flying -= flying > 0;
		waiting--;
	}
	total = total >= again + flying ? total - again - flying : acked;
	bytes->sent = acked < total ? acked : total;
	bytes->unacked = waiting;
	bytes->received = received - (received && flags >> SOCK_DONE_BIT & 1);
}

static __always_inline bool is_link_local(const __u8 *address)
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static __always_inline bool is_loopback_address(const __u8 *address, __u32 family)
{
	const __u32 *words = (const __u32 *)address;

	if (family == AF_INET)
		return address[0] == LOOPBACK_NET;
	if (words[0] || words[1])
		return false;
	return words[2] == bpf_htonl(0xffff) ? address[12] == LOOPBACK_NET : !words[2] && words[3] == bpf_htonl(1);
}

static __always_inline bool is_same_address(const __u8 *one, const __u8 *other)
{
	const __u64 *a = (const __u64 *)one, *b = (const __u64 *)other;

	return a[0] == b[0] && a[1] == b[1];
}

/* Both ends are this host: by their addresses, else by the route that the socket uses. */
static __always_inline bool is_over_loopback(struct session *s, __u64 sk)
{
	__u64 route, device;
	__u32 flags;

	if (is_loopback_address(s->local, s->family) || is_loopback_address(s->peer, s->family))
		return true;
	if (is_any(s->peer))
		return false;
	if (is_same_address(s->local, s->peer))
		return true;
	KREAD(route, sk, sock, sk_dst_cache);
	if (!route)
		return false;
	KREAD(device, route, dst_entry, dev);
	if (!device)
		return false;
	KREAD(flags, device, net_device, flags);
	return flags & DEVICE_IS_LOOPBACK;
}

/* The name of an interface, in the namespace of the socket. */
static __noinline __attribute__((unused)) int read_zone(struct session *s, __u64 sk, __u32 index)
{
	__u64 net, table, node, device;
	__u32 found;

	KREAD(net, sk, sock, __sk_common.skc_net.net);
	KREAD(table, net, net, dev_index_head);
	KREAD_WORD(node, table + (index & (DEVICE_TABLE_SLOTS - 1)) * sizeof(__u64));
	for (int i = 0; i < DEVICE_CHAIN_MAX; i++) {
		if (!node)
			return 0;
		device = node - bpf_core_field_offset(struct net_device, index_hlist);
		KREAD(found, device, net_device, ifindex);
		if (found == index) {
			bpf_probe_read_kernel_str(s->zone, sizeof(s->zone), (void *)device + bpf_core_field_offset(struct net_device, name));
			return 0;
		}
		KREAD_WORD(node, node); /* next */
	}
	return 0;
}

static __always_inline void read_zone_of(struct session *s, __u64 sk)
{
	__u32 index;

	if (s->zone[0] || (!is_link_local(s->local) && !is_link_local(s->peer)))
		return;
	KREAD(index, sk, sock, __sk_common.skc_bound_dev_if);
	if (index)
		read_zone(s, sk, index);
}

static __always_inline void read_addresses_4(struct session *s, __u64 sk)
{
	__u32 address, sending, peer;

	KREAD(address, sk, sock, __sk_common.skc_rcv_saddr);
	if (!address) {
		KREAD(sending, sk, inet_sock, inet_saddr);
		address = sending;
	}
	*(__u32 *)s->local = address;
	KREAD(peer, sk, sock, __sk_common.skc_daddr);
	if (peer)
		*(__u32 *)s->peer = peer;
}

static __always_inline void read_addresses_6(struct session *s, __u64 sk)
{
	__u64 more, low, high;

	if (!bpf_core_field_exists(((struct sock *)0)->__sk_common.skc_v6_daddr) || !bpf_core_field_exists(struct inet_sock, pinet6))
		return;
	more = sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_rcv_saddr);
	KREAD_WORD(high, more);
	KREAD_WORD(low, more + sizeof(high));
	if (!high && !low) {
		KREAD(more, sk, inet_sock, pinet6);
		if (more) {
			more += bpf_core_field_offset(struct ipv6_pinfo, saddr);
			KREAD_WORD(high, more);
			KREAD_WORD(low, more + sizeof(high));
		}
	}
	((__u64 *)s->local)[0] = high;
	((__u64 *)s->local)[1] = low;
	more = sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_daddr);
	KREAD_WORD(high, more);
	KREAD_WORD(low, more + sizeof(high));
	if (high || low) {
		((__u64 *)s->peer)[0] = high;
		((__u64 *)s->peer)[1] = low;
	}
	if (is_any(s->local) && !BPF_CORE_READ_BITFIELD_PROBED((struct sock_common *)sk, skc_ipv6only))
		s->flags |= SESSION_LOCAL_DUAL;
	else
		s->flags &= ~SESSION_LOCAL_DUAL;
	read_zone_of(s, sk);
}

/* Both ends as they are now. A peer that the socket has forgotten stays. For sockets of AF_INET and AF_INET6. */
static __always_inline void read_ends(struct session *s, __u64 sk)
{
	__u16 local, peer;

	KREAD(local, sk, inet_sock, inet_sport);
	KREAD(peer, sk, sock, __sk_common.skc_dport);
	if (local)
		s->local_port = bpf_ntohs(local);
	if (peer)
		s->peer_port = bpf_ntohs(peer);
	if (s->family == AF_INET)
		read_addresses_4(s, sk);
	else
		read_addresses_6(s, sk);
	if (is_over_loopback(s, sk))
		s->flags |= SESSION_IS_LOOPBACK;
}

/* What does not change while the socket lives. `sk` comes last: a walk may meet the entry before. */
static __always_inline void read_identity(struct session *s, __u64 sk)
{
	__u32 family, type, protocol, uid;

	KREAD(family, sk, sock, __sk_common.skc_family);
	KREAD(type, sk, sock, sk_type);
	KREAD(protocol, sk, sock, sk_protocol);
	KREAD(uid, sk, sock, sk_uid.val);
	s->family = family;
	s->transport = transport_of(family, type, protocol);
	s->uid = uid;
	s->netns_cookie = netns_cookie_of(sk);
	s->netns = netns_number_of(sk);
	s->cgroup_id = cgroup_number(cgroup_of_sock(sk));
	barrier();
	*(volatile __u64 *)&s->sk = sk;
}

#endif
