/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A system call at its exit: what every handler is given. */
#ifndef RINGTAIL_CALL_BPF_H
#define RINGTAIL_CALL_BPF_H

#include "common.bpf.h"
#include "sock.bpf.h"

#define CALL_ARGS 6

const volatile __u32 host_mount_ns = 0; /* number of the inode of the host's mount namespace; 0 = not known */

/* The registers still hold the arguments at the exit. `args` are those of the call that `call` names: a socketcall is taken apart. */
struct call_ctx {
	struct task_struct *task;
	__s64 ret;
	__u32 call;  /* enum call_id */
	__u32 kind;  /* enum event_kind of the record that it becomes */
	__u32 flags; /* enum call_flags as far as they are known */
	__u32 pad;
	__u64 args[CALL_ARGS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct call_settings);
} call_settings SEC(".maps");

/* The call that this CPU is at the exit of: such a program is never interrupted by another one at the exit of a call. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct call_ctx);
} current_calls SEC(".maps");

static __always_inline struct call_ctx *current_ctx(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&current_calls, &zero);
}

/* Whether another thread may change the descriptors while the call ends. */
static __always_inline bool has_shared_files(struct call_ctx *call)
{
	__u64 files;
	__u32 users = 0;

	KREAD(files, call->task, task_struct, files);
	if (files)
		KREAD(users, files, files_struct, count.counter);
	return users > 1;
}

/* Address of the struct file behind a descriptor of the current task; 0 = none. */
static __always_inline __u64 file_at(struct call_ctx *call, __u32 fd)
{
	return file_of(call->task, fd);
}

#endif
