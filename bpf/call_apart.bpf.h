/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ia32 call socketcall: which call it stands for, and its arguments, which lie in the caller's memory. */
#ifndef RINGTAIL_CALL_APART_BPF_H
#define RINGTAIL_CALL_APART_BPF_H

#include "call.bpf.h"

/* SYS_* in include/uapi/linux/net.h: the call, and its number of arguments. */
static __always_inline __u32 inner_call(__u32 number, __u32 *arguments)
{
	switch (number) {
	case 3:
		*arguments = 3;
		return CALL_CONNECT;
	case 5:
		*arguments = 3;
		return CALL_ACCEPT;
	case 9:
		*arguments = 4;
		return CALL_SEND;
	case 10:
		*arguments = 4;
		return CALL_RECV;
	case 11:
		*arguments = 6;
		return CALL_SENDTO;
	case 12:
		*arguments = 6;
		return CALL_RECVFROM;
	case 16:
		*arguments = 3;
		return CALL_SENDMSG;
	case 17:
		*arguments = 3;
		return CALL_RECVMSG;
	case 18:
		*arguments = 4;
		return CALL_ACCEPT4;
	case 19:
		*arguments = 5;
		return CALL_RECVMMSG;
	case 20:
		*arguments = 4;
		return CALL_SENDMMSG;
	}
	return CALL_NONE;
}

/* Makes it the call that it stands for, CALL_NONE when that is none of ours. */
static __always_inline void take_apart(struct call_ctx *call)
{
	__u32 words[CALL_ARGS] = {}, count = 0, users = 0;
	__u64 mm, size;

	call->call = inner_call(call->args[0], &count);
	size = (__u64)count * sizeof(*words);
	barrier_var(size);
	if (size > sizeof(words))
		return;
	bpf_probe_read_user(words, size, (void *)call->args[1]);
	for (int i = 0; i < CALL_ARGS; i++)
		call->args[i] = words[i];
	KREAD(mm, call->task, task_struct, mm);
	if (mm)
		KREAD(users, mm, mm_struct, mm_users.counter);
	if (users > 1) /* who shares the memory may have written there since */
		call->flags |= CALL_IS_UNVERIFIED;
}

#endif
