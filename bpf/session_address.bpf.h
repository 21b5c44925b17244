/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program of a cgroup is given as a typed pointer, as the address that the maps are keyed by. */
#ifndef RINGTAIL_SESSION_ADDRESS_BPF_H
#define RINGTAIL_SESSION_ADDRESS_BPF_H

#include "common.bpf.h"

/* Its only entry holds its own address. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} own_addresses SEC(".maps");

/*
 * A typed pointer as a number. Kernels before 5.12 take no pointer of these types in a key; the difference of two pointers is a number everywhere,
 * and the address of the second one is a constant that everybody writes alike.
 */
static __always_inline __u64 as_number(const void *pointer)
{
	__u32 zero = 0;
	__u64 *own = bpf_map_lookup_elem(&own_addresses, &zero), distance;

	if (!own)
		return 0;
	if (!*own)
		*own = (__u64)own;
	distance = (__u64)pointer - (__u64)own;
	barrier_var(distance);
	return distance + *own;
}

#endif
