/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* UDP: sessions of a socket with each of its peers, whatever tells of the datagrams. */
#ifndef RINGTAIL_SESSION_FLOW_BPF_H
#define RINGTAIL_SESSION_FLOW_BPF_H

#include "session.bpf.h"

#define SOCK_TYPE_DATAGRAM 2
#define ENETUNREACH 101
#define ECONNREFUSED 111
#define EHOSTDOWN 112
#define EHOSTUNREACH 113

/* Whether a socket that is met for the first time can only have been made since the programs run; who knows says so before. */
#ifndef MET_IS_NEW
#define MET_IS_NEW() false
#endif

struct datagram {
	struct flow_key key;
	__u64 cookie;
	__u64 bytes;
	bool sent;
	bool has_task; /* the current task is who sent or received it */
	bool is_peek; /* it stays in the queue */
};

static __always_inline void set_ipv4(__u8 *address, __u16 family, __u32 ipv4)
{
	__u32 *words = (__u32 *)address;

	words[0] = words[1] = words[2] = words[3] = 0;
	if (family == AF_INET6) {
		words[2] = bpf_htonl(0xffff);
		words[3] = ipv4;
	} else {
		words[0] = ipv4;
	}
}

static __always_inline bool is_connected(__u64 sk)
{
	return sock_state(sk) == STATE_TCP_ESTABLISHED;
}

/* The peer that a socket is connected to; false: to none. */
static __always_inline bool read_connected_peer(struct flow_key *key)
{
	__u64 sk = key->sk, address;
	__u32 ipv4;
	__u16 port;

	if (!is_connected(sk))
		return false;
	KREAD(port, sk, sock, __sk_common.skc_dport);
	key->port = bpf_ntohs(port);
	if (key->family == AF_INET) {
		KREAD(ipv4, sk, sock, __sk_common.skc_daddr);
		set_ipv4(key->peer, AF_INET, ipv4);
		return true;
	}
	address = sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_daddr);
	KREAD_WORD(((__u64 *)key->peer)[0], address);
	KREAD_WORD(((__u64 *)key->peer)[1], address + sizeof(__u64));
	if (is_link_local(key->peer))
		KREAD(key->scope, sk, sock, __sk_common.skc_bound_dev_if);
	return true;
}

/* Those of the kernel's own have none: who is current there only happens to be. */
static __always_inline bool has_file(__u64 sk)
{
	__u64 socket, file;

	KREAD(socket, sk, sock, sk_socket);
	if (!socket)
		return false;
	KREAD(file, socket, socket, file);
	return file;
}

/* The current task sends or receives by it. */
static __always_inline void follow_user(struct session *s, __u64 sk)
{
	if (!is_owner(s, bpf_get_current_task()) && has_file(sk))
		follow_owner(s);
}

/* ---- the socket itself ---- */

/* Port, family and scope of a key in one word; the rest of it are the socket and two words of the address. */
static __always_inline __u64 key_tail(const struct flow_key *key)
{
	return key->port | (__u64)key->family << 16 | (__u64)key->scope << 32;
}

static __always_inline void make_key(struct flow_key *key, __u64 sk, __u64 high, __u64 low, __u64 tail)
{
	key->sk = sk;
	((__u64 *)key->peer)[0] = high;
	((__u64 *)key->peer)[1] = low;
	key->port = tail;
	key->family = tail >> 16;
	key->scope = tail >> 32;
}

/*
 * Its entry remembers the first of its sessions, so that the end of the socket ends that one at once; its counters of bytes serve for that. With
 * more of them the sweep finds them all.
 */
static __always_inline void remember_flow(struct session *socket, __u64 high, __u64 low, __u64 tail)
{
	if (!socket->unacked) {
		socket->sent = high;
		socket->received = low;
		socket->unacked = tail;
	} else if (socket->unacked != tail || socket->sent != high || socket->received != low) {
		socket->flags |= SESSION_MANY_PEERS;
	}
}

/* Made when there is none; null when there is no room. A socket that is being closed has one that says so. */
static __always_inline struct session *datagram_socket(__u64 sk, __u64 cookie)
{
	struct session *socket = bpf_map_lookup_elem(&sessions, &sk);

	if (socket && (!socket->cookie || socket->cookie == cookie))
		return socket;
	socket = session_insert(sk, BPF_ANY);
	if (!socket)
		return 0;
	socket->flags = SESSION_IS_SOCKET | (MET_IS_NEW() ? SESSION_HAS_START : 0);
	socket->last_ns = bpf_ktime_get_boot_ns();
	socket->cookie = cookie;
	return socket;
}

/* ---- its sessions ---- */

/* Of global functions the verifier looks at each once, and not at every way that leads there; on old kernels they take numbers only. */
#define KEY_WORDS(key) (key)->sk, ((const __u64 *)(key)->peer)[0], ((const __u64 *)(key)->peer)[1], key_tail(key)

/* The session of a socket with a peer has ended, at this boot time: told once, whoever finds it. */
__noinline int end_flow(__u64 sk, __u64 high, __u64 low, __u64 tail, __u64 end_ns)
{
	struct session_sum sum;
	struct flow_key key;
	struct session *flow;

	make_key(&key, sk, high, low, tail);
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow || !session_claim(flow))
		return 0;
	session_ended(flow, STATE_NONE, end_ns, &sum);
	bpf_map_delete_elem(&flows, &key);
	session_sum_add(&sum);
	return 0;
}

static __always_inline void read_flow_ends(struct session *flow, const struct flow_key *key)
{
	__u64 *peer = (__u64 *)flow->peer;

	read_ends(flow, key->sk);
	peer[0] = ((const __u64 *)key->peer)[0];
	peer[1] = ((const __u64 *)key->peer)[1];
	flow->peer_port = key->port;
	flow->last_state = key->scope;
	if (!key->port)
		flow->flags |= SESSION_MANY_PEERS;
	flow->flags &= ~SESSION_IS_LOOPBACK;
	if (is_over_loopback(flow, key->sk))
		flow->flags |= SESSION_IS_LOOPBACK;
	if (key->scope && !flow->zone[0])
		read_zone(flow, key->sk, key->scope);
}

static __always_inline void take_owner(struct session *flow, const struct session *socket)
{
	flow->owner = socket->owner;
	settle_cgroup(flow, socket->cgroup_id);
	flow->known_by = socket->known_by;
	flow->flags |= socket->flags & SESSION_IS_LEFT_OUT;
}

#define DATAGRAM_SENT 1
#define DATAGRAM_HAS_TASK 2

/* A session begins with its first datagram, of which `what` tells. It is there afterwards, but for want of room or when the socket is being closed.
 */
__noinline int begin_flow(__u64 sk, __u64 high, __u64 low, __u64 tail, __u64 what)
{
	struct session *socket, *flow;
	struct flow_key key;
	__u64 cookie = cookie_of(sk);
	bool is_old;

	make_key(&key, sk, high, low, tail);
	socket = datagram_socket(sk, cookie);
	if (socket && socket->flags & SESSION_IS_CLOSED)
		return 0;
	if (bpf_map_update_elem(&flows, &key, &new_session, BPF_NOEXIST)) {
		if (!bpf_map_lookup_elem(&flows, &key)) /* else another processor was faster */
			note_stat(SESSION_NO_ROOM);
		return 0;
	}
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow)
		return 0;
	/* what was connected before we came began before: when, and by whom, was not seen */
	is_old = socket && !(socket->flags & SESSION_HAS_START) && is_connected(sk);
	flow->id = random_id();
	flow->start_ns = flow->last_ns = bpf_ktime_get_boot_ns();
	read_identity(flow, sk);
	flow->flags = SESSION_HAS_BYTES | (is_old ? 0 : SESSION_HAS_START);
	read_flow_ends(flow, &key);
	if (!is_old)
		set_role(flow, what & DATAGRAM_SENT ? ROLE_CLIENT : ROLE_SERVER);
	if (socket) {
		remember_flow(socket, high, low, tail);
		read_ends(socket, sk);
	}
	if (what & DATAGRAM_HAS_TASK)
		follow_user(socket ? socket : flow, sk);
	if (socket)
		take_owner(flow, socket);
	barrier();
	flow->cookie = cookie; /* from here on it is whole */
	return 0;
}

/* Its start. Apart from begin_flow, for the stack of both together is too large for old kernels. */
__noinline int tell_flow(__u64 sk, __u64 high, __u64 low, __u64 tail)
{
	struct session *flow;
	struct flow_key key;

	make_key(&key, sk, high, low, tail);
	flow = bpf_map_lookup_elem(&flows, &key);
	if (flow && flow->cookie)
		session_opened(flow);
	return 0;
}

static __always_inline struct session *flow_of(struct datagram *it)
{
	struct session *flow = bpf_map_lookup_elem(&flows, &it->key);

	if (flow && flow->cookie && flow->cookie != it->cookie) {
		note_stat(SESSION_REUSED);
		end_flow(KEY_WORDS(&it->key), flow->last_ns);
		return 0;
	}
	return flow;
}

static __always_inline void count_datagram(struct datagram *it)
{
	struct session *flow = flow_of(it);

	if (!flow) {
		begin_flow(KEY_WORDS(&it->key), (it->sent ? DATAGRAM_SENT : 0) | (it->has_task ? DATAGRAM_HAS_TASK : 0));
		tell_flow(KEY_WORDS(&it->key));
		flow = bpf_map_lookup_elem(&flows, &it->key);
	}
	if (!flow)
		return;
	if (it->has_task)
		follow_user(flow, it->key.sk);
	flow->last_ns = bpf_ktime_get_boot_ns();
	if (it->sent) {
		__sync_fetch_and_add(&flow->sent, it->bytes);
	} else if (!it->is_peek) {
		__sync_fetch_and_add(&flow->received, it->bytes);
		flow->error = 0;
	}
}

/* What a call on a socket failed with, when it is about the peer. */
static __always_inline void note_error(struct datagram *it, __u32 error)
{
	struct session *flow;

	if (error != ECONNREFUSED && error != EHOSTUNREACH && error != ENETUNREACH && error != EHOSTDOWN)
		return;
	flow = flow_of(it);
	if (flow)
		flow->error = error;
}

#endif
