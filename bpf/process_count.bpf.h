/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes that are counted for metrics, whatever becomes of their records: execs and exits as they happen, who is alive by a walk. */
#ifndef RINGTAIL_PROCESS_COUNT_BPF_H
#define RINGTAIL_PROCESS_COUNT_BPF_H

#include "actor.bpf.h"
#include "exclude.bpf.h"
#include "netns.bpf.h"

#define PROCESS_COUNT_ENTRIES 16384 /* cgroups times users; of about 100 bytes, and 16 more for each CPU */
#define ALIVE_ENTRIES 16384         /* of about 100 bytes */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, PROCESS_COUNT_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct process_count_key);
	__type(value, struct process_count);
} process_counts SEC(".maps");

/* What found no room in `process_counts`. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct process_count);
} process_rest SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ALIVE_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct process_count_key);
	__type(value, struct alive_count);
} alive_counts SEC(".maps");

/* What found no room in `alive_counts`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct alive_count);
} alive_rest SEC(".maps");

static const struct process_count nothing_counted = {};
static const struct alive_count nobody_alive = {};

static __always_inline struct process_count *process_count_of(struct process_count_key *key)
{
	struct process_count *count = bpf_map_lookup_elem(&process_counts, key);
	__u32 zero = 0;

	if (count)
		return count;
	bpf_map_update_elem(&process_counts, key, &nothing_counted, BPF_NOEXIST);
	count = bpf_map_lookup_elem(&process_counts, key);
	return count ? count : bpf_map_lookup_elem(&process_rest, &zero);
}

/* An exec or exit of the current task. Global, so that it is verified once and what it keeps on the stack is gone when a record is made. */
__noinline int count_process(__u32 kind)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct process_count_key key = {};
	struct process_count *count;
	__u64 leader, pid, cred;
	__u32 level = 0;

	KREAD(leader, task, task_struct, group_leader);
	KREAD(pid, leader, task_struct, thread_pid);
	if (pid)
		KREAD(level, pid, pid, level);
	KREAD(cred, task, task_struct, cred);
	KREAD(key.uid, cred, cred, euid.val);
	key.flags = level ? HEAD_NESTED_PID_NS : 0;
	key.cgroup_id = cgroup_of_task((__u64)task);
	key.netns_cookie = netns_cookie_of_task(task);
	count = process_count_of(&key);
	if (!count)
		return 0;
	/* on 5.10 and 6.1 a program may be interrupted by itself */
	__sync_fetch_and_add(kind == EVENT_EXEC ? &count->execs : &count->exits, 1);
	return 0;
}

/* Threads, and who is dying: its last thread left. */
static __always_inline bool is_alive_process(struct task_struct *task)
{
	return BPF_CORE_READ(task, pid) == BPF_CORE_READ(task, tgid) && BPF_CORE_READ(task, signal, live.counter);
}

/* User space empties the map before. One walk runs at a time. */
SEC("?iter/task")
int on_alive_iter(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct process_count_key key = {};
	struct alive_count *count;
	__u32 zero = 0;

	if (!task || !is_alive_process(task))
		return 0;
	if ((self_tgid && BPF_CORE_READ(task, tgid) == self_tgid) || is_excluded(task))
		return 0;
	key.cgroup_id = cgroup_of_task((__u64)task);
	key.netns_cookie = netns_cookie_of_task(task);
	count = bpf_map_lookup_elem(&alive_counts, &key);
	if (!count) {
		bpf_map_update_elem(&alive_counts, &key, &nobody_alive, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&alive_counts, &key);
	}
	if (!count)
		count = bpf_map_lookup_elem(&alive_rest, &zero);
	if (count)
		count->processes++;
	return 0;
}

#endif
