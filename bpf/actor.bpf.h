/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The common head of a record: who did it, taken in the kernel at that moment. */
#ifndef RINGTAIL_ACTOR_BPF_H
#define RINGTAIL_ACTOR_BPF_H

#include "common.bpf.h"
#include "cgroup.bpf.h"
#include "kread.bpf.h"

#define PID_NS_LEVEL_MAX 32 /* MAX_PID_NS_LEVEL in kernel/pid_namespace.c */
#define LOGIN_UID_UNSET 0xffffffff

/* The number of a thread in its own pid namespace, and how deep that namespace lies. */
static __always_inline __u32 own_pid(struct task_struct *task, __u32 *level)
{
	/* a scalar: kernels before 6.12 refuse a variable offset on a typed pointer */
	__u64 pid = (__u64)BPF_CORE_READ(task, thread_pid);
	__u32 depth = 0, number = 0;
	__u64 at;

	*level = 0;
	if (!pid)
		return 0;
	bpf_probe_read_kernel(&depth, sizeof(depth), (void *)pid + bpf_core_field_offset(struct pid, level));
	if (depth > PID_NS_LEVEL_MAX)
		return 0;
	*level = depth;
	at = pid + bpf_core_field_offset(struct pid, numbers) + (__u64)depth * bpf_core_type_size(struct upid);
	bpf_probe_read_kernel(&number, sizeof(number), (void *)at + bpf_core_field_offset(struct upid, nr));
	return number;
}

static __always_inline void fill_actor(struct event_actor *actor, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	const struct cred *cred = BPF_CORE_READ(task, cred);
	__u32 level = 0;

	actor->pid = BPF_CORE_READ(task, tgid);
	actor->tid = BPF_CORE_READ(task, pid);
	actor->ppid = BPF_CORE_READ(parent, tgid);
	actor->exec_id = BPF_CORE_READ(task, self_exec_id);
	actor->start_ns = BPF_CORE_READ(leader, start_boottime);
	actor->parent_start_ns = BPF_CORE_READ(parent, group_leader, start_boottime);
	actor->parent_exec_id = BPF_CORE_READ(parent, self_exec_id);
	actor->cgroup_id = cgroup_of_task((__u64)task);
	actor->uid = BPF_CORE_READ(cred, uid.val);
	actor->euid = BPF_CORE_READ(cred, euid.val);
	actor->login_uid = bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val) : LOGIN_UID_UNSET;
	actor->vpid = own_pid(leader, &level);
	actor->flags = (BPF_CORE_READ(task, flags) & PF_KTHREAD ? HEAD_KERNEL_THREAD : 0) | (level ? HEAD_NESTED_PID_NS : 0);
	bpf_probe_read_kernel(actor->comm, sizeof(actor->comm), &task->comm);
}

static __always_inline void fill_head(struct event_head *head, __u32 kind, __u32 len, struct task_struct *task)
{
	head->kind = kind;
	head->version = 1;
	head->len = len;
	head->boot_ns = bpf_ktime_get_boot_ns();
	fill_actor(&head->actor, task);
}

/*
 * The same many times a second: plain loads where the kernel allows them. `named` is the task that gives the name: the thread itself or
 * its leader. The cgroup is left to the caller.
 */
static __always_inline void fill_actor_fast(struct event_actor *actor, struct task_struct *task, __u64 named)
{
	__u64 leader, parent, above, cred, pid, word;
	__u32 level = 0, flags;

	KREAD(leader, task, task_struct, group_leader);
	KREAD(parent, task, task_struct, real_parent);
	KREAD(above, parent, task_struct, group_leader);
	KREAD(cred, task, task_struct, cred);
	KREAD(flags, task, task_struct, flags);
	KREAD(pid, leader, task_struct, thread_pid);
	if (pid)
		KREAD(level, pid, pid, level);
	if (level > PID_NS_LEVEL_MAX)
		level = 0;
	KREAD(actor->pid, task, task_struct, tgid);
	KREAD(actor->tid, task, task_struct, pid);
	KREAD(actor->ppid, parent, task_struct, tgid);
	KREAD(actor->exec_id, task, task_struct, self_exec_id);
	KREAD(actor->start_ns, leader, task_struct, start_boottime);
	KREAD(actor->parent_start_ns, above, task_struct, start_boottime);
	KREAD(actor->parent_exec_id, parent, task_struct, self_exec_id);
	KREAD(actor->uid, cred, cred, uid.val);
	KREAD(actor->euid, cred, cred, euid.val);
	actor->login_uid = LOGIN_UID_UNSET;
	if (bpf_core_field_exists(task->loginuid))
		KREAD(actor->login_uid, task, task_struct, loginuid.val);
	actor->vpid = actor->pid;
	if (level)
		KREAD(actor->vpid, pid + bpf_core_field_offset(struct pid, numbers) + (__u64)level * bpf_core_type_size(struct upid), upid, nr);
	actor->flags = (flags & PF_KTHREAD ? HEAD_KERNEL_THREAD : 0) | (level ? HEAD_NESTED_PID_NS : 0);
	KREAD_WORD(word, named + bpf_core_field_offset(struct task_struct, comm));
	__builtin_memcpy(actor->comm, &word, sizeof(word));
	KREAD_WORD(word, named + bpf_core_field_offset(struct task_struct, comm) + sizeof(word));
	__builtin_memcpy(actor->comm + sizeof(word), &word, sizeof(word));
}

/* Of a call of the current task. */
static __always_inline void fill_call_head(struct event_head *head, __u32 kind, __u32 len, struct task_struct *task)
{
	head->kind = kind;
	head->version = 1;
	head->len = len;
	head->boot_ns = bpf_ktime_get_boot_ns();
	fill_actor_fast(&head->actor, task, (__u64)task);
	head->actor.cgroup_id = current_cgroup();
}

#endif
