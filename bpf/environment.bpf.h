/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TRACEPARENT in the environment of a new image, and nothing else of it: what is read of other variables goes nowhere. */
#ifndef RINGTAIL_ENVIRONMENT_BPF_H
#define RINGTAIL_ENVIRONMENT_BPF_H

#include "common.bpf.h"
#include "kread.bpf.h"

#define TRACEPARENT_BYTES 64 /* most of a value, with its NUL; version 00 of W3C Trace Context has 55 characters */
#define TRACEPARENT_NAME_BYTES 12
#define TRACEPARENT_NAME_WORD 0x5241504543415254ULL /* TRACEPAR */
#define TRACEPARENT_NAME_REST 0x3d544e45U           /* ENT= */
#define VARIABLE_BYTES 4096                         /* read at once; a longer variable takes several steps */
#ifdef RINGTAIL_LEGACY
#define ENVIRONMENT_STEPS 512
#else
#define ENVIRONMENT_STEPS 4096
#endif

struct environment_search {
	__u64 at, end; /* addresses in the new image */
	__u32 inside;  /* what is read next is no beginning of a variable */
	__u32 found;   /* `text` holds the variable */
	char text[VARIABLE_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct environment_search);
} searches SEC(".maps");

/*
 * Looks at one variable, or at a piece of a long one. Returns 1 when the search is over. A loop on 5.10 has room for 8,192 branches in all its rounds
 * together, so the rest is reckoned.
 */
static __always_inline int search_step(struct environment_search *search)
{
	__u64 other;
	long got;

	if (search->at >= search->end)
		return 1;
	got = bpf_probe_read_user_str(search->text, VARIABLE_BYTES, (void *)search->at);
	if (got <= 0)
		return 1;
	/* a shorter text has its NUL in these bytes, whatever stands behind it */
	other = search->inside | (*(__u64 *)search->text ^ TRACEPARENT_NAME_WORD) | (*(__u32 *)(search->text + 8) ^ TRACEPARENT_NAME_REST);
	barrier_var(other);
	if (!other) {
		search->found = 1;
		return 1;
	}
	/* 1 for what was cut; its last byte is a NUL that does not stand there */
	search->inside = (__u64)got / VARIABLE_BYTES;
	search->at += got - search->inside;
	return 0;
}

#ifndef RINGTAIL_LEGACY
static long search_round(__u32 round, struct environment_search **search)
{
	return search_step(*search);
}
#endif

/* Of the current task, into `searches`. Returns 1 when it was not there as far as could be searched, and there is more. */
__noinline int search_environment(__u32 slot)
{
	struct environment_search *search = bpf_map_lookup_elem(&searches, &slot);
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 mm;

	if (!search)
		return 1;
	search->found = 0;
	search->inside = 0;
	KREAD(mm, task, task_struct, mm);
	KREAD(search->at, mm, mm_struct, env_start);
	KREAD(search->end, mm, mm_struct, env_end);
#ifdef RINGTAIL_LEGACY
	for (int round = 0; round < ENVIRONMENT_STEPS; round++)
		if (search_step(search))
			break;
#else
	bpf_loop(ENVIRONMENT_STEPS, search_round, &search, 0);
#endif
	return !search->found && search->at < search->end;
}

#endif
