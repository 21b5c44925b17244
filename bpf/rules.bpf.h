/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Filter rules that the kernel evaluates before a record of a system call is made. A handler asks twice: `rules_begin` before costly fields are read,
 * then, with what the record is about, `rules_path` or `rules_peer`; each says whether the record is dropped, and counts the rule. What cannot be
 * settled here is not dropped: user space judges each record that comes by all rules.
 */
#ifndef RINGTAIL_RULES_BPF_H
#define RINGTAIL_RULES_BPF_H

#include "call.bpf.h"
#include "rules_actor.bpf.h"

#define ENOENT 2
#define DOTS_BYTES 256 /* of a path that nobody resolved; a longer one settles nothing */

/* Between the two questions; every byte may be used. */
struct rule_state {
	__u64 words[8];
};

/* What is in `words`. */
enum rule_word { RULE_HIT, RULE_MAYBE, RULE_GENERATION, RULE_ACTOR };

/* The first question, about an actor who was judged. */
static __always_inline bool rules_first(struct rule_state *state, struct call_ctx *call, struct rule_set *set, struct rule_actor *actor, __u32 index)
{
	__u32 kind = call->kind % EVENT_KINDS;
	__u64 hit, maybe, mask;

	barrier_var(kind);
	kind %= EVENT_KINDS;
	mask = set->kinds[kind] & set->results[call->ret < 0];
	if (call->ret < 0 && set->tests[RULE_RESULT])
		mask = set->kinds[kind] & (set->results[1] | value_mask(set, actor, RULE_RESULT, -call->ret));
	hit = actor->hit & mask;
	maybe = actor->maybe & mask;
	if (rules_settle(set, actor, hit & ~set->later, maybe))
		return true;
	if (!all_drop(set, maybe, 0))
		return false;
	state->words[RULE_HIT] = hit;
	state->words[RULE_MAYBE] = maybe;
	state->words[RULE_GENERATION] = set->generation;
	state->words[RULE_ACTOR] = index;
	return false;
}

static __always_inline bool rules_answer(struct rule_state *state, struct call_ctx *call, struct rule_set *set, struct rule_actor *actor, __u32 index)
{
	__u32 kind = call->kind % EVENT_KINDS, place = (call->kind - EVENT_CALL_FIRST) % RULE_KINDS;

	barrier_var(place);
	place %= RULE_KINDS;
	if (actor->dropped >> kind & 1) {
		count_one(actor->rules[place]);
		return true;
	}
	return actor->open >> kind & 1 && rules_first(state, call, set, actor, index);
}

/* True: dropped by who did it, by the event or its result. */
static __always_inline bool rules_begin(struct rule_state *state, struct call_ctx *call)
{
	struct rule_set *set = rules_now();
	struct rule_actor *actor;
	__u32 index;

	/* all that is read later: 5.10 does not follow that the generation guards the others */
	state->words[RULE_HIT] = state->words[RULE_MAYBE] = state->words[RULE_GENERATION] = state->words[RULE_ACTOR] = 0;
	if (!set)
		return false;
	actor = actor_now(set, &index);
	if (!actor || actor->generation != set->generation)
		return false;
	return rules_answer(state, call, set, actor, index);
}

/* The generation and the answer of rules_begin, when there is still something to ask. */
static __always_inline struct rule_set *rules_again(struct rule_state *state, struct rule_actor **actor)
{
	__u32 index = state->words[RULE_ACTOR];
	struct rule_set *set;

	if (!state->words[RULE_GENERATION])
		return 0;
	set = rules_now();
	if (!set || set->generation != state->words[RULE_GENERATION])
		return 0;
	*actor = bpf_map_lookup_elem(&rule_actors, &index);
	return *actor ? set : 0;
}

/* Two dots in a row: the path may lead elsewhere than it says. Looks at the first DOTS_BYTES, by eights. */
static __always_inline bool has_dots(const char *path, __u32 len)
{
	__u64 before = 0;

	for (__u32 at = 0; at < DOTS_BYTES; at += 8) {
		__u64 differ = *(const __u64 *)(path + at) ^ 0x2e2e2e2e2e2e2e2eULL;
		__u64 dots = (differ - 0x0101010101010101ULL) & ~differ & 0x8080808080808080ULL;

		if (at >= len)
			break;
		if (dots & (dots << 8 | before >> 56))
			return true;
		before = dots;
	}
	return false;
}

/* A path that the caller said and nobody resolved. */
static __always_inline bool is_word_sure(struct call_ctx *call, const char *path, __u32 len)
{
	if (call->kind != EVENT_UNLINK && !(call->kind == EVENT_OPEN && call->ret < 0))
		return true;
	return (call->ret >= 0 || call->ret == -ENOENT) && *path == '/' && len <= DOTS_BYTES && !has_dots(path, len);
}

/*
 * `path` is in a map value with five bytes before it and 256 readable ones from there on; `len` of them, or more, are the path. True: dropped. What
 * is uncertain (src/core/rules.ts) settles nothing.
 */
static __always_inline bool rules_path(struct rule_state *state, struct call_ctx *call, const char *path, __u32 len, __u32 path_flags)
{
	struct rule_actor *actor;
	struct rule_set *set = rules_again(state, &actor);
	__u64 tests, mask;

	if (!set || !len || path_flags & (PATH_TRUNCATED | PATH_FAULT) || (path_flags & (PATH_DETACHED | PATH_PSEUDO)) == PATH_DETACHED)
		return false;
	if (call->flags & CALL_IS_UNVERIFIED || !is_word_sure(call, path, len))
		return false;
	tests = set->tests[RULE_PATH];
	mask = ~tests | text_mask(find_text(&rule_paths, (char *)path, len, set->tag), len, actor, RULE_PATH);
	return rules_settle(set, actor, state->words[RULE_HIT] & mask, state->words[RULE_MAYBE] & mask);
}

static __always_inline __u64 peer_mask(struct rule_set *set, struct rule_actor *actor, const __u8 *peer, __u32 len)
{
	struct rule_peer_key key = {.prefixlen = (1 + sizeof(key.bytes)) * 8, .tag = set->tag};
	struct rule_value *found;

	if (len == 16) {
		__builtin_memcpy(key.bytes, peer, 16);
	} else {
		key.bytes[10] = 0xff;
		key.bytes[11] = 0xff;
		__builtin_memcpy(key.bytes + 12, peer, 4);
	}
	found = bpf_map_lookup_elem(&rule_peers, &key);
	if (!found)
		return 0;
	keep_names(actor, RULE_ADDRESS, found->names);
	return found->mask;
}

/* Of kinds of the network; `peer` has 4 or 16 bytes, or none. True: dropped. */
static __always_inline bool rules_peer(struct rule_state *state, struct call_ctx *call, const __u8 *peer, __u32 len, __u32 port)
{
	struct rule_actor *actor;
	struct rule_set *set = rules_again(state, &actor);
	__u64 hit, maybe, tests, mask;

	if (!set || call->flags & CALL_IS_UNVERIFIED)
		return false;
	hit = state->words[RULE_HIT];
	maybe = state->words[RULE_MAYBE];
	tests = set->tests[RULE_ADDRESS];
	mask = ~tests;
	if (tests && (len == 4 || len == 16)) {
		mask |= peer_mask(set, actor, peer, len);
		maybe &= mask;
	}
	hit &= mask;
	tests = set->tests[RULE_PORT];
	mask = ~tests;
	if (tests && port) {
		mask |= value_mask(set, actor, RULE_PORT, port);
		maybe &= mask;
	}
	hit &= mask;
	return rules_settle(set, actor, hit, maybe);
}

#endif
