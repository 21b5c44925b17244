/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets that were open before the programs came, of all protocols but TCP. */
#ifndef RINGTAIL_SESSION_ENTER_BPF_H
#define RINGTAIL_SESSION_ENTER_BPF_H

#include "session.bpf.h"
#include "session_unix.bpf.h"

/* UDP: the socket itself, whose sessions begin with their next datagrams. Others: their only session. Null: it is not wanted, or there is no room. */
static __always_inline struct session *enter_other(__u64 sk)
{
	struct session *s = bpf_map_lookup_elem(&sessions, &sk);
	__u32 family, type, protocol, transport;

	if (s)
		return s;
	KREAD(family, sk, sock, __sk_common.skc_family);
	KREAD(type, sk, sock, sk_type);
	KREAD(protocol, sk, sock, sk_protocol);
	transport = transport_of(family, type, protocol);
	if (transport == NET_UNIX)
		return enter_unix(sk);
	if ((transport != NET_UDP && transport != NET_ICMP && transport != NET_RAW) || !session_protocol_wanted(transport))
		return 0;
	s = session_insert(sk, BPF_NOEXIST);
	if (!s)
		return 0;
	s->flags = transport == NET_UDP ? SESSION_IS_SOCKET : SESSION_HAS_BYTES;
	s->cookie = cookie_of(sk);
	s->last_ns = bpf_ktime_get_boot_ns();
	s->mark = 0; /* the walk has not met a holder yet */
	read_ends(s, sk);
	return s;
}

#endif
