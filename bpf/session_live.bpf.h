/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walks that user space runs when it collects: what is open now, by the key of its counts and its state. Nothing is counted for them at each packet.
 */
#ifndef RINGTAIL_SESSION_LIVE_BPF_H
#define RINGTAIL_SESSION_LIVE_BPF_H

#include "session.bpf.h"
#include "session_count.bpf.h"

#define SESSION_LIVE_ENTRIES 32768 /* keys of counts, each with the few states that last */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SESSION_LIVE_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct session_count_key);
	__type(value, struct session_live);
} session_live SEC(".maps");

static const struct session_live nothing_live = {};

static __always_inline struct session_rest *rest_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&session_rest, &zero);
}

/* What has no room among the counts has none here: its bytes shall not change their series when it ends. */
static __always_inline struct session_live *new_live(struct session_count_key *key, __u32 state)
{
	key->state = 0;
	if (!own_count(key))
		return 0;
	key->state = state;
	bpf_map_update_elem(&session_live, key, &nothing_live, BPF_NOEXIST);
	return bpf_map_lookup_elem(&session_live, key);
}

/* One walk runs at a time. */
static __noinline __attribute__((unused)) int add_live(struct session_count_key *key, __u32 state, struct session_live *more)
{
	struct session_rest *rest;
	struct session_live *live;

	key->state = state;
	live = bpf_map_lookup_elem(&session_live, key);
	if (!live)
		live = new_live(key, state);
	if (!live) {
		rest = rest_now();
		if (!rest)
			return 0;
		live = &rest->live;
	}
	live->open += more->open;
	live->sent += more->sent;
	live->received += more->received;
	return 0;
}

/* Before the others: forgets what they found the last time. Ends with a run without an entry. */
SEC("?iter/bpf_map_elem")
int on_clear_live(struct bpf_iter__bpf_map_elem *ctx)
{
	struct session_count_key *found = ctx->key, key;
	struct session_rest *rest = rest_now();

	if (found) {
		key = *found;
		bpf_map_delete_elem(&session_live, &key);
	} else if (rest) {
		rest->live.open = 0;
		rest->live.sent = 0;
		rest->live.received = 0;
	}
	return 0;
}

static __always_inline void live_bytes(struct session *session, __u32 state, struct session_live *more)
{
	struct tcp_bytes bytes = {.sent = session->sent, .received = session->received};

	/* what is closed and waits for its accept has been asked for the last time */
	if (session->transport == NET_TCP && !(session->flags & (SESSION_IS_CLOSED | SESSION_IS_LISTENER)))
		read_tcp_bytes(session->sk, state, &bytes);
	more->sent = bytes.sent > session->before_sent ? bytes.sent - session->before_sent : 0;
	more->received = bytes.received > session->before_received ? bytes.received - session->before_received : 0;
}

/* TCP is asked itself what it moved. A socket that is no longer the one of the entry says nothing: its end is still to come. */
SEC("?iter/bpf_map_elem")
int on_live_sessions(struct bpf_iter__bpf_map_elem *ctx)
{
	struct session *session = ctx->value;
	struct session_rest *rest = rest_now();
	struct session_live more = {.open = 1};
	struct session_count_key key;
	__u32 state;

	if (!rest)
		return 0;
	if (!ctx->meta->seq_num)
		rest->sessions = 0;
	if (!session || !session->sk) /* it is just being made */
		return 0;
	rest->sessions++;
	if (session->flags & SESSION_IS_SOCKET || !session_is_meant(session) || !is_same_socket(session))
		return 0;
	state = session->transport == NET_TCP ? sock_state(session->sk) : session->state;
	live_bytes(session, state, &more);
	if (session->flags & SESSION_IS_CLOSED || state == STATE_TCP_CLOSED)
		more.open = 0;
	count_key(session, &key);
	add_live(&key, state, &more);
	return 0;
}

SEC("?iter/bpf_map_elem")
int on_live_flows(struct bpf_iter__bpf_map_elem *ctx)
{
	struct session *flow = ctx->value;
	struct session_rest *rest = rest_now();
	struct session_live more = {.open = 1};
	struct session_count_key key;

	if (!rest)
		return 0;
	if (!ctx->meta->seq_num)
		rest->flows = 0;
	if (!flow)
		return 0;
	rest->flows++;
	if (!session_is_meant(flow))
		return 0;
	more.sent = flow->sent;
	more.received = flow->received;
	count_key(flow, &key);
	add_live(&key, 0, &more);
	return 0;
}

static __always_inline bool is_loopback_skc(struct sock_common *skc)
{
	struct in6_addr *peer;

	if (skc->skc_family == AF_INET)
		return (skc->skc_daddr & 0xff) == LOOPBACK_NET || skc->skc_daddr == skc->skc_rcv_saddr;
	peer = &skc->skc_v6_daddr;
	if (!peer->in6_u.u6_addr32[0] && !peer->in6_u.u6_addr32[1] && peer->in6_u.u6_addr32[2] == bpf_htonl(0xffff))
		return (peer->in6_u.u6_addr32[3] & 0xff) == LOOPBACK_NET;
	return !peer->in6_u.u6_addr32[0] && !peer->in6_u.u6_addr32[1] && !peer->in6_u.u6_addr32[2] && peer->in6_u.u6_addr32[3] == bpf_htonl(1);
}

/* TIME_WAIT is no socket any more and has neither owner nor cgroup: counted in the table of the network namespace that the iterator was made in. */
SEC("?iter/tcp")
int on_time_wait(struct bpf_iter__tcp *ctx)
{
	struct sock_common *skc = ctx->sk_common;
	struct session_count_key key = {.transport = NET_TCP};
	struct session_live more = {.open = 1};
	struct session_settings *now;
	__u32 zero = 0;

	now = bpf_map_lookup_elem(&session_settings, &zero);
	if (!skc || !now || now->cgroup_id || skc->skc_state != STATE_TCP_TIME_WAIT || !(now->told >> NET_TCP & 1))
		return 0;
	if (!(now->families & (skc->skc_family == AF_INET ? 1 : 2)))
		return 0;
	if (now->no_loopback && is_loopback_skc(skc))
		return 0;
	key.family = skc->skc_family == AF_INET ? 4 : 6;
	key.netns_cookie = netns_cookie_of((__u64)skc);
	add_live(&key, STATE_TCP_TIME_WAIT, &more);
	return 0;
}

#endif
