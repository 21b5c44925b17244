/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* At the exit of close the descriptor is gone: what its record says is taken at the enter and kept with the task. */
#ifndef RINGTAIL_SOCKET_CLOSE_BPF_H
#define RINGTAIL_SOCKET_CLOSE_BPF_H

#include "socket_fields.bpf.h"

#define CLOSING_ENTRIES 4096 /* closes of sockets at one moment, where the kernel has no task storage */

const volatile bool have_task_storage = false; /* for these programs, 5.13 */

enum close_seen {
	CLOSE_UNSEEN = 0,
	CLOSE_OF_OTHER = 1, /* of no socket */
	CLOSE_OF_SOCKET = 2,
};

struct close_note {
	__u32 seen; /* enum close_seen */
	__u32 pad;
	struct socket_facts facts;
};

/* The loader makes one of the two. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct close_note);
} close_notes SEC(".maps");

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

static __always_inline void fill_note(struct close_note *note, __u64 sk)
{
	note->seen = sk ? CLOSE_OF_SOCKET : CLOSE_OF_OTHER;
	if (sk)
		read_socket(&note->facts, sk);
}

/* At the enter of close; of `call` only the task and the arguments count. A note that cannot be kept is missed at the exit. */
static __always_inline int socket_close_enter(struct call_ctx *call)
{
	__u64 sk = socket_at(call, call->args[0]), thread = bpf_get_current_pid_tgid();
	struct close_note *note;
	__u32 zero = 0;

	if (have_task_storage) {
		note = bpf_task_storage_get(&close_notes, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (note)
			fill_note(note, sk);
		return 0;
	}
	note = bpf_map_lookup_elem(&close_drafts, &zero);
	if (!note)
		return 0;
	fill_note(note, sk);
	bpf_map_update_elem(&closings, &thread, note, BPF_ANY);
	return 0;
}

/* At the exit: the note of the enter, or null. */
static __always_inline struct close_note *close_note_of(__u64 thread)
{
	if (have_task_storage)
		return bpf_task_storage_get(&close_notes, bpf_get_current_task_btf(), 0, 0);
	return bpf_map_lookup_elem(&closings, &thread);
}

/* `note` says nothing from here on. */
static __always_inline void drop_note(struct close_note *note, __u64 thread)
{
	if (have_task_storage)
		note->seen = CLOSE_UNSEEN;
	else
		bpf_map_delete_elem(&closings, &thread);
}

#endif
