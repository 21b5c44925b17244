/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of filter rules, and one look-up in each. */
#ifndef RINGTAIL_RULES_MAPS_BPF_H
#define RINGTAIL_RULES_MAPS_BPF_H

#include "common.bpf.h"
#include "rules.h"

#define RULE_ENTRIES 65536 /* of two generations, by map */
#define RULE_ACTORS 64    /* answers that a CPU keeps */

/* Of sizes and not of types: clang describes what is behind two pointers by its name alone. */
struct rule_generation {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct rule_set));
};

/* The generation in force; nothing in it: no rules. A new one is put in whole, and that ends when no program uses the old one any more. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct rule_generation);
} rules SEC(".maps");

struct rule_texts {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RULE_ENTRIES);
	__type(key, struct rule_text_key);
	__type(value, struct rule_text);
};

struct rule_texts rule_paths SEC(".maps");
struct rule_texts rule_programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RULE_ENTRIES);
	__type(key, struct rule_comm_key);
	__type(value, struct rule_text);
} rule_comms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RULE_ENTRIES);
	__type(key, struct rule_peer_key);
	__type(value, struct rule_value);
} rule_peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, RULE_ENTRIES);
	__type(key, struct rule_value_key);
	__type(value, struct rule_value);
} rule_values SEC(".maps");

/* Records that each rule dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RULE_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} rule_counts SEC(".maps");

#define RULE_KINDS 16 /* kinds of events of system calls: a power of two, so that a bound is a mask */

_Static_assert(EVENT_CALL_LAST - EVENT_CALL_FIRST < RULE_KINDS, "a place for each kind");

/* What the rules say of a thread. The keys tell whether it is still the same one in all that they look at. */
struct rule_actor {
	__u64 task;
	__u64 start;
	__u64 comm[2];
	__u64 image; /* self_exec_id, effective user */
	__u64 parent;
	__u32 generation; /* 0: there is no answer */
	__u32 dropped;    /* a bit for each kind of event that is dropped whatever it is about */
	__u32 open;       /* a bit for each kind that may be dropped for what it is about */
	__u16 rules[RULE_KINDS]; /* by kind: the rule that drops */
	__u64 hit;   /* bits that no field of a process speaks against */
	__u64 maybe; /* the same, and those that test what could not be had */
	__u16 names[RULE_NAMED * RULE_SLOTS]; /* of the fields of a process; those of the record are for the record at hand */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RULE_ACTORS);
	__type(key, __u32);
	__type(value, struct rule_actor);
} rule_actors SEC(".maps");

static __always_inline struct rule_set *rules_now(void)
{
	__u32 zero = 0;
	void *generation = bpf_map_lookup_elem(&rules, &zero);

	return generation ? bpf_map_lookup_elem(generation, &zero) : 0;
}

static __always_inline void keep_names(struct rule_actor *actor, enum rule_field field, const __u64 *names)
{
	__u64 *to = (__u64 *)&actor->names[field * RULE_SLOTS];

	to[0] = names[0];
	to[1] = names[1];
}

/* Bits that a text matches, and the names of their rules. */
static __always_inline __u64 text_mask(const struct rule_text *found, __u32 len, struct rule_actor *actor, enum rule_field field)
{
	__u32 whole;

	if (!found)
		return 0;
	whole = found->len == len;
	keep_names(actor, field, found->names[whole]);
	return found->masks[whole];
}

/* `text` is in a map value, with five bytes before it, which serve as the rest of the key, and RULE_TEXT_BYTES behind. */
static __always_inline struct rule_text *find_text(void *map, char *text, __u32 len, __u32 tag)
{
	struct rule_text_key *key = (void *)(text - offsetof(struct rule_text_key, text));
	__u32 before = key->prefixlen, kept = len < RULE_TEXT_BYTES ? len : RULE_TEXT_BYTES;
	__u8 last = key->tag;
	struct rule_text *found;

	key->prefixlen = (kept + 1) * 8;
	key->tag = tag;
	found = bpf_map_lookup_elem(map, key);
	key->prefixlen = before;
	key->tag = last;
	return found;
}

static __always_inline __u64 value_mask(struct rule_set *set, struct rule_actor *actor, enum rule_field field, __u32 value)
{
	struct rule_value_key key = {.value = value, .field = field, .tag = set->tag};
	struct rule_value *found = bpf_map_lookup_elem(&rule_values, &key);

	if (!found)
		return 0;
	if (field < RULE_NAMED)
		keep_names(actor, field, found->names);
	return found->mask;
}

#endif
