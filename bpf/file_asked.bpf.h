/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the parts of a record about a file lie: the record is put together around the path, where the walk left it, so that the path is not copied.
 *
 *     event | path | name | root          the event ends where the path begins
 */
#ifndef RINGTAIL_FILE_ASKED_BPF_H
#define RINGTAIL_FILE_ASKED_BPF_H

#include "file.bpf.h"

#define AT_FDCWD -100
#define START_LAST (PATH_BYTES + 1)

/* In `text`, which `behind` continues. */
struct file_parts {
	__u64 start; /* of the path, at most START_LAST */
	__u64 path_len;
	__u64 name_len;
	__u64 root_len;
};

/* Of the current call. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct file_parts);
} current_parts SEC(".maps");

static __always_inline struct file_parts *parts_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&current_parts, &zero);
}

/* Address of the struct path of a directory of the call, 0 = none. */
static __always_inline __u64 directory_of(struct call_ctx *call, __s32 dirfd)
{
	__u64 at;

	if (dirfd == AT_FDCWD) {
		KREAD(at, call->task, task_struct, fs);
		return at ? at + bpf_core_field_offset(struct fs_struct, pwd) : 0;
	}
	at = file_at(call, dirfd);
	return at ? at + bpf_core_field_offset(struct file, f_path) : 0;
}

/* What lies in text[from .. from + len) goes to behind[to ..]. */
static __always_inline void copy_behind(struct path_walk *walk, __u64 to, __u64 from, __u64 len)
{
	barrier_var(to);
	if (to > 3 * PATH_BYTES + 1)
		return;
	barrier_var(from);
	if (from > START_LAST)
		return;
	barrier_var(len);
	if (len > PATH_BYTES)
		return;
	bpf_probe_read_kernel(walk->behind + to, len, walk->text + from);
}

/* The walk went over the file itself: the name is read behind it, and the root is the front of the path. */
static __always_inline void place_found(struct path_walk *walk, struct file_parts *parts, __u64 name)
{
	long got = bpf_probe_read_user_str(walk->behind, PATH_BYTES, (void *)name);

	parts->start = walk->at;
	parts->path_len = PATH_BYTES - walk->at;
	parts->name_len = got > 0 ? got - 1 : 0;
	parts->root_len = 0;
	if (walk->flags & PATH_CHROOT) {
		parts->root_len = walk->root_at - walk->at;
		copy_behind(walk, parts->name_len, walk->at, parts->root_len);
	}
}

/* Only what was asked for is known: the directory with the caller's string behind it. 0 when that could be put together. */
__noinline int find_asked(__s32 dirfd, __u64 name)
{
	__u32 slot = WALK_EVENT;
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	struct file_parts *parts = parts_now();
	struct call_ctx *call = current_ctx();
	__u64 root, from, len;
	bool absolute;
	long got;

	if (!walk || !parts || !call)
		return 1;
	KREAD(root, call->task, task_struct, fs);
	if (root)
		root += bpf_core_field_offset(struct fs_struct, root);
	parts->start = START_LAST;
	parts->path_len = 0;
	parts->name_len = 0;
	parts->root_len = 0;
	walk->flags = 0;
	walk->namespace = 0;
	walk->behind[0] = '/';
	got = bpf_probe_read_user_str(walk->behind + 1, PATH_BYTES, (void *)name);
	if (got <= 0) {
		walk->flags = PATH_FAULT;
		return 0;
	}
	len = got - 1;
	absolute = walk->behind[1] == '/';
	parts->name_len = len;
	from = absolute ? root : directory_of(call, dirfd);
	if (!path_of(WALK_EVENT, from, absolute ? 0 : root)) {
		/* no directory: the name stands alone, and there is no path */
		walk->flags = 0;
		walk->namespace = 0;
		return 0;
	}
	if (walk->torn)
		call->flags |= CALL_IS_UNVERIFIED;
	if (got == PATH_BYTES)
		walk->flags |= PATH_TRUNCATED;
	copy_behind(walk, 1 + len, PATH_BYTES + 1, len);
	if (absolute && walk->at < PATH_BYTES - 1) {
		walk->flags |= PATH_CHROOT;
		parts->root_len = PATH_BYTES - walk->at;
	} else if (!absolute && walk->flags & PATH_CHROOT) {
		parts->root_len = walk->root_at - walk->at;
	}
	copy_behind(walk, 1 + 2 * len, walk->at, parts->root_len);
	if (!absolute)
		parts->start = walk->at == PATH_BYTES - 1 ? PATH_BYTES : walk->at; /* the directory may be / */
	parts->path_len = START_LAST + len - parts->start;
	return 0;
}

#ifndef RINGTAIL_LEGACY
struct leaf {
	struct path_walk *walk;
	__u32 name_len;
	__u32 same;
};

static long compare_round(__u32 index, struct leaf *leaf)
{
	__u32 i = index + 1, name_len = leaf->name_len;
	char found = leaf->walk->text[(PATH_BYTES - i) & (PATH_BYTES - 1)];
	char asked = i <= name_len ? leaf->walk->behind[(name_len - i) & (PATH_BYTES - 1)] : '/';

	leaf->same = found == asked && found == '/';
	return found != asked || found == '/';
}
#endif

/* Whether the last part of the path that was found is that of the name behind it. */
__noinline int is_leaf_named(__u32 name_len)
{
	__u32 slot = WALK_EVENT;
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);

	if (!walk || name_len > PATH_BYTES)
		return 0;
	for (int i = 0; i < 8; i++)
		if (name_len && walk->behind[(name_len - 1) & (PATH_BYTES - 1)] == '/')
			name_len--;
#ifdef RINGTAIL_LEGACY
	for (__u32 i = 1; i <= NAME_BYTES; i++) {
		char found = walk->text[PATH_BYTES - i], asked = i <= name_len ? walk->behind[(name_len - i) & (PATH_BYTES - 1)] : '/';

		if (found != asked)
			return 0;
		if (found == '/')
			return 1;
	}
	return 0;
#else
	struct leaf leaf = {.walk = walk, .name_len = name_len};

	bpf_loop(NAME_BYTES, compare_round, &leaf, 0);
	return leaf.same;
#endif
}

#endif
