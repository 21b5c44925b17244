/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading a field of a kernel structure at an address that has no type. */
#ifndef RINGTAIL_KREAD_BPF_H
#define RINGTAIL_KREAD_BPF_H

#include "common.bpf.h"

/*
 * Since 6.2. An object that names the function on a kernel that has none is refused to whoever lacks CAP_SYS_ADMIN, weak or not: libbpf looks for it
 * in the types of all modules, which takes that capability. So there are objects without it, see common.bpf.h.
 */
#ifdef RINGTAIL_NO_CAST
/* Never true: the compiler does not know, and keeps one place on the stack for what all of these read, where it would else have one each. */
const volatile bool have_rdonly_cast = false;
#define HAVE_RDONLY_CAST have_rdonly_cast
static __always_inline void *bpf_rdonly_cast(const void *obj, __u32 btf_id)
{
	barrier_var(obj);
	return (void *)obj;
}
#else
#define HAVE_RDONLY_CAST true
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;
#endif

/* One field through an untyped address: a plain load where the kernel allows it, else the helper. */
#define KREAD(dst, addr, type, field) \
	do { \
		if (HAVE_RDONLY_CAST) { \
			struct type *_typed = bpf_rdonly_cast((void *)(addr), bpf_core_type_id_kernel(struct type)); \
			dst = (typeof(dst))_typed->field; \
		} else { \
			__u64 _value = 0; /* not typeof: a const field would stay 0 for the compiler */ \
			bpf_probe_read_kernel( \
				&_value, sizeof(((struct type *)0)->field), (void *)(addr) + bpf_core_field_offset(struct type, field)); \
			dst = (typeof(dst))_value; \
		} \
	} while (0)

/* A pointer or another word of eight bytes. */
#define KREAD_WORD(dst, addr) KREAD(dst, addr, timespec64, tv_sec)

#endif
