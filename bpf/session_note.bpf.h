/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the hooks of a cgroup saw of the address that a thread's call is about, for the programs that see the end of that call and no address. */
#ifndef RINGTAIL_SESSION_NOTE_BPF_H
#define RINGTAIL_SESSION_NOTE_BPF_H

#include "common.bpf.h"

#define NOTED_THREADS 8192 /* that are inside such a call at one time; a note that was pushed out is a peer that is not known */

enum note_what {
	NOTE_NONE = 0,
	NOTE_CONNECT = 1, /* TCP: before anything was tried */
	NOTE_SEND = 2,    /* a datagram to an address that the call names */
	NOTE_RECEIVE = 3, /* a datagram whose sender the call asked for */
};

struct session_note {
	__u64 sk;
	__u64 boot_ns; /* of a connect */
	__u8 peer[16]; /* as in struct session, by the family */
	__u16 port;
	__u16 family; /* AF_*, of the socket: IPv4 through a socket of IPv6 is v4-mapped */
	__u32 scope; /* interface of a link-local peer */
	__u32 what; /* enum note_what; whoever used it sets it to none */
};

/* By thread (address of its task_struct): only the thread itself writes and reads its note. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NOTED_THREADS);
	__type(key, __u64);
	__type(value, struct session_note);
} session_notes SEC(".maps");

static const struct session_note no_note;

static __always_inline struct session_note *note_of_thread(void)
{
	__u64 thread = bpf_get_current_task();

	return bpf_map_lookup_elem(&session_notes, &thread);
}

/* The note that this thread took for a call of this kind on this socket; null when there is none. */
static __always_inline struct session_note *note_for(__u64 sk, __u32 what)
{
	struct session_note *note = note_of_thread();

	return note && note->what == what && note->sk == sk ? note : 0;
}

/* For the caller to fill; null when there is no room. */
static __always_inline struct session_note *new_note(__u64 sk, __u32 what)
{
	struct session_note *note = note_of_thread();
	__u64 thread;

	if (!note) {
		thread = bpf_get_current_task();
		bpf_map_update_elem(&session_notes, &thread, &no_note, BPF_ANY);
		note = note_of_thread();
	}
	if (note) {
		note->sk = sk;
		note->what = what;
	}
	return note;
}

#endif
