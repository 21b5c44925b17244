/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the rules say of who acts. An answer is kept a CPU, so that an executable is looked up once a program and not a call. */
#ifndef RINGTAIL_RULES_ACTOR_BPF_H
#define RINGTAIL_RULES_ACTOR_BPF_H

#include "actor.bpf.h"
#include "path.bpf.h"
#include "rules_verdict.bpf.h"

/* Plain loads where the kernel types the current task, else the helper. */
#ifdef RINGTAIL_LEGACY
#define CURRENT_TASK() ((struct task_struct *)bpf_get_current_task())
#define TASK_READ(task, ...) BPF_CORE_READ(task, __VA_ARGS__)
#else
#define CURRENT_TASK() bpf_get_current_task_btf()
#define TASK_READ_1(task, a) ((task)->a)
#define TASK_READ_2(task, a, b) ((task)->a->b)
#define TASK_READ_N(task, a, b, name, ...) name
#define TASK_READ(task, ...) TASK_READ_N(task, __VA_ARGS__, TASK_READ_2, TASK_READ_1)(task, __VA_ARGS__)
#endif

#define RULE_PATH_UNSURE (PATH_DELETED | PATH_PSEUDO | PATH_DETACHED | PATH_TRUNCATED | PATH_FAULT)

/* Who acts, in the fields that rules look at. */
struct rule_who {
	struct path_walk *executable; /* null: none, or not asked for */
	__u32 executable_unsure;
	__u32 uid;
	__u32 pid;
	__u32 parent_pid;
	__u32 flags; /* head_flags */
	__u32 comm_len;
};

/* A field that could not be had may match. */
static __always_inline void meet(struct rule_actor *actor, __u64 tests, __u64 mask, bool known)
{
	actor->hit &= ~tests | (known ? mask : 0);
	if (known)
		actor->maybe &= ~tests | mask;
}

static __always_inline __u64 executable_mask(struct rule_set *set, struct rule_actor *actor, struct path_walk *walk)
{
	__u32 at = walk->at, len = PATH_BYTES - at;

	if (at >= PATH_BYTES)
		return 0;
	barrier_var(at);
	at &= PATH_BYTES - 1;
	return text_mask(find_text(&rule_programs, walk->text + at, len, set->tag), len, actor, RULE_EXECUTABLE);
}

static __always_inline void judge_who(struct rule_set *set, struct rule_actor *actor, struct rule_comm_key *comm, const struct rule_who *who)
{
	__u64 tests;

	actor->hit = actor->maybe = set->actors[who->flags & (HEAD_KERNEL_THREAD | HEAD_NESTED_PID_NS)];
	tests = set->tests[RULE_COMM];
	if (tests) {
		comm->prefixlen = (who->comm_len + 1) * 8;
		comm->tag = set->tag;
		meet(actor, tests, text_mask(bpf_map_lookup_elem(&rule_comms, comm), who->comm_len, actor, RULE_COMM), who->comm_len != 0);
	}
	tests = set->tests[RULE_UID];
	if (tests)
		meet(actor, tests, value_mask(set, actor, RULE_UID, who->uid), true);
	tests = set->tests[RULE_PID];
	if (tests)
		meet(actor, tests, value_mask(set, actor, RULE_PID, who->pid), true);
	tests = set->tests[RULE_PARENT_PID];
	if (tests)
		meet(actor, tests, value_mask(set, actor, RULE_PARENT_PID, who->parent_pid), who->parent_pid != 0);
	tests = set->tests[RULE_EXECUTABLE];
	if (tests)
		meet(actor, tests, who->executable ? executable_mask(set, actor, who->executable) : 0, !who->executable_unsure);
}

/* What follows for events of one kind, whatever they are about. */
__noinline int judge_kind(__u32 index, __u32 place, __u32 generation)
{
	struct rule_actor *actor = bpf_map_lookup_elem(&rule_actors, &index);
	struct rule_set *set = rules_now();
	__u64 hit, maybe, drops;
	__u32 kind = EVENT_CALL_FIRST + place;

	if (!actor || !set || set->generation != generation || place >= RULE_KINDS || !(set->droppable >> kind & 1))
		return 0;
	maybe = actor->maybe & set->kinds[kind];
	hit = actor->hit & maybe & set->results[0] & set->results[1] & ~set->later;
	if (!all_drop(set, maybe, 0))
		return 0;
	/* of several filters each counts: that takes a look at all of them */
	if (set->filters > 1 || !all_drop(set, hit, maybe)) {
		actor->open |= 1 << kind;
		return 0;
	}
	drops = dropping(set->stages[0], hit, maybe);
	actor->dropped |= 1 << kind;
	barrier_var(place);
	if (place < RULE_KINDS)
		actor->rules[place] = rule_of(set, actor, drops);
	return 0;
}

static __always_inline void judge_kinds(struct rule_actor *actor, __u32 index, __u32 generation)
{
	actor->dropped = 0;
	actor->open = 0;
	for (__u32 place = 0; place < RULE_KINDS; place++)
		judge_kind(index, place, generation);
}

/* What was found of the executable. */
enum rule_walked { WALKED_NONE, WALKED_SURE, WALKED_UNSURE };

/* The answer about the current thread, into its place; the path of its executable was walked before. */
__noinline int judge_task(__u32 index, __u32 walked, __u32 generation)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct rule_actor *actor = bpf_map_lookup_elem(&rule_actors, &index);
	struct rule_set *set = rules_now();
	struct rule_comm_key comm = {};
	struct rule_who who = {};
	__u32 level = 0, slot = WALK_EVENT;
	long got;

	if (!actor || !set || set->generation != generation)
		return 0;
	got = bpf_probe_read_kernel_str(comm.text, sizeof(comm.text), &task->comm);
	who.comm_len = got > 0 && got <= (long)sizeof(comm.text) ? got - 1 : 0;
	who.uid = BPF_CORE_READ(task, cred, euid.val);
	who.pid = BPF_CORE_READ(task, tgid);
	who.parent_pid = BPF_CORE_READ(task, real_parent, tgid);
	own_pid(task, &level);
	who.flags = (BPF_CORE_READ(task, flags) & PF_KTHREAD ? HEAD_KERNEL_THREAD : 0) | (level ? HEAD_NESTED_PID_NS : 0);
	who.executable = walked == WALKED_SURE ? bpf_map_lookup_elem(&walks, &slot) : 0;
	who.executable_unsure = walked == WALKED_UNSURE;
	judge_who(set, actor, &comm, &who);
	judge_kinds(actor, index, generation);
	actor->generation = generation;
	return 0;
}

/* A global function, so that it is verified once. Small: kernels before 6.2 bound the stack of all that call each other, and a walk goes deep. */
__noinline int judge_actor(__u32 index)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct rule_set *set = rules_now();
	__u32 walked = WALKED_NONE, generation;
	struct path_walk *walk;
	struct file *file;

	if (!set)
		return 0;
	generation = set->generation;
	file = set->tests[RULE_EXECUTABLE] ? BPF_CORE_READ(task, mm, exe_file) : 0;
	if (file) {
		walk = path_of(WALK_EVENT, (__u64)file + bpf_core_field_offset(struct file, f_path), 0);
		walked = !walk || walk->torn || walk->flags & RULE_PATH_UNSURE ? WALKED_UNSURE : WALKED_SURE;
	}
	return judge_task(index, walked, generation);
}

/* The answer about the current thread and where it is kept; null only when there is no such place. */
static __always_inline struct rule_actor *actor_now(struct rule_set *set, __u32 *index)
{
	struct task_struct *task = CURRENT_TASK();
	__u32 at = ((__u64)task >> 7) % RULE_ACTORS, looks = set->looks;
	struct rule_actor *actor = bpf_map_lookup_elem(&rule_actors, &at);
	__u64 start = TASK_READ(task, start_boottime), image = 0, parent = 0, comm[2];

	*index = at;
	if (!actor)
		return 0;
#ifdef RINGTAIL_LEGACY
	bpf_probe_read_kernel(comm, sizeof(comm), &task->comm);
#else
	comm[0] = *(__u64 *)&task->comm[0];
	comm[1] = *(__u64 *)&task->comm[8];
#endif
	if (looks & RULE_LOOKS_EXECUTABLE)
		image = (__u64)(__u32)TASK_READ(task, self_exec_id) << 32;
	if (looks & RULE_LOOKS_UID)
		image |= TASK_READ(task, cred, euid.val);
	if (looks & RULE_LOOKS_PARENT)
		parent = (__u64)TASK_READ(task, real_parent);
	if (actor->generation == set->generation && actor->task == (__u64)task && actor->start == start && actor->comm[0] == comm[0] &&
		actor->comm[1] == comm[1] && actor->image == image && actor->parent == parent)
		return actor;
	actor->task = (__u64)task;
	actor->start = start;
	actor->comm[0] = comm[0];
	actor->comm[1] = comm[1];
	actor->image = image;
	actor->parent = parent;
	actor->generation = 0; /* until it is judged; no generation has this number */
	judge_actor(at);
	return actor;
}

#endif
