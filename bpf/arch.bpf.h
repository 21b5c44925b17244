/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between processors: numbers of system calls and where their arguments lie. */
#ifndef RINGTAIL_ARCH_BPF_H
#define RINGTAIL_ARCH_BPF_H

#include "common.bpf.h"

#if defined(__TARGET_ARCH_x86)

#define TS_COMPAT 2 /* arch/x86/include/asm/thread_info.h */
#define NR_EXECVE 59
#define NR_EXECVEAT 322
#define NR_EXECVE_COMPAT 11
#define NR_EXECVEAT_COMPAT 358
#define THREAD_BYTES 16384 /* without KASAN */

static __always_inline bool is_compat(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}
#define SYSCALL_NR(regs) ((__s32)BPF_CORE_READ(regs, orig_ax))
#define SYSCALL_ARG1(regs, compat) (compat ? (__u32)BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di))
#define SYSCALL_ARG2(regs, compat) (compat ? (__u32)BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, si))

#elif defined(__TARGET_ARCH_arm64)

#define NR_EXECVE 221
#define NR_EXECVEAT 281
#define NR_EXECVE_COMPAT 11
#define NR_EXECVEAT_COMPAT 387
#define THREAD_BYTES 16384 /* 4 KiB pages */
#define TIF_32BIT 22

static __always_inline bool is_compat(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.flags) >> TIF_32BIT & 1;
}
#define SYSCALL_NR(regs) ((__s32)BPF_CORE_READ(regs, syscallno))
#define SYSCALL_ARG1(regs, compat) BPF_CORE_READ(regs, orig_x0)
#define SYSCALL_ARG2(regs, compat) BPF_CORE_READ(regs, regs[1])

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
