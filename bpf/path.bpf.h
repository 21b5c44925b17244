/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The absolute path of (dentry, vfsmount), as d_path would give it, from the end of a buffer towards its front.
 * All state of the loop lives in the map value, so that every round looks the same to the verifier; the walk is a global
 * function with a scalar argument, so that it is verified once however often it is called.
 *
 * A rename meanwhile would give names that never stood together. So the way is looked at twice: the first time it takes the names and the sequence
 * number of each dentry, the second time only the numbers, which it has noted for short ways and goes to again for long ones. When both saw the same
 * numbers, all names held at the moment between them; else it begins again.
 */
#ifndef RINGTAIL_PATH_BPF_H
#define RINGTAIL_PATH_BPF_H

#include "path_walk.bpf.h"

/* At the root of a mount: goes on at its mount point. Returns 1 when there is nothing above. */
static __always_inline int walk_up_mount(struct path_walk *walk)
{
	__u64 mount = walk->mount, parent, namespace, next;

	KREAD(parent, mount, mount, mnt_parent);
	walk_note(walk, parent);
	walk_pass(walk, mount + bpf_core_field_offset(struct mount, mnt_parent), walk->noted);
	if (parent == mount) {
		KREAD(namespace, mount, mount, mnt_ns);
		if (!namespace || namespace >= (__u64)-4095)
			walk->flags |= PATH_DETACHED;
		else
			walk->namespace = namespace;
		return 1;
	}
	KREAD(next, mount, mount, mnt_mountpoint);
	walk_note(walk, next);
	walk_pass(walk, mount + bpf_core_field_offset(struct mount, mnt_mountpoint), walk->noted);
	walk->dentry = next;
	walk->mount = parent;
	KREAD(next, parent, mount, mnt.mnt_root);
	walk->mount_root = next;
	return 0;
}

/* Goes up one name or mount. Returns 1 when the walk is over. */
static __always_inline int walk_step(struct path_walk *walk)
{
	__u64 dentry = walk->dentry, parent;
	__u32 sequence;

	if (!walk->checking && dentry == walk->root_dentry && walk->mount == walk->root_mount)
		walk->root_at = walk->at;
	if (dentry == walk->mount_root)
		return walk_up_mount(walk);
	/* the number is the first field of d_seq, whose type differs by kernel */
	KREAD(sequence, dentry + bpf_core_field_offset(struct dentry, d_seq), qstr, hash);
	if (sequence & 1)
		walk->torn = 1;
	walk_note(walk, dentry + ((__u64)sequence << 32));
	walk_pass(walk, dentry + bpf_core_field_offset(struct dentry, d_seq), sequence);
	KREAD(parent, dentry, dentry, d_parent);
	if (walk->checking ? dentry == walk->stop : walk_name(walk, dentry))
		return 1;
	walk->dentry = parent;
	if (parent != dentry)
		return 0;
	walk->flags |= PATH_PSEUDO;
	return 1;
}

#ifndef RINGTAIL_LEGACY
static long walk_round(__u32 round, struct path_walk **walk)
{
	return walk_step(*walk);
}
#endif

__noinline int walk_path(__u32 slot)
{
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);

	if (!walk)
		return 1;
#ifdef RINGTAIL_LEGACY
	for (int round = 0; round < PATH_COMPONENTS; round++)
		if (walk_step(walk))
			return 0;
	walk->flags |= PATH_TRUNCATED;
#else
	for (int round = 0; round < PATH_COMPONENTS_NEAR; round++)
		if (walk_step(walk))
			return 0;
	if (bpf_loop(PATH_COMPONENTS, walk_round, &walk, 0) == PATH_COMPONENTS)
		walk->flags |= PATH_TRUNCATED;
#endif
	return 0;
}

static __always_inline void walk_from(struct path_walk *walk, __u32 slot, bool checking)
{
	walk->checking = checking;
	walk->check = 0;
	walk->dentry = walk->from_dentry;
	walk->mount = walk->from_mount;
	walk->mount_root = walk->from_mount_root;
	walk_path(slot);
}

#ifndef RINGTAIL_LEGACY
/* Whether all words that decided the way still hold what they held when it was gone. */
static __always_inline bool has_stayed(struct path_walk *walk)
{
	__u32 value;

	for (__u32 place = 0; place < PATH_PLACES; place++) {
		if (place >= walk->places)
			return true;
		/* the first field of a type that begins with four bytes */
		KREAD(value, walk->passed[place].address, qstr, hash);
		if (value != walk->passed[place].value)
			return false;
	}
	return true;
}
#endif

/* Goes both ways; true when they agree. */
static __always_inline bool walk_twice(struct path_walk *walk, __u32 slot)
{
	__u64 check;

	walk->at = PATH_BYTES;
	walk->root_at = 0;
	walk->namespace = 0;
	walk->stop = 0;
	walk->torn = 0;
	walk->places = 0;
	walk_from(walk, slot, false);
#ifndef RINGTAIL_LEGACY
	if (walk->places <= PATH_PLACES)
		return !walk->torn && has_stayed(walk);
#endif
	check = walk->check;
	walk_from(walk, slot, true);
	return !walk->torn && walk->check == check;
}

/* From walk->path and walk->root; 0 when there is a path. */
__noinline int find_path(__u32 slot)
{
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	__u64 path, root, dentry, vfsmount, parent, hashed, mount, value;
	__u32 flags;

	if (!walk || !walk->path)
		return 1;
	path = walk->path;
	root = walk->root;
	KREAD(dentry, path, path, dentry);
	KREAD(vfsmount, path, path, mnt);
	if (!dentry || !vfsmount)
		return 1;
	mount = vfsmount - bpf_core_field_offset(struct mount, mnt);
	KREAD(parent, dentry, dentry, d_parent);
	KREAD(hashed, dentry, dentry, d_hash.pprev);
	walk->from_dentry = dentry;
	walk->from_mount = mount;
	KREAD(value, mount, mount, mnt.mnt_root);
	walk->from_mount_root = value;
	walk->root_dentry = 0;
	walk->root_mount = 0;
	if (root) {
		KREAD(value, root, path, dentry);
		walk->root_dentry = value;
		KREAD(value, root, path, mnt);
		walk->root_mount = value - bpf_core_field_offset(struct mount, mnt);
	}
	flags = !hashed && parent != dentry ? PATH_DELETED : 0;
	for (int try = 0; try < PATH_TRIES; try++) {
		walk->flags = flags;
		if (walk_twice(walk, slot))
			break;
		walk->torn = 1;
	}
	/* names above the root: it is a chroot; none: it is the top, whatever is mounted there */
	if (walk->root_at && walk->at < walk->root_at)
		walk->flags |= PATH_CHROOT;
	if (walk->at == PATH_BYTES && !(walk->flags & PATH_TRUNCATED)) {
		walk->at = PATH_BYTES - 1;
		walk->text[PATH_BYTES - 1] = '/';
	}
	return 0;
}

/*
 * Walks; returns the walk with the path in text[at..PATH_BYTES), or null. `path` and `root` are addresses of struct path;
 * root 0 looks for no chroot. `torn` says that no try gave names that held together.
 */
static __always_inline struct path_walk *path_of(__u32 slot, __u64 path, __u64 root)
{
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);

	if (!walk)
		return 0;
	/* a global function takes numbers only, and an address that was read may be a pointer */
	walk->path = path;
	walk->root = root;
	return find_path(slot) ? 0 : walk;
}

#endif
