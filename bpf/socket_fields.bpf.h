/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel knows of the socket behind a descriptor: who it belongs to, what it speaks, its two ends. */
#ifndef RINGTAIL_SOCKET_FIELDS_BPF_H
#define RINGTAIL_SOCKET_FIELDS_BPF_H

#include "call.bpf.h"
#include "sock.bpf.h"

#define STATE_ESTABLISHED 1 /* of datagrams: the socket has a peer */

#define SUN_PATH_BYTES 108
#define ADDRESS_ROOM 128 /* of any address, and of what the verifier takes for one */

struct socket_end {
	__u32 len;
	__u32 port;
	__u8 bytes[ADDRESS_ROOM];
};

struct socket_facts {
	__u64 netns_cookie;
	__u32 family;
	__u32 type;      /* SOCK_* */
	__u32 transport; /* enum net_transport */
	__u32 net_flags;
	struct socket_end local;
	struct socket_end peer;
};

/* The `struct sock` behind a descriptor of the current task; 0: there is none, or it is something else. */
static __always_inline __u64 socket_at(struct call_ctx *call, __u32 fd)
{
	__u64 file = file_at(call, fd);

	return file ? sock_of_file(file) : 0;
}

static __always_inline bool is_stream(const struct socket_facts *facts)
{
	return facts->type == SOCK_TYPE_STREAM || facts->type == SOCK_TYPE_SEQPACKET;
}

static __always_inline bool has_ports(const struct socket_facts *facts)
{
	return facts->type != SOCK_TYPE_RAW && facts->transport != NET_ICMP;
}

static __always_inline void read_ipv4(struct socket_facts *facts, __u64 sk, bool bound, bool has_peer)
{
	__u32 address, sending;

	KREAD(address, sk, sock, __sk_common.skc_rcv_saddr);
	if (!address) {
		KREAD(sending, sk, inet_sock, inet_saddr);
		address = sending;
	}
	if (bound || address) {
		*(__u32 *)facts->local.bytes = address;
		facts->local.len = IPV4_BYTES;
	}
	if (has_peer) {
		KREAD(address, sk, sock, __sk_common.skc_daddr);
		*(__u32 *)facts->peer.bytes = address;
		facts->peer.len = IPV4_BYTES;
	}
}

static __always_inline void read_ipv6(struct socket_facts *facts, __u64 sk, bool bound, bool has_peer)
{
	__u64 more;

	if (!bpf_core_field_exists(((struct sock *)0)->__sk_common.skc_v6_daddr) || !bpf_core_field_exists(struct inet_sock, pinet6))
		return;
	bpf_probe_read_kernel(facts->local.bytes, IPV6_BYTES, (void *)sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_rcv_saddr));
	if (is_any(facts->local.bytes)) {
		KREAD(more, sk, inet_sock, pinet6);
		bpf_probe_read_kernel(facts->local.bytes, IPV6_BYTES, (void *)more + bpf_core_field_offset(struct ipv6_pinfo, saddr));
	}
	if (bound || !is_any(facts->local.bytes))
		facts->local.len = IPV6_BYTES;
	if (has_peer) {
		bpf_probe_read_kernel(facts->peer.bytes, IPV6_BYTES, (void *)sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_daddr));
		facts->peer.len = IPV6_BYTES;
	}
}

/* Both ends as getsockname and getpeername tell them. A connection that failed has forgotten its peer's port. */
static __always_inline void read_inet(struct socket_facts *facts, __u64 sk)
{
	__u16 number, local_port, peer_port;
	__u8 state;
	bool has_peer;

	KREAD(number, sk, sock, __sk_common.skc_num);
	KREAD(local_port, sk, inet_sock, inet_sport);
	KREAD(peer_port, sk, sock, __sk_common.skc_dport);
	KREAD(state, sk, sock, __sk_common.skc_state);
	has_peer = is_stream(facts) ? peer_port != 0 : state == STATE_ESTABLISHED;
	facts->net_flags = NET_IS_INET;
	if (facts->family == AF_INET)
		read_ipv4(facts, sk, number && has_ports(facts), has_peer);
	else
		read_ipv6(facts, sk, number && has_ports(facts), has_peer);
	if (!has_ports(facts))
		return;
	if (facts->local.len)
		facts->local.port = bpf_ntohs(local_port);
	if (has_peer)
		facts->peer.port = bpf_ntohs(peer_port);
}

/* The name that a unix socket is bound to, with the NUL that an abstract one begins with. */
static __always_inline void read_unix_name(struct socket_end *end, __u64 sk)
{
	const __u32 before = sizeof(__u16); /* sun_family */
	__u64 address;
	__u32 len;

	KREAD(address, sk, unix_sock, addr);
	if (!address)
		return;
	KREAD(len, address, unix_address, len);
	if (len <= before || len > before + SUN_PATH_BYTES + 1)
		return;
	len -= before;
	barrier_var(len);
	len &= ADDRESS_ROOM - 1;
	if (bpf_probe_read_kernel(end->bytes, len, (void *)address + bpf_core_field_offset(struct unix_address, name) + before))
		return;
	end->len = end->bytes[0] ? len - 1 : len; /* the kernel ends a path with NUL */
}

static __always_inline void read_unix(struct socket_facts *facts, __u64 sk)
{
	__u64 peer;

	facts->net_flags = NET_IS_UNIX;
	if (!bpf_core_type_exists(struct unix_sock))
		return;
	read_unix_name(&facts->local, sk);
	KREAD(peer, sk, unix_sock, peer);
	if (peer)
		read_unix_name(&facts->peer, peer);
}

static __always_inline void clear_facts(struct socket_facts *facts)
{
	facts->netns_cookie = 0;
	facts->family = 0;
	facts->type = 0;
	facts->transport = NET_OTHER;
	facts->net_flags = 0;
	facts->local.len = 0;
	facts->local.port = 0;
	facts->peer.len = 0;
	facts->peer.port = 0;
}

/* Of a `struct sock`; with 0 nothing is known. */
static __always_inline void read_socket(struct socket_facts *facts, __u64 sk)
{
	__u32 family, type, protocol;

	clear_facts(facts);
	if (!sk)
		return;
	KREAD(family, sk, sock, __sk_common.skc_family);
	KREAD(type, sk, sock, sk_type);
	KREAD(protocol, sk, sock, sk_protocol);
	facts->family = family;
	facts->type = type;
	facts->transport = transport_of(family, type, protocol);
	facts->netns_cookie = netns_cookie_of(sk);
	if (family == AF_INET || family == AF_INET6)
		read_inet(facts, sk);
	else if (family == AF_UNIX)
		read_unix(facts, sk);
}

#endif
