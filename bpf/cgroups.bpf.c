// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Cgroups as they are made, removed and entered. Each hook has two rungs: tp_btf, raw_tp.
#include "common.bpf.h"
#include "actor.bpf.h"
#include "cgroup.bpf.h"

#define CGROUP_PATH_BYTES 1024 /* TRACE_CGROUP_PATH_LEN: what the tracepoints have room for */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct made_record {
	struct cgroup_made_event event;
	char path[CGROUP_PATH_BYTES];
};

/* The tracepoints hold a lock with interrupts off, so nothing comes between on this CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct made_record);
} made_records SEC(".maps");

/* Its number; 0 when it is of a hierarchy that nobody asks about. */
static __always_inline __u64 told_number(struct cgroup *group)
{
	__u64 at = (__u64)group, root;
	__u32 hierarchy, controllers;

	KREAD(root, at, cgroup, root);
	KREAD(hierarchy, root, cgroup_root, hierarchy_id);
	KREAD(controllers, root, cgroup_root, subsys_mask);
	if (hierarchy && (v1_subsys < 0 || !(controllers >> v1_subsys & 1)))
		return 0;
	return cgroup_number(at) | hierarchy_bits(root);
}

static __always_inline int made_event(struct cgroup *group, const char *path)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct event_counters *count = counters_of(EVENT_CGROUP_MADE);
	__u64 number = told_number(group);
	struct made_record *record;
	__u32 zero = 0;
	long got;
	__u64 len;

	record = bpf_map_lookup_elem(&made_records, &zero);
	if (!count || !record || !number)
		return 0;
	count->seen++;
	got = bpf_probe_read_kernel_str(record->path, sizeof(record->path), path);
	/* one that fills all the room may have been cut: whoever needs it asks */
	len = got > 1 && got < CGROUP_PATH_BYTES ? got - 1 : 0;
	len &= CGROUP_PATH_BYTES - 1;
	record->event.cgroup_id = number;
	KREAD(record->event.level, (__u64)group, cgroup, level);
	record->event.path_len = len;
	fill_head(&record->event.head, EVENT_CGROUP_MADE, sizeof(record->event) + len, task);
	ring_write(count, record, sizeof(record->event) + len, EVENT_CGROUP_MADE);
	return 0;
}

static __always_inline int gone_event(struct cgroup *group)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct event_counters *count = counters_of(EVENT_CGROUP_GONE);
	struct cgroup_gone_event event = {};

	event.cgroup_id = told_number(group);
	if (!count || !event.cgroup_id)
		return 0;
	count->seen++;
	fill_head(&event.head, EVENT_CGROUP_GONE, sizeof(event), task);
	ring_write(count, &event, sizeof(event), EVENT_CGROUP_GONE);
	return 0;
}

/* A thread that is moved alone leaves its process where it is. */
static __always_inline int attached_event(struct cgroup *group, struct task_struct *moved, bool is_whole)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct event_counters *count = counters_of(EVENT_CGROUP_ATTACHED);
	struct cgroup_attached_event event = {};
	__u64 leader;
	__u32 tid;

	event.cgroup_id = told_number(group);
	KREAD(event.pid, (__u64)moved, task_struct, tgid);
	KREAD(tid, (__u64)moved, task_struct, pid);
	if (!count || !event.cgroup_id || (!is_whole && tid != event.pid))
		return 0;
	count->seen++;
	KREAD(leader, (__u64)moved, task_struct, group_leader);
	KREAD(event.start_ns, leader, task_struct, start_boottime);
	fill_head(&event.head, EVENT_CGROUP_ATTACHED, sizeof(event), task);
	ring_write(count, &event, sizeof(event), EVENT_CGROUP_ATTACHED);
	return 0;
}

SEC("?tp_btf/cgroup_mkdir")
int BPF_PROG(on_mkdir_btf, struct cgroup *group, const char *path)
{
	return made_event(group, path);
}

SEC("?raw_tp/cgroup_mkdir")
int BPF_PROG(on_mkdir_raw, struct cgroup *group, const char *path)
{
	return made_event(group, path);
}

SEC("?tp_btf/cgroup_rmdir")
int BPF_PROG(on_rmdir_btf, struct cgroup *group)
{
	return gone_event(group);
}

SEC("?raw_tp/cgroup_rmdir")
int BPF_PROG(on_rmdir_raw, struct cgroup *group)
{
	return gone_event(group);
}

SEC("?tp_btf/cgroup_attach_task")
int BPF_PROG(on_attach_btf, struct cgroup *group, const char *path, struct task_struct *task, bool is_whole)
{
	return attached_event(group, task, is_whole);
}

SEC("?raw_tp/cgroup_attach_task")
int BPF_PROG(on_attach_raw, struct cgroup *group, const char *path, struct task_struct *task, bool is_whole)
{
	return attached_event(group, task, is_whole);
}
