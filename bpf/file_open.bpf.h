/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of open, creat, openat, openat2: the path of the file that the kernel opened; when it opened none, what was asked for. */
#ifndef RINGTAIL_FILE_OPEN_BPF_H
#define RINGTAIL_FILE_OPEN_BPF_H

#include "actor.bpf.h"
#include "arch.bpf.h"
#include "call_limit.bpf.h"
#include "call_rules.bpf.h"
#include "context.bpf.h"
#include "file_asked.bpf.h"

/* include/uapi/asm-generic/fcntl.h; the same on all processors but for those in arch.bpf.h */
#define OPEN_ACCESS 03
#define OPEN_WRITE_ONLY 01
#define OPEN_CREATE 0100
#define OPEN_TRUNCATE 01000
#define OPEN_APPEND 02000
#define OPEN_PATH 010000000
#define OPEN_TMPFILE 020000000
/* what the file still shows of the flags that it was opened with; another thread may have changed all others by fcntl */
#define OPEN_KEPT (OPEN_ACCESS | OPEN_APPEND | OPEN_PATH | OPEN_DIRECTORY | OPEN_NOFOLLOW)
#define OPEN_KEPT_OF_PATH (OPEN_PATH | OPEN_DIRECTORY | OPEN_NOFOLLOW)

struct open_request {
	__u64 name; /* in the caller's memory */
	struct open_how how;
	__s32 dirfd;
};

static __always_inline void read_open(struct open_request *request, struct call_ctx *call)
{
	request->dirfd = AT_FDCWD;
	request->name = call->args[0];
	request->how.flags = (__u32)call->args[1];
	request->how.mode = (__u32)call->args[2];
	switch (call->call) {
	case CALL_CREAT:
		request->how.flags = OPEN_CREATE | OPEN_WRITE_ONLY | OPEN_TRUNCATE;
		request->how.mode = (__u32)call->args[1];
		break;
	case CALL_OPENAT:
		request->dirfd = call->args[0];
		request->name = call->args[1];
		request->how.flags = (__u32)call->args[2];
		request->how.mode = (__u32)call->args[3];
		break;
	case CALL_OPENAT2:
		request->dirfd = call->args[0];
		request->name = call->args[1];
		bpf_probe_read_user(&request->how, sizeof(request->how), (void *)call->args[2]);
		break;
	}
	if (request->how.flags & (OPEN_CREATE | OPEN_TMPFILE))
		call->flags |= CALL_HAS_MODE;
	else
		request->how.mode = 0;
}

/* Another thread may have put another file there since: name and flags must be those of the call. */
static __always_inline bool is_file_asked(const struct open_request *request, __u64 file, __u32 name_len)
{
	__u32 kept = request->how.flags & OPEN_PATH ? OPEN_KEPT_OF_PATH : OPEN_KEPT, flags;

	KREAD(flags, file, file, f_flags);
	if ((flags ^ (__u32)request->how.flags) & kept)
		return false;
	return is_leaf_named(name_len);
}

/* `walk` holds the parts; the event is put before them. */
static __always_inline void write_open(struct call_ctx *call, struct event_counters *count, struct path_walk *walk, const struct file_parts *parts,
	const struct open_request *request, const struct file_facts *facts)
{
	__u64 start = parts->start, len = parts->path_len + parts->name_len + parts->root_len;
	__u32 mount_ns = mount_ns_of(call, walk->namespace);
	struct open_event *event;

	barrier_var(start);
	barrier_var(len);
	if (start > START_LAST || len > 4 * PATH_BYTES) {
		count->lost++;
		return;
	}
	event = (void *)walk->text + start - sizeof(*event);
	event->ret = call->ret;
	event->call = call->call;
	event->call_flags = call->flags;
	event->mode = request->how.mode;
	event->flags = request->how.flags;
	event->inode = facts->number;
	event->dev = facts->dev;
	event->path_flags = walk->flags;
	event->mount_ns = mount_ns;
	event->path_len = parts->path_len;
	event->name_len = parts->name_len;
	event->root_len = parts->root_len;
	fill_call_head(&event->head, EVENT_OPEN, sizeof(*event) + len, call->task);
	ring_write_here(count, event, sizeof(*event) + len, EVENT_OPEN);
}

/* Finds what was opened, else what was asked for; false when it cannot be said. */
static __always_inline bool place_open(
	struct call_ctx *call, struct path_walk *walk, struct file_parts *parts, struct file_facts *facts, const struct open_request *request)
{
	__u64 file = call->ret >= 0 ? file_at(call, call->ret) : 0;

	if (file)
		read_file(facts, file);
	else
		facts->number = facts->dev = 0;
	if (!file || find_file_path()) {
		if (call->ret >= 0)
			call->flags |= CALL_IS_UNVERIFIED;
		return !find_asked(request->dirfd, request->name);
	}
	call->flags |= CALL_HAS_FILE;
	place_found(walk, parts, request->name);
	if (walk->torn || (has_shared_files(call) && (!is_file_asked(request, file, parts->name_len) || !is_file_still(call, facts, call->ret))))
		call->flags |= CALL_IS_UNVERIFIED;
	return true;
}

/* The call is seen, and let in by what is known of it so far. */
static __always_inline int open_event(struct call_ctx *call)
{
	struct event_counters *count = counters_of(EVENT_OPEN);
	struct file_facts *facts = current_file();
	struct file_parts *parts = parts_now();
	struct open_request request;
	__u32 slot = WALK_EVENT;
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);

	if (!count)
		return 0;
	read_open(&request, call);
	if (!walk || !facts || !parts || !place_open(call, walk, parts, facts, &request)) {
		count->lost++;
		return 0;
	}
	if (is_path_dropped(parts->start, parts->path_len)) {
		count->filtered++;
		return 0;
	}
	if (is_over_limit()) {
		count->limited++;
		return 0;
	}
	write_open(call, count, walk, parts, &request, facts);
	return 0;
}

#endif
