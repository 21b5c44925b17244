/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between processors: numbers of system calls and where their arguments lie. */
#ifndef RINGTAIL_ARCH_BPF_H
#define RINGTAIL_ARCH_BPF_H

#include "common.bpf.h"
#include "kread.bpf.h"

#if defined(__TARGET_ARCH_x86)

#define TS_COMPAT 2 /* arch/x86/include/asm/thread_info.h */
#define NR_EXECVE 59
#define NR_EXECVEAT 322
#define NR_EXECVE_COMPAT 11
#define NR_EXECVEAT_COMPAT 358
#define NR_CONNECT 42
#define NR_ACCEPT 43
#define NR_ACCEPT4 288
#define NR_CONNECT_COMPAT 362
#define NR_ACCEPT4_COMPAT 364
#define NR_SOCKETCALL_COMPAT 102
#define THREAD_BYTES 16384 /* without KASAN */
#define OPEN_DIRECTORY 0200000
#define OPEN_NOFOLLOW 0400000

static __always_inline bool is_compat(struct task_struct *task)
{
	__u32 status;

	KREAD(status, task, task_struct, thread_info.status);
	return status & TS_COMPAT;
}
#define SYSCALL_NR(regs) ((__s32)BPF_CORE_READ(regs, orig_ax))
#define SYSCALL_ARG1(regs, compat) (compat ? (__u32)BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di))
#define SYSCALL_ARG2(regs, compat) (compat ? (__u32)BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, si))

/* The number and the six arguments, by `get(regs, field)`. */
#define CALL_NUMBER(get, regs) get(regs, orig_ax)
#define CALL_ARGUMENTS(get, regs, compat, args) \
	do { \
		if (compat) { \
			args[0] = (__u32)get(regs, bx); \
			args[1] = (__u32)get(regs, cx); \
			args[2] = (__u32)get(regs, dx); \
			args[3] = (__u32)get(regs, si); \
			args[4] = (__u32)get(regs, di); \
			args[5] = (__u32)get(regs, bp); \
		} else { \
			args[0] = get(regs, di); \
			args[1] = get(regs, si); \
			args[2] = get(regs, dx); \
			args[3] = get(regs, r10); \
			args[4] = get(regs, r8); \
			args[5] = get(regs, r9); \
		} \
	} while (0)

#elif defined(__TARGET_ARCH_arm64)

#define NR_EXECVE 221
#define NR_EXECVEAT 281
#define NR_EXECVE_COMPAT 11
#define NR_EXECVEAT_COMPAT 387
#define NR_CONNECT 203
#define NR_ACCEPT 202
#define NR_ACCEPT4 242
#define NR_CONNECT_COMPAT 283
#define NR_ACCEPT_COMPAT 285
#define NR_ACCEPT4_COMPAT 366
#define THREAD_BYTES 16384 /* 4 KiB pages */
#define TIF_32BIT 22
#define OPEN_DIRECTORY 040000
#define OPEN_NOFOLLOW 0100000

static __always_inline bool is_compat(struct task_struct *task)
{
	__u64 flags;

	KREAD(flags, task, task_struct, thread_info.flags);
	return flags >> TIF_32BIT & 1;
}
#define SYSCALL_NR(regs) ((__s32)BPF_CORE_READ(regs, syscallno))
#define SYSCALL_ARG1(regs, compat) BPF_CORE_READ(regs, orig_x0)
#define SYSCALL_ARG2(regs, compat) BPF_CORE_READ(regs, regs[1])

#define CALL_NUMBER(get, regs) (__u32) get(regs, syscallno)
#define CALL_ARGUMENTS(get, regs, compat, args) \
	do { \
		args[0] = get(regs, orig_x0); \
		args[1] = get(regs, regs[1]); \
		args[2] = get(regs, regs[2]); \
		args[3] = get(regs, regs[3]); \
		args[4] = get(regs, regs[4]); \
		args[5] = get(regs, regs[5]); \
	} while (0)

#else
#error "no numbers of system calls for this processor"
#endif

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

#endif
