/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of unlink, unlinkat, rmdir: what they were asked for. When they end, the name is gone. */
#ifndef RINGTAIL_FILE_UNLINK_BPF_H
#define RINGTAIL_FILE_UNLINK_BPF_H

#include "actor.bpf.h"
#include "call_limit.bpf.h"
#include "call_rules.bpf.h"
#include "context.bpf.h"
#include "file_asked.bpf.h"

#define AT_REMOVEDIR 0x200

static __always_inline __u32 unlink_flags(struct call_ctx *call)
{
	if (call->call == CALL_RMDIR)
		return AT_REMOVEDIR;
	return call->call == CALL_UNLINKAT ? call->args[2] : 0;
}

static __always_inline void write_unlink(struct call_ctx *call, struct event_counters *count, struct path_walk *walk, const struct file_parts *parts)
{
	__u64 start = parts->start, len = parts->path_len + parts->name_len + parts->root_len;
	__u32 mount_ns = mount_ns_of(call, walk->namespace);
	struct unlink_event *event;

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
	event->flags = unlink_flags(call);
	event->path_flags = walk->flags;
	event->mount_ns = mount_ns;
	event->path_len = parts->path_len;
	event->name_len = parts->name_len;
	event->root_len = parts->root_len;
	fill_call_head(&event->head, EVENT_UNLINK, sizeof(*event) + len, call->task);
	ring_write_here(count, event, sizeof(*event) + len, EVENT_UNLINK);
}

/* The call is seen, and let in by what is known of it so far. */
static __always_inline int unlink_event(struct call_ctx *call)
{
	struct event_counters *count = counters_of(EVENT_UNLINK);
	struct file_parts *parts = parts_now();
	bool at = call->call == CALL_UNLINKAT;
	__u32 slot = WALK_EVENT;
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);

	if (!count)
		return 0;
	call->flags |= CALL_IS_UNVERIFIED;
	if (!walk || !parts || find_asked(at ? call->args[0] : AT_FDCWD, call->args[at ? 1 : 0])) {
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
	write_unlink(call, count, walk, parts);
	return 0;
}

#endif
