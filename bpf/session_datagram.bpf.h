/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Datagrams as the calls that send and receive them; and what a full queue threw away, where they are seen as packets. */
#ifndef RINGTAIL_SESSION_DATAGRAM_BPF_H
#define RINGTAIL_SESSION_DATAGRAM_BPF_H

#define MET_IS_NEW() is_all_entered(bpf_ktime_get_boot_ns())
#include "session_tcp.bpf.h"
#include "session_address.bpf.h"
#include "session_arrival.bpf.h"
#include "session_enter.bpf.h"
#include "session_flow.bpf.h"
#include "session_note.bpf.h"
#include "session_other.bpf.h"
#include "session_unix.bpf.h"

#define MSG_PEEK 2

#ifndef RINGTAIL_LEGACY

/* A datagram that is being put together by several calls: only the first of them named the address. */
static __always_inline bool is_corked(__u64 sk)
{
	int pending;

	KREAD(pending, sk, udp_sock, pending);
	return pending;
}

/* With whom: the address of this very call before the one that the socket is connected to. */
static __always_inline void find_peer(struct datagram *it, int ret)
{
	struct flow_key *key = &it->key;
	struct session_note *note = note_for(key->sk, it->sent ? NOTE_SEND : NOTE_RECEIVE);

	if (!note) {
		if (!read_connected_peer(key) && ret >= 0)
			note_stat(SESSION_PEER_UNKNOWN);
		return;
	}
	__builtin_memcpy(key->peer, note->peer, sizeof(key->peer));
	key->port = note->port;
	key->scope = note->scope;
	if (!it->sent || !is_corked(key->sk))
		note->what = NOTE_NONE;
}

static __always_inline int socket_call(struct sock *sk, int ret, int flags, bool sent)
{
	__u16 family = sk->__sk_common.skc_family, protocol = sk->sk_protocol;
	struct datagram it = {.sent = sent, .has_task = true};

	if (family == AF_UNIX)
		return ret > 0 && (sent || !(flags & MSG_PEEK)) && session_protocol_wanted(NET_UNIX) ? count_unix(as_number(sk), ret, sent) : 0;
	if ((family != AF_INET && family != AF_INET6) || protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP)
		return 0;
	if (!session_protocol_wanted(transport_of(family, sk->sk_type, protocol)))
		return 0;
	it.key.sk = as_number(sk);
	it.key.family = family;
	it.is_peek = !sent && flags & MSG_PEEK;
	it.bytes = ret;
	it.cookie = bpf_get_socket_cookie(sk);
	if (protocol != IPPROTO_UDP || sk->sk_type != SOCK_TYPE_DATAGRAM) {
		if (ret > 0 && !it.is_peek)
			count_other(&it);
		return 0;
	}
	find_peer(&it, ret);
	if (ret < 0)
		note_error(&it, -ret);
	else
		count_datagram(&it);
	return 0;
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int ret, int flags)
{
	return socket_call(sk, ret, flags, true);
}

SEC("?tp_btf/sock_recv_length")
int BPF_PROG(on_receive, struct sock *sk, int ret, int flags)
{
	return socket_call(sk, ret, flags, false);
}

#endif

/* The datagram that came in just before did not fit into the queue. */
SEC("?tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(on_queue_failed, int rc, struct sock *sk)
{
	struct arrival *last = last_arrival();
	struct session *flow;

	if (!last || !last->bytes || last->key.sk != (__u64)sk)
		return 0;
	flow = bpf_map_lookup_elem(&flows, &last->key);
	if (flow)
		__sync_fetch_and_add(&flow->received, -last->bytes);
	last->bytes = 0;
	return 0;
}

/* Sockets that no process has a descriptor of: of the kernel's own, or on their way from one process to another. */
SEC("?iter/udp")
int on_open_udp(struct bpf_iter__udp *ctx)
{
	__u64 sk = (__u64)ctx->udp_sk;

	if (sk)
		enter_other(sk);
	return 0;
}

#endif
