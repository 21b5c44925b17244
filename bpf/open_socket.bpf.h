/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a socket says of itself while it is open, as a `struct session`. */
#ifndef RINGTAIL_OPEN_SOCKET_BPF_H
#define RINGTAIL_OPEN_SOCKET_BPF_H

#include "socket_fields.bpf.h"

/* What tells a socket from others: protocol and ports. */
static __always_inline void read_open_socket(struct session *s, __u64 sk)
{
	__u32 type, protocol;

	KREAD(s->family, sk, sock, __sk_common.skc_family);
	KREAD(type, sk, sock, sk_type);
	KREAD(protocol, sk, sock, sk_protocol);
	s->transport = transport_of(s->family, type, protocol);
	KREAD(s->local_port, sk, sock, __sk_common.skc_num);
	KREAD(s->peer_port, sk, sock, __sk_common.skc_dport);
	s->peer_port = bpf_ntohs(s->peer_port);
}

static __always_inline void read_ipv6_ends(struct session *s, __u64 sk)
{
	__u64 more;
	bool only = false;

	bpf_probe_read_kernel(s->local, IPV6_BYTES, (void *)sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_rcv_saddr));
	bpf_probe_read_kernel(s->peer, IPV6_BYTES, (void *)sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_daddr));
	if (!is_any(s->local))
		return;
	KREAD(more, sk, inet_sock, pinet6);
	if (more)
		bpf_probe_read_kernel(s->local, IPV6_BYTES, (void *)more + bpf_core_field_offset(struct ipv6_pinfo, saddr));
	only = BPF_CORE_READ_BITFIELD_PROBED((struct sock *)sk, __sk_common.skc_ipv6only);
	if (is_any(s->local) && !only)
		s->flags |= SESSION_LOCAL_DUAL;
}

static __always_inline void read_tcp_counts(struct session *s, __u64 sk)
{
	__u64 again, sent, received;

	KREAD(again, sk, tcp_sock, bytes_retrans);
	KREAD(sent, sk, tcp_sock, bytes_sent);
	KREAD(received, sk, tcp_sock, bytes_received);
	KREAD(s->retransmits, sk, tcp_sock, total_retrans);
	KREAD(s->state, sk, sock, __sk_common.skc_state);
	s->flags |= SESSION_HAS_STATE;
	if (s->state == STATE_TCP_LISTEN)
		return;
	s->sent = sent - again;
	s->received = received;
	s->flags |= SESSION_HAS_BYTES;
}

/* The rest: addresses, state and bytes, user, namespace, cgroup. */
static __always_inline void read_more_of_open_socket(struct session *s, __u64 sk)
{
	__u64 net;

	s->sk = sk;
	KREAD(s->cookie, sk, sock, __sk_common.skc_cookie.counter);
	KREAD(net, sk, sock, __sk_common.skc_net.net);
	KREAD(s->netns, net, net, ns.inum);
	s->netns_cookie = netns_cookie_of(sk);
	KREAD(s->uid, sk, sock, sk_uid.val);
	s->cgroup_id = cgroup_number(cgroup_of_sock(sk));
	if (s->family == AF_INET) {
		KREAD(*(__u32 *)s->local, sk, sock, __sk_common.skc_rcv_saddr);
		KREAD(*(__u32 *)s->peer, sk, sock, __sk_common.skc_daddr);
	} else {
		read_ipv6_ends(s, sk);
	}
	if (s->transport == NET_TCP)
		read_tcp_counts(s, sk);
}

#endif
