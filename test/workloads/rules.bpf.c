// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Asks the rules of the kernel about records that are made up: each run of the iterator over tasks judges some of them.
#define RINGTAIL_NO_CAST
#include "../../bpf/rules.bpf.h"

#define CASES 4096
#define CASE_TEXT_BYTES 512
#define CASES_A_TASK 32

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct rule_case {
	__s64 ret;
	__u32 kind;
	__u32 call_flags;
	__u32 uid;
	__u32 pid;
	__u32 parent_pid;
	__u32 flags;
	__u32 comm_len;
	__u32 executable_len;
	__u32 path_len;
	__u32 path_flags;
	__u32 peer_len;
	__u32 port;
	__u8 peer[16];
	char comm[16];
	char executable[CASE_TEXT_BYTES];
	char path[CASE_TEXT_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CASES);
	__type(key, __u32);
	__type(value, struct rule_case);
} cases SEC(".maps");

/* 1: kept, 2: dropped; [CASES] is how many were judged. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CASES + 1);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct call_ctx);
} test_calls SEC(".maps");

static __always_inline char *put_text(struct path_walk *walk, const char *text, __u32 len)
{
	__u32 at;

	if (len > CASE_TEXT_BYTES)
		return 0;
	at = PATH_BYTES - len;
	barrier_var(len);
	if (len > CASE_TEXT_BYTES)
		return 0;
	barrier_var(at);
	at &= PATH_BYTES - 1;
	walk->at = at;
	bpf_probe_read_kernel(walk->text + at, len, text);
	return walk->text + at;
}

static __always_inline bool judge_case(struct rule_set *set, struct rule_case *about, struct call_ctx *call, struct path_walk *walk)
{
	struct rule_who who = {
		.uid = about->uid, .pid = about->pid, .parent_pid = about->parent_pid, .flags = about->flags, .comm_len = about->comm_len};
	struct rule_comm_key comm = {};
	struct rule_state state = {};
	struct rule_actor *actor;
	__u32 zero = 0;
	char *path;

	actor = bpf_map_lookup_elem(&rule_actors, &zero);
	if (!actor)
		return false;
	__builtin_memcpy(comm.text, about->comm, sizeof(about->comm));
	if (about->executable_len && put_text(walk, about->executable, about->executable_len))
		who.executable = walk;
	judge_who(set, actor, &comm, &who);
	judge_kinds(actor, 0, set->generation);
	actor->generation = 0;
	call->ret = about->ret;
	call->kind = about->kind;
	call->flags = about->call_flags;
	if (rules_answer(&state, call, set, actor, 0))
		return true;
	if (call->kind >= EVENT_CONNECT)
		return call->kind <= EVENT_CLOSE && rules_peer(&state, call, about->peer, about->peer_len, about->port);
	path = put_text(walk, about->path, about->path_len);
	return path && rules_path(&state, call, path, about->path_len, about->path_flags);
}

__noinline int judge_next(__u32 index)
{
	struct rule_case *about = bpf_map_lookup_elem(&cases, &index);
	__u32 zero = 0;
	__u64 *verdict = bpf_map_lookup_elem(&verdicts, &index);
	struct call_ctx *call = bpf_map_lookup_elem(&test_calls, &zero);
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &zero);
	struct rule_set *set = rules_now();

	if (about && call && walk && verdict)
		*verdict = set && judge_case(set, about, call, walk) ? 2 : 1;
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

/* The whole of it, about who really makes a call. */
SEC("?raw_tp/sys_exit")
int on_call(void *ctx)
{
	__u32 zero = 0;
	struct call_ctx *call = bpf_map_lookup_elem(&test_calls, &zero);
	struct rule_state state;

	return call ? rules_begin(&state, call) : 0;
}
