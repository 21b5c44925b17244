/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers of cgroups as records have them; see CGROUP_HIERARCHY_SHIFT. */
#ifndef RINGTAIL_CGROUP_BPF_H
#define RINGTAIL_CGROUP_BPF_H

#include "common.bpf.h"
#include "kread.bpf.h"

#define ROOT_CGROUP_ID 1

/* Place in css_set.subsys of a controller of the v1 hierarchy that counts beside v2; -1: none. */
const volatile __s32 v1_subsys = -1;
/* That hierarchy counts first: an init system has its own tree in v2 too, where containers that are made in v1 stay in the group of who made them. */
const volatile bool v1_first = false;

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

/* `number`: of the same task in v2. */
static __always_inline __u64 chosen_number(__u64 groups, __u64 number)
{
	__u64 v1 = v1_cgroup_number(groups);

	return number != ROOT_CGROUP_ID && (v1 & ((1ULL << CGROUP_HIERARCHY_SHIFT) - 1)) == ROOT_CGROUP_ID ? number : v1;
}

static __always_inline bool needs_v1(__u64 number)
{
	return v1_subsys >= 0 && (v1_first || number == ROOT_CGROUP_ID);
}

/* Of a task at an address. */
static __always_inline __u64 cgroup_of_task(__u64 task)
{
	__u64 groups, group, number;

	KREAD(groups, task, task_struct, cgroups);
	KREAD(group, groups, css_set, dfl_cgrp);
	number = cgroup_number(group);
	return needs_v1(number) ? chosen_number(groups, number) : number;
}

/* Of the current task. */
static __always_inline __u64 current_cgroup(void)
{
	__u64 number = bpf_get_current_cgroup_id(), groups;

	if (!needs_v1(number))
		return number;
	KREAD(groups, bpf_get_current_task(), task_struct, cgroups);
	return chosen_number(groups, number);
}

#endif
