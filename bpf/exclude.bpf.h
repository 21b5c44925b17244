/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whom the configuration leaves out beside Ringtail itself: a neighbour by process, by cgroup and all below it, by what it runs. */
#ifndef RINGTAIL_EXCLUDE_BPF_H
#define RINGTAIL_EXCLUDE_BPF_H

#include "common.bpf.h"

#define EXCLUDED_ENTRIES 1024
#define CGROUP_DEPTH_MAX 16 /* levels that are looked at; container hosts have four to eight */
#define LEFT_OUT_RUNS 4096     /* processes of excluded executables that live at one time */
#define TICK_NS 10000000    /* procfs tells start times in 1/100 s */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EXCLUDED_ENTRIES);
	__type(key, struct excluded_key);
	__type(value, __u8);
} excluded SEC(".maps");

/* The bits of the kinds that there are, so that nobody pays for what is not asked. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} excluded_kinds SEC(".maps");

/* Processes that run an excluded executable, by thread group with the start time: at the exit nothing says any more what they ran. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LEFT_OUT_RUNS);
	__type(key, __u32);
	__type(value, __u64);
} left_out_runs SEC(".maps");

static __always_inline bool has_exclusion(__u32 kind, __u64 id, __u64 also)
{
	struct excluded_key key = {.id = id, .also = also, .kind = kind};

	return bpf_map_lookup_elem(&excluded, &key) != 0;
}

static __always_inline bool in_excluded_cgroup(struct task_struct *task)
{
	/* a cgroup begins with its own state, whose parent is the state of the cgroup above */
	struct cgroup *group = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	for (int depth = 0; depth < CGROUP_DEPTH_MAX && group; depth++) {
		if (has_exclusion(EXCLUDED_CGROUP, BPF_CORE_READ(group, kn, id), 0))
			return true;
		group = (struct cgroup *)BPF_CORE_READ(group, self.parent);
	}
	return false;
}

static __always_inline bool runs_excluded(struct task_struct *task)
{
	__u64 start = BPF_CORE_READ(task, group_leader, start_boottime), *known;
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct inode *inode;

	known = bpf_map_lookup_elem(&left_out_runs, &tgid);
	if (known && (*known == start || !*known))
		return true;
	inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
	if (!inode || !has_exclusion(EXCLUDED_EXECUTABLE, BPF_CORE_READ(inode, i_ino), BPF_CORE_READ(inode, i_sb, s_dev)))
		return false;
	bpf_map_update_elem(&left_out_runs, &tgid, &start, BPF_ANY);
	return true;
}

/* Before a new image is judged: what the old one was counts no more. */
static __always_inline void forget_run(struct task_struct *task)
{
	__u32 zero = 0, *kinds = bpf_map_lookup_elem(&excluded_kinds, &zero), tgid;

	if (!kinds || !(*kinds & EXCLUDED_EXECUTABLE))
		return;
	tgid = BPF_CORE_READ(task, tgid);
	bpf_map_delete_elem(&left_out_runs, &tgid);
}

/* A child runs what its maker runs. `start` is 0 where the hook does not show it. */
static __always_inline void inherit_run(struct task_struct *maker, __u32 child_tgid, __u64 start)
{
	__u32 zero = 0, *kinds = bpf_map_lookup_elem(&excluded_kinds, &zero);

	if (kinds && *kinds & EXCLUDED_EXECUTABLE && runs_excluded(maker))
		bpf_map_update_elem(&left_out_runs, &child_tgid, &start, BPF_ANY);
}

/* True for whom the configuration leaves out. */
static __always_inline bool is_excluded(struct task_struct *task)
{
	__u32 zero = 0, *kinds = bpf_map_lookup_elem(&excluded_kinds, &zero);

	if (!kinds || !*kinds)
		return false;
	if (*kinds & EXCLUDED_PROCESS &&
		has_exclusion(EXCLUDED_PROCESS, BPF_CORE_READ(task, tgid), BPF_CORE_READ(task, group_leader, start_boottime) / TICK_NS))
		return true;
	if (*kinds & EXCLUDED_EXECUTABLE && runs_excluded(task))
		return true;
	return *kinds & EXCLUDED_CGROUP && in_excluded_cgroup(task);
}

/* True for Ringtail and for whom the configuration leaves out; `task` is the current one. */
static __always_inline bool is_left_out(struct task_struct *task)
{
	return is_self() || is_excluded(task);
}

#endif
