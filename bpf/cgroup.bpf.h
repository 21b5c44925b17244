/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers of cgroups as records have them; see CGROUP_HIERARCHY_SHIFT. */
#ifndef RINGTAIL_CGROUP_BPF_H
#define RINGTAIL_CGROUP_BPF_H

#include "common.bpf.h"
#include "kread.bpf.h"

#define ROOT_CGROUP_ID 1

/* Place in css_set.subsys of a controller of the v1 hierarchy that counts beside v2; -1: none. */
const volatile __s32 v1_subsys = -1;

/* In its own hierarchy. `group` is the address of a struct cgroup; 0 is the root. */
static __always_inline __u64 cgroup_number(__u64 group)
{
	__u64 node, id;

	if (!group)
		return ROOT_CGROUP_ID;
	KREAD(node, group, cgroup, kn);
	KREAD(id, node, kernfs_node, id);
	return id;
}

static __always_inline __u64 hierarchy_bits(__u64 root)
{
	__u64 hierarchy;

	KREAD(hierarchy, root, cgroup_root, hierarchy_id);
	return hierarchy << CGROUP_HIERARCHY_SHIFT;
}

/* Of the task whose css_set is at `groups`, in the v1 hierarchy that counts. The controller may have moved to v2 since: then it is v2's number. */
static __always_inline __u64 v1_cgroup_number(__u64 groups)
{
	__u64 state, group, root;

	KREAD_WORD(state, groups + bpf_core_field_offset(struct css_set, subsys) + (__u64)v1_subsys * sizeof(__u64));
	KREAD(group, state, cgroup_subsys_state, cgroup);
	KREAD(root, group, cgroup, root);
	return cgroup_number(group) | hierarchy_bits(root);
}

/* Of a task at an address. */
static __always_inline __u64 cgroup_of_task(__u64 task)
{
	__u64 groups, group, number;

	KREAD(groups, task, task_struct, cgroups);
	KREAD(group, groups, css_set, dfl_cgrp);
	number = cgroup_number(group);
	return v1_subsys >= 0 && number == ROOT_CGROUP_ID ? v1_cgroup_number(groups) : number;
}

/* Of the current task. */
static __always_inline __u64 current_cgroup(void)
{
	__u64 number = bpf_get_current_cgroup_id(), groups;

	if (v1_subsys < 0 || number != ROOT_CGROUP_ID)
		return number;
	KREAD(groups, bpf_get_current_task(), task_struct, cgroups);
	return v1_cgroup_number(groups);
}

#endif
