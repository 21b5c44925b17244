/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * At the exit of close the descriptor is gone: what its record says is taken at the enter and kept with the thread, in task storage, or in a
 * map by its number in the flavour for kernels that have none for these programs (before 5.13).
 */
#ifndef RINGTAIL_SOCKET_CLOSE_BPF_H
#define RINGTAIL_SOCKET_CLOSE_BPF_H

#include "socket_fields.bpf.h"

#define CLOSING_ENTRIES 4096 /* closes at one moment, where there is no task storage */
#define CLOSE_MARKS 4096     /* threads in a close at one moment that have a place of their own; the others take the longer way */

enum close_seen {
	CLOSE_UNSEEN = 0,
	CLOSE_OF_OTHER = 1, /* of no socket */
	CLOSE_OF_SOCKET = 2,
};

struct close_note {
	__u32 seen;  /* enum close_seen */
	__u32 round; /* of `call_settings`: what was seen before the enters were attached again counts no more */
	struct socket_facts facts;
};

/* Closes, of whatever, whose enter was not seen; not in `counters`. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} call_missed SEC(".maps");

static __always_inline void count_missed(void)
{
	__u32 zero = 0;
	__u64 *missed = bpf_map_lookup_elem(&call_missed, &zero);

	if (missed)
		(*missed)++;
}

static __always_inline __u32 enter_round(void)
{
	__u32 zero = 0;
	struct call_settings *now = bpf_map_lookup_elem(&call_settings, &zero);

	return now ? now->enter_round : 0;
}

static __always_inline void fill_note(struct close_note *note, __u64 sk, __u32 round)
{
	note->seen = sk ? CLOSE_OF_SOCKET : CLOSE_OF_OTHER;
	note->round = round;
	if (sk)
		read_socket(&note->facts, sk);
}

#ifdef RINGTAIL_LEGACY

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CLOSING_ENTRIES);
	__type(key, __u64);
	__type(value, struct close_note);
} closings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct close_note);
} close_drafts SEC(".maps");

static __always_inline void keep_note(__u64 thread, __u64 sk, __u32 round)
{
	__u32 zero = 0;
	struct close_note *note = bpf_map_lookup_elem(&close_drafts, &zero);

	if (!note)
		return;
	fill_note(note, sk, round);
	bpf_map_update_elem(&closings, &thread, note, BPF_ANY);
}

static __always_inline struct close_note *find_note(__u64 thread)
{
	return bpf_map_lookup_elem(&closings, &thread);
}

static __always_inline void drop_note(struct close_note *note, __u64 thread)
{
	bpf_map_delete_elem(&closings, &thread);
}

static __always_inline bool took_mark(__u64 thread)
{
	return false;
}

#else

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct close_note);
} close_notes SEC(".maps");

/*
 * Most closes are of files. That their enter was seen stands at a place by the thread's number, which costs less than a note. Neighbours lie
 * in different cache lines.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CLOSE_MARKS);
	__type(key, __u32);
	__type(value, __u64);
} close_marks SEC(".maps");

static __always_inline __u64 *mark_of(__u64 thread)
{
	__u32 place = (thread & 7) << 9 | (thread >> 3 & 511);

	return bpf_map_lookup_elem(&close_marks, &place);
}

static __always_inline __u64 own_mark(__u64 thread, __u32 round)
{
	return (__u64)round << 32 | (__u32)thread;
}

/* False: another thread has the place. */
static __always_inline bool set_mark(__u64 *mark, __u64 mine)
{
	__u64 now = *mark;

	if (now == mine)
		return true;
	return (!now || now >> 32 != mine >> 32) && __sync_val_compare_and_swap(mark, now, mine) == now;
}

static __always_inline void keep_note(__u64 thread, __u64 sk, __u32 round)
{
	__u64 mine = own_mark(thread, round), *mark = mark_of(thread);
	struct close_note *note;

	if (mark && !sk && set_mark(mark, mine))
		return;
	if (mark && *mark == mine)
		*mark = 0;
	note = bpf_task_storage_get(&close_notes, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (note)
		fill_note(note, sk, round);
}

static __always_inline struct close_note *find_note(__u64 thread)
{
	return bpf_task_storage_get(&close_notes, bpf_get_current_task_btf(), 0, 0);
}

/* `note` says nothing from here on. */
static __always_inline void drop_note(struct close_note *note, __u64 thread)
{
	note->seen = CLOSE_UNSEEN;
}

/* At the exit: true when the enter marked it as that of no socket. The mark is gone then. */
static __always_inline bool took_mark(__u64 thread)
{
	__u64 *mark = mark_of(thread);

	if (!mark || *mark != own_mark(thread, enter_round()))
		return false;
	*mark = 0;
	return true;
}

#endif

/* At the enter of close; of `call` only the task and the arguments count. What cannot be kept is missed at the exit. */
static __always_inline int socket_close_enter(struct call_ctx *call)
{
	keep_note(bpf_get_current_pid_tgid(), socket_at(call, call->args[0]), enter_round());
	return 0;
}

/* At the exit: the note of the enter, or null. */
static __always_inline struct close_note *close_note_of(__u64 thread)
{
	struct close_note *note = find_note(thread);

	return note && note->seen != CLOSE_UNSEEN && note->round == enter_round() ? note : 0;
}

#endif
