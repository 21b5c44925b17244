/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls that are counted for metrics, whatever becomes of their records: by cgroup, network namespace, executable, call and error. */
#ifndef RINGTAIL_CALL_COUNT_BPF_H
#define RINGTAIL_CALL_COUNT_BPF_H

#include "call.bpf.h"

#define COUNT_ENTRIES 32768 /* of about 120 bytes, and 16 more for each CPU */
#define NAME_ENTRIES 8192

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, COUNT_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct call_count_key);
	__type(value, struct call_count);
} call_counts SEC(".maps");

/* One that falls out is entered again with its next new count. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NAME_ENTRIES);
	__type(key, struct call_name_key);
	__type(value, struct call_name);
} call_names SEC(".maps");

/* What found no room in `call_counts`, by enum call_id. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CALL_IDS);
	__type(key, __u32);
	__type(value, struct call_count);
} call_overflow SEC(".maps");

/* True for those that return how many bytes they moved. */
static __always_inline bool returns_bytes(__u32 call)
{
	return (call >= CALL_READ && call <= CALL_PWRITEV2) ||
	       (call >= CALL_SENDTO && call <= CALL_RECV && call != CALL_SENDMMSG && call != CALL_RECVMMSG);
}

static __always_inline bool is_of_network(__u32 call)
{
	return call >= CALL_CONNECT && call <= CALL_CLOSE;
}

static __always_inline void enter_name(struct call_count_key *counted, __u64 file)
{
	struct call_name_key key = {.inode = counted->inode, .dev = counted->dev, .generation = counted->generation};
	struct call_name first = {};
	__u64 dentry, name;

	if (bpf_map_lookup_elem(&call_names, &key))
		return;
	KREAD(dentry, file, file, f_path.dentry);
	KREAD(name, dentry, dentry, d_name.name);
	bpf_probe_read_kernel_str(first.name, sizeof(first.name), (void *)name);
	bpf_map_update_elem(&call_names, &key, &first, BPF_NOEXIST);
}

/* The name is there before the count is. */
static __always_inline struct call_count *new_count(struct call_count_key *key, __u64 file, __u32 call)
{
	struct call_count first = {}, *count;

	if (file)
		enter_name(key, file);
	bpf_map_update_elem(&call_counts, key, &first, BPF_NOEXIST);
	count = bpf_map_lookup_elem(&call_counts, key);
	return count ? count : bpf_map_lookup_elem(&call_overflow, &call);
}

/* Global, so that what it keeps on the stack is gone when a record is made. */
__noinline int count_call(void)
{
	struct call_ctx *call = current_ctx();
	struct call_count_key key = {};
	__u64 mm, file = 0, inode, super;
	struct call_count *count;

	if (!call)
		return 0;
	key.call = call->call;

	/* the child's return from its own making: the maker's counts */
	if (call->call >= CALL_CLONE && call->call <= CALL_VFORK && !call->ret)
		return 0;
	KREAD(mm, call->task, task_struct, mm);
	if (mm)
		KREAD(file, mm, mm_struct, exe_file);
	if (file) {
		KREAD(inode, file, file, f_inode);
		KREAD(super, inode, inode, i_sb);
		KREAD(key.inode, inode, inode, i_ino);
		KREAD(key.dev, super, super_block, s_dev);
		KREAD(key.generation, inode, inode, i_generation);
	}
	if (call->ret < 0)
		key.error = -call->ret;
	key.cgroup_id = current_cgroup();
	if (is_of_network(call->call))
		key.netns_cookie = netns_cookie_of_task(call->task);
	count = bpf_map_lookup_elem(&call_counts, &key);
	if (!count)
		count = new_count(&key, file, call->call);
	if (!count)
		return 0;
	count->calls++;
	if (call->ret > 0 && returns_bytes(call->call))
		count->bytes += call->ret;
	return 0;
}

#endif
