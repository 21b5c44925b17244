/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The record of a program that was started: everything from the new image and the kernel's own path, nothing from the caller. */
#ifndef RINGTAIL_EXEC_BPF_H
#define RINGTAIL_EXEC_BPF_H

#include "common.bpf.h"
#include "actor.bpf.h"
#include "arch.bpf.h"
#include "context.bpf.h"
#include "environment.bpf.h"
#include "exclude.bpf.h"
#include "path.bpf.h"
#include "process_count.bpf.h"

#define ARGS_LIMIT 65536 /* most bytes of arguments in a record */
#define PAGE_BYTES 4096
#define FILE_BYTES 4096
#define STRINGS_BYTES (2 * PATH_BYTES + FILE_BYTES)

/* What may change while the programs run: written by the loader, whole, before they are attached and at any time after. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct process_settings);
} settings SEC(".maps");

static __always_inline struct process_settings *settings_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline __u32 args_max(void)
{
	struct process_settings *now = settings_now();

	return now ? now->args_max : 0;
}

/* enum process_want */
static __always_inline __u32 process_wants(void)
{
	struct process_settings *now = settings_now();

	return now ? now->wants : 0;
}

struct exec_record {
	struct context_head context;
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
	__u32 most = args_max();

	record->event.args_total = total;
	if (want > most) {
		want = most;
		record->event.exec_flags |= EXEC_ARGS_TRUNCATED;
	}
	barrier_var(to);
	if (to > STRINGS_BYTES)
		return 0;
	if (want > ARGS_LIMIT)
		want = ARGS_LIMIT;
	/* kernels before 6.2 do not follow the bound through the copy that the compiler makes */
	barrier_var(want);
	if (want > ARGS_LIMIT)
		return 0;
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

/* Puts the value behind what the record holds already; returns its length. */
static __always_inline __u64 put_traceparent(struct exec_record *record, __u64 at)
{
	struct environment_search *search;
	__u32 zero = 0;
	long got;

	if (search_environment(zero))
		record->event.exec_flags |= EXEC_ENVIRONMENT_CUT;
	search = bpf_map_lookup_elem(&searches, &zero);
	if (!search || !search->found)
		return 0;
	barrier_var(at);
	if (at > STRINGS_BYTES + ARGS_LIMIT)
		return 0;
	got = bpf_probe_read_kernel_str(record->data + at, TRACEPARENT_BYTES, search->text + TRACEPARENT_NAME_BYTES);
	if (got <= 0)
		return 0;
	record->event.traceparent_len = got - 1;
	return (got - 1) & (TRACEPARENT_BYTES - 1);
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
	__u32 wants = process_wants();
	bool left_out;
	__u64 len;

	if (!count)
		return 0;
	forget_run(task);
	left_out = is_left_out(task);
	if (wants & PROCESS_WANT_COUNT && !left_out)
		count_process(EVENT_EXEC);
	if (!(wants & PROCESS_WANT_EVENT))
		return 0;
	count->seen++;
	if (left_out) {
		count->filtered++;
		return 0;
	}
	if (!record) {
		count->lost++;
		return 0;
	}
	record->event.exec_flags = bprm ? 0 : EXEC_ARGC_UNKNOWN;
	record->event.argc = bprm ? BPF_CORE_READ(bprm, argc) : 0;
	record->event.old_tid = old_tid;
	record->event.syscall_nr = exec_call(task, bprm, file);
	record->event.ret = 0;
	record->event.traceparent_len = 0;
	len = fill_exec(record, task, bprm ? BPF_CORE_READ(bprm, filename) : file);
	if (wants & PROCESS_WANT_TRACEPARENT)
		len += put_traceparent(record, len);
	barrier_var(len);
	if (len > STRINGS_BYTES + ARGS_LIMIT + TRACEPARENT_BYTES)
		len = 0;
	fill_head(&record->event.head, EVENT_EXEC, sizeof(record->event) + len, task);
	/* the thread that called it has taken the number of the process by now */
	ring_write_of(count, &record->event, sizeof(record->event) + len, EVENT_EXEC, (__u64)record->event.head.actor.pid << 32 | old_tid);
	return 0;
}

#endif
