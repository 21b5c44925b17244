// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who ran what, and how much of it: fork, exec, exit, refused execs, and what already runs. Each hook has three rungs: tp_btf, raw_tp, tp.
#include "common.bpf.h"
#include "actor.bpf.h"
#include "arch.bpf.h"
#include "context.bpf.h"
#include "exclude.bpf.h"
#include "exec.bpf.h"

#define CLONE_THREAD 0x00010000
#define SIGNAL_GROUP_EXIT 4
#define GONE_ENTRIES 4096 /* exits that may race at one moment */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool have_group_dead = false; /* sched_process_exit says that the last thread left, 6.16 */

struct fork_record {
	struct context_head context;
	struct fork_event event;
};

struct exit_record {
	struct context_head context;
	struct exit_event event;
};

struct task_record {
	struct task_event event;
	char path[PATH_BYTES];
};

struct failed_record {
	struct context_head context;
	struct exec_failed_event event;
	char file[FILE_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct task_record);
} task_records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct failed_record);
} failed_records SEC(".maps");

/* Two threads that leave together may both see that nobody is left: the first one tells. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GONE_ENTRIES);
	__type(key, __u64);
	__type(value, __u8);
} gone SEC(".maps");

/* ---- exec ---- */

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(on_exec_btf, struct task_struct *task, pid_t old, struct linux_binprm *bprm)
{
	return exec_event(task, old, 0, bprm);
}

SEC("?raw_tp/sched_process_exec")
int BPF_PROG(on_exec_raw, struct task_struct *task, pid_t old, struct linux_binprm *bprm)
{
	return exec_event(task, old, 0, bprm);
}

SEC("?tp/sched/sched_process_exec")
int on_exec_tp(struct trace_event_raw_sched_process_exec *ctx)
{
	const char *file = (void *)ctx + (ctx->__data_loc_filename & 0xffff);

	return exec_event((struct task_struct *)bpf_get_current_task(), ctx->old_pid, file, 0);
}

/* ---- fork ---- */

/* `child` is null where the hook does not show it: then only its number is known. */
static __always_inline int fork_event(struct task_struct *child, __u32 child_tid, __u64 clone_flags)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct event_counters *count = counters_of(EVENT_FORK);
	struct process_settings *now = settings_now();
	struct fork_record record = {};
	struct fork_event *event = &record.event;
	__u32 level = 0;
	bool thread = clone_flags & CLONE_THREAD;

	if (!count || !now)
		return 0;
	if (!thread)
		inherit_run(task, child ? BPF_CORE_READ(child, tgid) : child_tid, child ? BPF_CORE_READ(child, start_boottime) : 0);
	if (!(now->wants & PROCESS_WANT_EVENT))
		return 0;
	count->seen++;
	if ((thread && !now->want_threads) || is_left_out(task)) {
		count->filtered++;
		return 0;
	}
	fill_head(&event->head, EVENT_FORK, sizeof(*event), task);
	event->clone_flags = clone_flags;
	event->fork_flags = thread ? FORK_THREAD : 0;
	event->syscall_nr = current_call(task);
	event->compat = is_compat(task);
	if (event->syscall_nr < 0)
		event->fork_flags |= FORK_CALL_UNKNOWN;
	event->child_tid = child_tid;
	/* what can be said without the child: a thread belongs to its maker's process, and no namespace is nested less than its maker's */
	event->child_pid = thread ? event->head.actor.pid : child_tid;
	event->child_head_flags = event->head.actor.flags & HEAD_NESTED_PID_NS;
	if (child) {
		event->child_pid = BPF_CORE_READ(child, tgid);
		event->child_tid = BPF_CORE_READ(child, pid);
		event->child_start_ns = BPF_CORE_READ(child, group_leader, start_boottime);
		event->child_exec_id = BPF_CORE_READ(child, self_exec_id);
		event->child_head_flags = BPF_CORE_READ(child, flags) & PF_KTHREAD ? HEAD_KERNEL_THREAD : 0;
		/* the child's pid is attached already: copy_process does so before this tracepoint */
		event->child_vpid = own_pid(BPF_CORE_READ(child, group_leader), &level);
		if (level)
			event->child_head_flags |= HEAD_NESTED_PID_NS;
	}
	ring_write_here(count, event, sizeof(*event), EVENT_FORK);
	return 0;
}

SEC("?tp_btf/task_newtask")
int BPF_PROG(on_fork_btf, struct task_struct *child, __u64 clone_flags)
{
	return fork_event(child, 0, clone_flags);
}

SEC("?raw_tp/task_newtask")
int BPF_PROG(on_fork_raw, struct task_struct *child, __u64 clone_flags)
{
	return fork_event(child, 0, clone_flags);
}

SEC("?tp/task/task_newtask")
int on_fork_tp(struct trace_event_raw_task_newtask *ctx)
{
	return fork_event(0, ctx->pid, ctx->clone_flags);
}

/* ---- exit ---- */

/* True for the last thread of the process, once. `group_dead` is the hook's own word where it has one. */
static __always_inline bool is_last_thread(struct task_struct *task, bool group_dead)
{
	__u64 key;
	__u8 one = 1;

	if (have_group_dead)
		return group_dead;
	if (BPF_CORE_READ(task, signal, live.counter))
		return false;
	key = BPF_CORE_READ(task, group_leader, start_boottime) ^ (__u64)BPF_CORE_READ(task, tgid) << 40;
	return !bpf_map_update_elem(&gone, &key, &one, BPF_NOEXIST);
}

static __always_inline int exit_event(struct task_struct *task, bool group_dead)
{
	struct event_counters *count = counters_of(EVENT_EXIT);
	struct exit_record record = {};
	struct exit_event *event = &record.event;
	__u32 code, wants = process_wants();
	struct signal_struct *signal;
	bool left_out;

	if (!count || !is_last_thread(task, group_dead))
		return 0;
	left_out = is_left_out(task);
	if (wants & PROCESS_WANT_COUNT && !left_out)
		count_process(EVENT_EXIT);
	if (!(wants & PROCESS_WANT_EVENT))
		return 0;
	count->seen++;
	if (left_out) {
		count->filtered++;
		return 0;
	}
	signal = BPF_CORE_READ(task, signal);
	if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		code = BPF_CORE_READ(signal, group_exit_code);
	else
		code = BPF_CORE_READ(task, group_leader, exit_code);
	fill_head(&event->head, EVENT_EXIT, sizeof(*event), task);
	event->duration_ns = event->head.boot_ns - event->head.actor.start_ns;
	event->exit_code = code >> 8 & 0xff;
	event->exit_signal = code & 0x7f;
	event->core_dumped = code >> 7 & 1;
	ring_write_here(count, event, sizeof(*event), EVENT_EXIT);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int on_exit_btf(unsigned long long *ctx)
{
	return exit_event((struct task_struct *)ctx[0], have_group_dead ? (__u8)ctx[1] : 0);
}

SEC("?raw_tp/sched_process_exit")
int on_exit_raw(struct bpf_raw_tracepoint_args *ctx)
{
	return exit_event((struct task_struct *)ctx->args[0], have_group_dead ? (__u8)ctx->args[1] : 0);
}

/* The loader leaves have_group_dead off for this rung: what the record holds differs by kernel. */
SEC("?tp/sched/sched_process_exit")
int on_exit_tp(void *ctx)
{
	return exit_event((struct task_struct *)bpf_get_current_task(), false);
}

/* ---- refused exec ---- */

static __always_inline int exec_failed_event(struct pt_regs *regs, long ret)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__s32 nr = SYSCALL_NR(regs);
	struct event_counters *count;
	struct failed_record *record;
	bool compat, at;
	__u32 zero = 0;
	long got;
	__u64 len;

	compat = is_compat(task);
	if (compat ? nr != NR_EXECVE_COMPAT && nr != NR_EXECVEAT_COMPAT : nr != NR_EXECVE && nr != NR_EXECVEAT)
		return 0;
	count = counters_of(EVENT_EXEC_FAILED);
	record = bpf_map_lookup_elem(&failed_records, &zero);
	if (!count || !record)
		return 0;
	count->seen++;
	if (is_left_out(task)) {
		count->filtered++;
		return 0;
	}
	at = nr == (compat ? NR_EXECVEAT_COMPAT : NR_EXECVEAT);
	record->event.ret = ret;
	record->event.syscall_nr = nr;
	record->event.compat = compat;
	record->event.exec_flags = 0;
	record->event.dirfd = at ? (__s32)SYSCALL_ARG1(regs, compat) : -100;
	got = bpf_probe_read_user_str(record->file, FILE_BYTES, (void *)(at ? SYSCALL_ARG2(regs, compat) : SYSCALL_ARG1(regs, compat)));
	len = got > 0 ? got - 1 : 0;
	len &= FILE_BYTES - 1;
	record->event.file_len = len;
	fill_head(&record->event.head, EVENT_EXEC_FAILED, sizeof(record->event) + len, task);
	ring_write_here(count, &record->event, sizeof(record->event) + len, EVENT_EXEC_FAILED);
	return 0;
}

/* Runs at every system call that fails; the number is looked at first. */
static __always_inline int call_exit(struct pt_regs *regs, long ret)
{
	__s32 nr;

	if (ret >= 0)
		return 0;
	nr = SYSCALL_NR(regs);
	if (nr != NR_EXECVE && nr != NR_EXECVEAT && nr != NR_EXECVE_COMPAT && nr != NR_EXECVEAT_COMPAT)
		return 0;
	return exec_failed_event(regs, ret);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(on_call_btf, struct pt_regs *regs, long ret)
{
	return call_exit(regs, ret);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(on_call_raw, struct pt_regs *regs, long ret)
{
	return call_exit(regs, ret);
}

/* ---- what already runs ---- */

SEC("?iter/task")
int on_task_iter(struct bpf_iter__task *ctx)
{
	struct event_counters *count = counters_of(EVENT_TASK);
	struct task_struct *task = ctx->task;
	struct task_record *record;
	struct path_walk *walk = 0;
	struct file *executable;
	__u64 at, len = 0;
	__u32 zero = 0;

	record = bpf_map_lookup_elem(&task_records, &zero);
	if (!task || !count || !record || !is_alive_process(task))
		return 0;
	count->seen++;
	executable = BPF_CORE_READ(task, mm, exe_file);
	if (executable)
		walk = path_of(WALK_ITERATOR, (__u64)executable + bpf_core_field_offset(struct file, f_path), 0);
	record->event.path_flags = walk ? walk->flags : 0;
	at = walk ? walk->at : PATH_BYTES;
	barrier_var(at);
	if (walk && at < PATH_BYTES) {
		len = PATH_BYTES - at;
		bpf_probe_read_kernel(record->path, len, walk->text + at);
	}
	record->event.inode = BPF_CORE_READ(executable, f_inode, i_ino);
	record->event.dev = BPF_CORE_READ(executable, f_inode, i_sb, s_dev);
	record->event.session_leader_pid = BPF_CORE_READ(task, signal, pids[PIDTYPE_SID], numbers[0].nr);
	record->event.path_len = len;
	barrier_var(len);
	if (len > PATH_BYTES)
		return 0;
	fill_head(&record->event.head, EVENT_TASK, sizeof(record->event) + len, task);
	ring_write(count, record, sizeof(record->event) + len, EVENT_TASK);
	return 0;
}
