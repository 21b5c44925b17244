/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A system call at its exit: what every handler is given. */
#ifndef RINGTAIL_CALL_BPF_H
#define RINGTAIL_CALL_BPF_H

#include "common.bpf.h"

#define CALL_ARGS 6

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

#endif
