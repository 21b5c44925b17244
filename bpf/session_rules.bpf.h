/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the rules of filters say of a session: src/kernel/sockets/rules.ts makes them, src/core/rules.ts says what they mean. */
#ifndef RINGTAIL_SESSION_RULES_BPF_H
#define RINGTAIL_SESSION_RULES_BPF_H

#include "common.bpf.h"
#include <bpf/bpf_endian.h>

#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif

#define SESSION_RULE_SETS 4 /* pipelines that begin with different filters */

/* Of sizes and not of types: clang describes what is behind two pointers by its name alone. */
struct session_rule_generation {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct session_rule_set));
};

/* What is in force; nothing in it: no rules. It is exchanged whole, and that ends when no program uses the old one any more. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct session_rule_generation);
} session_rules SEC(".maps");

/* Records that each rule dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SESSION_RULE_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} session_rule_counts SEC(".maps");

/* One end of a session as the tests see it. */
struct session_side {
	union {
		__u64 address[2];
		__u32 words[4];
	};
	__u64 port;
	__u64 has; /* SESSION_RULE_ADDRESS, SESSION_RULE_PORTS: what can be tested */
};

/* All ones for equal numbers, else 0. */
static __always_inline __u64 ones_if_equal(__u64 a, __u64 b)
{
	return 0 - is_zero(a ^ b);
}

/* `address` has 16 bytes; of IPv4 the first four count. */
static __always_inline void fill_side(struct session_side *side, const __u8 *address, __u64 family, __u64 port)
{
	const __u32 *words = (const __u32 *)address;
	__u64 v4 = ones_if_equal(family, AF_INET), v6 = ones_if_equal(family, AF_INET6);

	side->words[0] = words[0] & v6;
	side->words[1] = words[1] & v6;
	side->words[2] = (words[2] & v6) | (bpf_htonl(0xffff) & v4);
	side->words[3] = (words[3] & v6) | (words[0] & v4);
	side->port = port & (v4 | v6);
	side->has = ((v4 | v6) & SESSION_RULE_ADDRESS) | ((is_zero(side->port) ^ 1) * SESSION_RULE_PORTS);
}

/*
 * 1 when the entry holds. Without a branch, as all that is done for each entry: a verifier that had to follow each way through 64 of them would give
 * up. What may be another peer than the one that stands there (`unsure` is 1) drops nothing and keeps.
 */
static __always_inline __u64 entry_holds(
	const struct session_rule *entry, const struct session_side *local, const struct session_side *peer, __u64 unsure, __u64 want)
{
	__u64 flags = entry->flags, is_local = (flags / SESSION_RULE_LOCAL) & 1, pick = 0 - is_local;
	__u64 tests = flags & (SESSION_RULE_ADDRESS | SESSION_RULE_PORTS), wrong, outside, forced, holds, port;

	barrier_var(pick);
	port = (local->port & pick) | (peer->port & ~pick);
	wrong = tests & ~((local->has & pick) | (peer->has & ~pick));
	wrong |= (((local->address[0] & pick) | (peer->address[0] & ~pick)) & entry->mask[0]) ^ entry->address[0];
	wrong |= (((local->address[1] & pick) | (peer->address[1] & ~pick)) & entry->mask[1]) ^ entry->address[1];
	outside = ((port - entry->port_min) | (entry->port_max - port)) >> 63;
	barrier_var(outside);
	wrong |= outside;
	forced = unsure & ~is_local & (is_zero(tests) ^ 1);
	holds = (is_zero(wrong) & ~forced) | (forced & ~flags);
	return holds & (is_zero(entry->kinds & want) ^ 1) & 1;
}

/* One rule of each set: `numbers` has sixteen bits a set. */
static __always_inline void count_session_drop(__u64 numbers, __u32 sets)
{
	for (__u32 set = 0; set < SESSION_RULE_SETS; set++) {
		__u32 number = numbers & 0xffff;
		__u64 *count;

		if (set >= sets)
			break;
		numbers >>= 16;
		count = bpf_map_lookup_elem(&session_rule_counts, &number);
		if (count)
			__sync_fetch_and_add(count, 1);
	}
}

struct session_judge {
	const struct session_rule_set *set;
	struct session_side local;
	struct session_side peer;
	__u64 unsure;
	__u64 want;
	__u64 holds; /* what belongs to one rule did so far */
	__u64 dropped; /* a bit a set */
	__u64 kept;
	__u64 numbers; /* of the rules that dropped, sixteen bits a set */
};

static __always_inline void judge_entry(struct session_judge *judge, __u32 index)
{
	const struct session_rule *entry = &judge->set->entries[index];
	__u64 flags = entry->flags, place = entry->set % SESSION_RULE_SETS, holds = judge->holds, is_last, drops;

	holds &= entry_holds(entry, &judge->local, &judge->peer, judge->unsure, judge->want);
	is_last = ~(flags / SESSION_RULE_MORE) & 1;
	drops = holds & is_last & flags;
	judge->numbers |= (entry->number * (drops & ~(judge->dropped >> place))) << (16 * place);
	judge->dropped |= drops << place;
	judge->kept |= (holds & is_last & ~flags) << place;
	judge->holds = holds | is_last;
}

#ifndef RINGTAIL_LEGACY
static long judge_round(__u32 index, struct session_judge *judge)
{
	if (index >= SESSION_RULES)
		return 1;
	judge_entry(judge, index);
	return 0;
}
#endif

static __noinline int session_verdict(const struct session_rule_set *set, const struct session *session, __u32 want)
{
	struct session_judge judge = {.set = set, .want = want, .holds = 1, .unsure = (session->flags / SESSION_MANY_PEERS) & 1};
	__u32 sets = set->sets, rules = set->rules;
	/* what the others have in place of a port is the id of an echo, or the number of a protocol */
	__u64 ports = ~(ones_if_equal(session->transport, NET_ICMP) | ones_if_equal(session->transport, NET_RAW));
	__u64 family = session->family, nowhere;

	fill_side(&judge.local, session->local, family, session->local_port & ports);
	fill_side(&judge.peer, session->peer, family, session->peer_port & ports);
	/* the marks of a mapped address do not count as one */
	nowhere = is_zero(judge.peer.address[0] | (judge.peer.address[1] & ones_if_equal(family, AF_INET6)) | judge.peer.words[3]);
	judge.peer.has &= ~(nowhere * SESSION_RULE_ADDRESS);
#ifdef RINGTAIL_LEGACY
	for (__u32 i = 0; i < SESSION_RULES; i++) {
		if (i >= rules)
			break;
		judge_entry(&judge, i);
	}
#else
	bpf_loop(rules, judge_round, &judge, 0);
#endif
	if (!sets || sets > SESSION_RULE_SETS || (judge.dropped & ~judge.kept) != (1u << sets) - 1)
		return 0;
	count_session_drop(judge.numbers, sets);
	return 1;
}

/* Whether every pipeline drops the record of this kind (enum session_want) that would be made of the session now. */
static __always_inline bool session_is_dropped(const struct session *session, __u32 want)
{
	__u32 zero = 0;
	void *generation = bpf_map_lookup_elem(&session_rules, &zero);
	struct session_rule_set *set = generation ? bpf_map_lookup_elem(generation, &zero) : 0;

	return set && set->rules && session_verdict(set, session, want);
}

#endif
