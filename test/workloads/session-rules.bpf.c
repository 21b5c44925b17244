// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Asks the rules of the kernel about sessions that are made up: each run of the iterator over tasks judges some of them.
#define RINGTAIL_NO_CAST
#include "../../bpf/session_rules.bpf.h"

#define CASES 4096
#define CASES_A_TASK 16

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CASES);
	__type(key, __u32);
	__type(value, struct session);
} cases SEC(".maps");

/* 1: kept, 2: dropped; [CASES] is how many were judged. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CASES + 1);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

/* `mark` of a case says of which record it is. */
static __noinline int judge_next(__u32 index)
{
	struct session *session = bpf_map_lookup_elem(&cases, &index);
	__u64 *verdict = bpf_map_lookup_elem(&verdicts, &index);

	if (session && verdict)
		*verdict = session_is_dropped(session, session->mark) ? 2 : 1;
	return 0;
}

SEC("?iter/task")
int on_cases(struct bpf_iter__task *ctx)
{
	__u32 last = CASES;
	__u64 *next = bpf_map_lookup_elem(&verdicts, &last);

	for (int i = 0; i < CASES_A_TASK; i++)
		if (next && *next < CASES)
			judge_next((*next)++);
	return 0;
}
