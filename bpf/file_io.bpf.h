/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of reads and writes: the file that is behind the descriptor when the call ends. Or one sum for many calls. */
#ifndef RINGTAIL_FILE_IO_BPF_H
#define RINGTAIL_FILE_IO_BPF_H

#include "call_rules.bpf.h"
#include "context.bpf.h"
#include "file_total.bpf.h"
#include "iovec.bpf.h"

#define FILE_MODE_READ 1 /* FMODE_READ and FMODE_WRITE in include/linux/fs.h */
#define FILE_MODE_WRITE 2
#define EBADF 9

static __always_inline __u64 bytes_asked(struct call_ctx *call)
{
	switch (call->call) {
	case CALL_READV:
	case CALL_PREADV:
	case CALL_PREADV2:
	case CALL_WRITEV:
	case CALL_PWRITEV:
	case CALL_PWRITEV2:
		return iovec_bytes(call->args[1], call->args[2], call->flags & CALL_IS_COMPAT);
	}
	return call->args[2];
}

/* Another thread may have put another file there since: it must be one for which the call can have ended so. */
static __always_inline bool can_be_file_of(struct call_ctx *call, __u64 file)
{
	__u32 mode = 0, needed = call->kind == EVENT_READ ? FILE_MODE_READ : FILE_MODE_WRITE;

	if (file)
		KREAD(mode, file, file, f_mode);
	return !!(mode & needed) == (call->ret != -EBADF);
}

/* `walk` has the path from `start` on; the event is put before it. */
static __always_inline void write_io(
	struct call_ctx *call, struct event_counters *count, struct path_walk *walk, __u64 start, const struct file_facts *facts, __u64 requested)
{
	struct read_event *event;
	__u64 len;

	barrier_var(start);
	if (start > PATH_BYTES) {
		count->lost++;
		return;
	}
	len = PATH_BYTES - start;
	barrier_var(len);
	if (len > PATH_BYTES)
		len = 0;
	event = (void *)walk->text + start - sizeof(*event);
	event->ret = call->ret;
	event->call = call->call;
	event->call_flags = call->flags | CALL_HAS_FD;
	event->fd = call->args[0];
	event->requested = requested;
	event->inode = facts->number;
	event->dev = facts->dev;
	event->file_kind = facts->file ? kind_of_file(facts) : FILE_UNKNOWN;
	event->path_flags = walk->flags;
	event->path_len = len;
	fill_call_head(&event->head, call->kind, sizeof(*event) + len, call->task);
	ring_write_here(count, event, sizeof(*event) + len, call->kind);
}

/* From the file on; `facts` says what it is, if there is one. */
static __always_inline int tell_io(struct call_ctx *call, struct event_counters *count, struct path_walk *walk, const struct file_facts *facts)
{
	__u64 requested = bytes_asked(call), start = PATH_BYTES;
	bool sums = wants_totals();

	if (sums && add_to_total(requested)) {
		count->aggregated++;
		return 0;
	}
	if (facts->file && !find_file_path()) {
		start = walk->at;
		if (walk->torn || (has_shared_files(call) && !is_file_still(call, facts, call->args[0])))
			call->flags |= CALL_IS_UNVERIFIED;
	} else {
		walk->flags = 0;
	}
	if (is_path_dropped(start, PATH_BYTES - start)) {
		count->filtered++;
		return 0;
	}
	if (sums && begin_total(requested, start)) {
		count->aggregated++;
		return 0;
	}
	if (is_over_limit()) {
		count->limited++;
		return 0;
	}
	write_io(call, count, walk, start, facts, requested);
	return 0;
}

/* The call is seen, and let in by what is known of it so far. */
static __always_inline int io_event(struct call_ctx *call)
{
	struct event_counters *count = counters_of(call->kind);
	struct file_facts *facts = current_file();
	__u32 slot = WALK_EVENT;
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	__u64 file;

	if (!count)
		return 0;
	if (!facts || !walk) {
		count->lost++;
		return 0;
	}
	file = file_at(call, call->args[0]);
	if (has_shared_files(call) && !can_be_file_of(call, file))
		call->flags |= CALL_IS_UNVERIFIED;
	if (file) {
		read_file(facts, file);
		call->flags |= CALL_HAS_FILE;
	} else {
		__builtin_memset(facts, 0, sizeof(*facts));
	}
	return tell_io(call, count, walk, facts);
}

#endif
