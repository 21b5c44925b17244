/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a connection that nobody accepted to the socket that listens. The kernel copies the storage of a listener into each of its children. Before
 * 5.11, and for what was open before, it is found by namespace and port: when processes share a port, that does not say whose it is.
 */
#ifndef RINGTAIL_SESSION_LISTENER_BPF_H
#define RINGTAIL_SESSION_LISTENER_BPF_H

#include "session.bpf.h"

#define LISTENED_PORTS 8192
#define CLOSING_TASKS 1024

struct listened_port {
	__u32 netns;
	__u32 port;
};

struct port_listeners {
	__u64 sk; /* one of them */
	__u32 pid;
	__u32 users;
	__u32 mixed; /* they belong to several processes */
	__u32 zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LISTENED_PORTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct listened_port);
	__type(value, struct port_listeners);
} port_listeners SEC(".maps");

/* Until somebody accepts it, the owner is that of the listener. */
static __always_inline void take_listener_owner(struct session *s, __u64 listener)
{
	struct session *from = bpf_map_lookup_elem(&sessions, &listener);

	if (!from || !(from->flags & SESSION_IS_LISTENER) || from->known_by == KNOWN_NOT)
		return;
	OWNER_WRITE(s, KNOWN_BY_LISTENER, s->owner = from->owner);
	settle_cgroup(s, from->cgroup_id);
	s->flags |= from->flags & SESSION_IS_LEFT_OUT;
}

/* A socket that listens, with its owner. */
static __always_inline void remember_port(struct session *s, __u64 sk)
{
	struct listened_port key = {.netns = s->netns, .port = s->local_port};
	struct port_listeners *now = bpf_map_lookup_elem(&port_listeners, &key), first = {.sk = sk, .pid = s->owner.pid, .users = 1};

	if (!now) {
		bpf_map_update_elem(&port_listeners, &key, &first, BPF_ANY);
		return;
	}
	now->users++;
	if (now->pid != s->owner.pid)
		now->mixed = 1;
	now->sk = sk;
}

static __always_inline void forget_listener(struct session *s)
{
	struct listened_port key = {.netns = s->netns, .port = s->local_port};
	struct port_listeners *now = bpf_map_lookup_elem(&port_listeners, &key);

	if (now && now->users > 1)
		now->users--;
	else if (now)
		bpf_map_delete_elem(&port_listeners, &key);
}

static __always_inline void inherit_by_port(struct session *s, __u64 sk)
{
	struct listened_port key = {.netns = s->netns};
	struct port_listeners *now;
	__u16 port;

	KREAD(port, sk, sock, __sk_common.skc_num);
	key.port = port;
	now = bpf_map_lookup_elem(&port_listeners, &key);
	if (now && !now->mixed)
		take_listener_owner(s, now->sk);
}

#ifdef RINGTAIL_LEGACY

/* By task: the listener that it closes at this moment, and with it what was not accepted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CLOSING_TASKS);
	__type(key, __u64);
	__type(value, __u64);
} closed_listeners SEC(".maps");

static __always_inline void remember_listener(struct session *s, struct sock *sk)
{
	remember_port(s, (__u64)sk);
}

static __always_inline void inherit_listener(struct session *s, struct sock *sk)
{
	inherit_by_port(s, (__u64)sk);
}

static __always_inline void closes_listener(struct session *s)
{
	__u64 task = bpf_get_current_task(), sk = s->sk;

	bpf_map_update_elem(&closed_listeners, &task, &sk, BPF_ANY);
}

static __always_inline void take_closing_owner(struct session *s)
{
	__u64 task = bpf_get_current_task();
	__u64 *listener = bpf_map_lookup_elem(&closed_listeners, &task);
	struct session *from = listener ? bpf_map_lookup_elem(&sessions, listener) : 0;

	if (from && from->netns == s->netns && from->local_port == s->local_port)
		take_listener_owner(s, from->sk);
}

#else

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u64);
} listener_of SEC(".maps");

static __always_inline void remember_listener(struct session *s, struct sock *sk)
{
	__u64 at = (__u64)sk;
	__u64 *kept = bpf_sk_storage_get(&listener_of, sk, &at, BPF_SK_STORAGE_GET_F_CREATE);

	if (kept)
		*kept = at;
	remember_port(s, at);
}

static __always_inline void inherit_listener(struct session *s, struct sock *sk)
{
	__u64 *kept = bpf_sk_storage_get(&listener_of, sk, 0, 0);

	if (kept)
		take_listener_owner(s, *kept);
}

static __always_inline void closes_listener(struct session *s) {}

static __always_inline void take_closing_owner(struct session *s) {}

#endif

#endif
