// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who ran what: fork, exec, exit, refused execs, and what already runs. Each hook has three rungs: tp_btf, raw_tp, tp.
#include "common.bpf.h"
#include "actor.bpf.h"
#include "arch.bpf.h"
#include "path.bpf.h"

#define ARGS_LIMIT 65536 /* most bytes of arguments in a record */
#define PAGE_BYTES 4096
#define FILE_BYTES 4096
#define STRINGS_BYTES (2 * PATH_BYTES + FILE_BYTES)
#define CLONE_THREAD 0x00010000
#define SIGNAL_GROUP_EXIT 4
#define GONE_ENTRIES 4096 /* exits that may race at one moment */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 args_max = 32768; /* at most ARGS_LIMIT */
const volatile bool want_threads = false;
const volatile bool have_group_dead = false; /* sched_process_exit says that the last thread left, 6.16 */

struct exec_record {
	struct exec_event event;
	char data[STRINGS_BYTES + ARGS_LIMIT + PAGE_BYTES];
};

/* An entry a CPU: the value of a per-CPU map cannot pass 32 KiB. The loader sets the number of entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_record);
} exec_records SEC(".maps");

struct task_record {
	struct task_event event;
	char path[PATH_BYTES];
};

struct failed_record {
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

static __always_inline bool is_self(void)
{
	return self_tgid && bpf_get_current_pid_tgid() >> 32 == self_tgid;
}

/* Number of the call that the current task is in: the user registers lie at the top of its kernel stack. -1 unknown. */
static __always_inline __s32 current_call(struct task_struct *task)
{
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return -1;
#ifdef RINGTAIL_LEGACY
	struct pt_regs *regs = BPF_CORE_READ(task, stack) + THREAD_BYTES - bpf_core_type_size(struct pt_regs);
#else
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
#endif
	return SYSCALL_NR(regs);
}

/* ---- exec ---- */

/* Copies the path into the record at `to`; returns its length. */
static __always_inline __u64 put_path(struct exec_record *record, __u64 to, __u64 path, __u64 root, __u32 *flags)
{
	struct path_walk *walk = path_of(WALK_EVENT, path, root);
	__u64 at, len;

	if (!walk)
		return 0;
	at = walk->at;
	barrier_var(at);
	if (at > PATH_BYTES)
		return 0;
	len = PATH_BYTES - at;
	barrier_var(to);
	if (to > STRINGS_BYTES)
		return 0;
	barrier_var(len);
	if (len > PATH_BYTES)
		return 0;
	bpf_probe_read_kernel(record->data + to, len, walk->text + at);
	*flags = walk->flags;
	return len;
}

/* The arguments page by page, up to one that is not there. Returns the bytes that could be had. */
static __always_inline __u64 put_args_slowly(struct exec_record *record, __u64 to, __u64 from, __u64 want)
{
	__u64 got = 0;

	for (int page = 0; page < ARGS_LIMIT / PAGE_BYTES + 1; page++) {
		__u64 address = from + got, at = to + got, len = PAGE_BYTES - (address & (PAGE_BYTES - 1));

		if (got >= want)
			break;
		if (len > want - got)
			len = want - got;
		barrier_var(len);
		if (len > PAGE_BYTES)
			break;
		barrier_var(at);
		if (at > STRINGS_BYTES + ARGS_LIMIT)
			break;
		if (bpf_probe_read_user(record->data + at, len, (void *)address))
			break;
		got += len;
	}
	return got;
}

static __always_inline __u64 put_args(struct exec_record *record, __u64 to, struct mm_struct *mm)
{
	__u64 from = BPF_CORE_READ(mm, arg_start), total = BPF_CORE_READ(mm, arg_end) - from, want = total;

	record->event.args_total = total;
	if (want > args_max) {
		want = args_max;
		record->event.exec_flags |= EXEC_ARGS_TRUNCATED;
	}
	barrier_var(to);
	if (to > STRINGS_BYTES)
		return 0;
	barrier_var(want);
	if (want > ARGS_LIMIT)
		want = ARGS_LIMIT;
	if (want && bpf_probe_read_user(record->data + to, want, (void *)from)) {
		record->event.exec_flags |= EXEC_ARGS_FAULT;
		want = put_args_slowly(record, to, from, want);
	}
	return want;
}

/* Fills everything behind the head; returns the bytes behind the fixed part. */
static __always_inline __u64 fill_exec(struct exec_record *record, struct task_struct *task, const char *file)
{
	struct exec_event *event = &record->event;
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct file *executable = BPF_CORE_READ(mm, exe_file);
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	__u64 root = (__u64)fs + bpf_core_field_offset(struct fs_struct, root), at = 0, len;
	long got;

	event->inode = BPF_CORE_READ(executable, f_inode, i_ino);
	event->dev = BPF_CORE_READ(executable, f_inode, i_sb, s_dev);
	event->session_leader_pid = BPF_CORE_READ(task, signal, pids[PIDTYPE_SID], numbers[0].nr);
	event->path_flags = 0;
	event->cwd_flags = 0;
	event->path_len = at = put_path(record, 0, (__u64)executable + bpf_core_field_offset(struct file, f_path), root, &event->path_flags);
	len = put_path(record, at, (__u64)fs + bpf_core_field_offset(struct fs_struct, pwd), root, &event->cwd_flags);
	event->cwd_len = len;
	at += len;
	barrier_var(at);
	if (at > 2 * PATH_BYTES)
		return 0;
	got = file ? bpf_probe_read_kernel_str(record->data + at, FILE_BYTES, file) : 0;
	len = got > 0 ? got - 1 : 0;
	event->file_len = len;
	at += len & (FILE_BYTES - 1);
	len = put_args(record, at, mm);
	event->args_len = len;
	return at + len;
}

/*
 * The number of the call behind an exec that succeeded. x86 puts execve there whatever it was (set_personality_64bit); that it was
 * execveat of a descriptor shows in the name that the kernel made up for it. With AT_FDCWD it does what execve does and is told as such.
 */
static __always_inline __s32 exec_call(struct task_struct *task, struct linux_binprm *bprm, const char *file)
{
	__s32 nr = current_call(task);
#if defined(__TARGET_ARCH_x86)
	static const char made_up[] = "/dev/fd/";
	char start[sizeof(made_up) - 1] = {};

	if (bprm && bpf_core_field_exists(bprm->fdpath))
		return BPF_CORE_READ(bprm, fdpath) ? NR_EXECVEAT : nr;
	bpf_probe_read_kernel(start, sizeof(start), bprm ? BPF_CORE_READ(bprm, filename) : file);
	if (!__builtin_memcmp(start, made_up, sizeof(start)))
		return -1; /* or somebody called it by that name */
#endif
	return nr;
}

static __always_inline int exec_event(struct task_struct *task, __u32 old_tid, const char *file, struct linux_binprm *bprm)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct event_counters *count = counters_of(EVENT_EXEC);
	struct exec_record *record = bpf_map_lookup_elem(&exec_records, &cpu);
	__u64 len;

	if (!count)
		return 0;
	count->seen++;
	if (!record) {
		count->lost++;
		return 0;
	}
	if (is_self()) {
		count->filtered++;
		return 0;
	}
	record->event.exec_flags = bprm ? 0 : EXEC_ARGC_UNKNOWN;
	record->event.argc = bprm ? BPF_CORE_READ(bprm, argc) : 0;
	record->event.old_tid = old_tid;
	record->event.syscall_nr = exec_call(task, bprm, file);
	record->event.ret = 0;
	len = fill_exec(record, task, bprm ? BPF_CORE_READ(bprm, filename) : file);
	barrier_var(len);
	if (len > STRINGS_BYTES + ARGS_LIMIT)
		len = 0;
	fill_head(&record->event.head, EVENT_EXEC, sizeof(record->event) + len, task);
	ring_write(count, record, sizeof(record->event) + len, EVENT_EXEC);
	return 0;
}

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
	struct fork_event event = {};
	__u32 level = 0;
	bool thread = clone_flags & CLONE_THREAD;

	if (!count)
		return 0;
	count->seen++;
	if ((thread && !want_threads) || is_self()) {
		count->filtered++;
		return 0;
	}
	fill_head(&event.head, EVENT_FORK, sizeof(event), task);
	event.clone_flags = clone_flags;
	event.fork_flags = thread ? FORK_THREAD : 0;
	event.syscall_nr = current_call(task);
	event.compat = is_compat(task);
	if (event.syscall_nr < 0)
		event.fork_flags |= FORK_CALL_UNKNOWN;
	event.child_tid = child_tid;
	/* what can be said without the child: a thread belongs to its maker's process, and no namespace is nested less than its maker's */
	event.child_pid = thread ? event.head.actor.pid : child_tid;
	event.child_head_flags = event.head.actor.flags & HEAD_NESTED_PID_NS;
	if (child) {
		event.child_pid = BPF_CORE_READ(child, tgid);
		event.child_tid = BPF_CORE_READ(child, pid);
		event.child_start_ns = BPF_CORE_READ(child, group_leader, start_boottime);
		event.child_exec_id = BPF_CORE_READ(child, self_exec_id);
		event.child_head_flags = BPF_CORE_READ(child, flags) & PF_KTHREAD ? HEAD_KERNEL_THREAD : 0;
		/* the child's pid is attached already: copy_process does so before this tracepoint */
		event.child_vpid = own_pid(BPF_CORE_READ(child, group_leader), &level);
		if (level)
			event.child_head_flags |= HEAD_NESTED_PID_NS;
	}
	ring_write(count, &event, sizeof(event), EVENT_FORK);
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
	struct exit_event event = {};
	struct signal_struct *signal;
	__u32 code;

	if (!count || !is_last_thread(task, group_dead))
		return 0;
	count->seen++;
	if (is_self()) {
		count->filtered++;
		return 0;
	}
	signal = BPF_CORE_READ(task, signal);
	if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		code = BPF_CORE_READ(signal, group_exit_code);
	else
		code = BPF_CORE_READ(task, group_leader, exit_code);
	fill_head(&event.head, EVENT_EXIT, sizeof(event), task);
	event.duration_ns = event.head.boot_ns - event.head.actor.start_ns;
	event.exit_code = code >> 8 & 0xff;
	event.exit_signal = code & 0x7f;
	event.core_dumped = code >> 7 & 1;
	ring_write(count, &event, sizeof(event), EVENT_EXIT);
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
	if (is_self()) {
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
	ring_write(count, record, sizeof(record->event) + len, EVENT_EXEC_FAILED);
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
	if (!task || !count || !record || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid) || !BPF_CORE_READ(task, signal, live.counter))
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
