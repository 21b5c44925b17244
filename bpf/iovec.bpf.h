/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How many bytes the parts of a scattered read or write have together. */
#ifndef RINGTAIL_IOVEC_BPF_H
#define RINGTAIL_IOVEC_BPF_H

#include "common.bpf.h"

#define IOVEC_MOST 1024 /* UIO_MAXIOV: the kernel refuses more */
#define IOVEC_ROUND 4   /* that are read together, on to the stack: a kernel with hardened copies takes 50 ns more for other memory */

struct iovec_walk {
	__u64 at;    /* in the caller's memory */
	__u64 bytes; /* found so far */
	__u32 left;
	__u32 compat;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct iovec_walk);
} iovec_walks SEC(".maps");

/* Adds up to four. Returns 1 when it is over. */
static __always_inline int iovec_step(struct iovec_walk *walk)
{
	__u32 some = walk->left < IOVEC_ROUND ? walk->left : IOVEC_ROUND;
	struct iovec wide[IOVEC_ROUND] = {}; /* what is not read counts nothing */
	const struct compat_iovec *narrow = (const struct compat_iovec *)wide;
	bool compat = walk->compat;
	__u64 size;

	if (!some)
		return 1;
	size = (__u64)some * (compat ? sizeof(*narrow) : sizeof(*wide));
	barrier_var(size);
	if (size > sizeof(wide) || bpf_probe_read_user(wide, size, (void *)walk->at))
		return 1;
#pragma unroll
	for (int part = 0; part < IOVEC_ROUND; part++)
		walk->bytes += compat ? narrow[part].iov_len : wide[part].iov_len;
	walk->at += size;
	walk->left -= some;
	return 0;
}

/* The same as a function of its own, verified once. */
__noinline int iovec_next(void)
{
	__u32 zero = 0;
	struct iovec_walk *walk = bpf_map_lookup_elem(&iovec_walks, &zero);

	return walk ? iovec_step(walk) : 1;
}

#ifndef RINGTAIL_LEGACY
static long iovec_round(__u32 round, struct iovec_walk **walk)
{
	return iovec_step(*walk);
}
#endif

/* Bytes of `count` parts that lie at `parts` in the caller's memory, as far as they can be read. */
__noinline __u64 iovec_bytes(__u64 parts, __u32 count, __u32 compat)
{
	__u32 zero = 0;
	struct iovec_walk *walk = bpf_map_lookup_elem(&iovec_walks, &zero);

	if (!walk)
		return 0;
	walk->at = parts;
	walk->bytes = 0;
	walk->left = count > IOVEC_MOST ? 0 : count;
	walk->compat = compat;
	/* most have a few parts, which need no loop */
	if (iovec_next() || !walk->left)
		return walk->bytes;
#ifdef RINGTAIL_LEGACY
	for (int round = 0; round < IOVEC_MOST / IOVEC_ROUND + 1; round++)
		if (iovec_next())
			break;
#else
	bpf_loop(IOVEC_MOST / IOVEC_ROUND + 1, iovec_round, &walk, 0);
#endif
	return walk->bytes;
}

#endif
