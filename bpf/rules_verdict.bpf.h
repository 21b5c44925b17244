/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the bits that match make of a record, and which rule it was. */
#ifndef RINGTAIL_RULES_VERDICT_BPF_H
#define RINGTAIL_RULES_VERDICT_BPF_H

#include "rules_maps.bpf.h"

/* Every filter drops what has the bits `hit` and may have those of `maybe`. */
static __always_inline bool all_drop(struct rule_set *set, __u64 hit, __u64 maybe)
{
#pragma unroll
	for (int filter = 0; filter < RULE_FILTERS; filter++) {
		struct rule_stage *who = &set->stages[filter][0], *what = &set->stages[filter][1];

		if (filter >= set->filters)
			break;
		if ((!(hit & who->drop) || maybe & who->keep) && (!(hit & what->drop) || maybe & what->keep))
			return false;
	}
	return true;
}

/* Without a branch: a verifier follows both ways of each. */
static __always_inline __u64 has_bits(__u64 value, __u64 mask)
{
	return is_zero(value & mask) ^ 1;
}

static __always_inline __u32 lowest_bit(__u64 mask)
{
	__u64 bit = mask & (0 - mask);

	return has_bits(bit, 0xffffffff00000000) << 5 | has_bits(bit, 0xffff0000ffff0000) << 4 | has_bits(bit, 0xff00ff00ff00ff00) << 3 |
	       has_bits(bit, 0xf0f0f0f0f0f0f0f0) << 2 | has_bits(bit, 0xcccccccccccccccc) << 1 | has_bits(bit, 0xaaaaaaaaaaaaaaaa);
}

static __always_inline int count_one(__u32 rule)
{
	__u64 *count = bpf_map_lookup_elem(&rule_counts, &rule);

	if (count)
		*count += 1;
	return 0;
}

/* The number of the rule that the lowest bit stands for. */
static __always_inline __u32 rule_of(struct rule_set *set, struct rule_actor *actor, __u64 mask)
{
	__u32 bit = lowest_bit(mask) % RULE_CLASSES, name;
	struct rule_class *class;

	barrier_var(bit);
	bit %= RULE_CLASSES;
	class = &set->classes[bit];
	if (class->rule)
		return class->rule;
	name = (class->field * RULE_SLOTS + class->slot) % (RULE_NAMED * RULE_SLOTS);
	barrier_var(name);
	name %= RULE_NAMED * RULE_SLOTS;
	return actor->names[name];
}

/* Of those that match, the bits that drop in the first stage that does. */
static __always_inline __u64 dropping(struct rule_stage *stages, __u64 hit, __u64 maybe)
{
	return hit & stages[0].drop && !(maybe & stages[0].keep) ? hit & stages[0].drop : hit & stages[1].drop;
}

/* One rule a filter that drops. Not global: it is about the generation that dropped, which may have just gone. */
static __noinline int count_drop(struct rule_set *set, struct rule_actor *actor, __u64 hit, __u64 maybe)
{
	for (int filter = 0; filter < RULE_FILTERS; filter++) {
		if (filter >= set->filters)
			break;
		count_one(rule_of(set, actor, dropping(set->stages[filter], hit, maybe)));
	}
	return 0;
}

/* The end of each question: what is still open counts as not hit, and as perhaps hit. */
static __always_inline bool rules_settle(struct rule_set *set, struct rule_actor *actor, __u64 hit, __u64 maybe)
{
	if (!all_drop(set, hit, maybe))
		return false;
	count_drop(set, actor, hit, maybe);
	return true;
}

#endif
