/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sessions of sockets: the maps that hold them, who owns one, and how its records are written. */
#ifndef RINGTAIL_SESSION_BPF_H
#define RINGTAIL_SESSION_BPF_H

#include "actor.bpf.h"
#include "exclude.bpf.h"
#include "session_fields.bpf.h"

#define SESSION_ENTRIES 65536 /* the loader sets what is asked for */
#define SESSION_CLAIMS 4096   /* ends that two processors may tell at one moment */

/* The loader: datagrams are counted as packets (on_egress, on_ingress), not as calls (on_send, on_receive). */
const volatile bool counts_packets = false;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SESSION_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct session);
} sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SESSION_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow_key);
	__type(value, struct session);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct session_settings);
} session_settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SESSION_STATS);
	__type(key, __u32);
	__type(value, __u64);
} session_stats SEC(".maps");

/* Beside `sessions`, of those of unix sockets. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SESSION_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct unix_ends);
} unix_sessions SEC(".maps");

/* The template of every entry: scratch of a CPU is not safe from a softirq. */
static const struct session new_session = {};

static __always_inline struct session_settings *session_settings_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&session_settings, &zero);
}

/* Adds one to an entry of `session_stats`. */
static __always_inline void note_stat(__u32 stat)
{
	__u64 *count = bpf_map_lookup_elem(&session_stats, &stat);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline bool session_protocol_wanted(__u32 transport)
{
	struct session_settings *now = session_settings_now();

	return now && now->protocols >> transport & 1;
}

static __always_inline __u64 random_id(void)
{
	return (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
}

/* The entry of a socket; what another socket left under this address is taken out. */
static __always_inline struct session *session_of(__u64 sk)
{
	struct session *s = bpf_map_lookup_elem(&sessions, &sk);
	__u64 cookie;

	if (!s || !s->cookie)
		return s;
	cookie = cookie_of(sk);
	if (cookie == s->cookie)
		return s;
	note_stat(SESSION_REUSED);
	bpf_map_delete_elem(&sessions, &sk);
	return 0;
}

/* A new entry with all that the socket itself says but its ends; `flags` as for bpf_map_update_elem. Null: there is no room, or one with BPF_NOEXIST.
 */
static __always_inline struct session *session_insert(__u64 sk, __u64 flags)
{
	struct session *s;

	if (bpf_map_update_elem(&sessions, &sk, &new_session, flags)) {
		if (flags != BPF_NOEXIST || !bpf_map_lookup_elem(&sessions, &sk))
			note_stat(SESSION_NO_ROOM);
		return 0;
	}
	s = bpf_map_lookup_elem(&sessions, &sk);
	if (!s)
		return 0;
	s->id = random_id();
	s->mark = 1;
	read_identity(s, sk);
	return s;
}

static __always_inline void set_role(struct session *s, __u8 role)
{
	s->role = role;
	s->flags = (s->flags & ~(SESSION_IS_CLIENT | SESSION_IS_SERVER)) | (role == ROLE_CLIENT          ? SESSION_IS_CLIENT
										   : role == ROLE_SERVER ? SESSION_IS_SERVER
													 : 0);
}

/* ---- owner ---- */

/* 1: it is Ringtail, or the configuration leaves it out. Global, to be verified once. */
__noinline __attribute__((unused)) int is_task_left_out(__u64 task)
{
	__u32 pid;

	KREAD(pid, task, task_struct, tgid);
	return (self_tgid && pid == self_tgid) || is_excluded((struct task_struct *)task);
}

/* Who reads while it changes finds nobody: a mixture of two would be wrong. */
#define OWNER_WRITE(s, by, what) \
	do { \
		*(volatile __u8 *)&(s)->known_by = KNOWN_NOT; \
		barrier(); \
		what; \
		barrier(); \
		*(volatile __u8 *)&(s)->known_by = by; \
	} while (0)

/*
 * A socket in the root of v2 is in no cgroup of its own, and knows nothing of v1 where that counts first: it counts where its first owner is, and
 * stays there, for what it added up to must not move.
 */
static __always_inline void settle_cgroup(struct session *s, __u64 owners)
{
	if (s->cgroup_id == ROOT_CGROUP_ID || (v1_first && !(s->cgroup_id >> CGROUP_HIERARCHY_SHIFT) && owners >> CGROUP_HIERARCHY_SHIFT))
		s->cgroup_id = owners;
}

/* The process of a task becomes the owner: named as its first thread is. */
static __always_inline void fill_owner_of(struct session *s, __u64 task, __u8 by)
{
	__u64 leader;
	bool left_out = is_task_left_out(task);

	KREAD(leader, task, task_struct, group_leader);
	OWNER_WRITE(s, by, {
		fill_actor_fast(&s->owner, (struct task_struct *)task, leader);
		s->owner.cgroup_id = cgroup_of_task(task);
	});
	settle_cgroup(s, s->owner.cgroup_id);
	s->mark = 1;
	if (left_out)
		s->flags |= SESSION_IS_LEFT_OUT;
	else
		s->flags &= ~SESSION_IS_LEFT_OUT;
}

/* The current task, where that is who uses the socket. */
static __always_inline void fill_owner(struct session *s)
{
	fill_owner_of(s, bpf_get_current_task(), KNOWN_BY_EVENT);
}

static __always_inline bool is_owner(struct session *s, __u64 task)
{
	__u64 leader, start;
	__u32 pid;

	if (s->known_by == KNOWN_NOT)
		return false;
	KREAD(pid, task, task_struct, tgid);
	if (pid != s->owner.pid)
		return false;
	KREAD(leader, task, task_struct, group_leader);
	KREAD(start, leader, task_struct, start_boottime);
	return start == s->owner.start_ns;
}

/* The current task uses the socket in its own name: when that is another process, it is the owner from now on. Not for softirqs. */
static __always_inline void follow_owner(struct session *s)
{
	__u64 task = bpf_get_current_task();
	__u32 flags;

	if (is_owner(s, task))
		return;
	KREAD(flags, task, task_struct, flags);
	if (flags & PF_KTHREAD)
		return;
	if (s->known_by != KNOWN_NOT && s->known_by != KNOWN_BY_LISTENER)
		note_stat(SESSION_MOVED);
	fill_owner_of(s, task, KNOWN_BY_EVENT);
}

/* ---- what is meant ---- */

#define CGROUP_LEVELS 16

/* The settings name a cgroup: the socket's own or one above it. */
static __always_inline int is_below_cgroup(struct session *s, __u64 id)
{
	__u64 group;

	if (s->cgroup_id == id || id == ROOT_CGROUP_ID)
		return 1;
	if (!is_same_socket(s))
		return 0;
	group = cgroup_of_sock(s->sk);
	for (int level = 0; level < CGROUP_LEVELS && group; level++) {
		if (cgroup_number(group) == id)
			return 1;
		/* a cgroup begins with its own state, whose parent is the state of the cgroup above */
		KREAD(group, group, cgroup, self.parent);
	}
	return 0;
}

/* Global where such a function may take a pointer, so that it is verified once. */
#ifdef RINGTAIL_LEGACY
static __noinline __attribute__((unused)) int is_in_cgroup(struct session *s, __u64 id)
#else
__noinline __attribute__((unused)) int is_in_cgroup(struct session *s, __u64 id)
#endif
{
	return s ? is_below_cgroup(s, id) : 0;
}

/* Whether the settings let it become records and be counted: nothing of rules and of kinds of records. */
static __always_inline bool session_is_meant(struct session *s)
{
	struct session_settings *now = session_settings_now();

	if (!now || !(now->told >> s->transport & 1) || s->flags & SESSION_IS_LEFT_OUT || (now->no_loopback && s->flags & SESSION_IS_LOOPBACK))
		return false;
	if ((s->family == AF_INET && !(now->families & 1)) || (s->family == AF_INET6 && !(now->families & 2)))
		return false;
	return !now->cgroup_id || is_in_cgroup(s, now->cgroup_id);
}

#include "session_rules.bpf.h"
#include "session_count.bpf.h"
#include "session_record.bpf.h"
#include "session_end.bpf.h"

#endif
