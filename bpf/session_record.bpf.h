/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record of a session. Its room is constant, as the ring wants it: for two addresses of 4 or of 16 bytes, or for those with a zone. */
#ifndef RINGTAIL_SESSION_RECORD_BPF_H
#define RINGTAIL_SESSION_RECORD_BPF_H

#include "session.bpf.h"

#define RECORD_4 (2 * IPV4_BYTES)
#define RECORD_6 (2 * IPV6_BYTES)
#define RECORD_ZONED (2 * (IPV6_BYTES + ZONE_BYTES))

struct session_record_4 {
	struct session_end_event event;
	__u8 data[RECORD_4];
};

struct session_record_6 {
	struct session_end_event event;
	__u8 data[RECORD_6];
};

struct session_record_zoned {
	struct session_end_event event;
	__u8 data[RECORD_ZONED];
};

#define RECORD_UNIX (2 * UNIX_NAME_BYTES)

struct session_record_unix {
	struct session_end_event event;
	__u8 data[RECORD_UNIX];
};

static __always_inline __u32 want_of(__u32 kind)
{
	return 1 << (kind - EVENT_SESSION_START);
}

/* How the ring is to be written to; below zero: this record has to stay out. */
static __always_inline __s64 ring_flags(void)
{
	__u64 used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);

	if (used > ring_bytes / 4 * 3)
		return -1;
	return used > ring_bytes / 4 ? BPF_RB_FORCE_WAKEUP : 0;
}

/* Of a moment at which nobody changed it; else zero, and false. */
static __always_inline bool copy_owner(struct event_actor *owner, struct session *s)
{
	__u8 before = *(volatile __u8 *)&s->known_by;

	barrier();
	__builtin_memcpy(owner, &s->owner, sizeof(*owner));
	barrier();
	if (before != KNOWN_NOT && *(volatile __u8 *)&s->known_by == before)
		return true;
	__builtin_memset(owner, 0, sizeof(*owner));
	return false;
}

/* All but the addresses. `boot_ns` is when it happened. */
static __always_inline void fill_record(
	struct session_end_event *event, struct session *s, __u32 kind, __u32 old_state, __u64 boot_ns, __u32 room, __u32 net_flags)
{
	__u8 known_by = s->known_by == KNOWN_BY_LISTENER ? KNOWN_BY_EVENT : s->known_by;

	event->head.kind = kind;
	event->head.version = 1;
	event->head.len = sizeof(*event) + room;
	event->head.boot_ns = boot_ns;
	event->known_by = copy_owner(&event->head.actor, s) ? known_by : KNOWN_NOT;
	event->id = s->id;
	event->duration_ns = s->flags & SESSION_HAS_START && boot_ns > s->start_ns ? boot_ns - s->start_ns : 0;
	event->sent = s->sent;
	event->received = s->received;
	event->unacked = s->unacked;
	event->netns_cookie = s->netns_cookie;
	event->cgroup_id = s->cgroup_id;
	event->flags = kind == EVENT_SESSION_END ? s->flags : s->flags & ~(SESSION_HAS_BYTES | SESSION_HAS_UNACKED);
	event->retransmits = s->retransmits;
	event->family = s->family;
	event->transport = s->transport;
	event->net_flags = net_flags;
	event->state = s->state;
	event->old_state = old_state;
	event->error = -(__s32)s->error;
	event->role = s->role;
	event->local_port = s->local_port;
	event->peer_port = s->peer_port;
	event->peer_pid = 0;
}

static __always_inline bool has_peer(struct session *s)
{
	return s->peer_port || !is_any(s->peer);
}

static __always_inline void copy_address(__u8 *to, const __u8 *from)
{
	for (int word = 0; word < IPV6_BYTES / sizeof(__u32); word++)
		((__u32 *)to)[word] = ((const __u32 *)from)[word];
}

static __always_inline void put_addresses_4(struct session_record_4 *record, struct session *s)
{
	*(__u32 *)record->data = *(__u32 *)s->local;
	*(__u32 *)(record->data + IPV4_BYTES) = *(__u32 *)s->peer;
	record->event.local_len = IPV4_BYTES;
	record->event.peer_len = has_peer(s) ? IPV4_BYTES : 0;
	record->event.rest_len = has_peer(s) ? 0 : IPV4_BYTES;
}

static __always_inline void put_addresses_6(struct session_record_6 *record, struct session *s)
{
	copy_address(record->data, s->local);
	copy_address(record->data + IPV6_BYTES, s->peer);
	record->event.local_len = IPV6_BYTES;
	record->event.peer_len = has_peer(s) ? IPV6_BYTES : 0;
	if (s->flags & SESSION_LOCAL_DUAL) { /* without a peer, else the room is another one */
		record->data[0] = '*';
		record->event.local_len = 1;
	}
	record->event.rest_len = RECORD_6 - record->event.local_len - record->event.peer_len;
}

/* One end at `at`; returns where the next one begins. */
static __always_inline __u32 put_zoned(struct session_record_zoned *record, __u32 at, const __u8 *address, struct session *s, __u32 zone)
{
	barrier_var(at);
	if (at > IPV6_BYTES + ZONE_BYTES)
		return 0;
	bpf_probe_read_kernel(record->data + at, IPV6_BYTES, address);
	at += IPV6_BYTES;
	if (!is_link_local(address))
		return at;
	bpf_probe_read_kernel(record->data + at, ZONE_BYTES, s->zone);
	return at + zone;
}

static __always_inline void put_addresses_zoned(struct session_record_zoned *record, struct session *s)
{
	__u32 zone = 0, local, end;

	for (int i = 0; i < ZONE_BYTES && s->zone[i]; i++)
		zone = i + 1;
	if (s->flags & SESSION_LOCAL_DUAL) {
		record->data[0] = '*';
		local = 1;
	} else {
		local = put_zoned(record, 0, s->local, s, zone);
	}
	end = has_peer(s) ? put_zoned(record, local, s->peer, s, zone) : local;
	record->event.local_len = local;
	record->event.peer_len = end - local;
	record->event.rest_len = RECORD_ZONED - end;
}

static __always_inline void put_names(struct session_record_unix *record, struct session *s)
{
	__u64 sk = s->sk;
	struct unix_ends *ends = bpf_map_lookup_elem(&unix_sessions, &sk);
	__u32 local = 0, peer = 0;

	if (ends) {
		local = ends->local_len;
		peer = ends->peer_len;
		record->event.peer_pid = ends->peer_pid;
		bpf_probe_read_kernel(record->data, UNIX_NAME_BYTES, ends->local);
		barrier_var(local);
		if (local > UNIX_NAME_BYTES)
			local = 0;
		bpf_probe_read_kernel(record->data + local, UNIX_NAME_BYTES, ends->peer);
		if (peer > UNIX_NAME_BYTES)
			peer = 0;
	}
	record->event.local_len = local;
	record->event.peer_len = peer;
	record->event.rest_len = RECORD_UNIX - local - peer;
}

#define WRITE_RECORD(type, room, what, put) \
	do { \
		struct type *_record = bpf_ringbuf_reserve(&events, sizeof(struct session_end_event) + room, 0); \
		if (!_record) \
			break; \
		fill_record(&_record->event, s, kind, old_state, boot_ns, room, what); \
		put(_record, s); \
		bpf_ringbuf_submit(_record, flags); \
		return 0; \
	} while (0)

/* 0: written. */
static __noinline int write_session(struct session *s, __u32 kind, __u32 old_state, __u64 boot_ns)
{
	__s64 flags = ring_flags();

	if (flags < 0)
		return 1;
	if (s->family == AF_UNIX)
		WRITE_RECORD(session_record_unix, RECORD_UNIX, NET_IS_UNIX, put_names);
	else if (s->family == AF_INET)
		WRITE_RECORD(session_record_4, RECORD_4, NET_IS_INET, put_addresses_4);
	else if (s->zone[0] || (s->flags & SESSION_LOCAL_DUAL && has_peer(s)))
		WRITE_RECORD(session_record_zoned, RECORD_ZONED, NET_IS_INET, put_addresses_zoned);
	else
		WRITE_RECORD(session_record_6, RECORD_6, NET_IS_INET, put_addresses_6);
	return 1;
}

/* Whether a record of this kind is wanted of this session; it counts the answer. */
static __always_inline struct event_counters *session_counters(struct session *s, __u32 kind)
{
	struct session_settings *now = session_settings_now();
	struct event_counters *count;

	if (!now || !(now->wants & want_of(kind)))
		return 0;
	count = counters_of(kind);
	if (!count)
		return 0;
	/* a softirq may interrupt this on its own CPU */
	__sync_fetch_and_add(&count->seen, 1);
	if (session_is_meant(s) && !session_is_dropped(s, want_of(kind)))
		return count;
	__sync_fetch_and_add(&count->filtered, 1);
	return 0;
}

static __always_inline int emit_session(struct session *s, __u32 kind, __u32 old_state, __u64 boot_ns)
{
	struct event_counters *count;

	if (kind < EVENT_SESSION_START || kind > EVENT_SESSION_LISTEN)
		return 0;
	count = session_counters(s, kind);
	if (!count)
		return 0;
	if (write_session(s, kind, old_state, boot_ns))
		__sync_fetch_and_add(&count->lost, 1);
	else
		__sync_fetch_and_add(&count->written, 1);
	return 0;
}

/*
 * session_emit: one record, if it is wanted. `kind` is EVENT_SESSION_*; of TCP, `old_state` is the state before that of the session. A global
 * function, so that rules and addresses are verified once; before 5.12 such a one takes no pointers and finds the entry again.
 */
#ifdef RINGTAIL_LEGACY

__noinline __attribute__((unused)) int emit_of_socket(__u64 sk, __u32 kind, __u32 old_state, __u64 boot_ns)
{
	struct session *s = bpf_map_lookup_elem(&sessions, &sk);

	return s ? emit_session(s, kind, old_state, boot_ns) : 0;
}

__noinline __attribute__((unused)) int emit_of_flow(__u64 sk, __u64 peer_high, __u64 peer_low, __u64 rest, __u64 boot_ns)
{
	struct flow_key key = {.sk = sk, .port = rest, .family = rest >> 16 & 0xff, .scope = rest >> 32};
	struct session *s;

	((__u64 *)key.peer)[0] = peer_high;
	((__u64 *)key.peer)[1] = peer_low;
	s = bpf_map_lookup_elem(&flows, &key);
	return s ? emit_session(s, rest >> 24 & 0xff, STATE_NONE, boot_ns) : 0;
}

/* The key of a flow is socket, peer, its port and scope and the family of the session. */
static __always_inline int session_emit(struct session *s, __u32 kind, __u32 old_state, __u64 boot_ns)
{
	__u64 *peer = (__u64 *)s->peer, rest = s->peer_port | (__u64)s->family << 16 | (__u64)kind << 24 | (__u64)s->last_state << 32;

	if (s->transport == NET_UDP)
		return emit_of_flow(s->sk, peer[0], peer[1], rest, boot_ns);
	return emit_of_socket(s->sk, kind, old_state, boot_ns);
}

#else

__noinline __attribute__((unused)) int session_emit(struct session *s, __u32 kind, __u32 old_state, __u64 boot_ns)
{
	return s ? emit_session(s, kind, old_state, boot_ns) : 0;
}

#endif

#endif
