/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The two questions to the rules about a call on a file, as global functions, so that each is verified once. */
#ifndef RINGTAIL_CALL_RULES_BPF_H
#define RINGTAIL_CALL_RULES_BPF_H

#include "call.bpf.h"
#include "exclude.bpf.h"
#include "path.bpf.h"
#include "rules.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rule_state);
} rule_states SEC(".maps");

/* 1: the configuration leaves out who made it. */
__noinline int is_caller_left_out(void)
{
	struct call_ctx *call = current_ctx();

	return call ? is_left_out(call->task) : 1;
}

/* 1: the call is left out, or dropped by who made it, by its kind or its result. */
__noinline int is_left_or_dropped(void)
{
	__u32 zero = 0;
	struct rule_state *rules = bpf_map_lookup_elem(&rule_states, &zero);
	struct call_ctx *call = current_ctx();

	if (!rules || !call)
		return 1;
	return is_caller_left_out() || rules_begin(rules, call);
}

/* 1: it is dropped by the path, which begins at `start` of the text of the walk. After that what lies before the path is lost. */
__noinline int is_path_dropped(__u32 start, __u32 len)
{
	__u32 zero = 0, slot = WALK_EVENT;
	struct rule_state *rules = bpf_map_lookup_elem(&rule_states, &zero);
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	struct call_ctx *call = current_ctx();

	if (!rules || !call || !walk || start > PATH_BYTES + 1)
		return 0;
	return rules_path(rules, call, walk->text + start, len, walk->flags);
}

#endif
