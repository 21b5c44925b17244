/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections of unix sockets, which the kernel has no states for: they begin with connect and accept, and a walk finds that they are gone. */
#ifndef RINGTAIL_SESSION_UNIX_BPF_H
#define RINGTAIL_SESSION_UNIX_BPF_H

#include "session.bpf.h"

int end_other(__u64 sk, __u64 end_ns, __u64 has_socket); /* session_other.bpf.h */

/* What the session is called by its ends, and who is at the other one; gone with the socket, told with the end. */
static __always_inline void keep_name(__u8 *name, __u32 *length, __u64 sk)
{
	const __u32 family = sizeof(__u16);
	__u64 address;
	__u32 len;

	KREAD(address, sk, unix_sock, addr);
	if (!address)
		return;
	KREAD(len, address, unix_address, len);
	if (len <= family || len > family + UNIX_NAME_BYTES + 1)
		return;
	len -= family;
	if (len > UNIX_NAME_BYTES)
		len = UNIX_NAME_BYTES;
	if (bpf_probe_read_kernel(name, UNIX_NAME_BYTES, (void *)address + bpf_core_field_offset(struct unix_address, name) + family))
		return;
	barrier_var(len);
	if (len > 0 && len <= UNIX_NAME_BYTES)
		*length = name[0] && !name[len - 1] ? len - 1 : len; /* the kernel ends a path with NUL */
}

static __noinline int keep_ends(__u64 sk)
{
	struct unix_ends fresh = {}, *ends;
	__u64 peer, pid;

	if (bpf_map_update_elem(&unix_sessions, &sk, &fresh, BPF_ANY))
		return 0;
	ends = bpf_map_lookup_elem(&unix_sessions, &sk);
	if (!ends)
		return 0;
	keep_name(ends->local, &ends->local_len, sk);
	KREAD(peer, sk, unix_sock, peer);
	if (peer)
		keep_name(ends->peer, &ends->peer_len, peer);
	KREAD(pid, sk, sock, sk_peer_pid);
	if (pid)
		KREAD(ends->peer_pid, pid + bpf_core_field_offset(struct pid, numbers), upid, nr); /* in the initial namespace */
	return 0;
}

static __always_inline bool is_unix_stream(__u64 sk)
{
	__u32 family, type;

	KREAD(family, sk, sock, __sk_common.skc_family);
	KREAD(type, sk, sock, sk_type);
	return family == AF_UNIX && (type == SOCK_TYPE_STREAM || type == SOCK_TYPE_SEQPACKET);
}

/* The current task has connected or accepted it. */
static __noinline int unix_begins(__u64 sk, __u32 role)
{
	struct session *s;

	if (!is_unix_stream(sk) || !session_protocol_wanted(NET_UNIX))
		return 0;
	/* the walk had not come by yet: the memory of a socket that was closed is another one's now */
	s = bpf_map_lookup_elem(&sessions, &sk);
	if (s)
		end_other(s->sk, bpf_ktime_get_boot_ns(), 0);
	s = session_insert(sk, BPF_ANY);
	if (!s)
		return 0;
	s->flags = SESSION_HAS_START | SESSION_IS_LOOPBACK | (counts_packets ? 0 : SESSION_HAS_BYTES);
	s->cookie = unix_number(sk);
	s->start_ns = s->last_ns = bpf_ktime_get_boot_ns();
	set_role(s, role);
	keep_ends(sk);
	fill_owner(s);
	session_opened(s);
	return 0;
}

/* What a call sent or received; `bytes` above 0. */
static __always_inline int count_unix(__u64 sk, __u64 bytes, bool sent)
{
	struct session *s = bpf_map_lookup_elem(&sessions, &sk);

	if (!s || s->transport != NET_UNIX)
		return 0;
	follow_owner(s);
	s->last_ns = bpf_ktime_get_boot_ns();
	if (sent)
		__sync_fetch_and_add(&s->sent, bytes);
	else
		__sync_fetch_and_add(&s->received, bytes);
	return 0;
}

/* One that was connected before the programs came. Null: it is not wanted, or there is no room. */
static __always_inline struct session *enter_unix(__u64 sk)
{
	struct session *s;

	if (!session_protocol_wanted(NET_UNIX) || !is_unix_stream(sk) || sock_state(sk) != STATE_TCP_ESTABLISHED)
		return 0;
	s = session_insert(sk, BPF_NOEXIST);
	if (!s)
		return 0;
	s->flags = SESSION_IS_LOOPBACK | (counts_packets ? 0 : SESSION_HAS_BYTES);
	s->cookie = unix_number(sk);
	s->last_ns = bpf_ktime_get_boot_ns();
	s->mark = 0; /* the walk has not met a holder yet */
	keep_ends(sk);
	return s;
}

#endif
