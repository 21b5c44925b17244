/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sums of reads and writes, by process, file and direction, instead of a record a call. */
#ifndef RINGTAIL_FILE_TOTAL_BPF_H
#define RINGTAIL_FILE_TOTAL_BPF_H

#include "actor.bpf.h"
#include "call_limit.bpf.h"
#include "file.bpf.h"

#define TOTAL_ENTRIES 8192

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TOTAL_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct io_total_key);
	__type(value, struct io_total);
} io_totals SEC(".maps");

struct total_draft {
	struct event_head head;
	struct io_total total;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct total_draft);
} total_drafts SEC(".maps");

static __always_inline bool wants_totals(void)
{
	__u32 zero = 0;
	struct call_settings *settings = bpf_map_lookup_elem(&call_settings, &zero);

	return settings && settings->aggregate;
}

static __always_inline void set_total_key(struct io_total_key *key, struct call_ctx *call, const struct file_facts *facts)
{
	__u64 leader;

	KREAD(leader, call->task, task_struct, group_leader);
	KREAD(key->start_ns, leader, task_struct, start_boottime);
	KREAD(key->pid, leader, task_struct, tgid);
	key->inode = facts->number;
	key->dev = facts->dev;
	key->kind = call->kind;
	KREAD(key->exec_id, leader, task_struct, self_exec_id);
}

static __always_inline void add_call(struct io_total *total, struct call_ctx *call, __u64 requested)
{
	total->last_ns = bpf_ktime_get_boot_ns();
	if (total->fd != (__s32)call->args[0])
		total->fd = -1;
	if (total->call != call->call)
		total->call = CALL_NONE;
	__sync_fetch_and_add(&total->calls, 1);
	__sync_fetch_and_add(&total->requested, requested);
	if (call->ret < 0)
		__sync_fetch_and_add(&total->failed, 1);
	else
		__sync_fetch_and_add(&total->transferred, call->ret);
}

/* 1 when there is a sum that the current call belongs to. The rules let its path pass when the sum began. */
__noinline int add_to_total(__u64 requested)
{
	struct file_facts *facts = current_file();
	struct call_ctx *call = current_ctx();
	struct io_total_key key;
	struct io_total *total;

	if (!facts || !call)
		return 0;
	set_total_key(&key, call, facts);
	total = bpf_map_lookup_elem(&io_totals, &key);
	if (!total)
		return 0;
	add_call(total, call, requested);
	return 1;
}

/* The end of a path that is too long: its front is missing as that of any long path. */
static __always_inline void put_total_path(struct io_total *total, struct path_walk *walk, __u64 start, __u32 flags)
{
	__u64 len = PATH_BYTES - start;

	if (len > TOTAL_PATH_BYTES) {
		len = TOTAL_PATH_BYTES;
		start = PATH_BYTES - TOTAL_PATH_BYTES;
		flags |= PATH_TRUNCATED;
	}
	barrier_var(start);
	if (start > PATH_BYTES)
		return;
	barrier_var(len);
	if (len > TOTAL_PATH_BYTES)
		return;
	bpf_probe_read_kernel(total->path, len, walk->text + start);
	total->path_len = len;
	total->path_flags = flags;
}

/* Begins a sum with the current call, whose path is in the walk from `start` on. 0 when there is no room for it. */
__noinline int begin_total(__u64 requested, __u64 start)
{
	__u32 zero = 0, slot = WALK_EVENT;
	struct total_draft *draft = bpf_map_lookup_elem(&total_drafts, &zero);
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	struct file_facts *facts = current_file();
	struct call_ctx *call = current_ctx();
	struct io_total_key key;
	struct io_total *total;

	if (!draft || !walk || !facts || !call)
		return 0;
	total = &draft->total;
	fill_call_head(&draft->head, call->kind, 0, call->task);
	__builtin_memcpy(&total->actor, &draft->head.actor, sizeof(total->actor));
	total->first_ns = draft->head.boot_ns;
	total->last_ns = draft->head.boot_ns;
	total->calls = 1;
	total->failed = call->ret < 0;
	total->requested = requested;
	total->transferred = call->ret < 0 ? 0 : call->ret;
	total->fd = call->args[0];
	total->call = call->call;
	total->file_kind = facts->file ? kind_of_file(facts) : FILE_UNKNOWN;
	total->path_len = 0;
	total->path_flags = 0;
	total->zero = 0;
	put_total_path(total, walk, start, walk->flags);
	set_total_key(&key, call, facts);
	if (!bpf_map_update_elem(&io_totals, &key, total, BPF_NOEXIST))
		return 1;
	/* another thread was faster, or the map is full */
	return add_to_total(requested);
}

#endif
