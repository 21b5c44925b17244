/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The absolute path of (dentry, vfsmount), as d_path would give it, from the end of a buffer towards its front.
 * All state of the loop lives in the map value, so that every round looks the same to the verifier; the walk is a global
 * function with a scalar argument, so that it is verified once however often it is called.
 */
#ifndef RINGTAIL_PATH_BPF_H
#define RINGTAIL_PATH_BPF_H

#include "common.bpf.h"

#define PATH_BYTES 4096
#define NAME_BYTES 256
#ifdef RINGTAIL_LEGACY
#define PATH_COMPONENTS 512 /* the verifier of 5.10 ends at a million instructions */
#else
#define PATH_COMPONENTS 2048
#endif

const volatile bool have_rdonly_cast = false; /* bpf_rdonly_cast, 6.2 */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/* One field through an untyped address: a plain load where the kernel allows it, else the helper. */
#define KREAD(dst, addr, type, field) \
	do { \
		if (have_rdonly_cast) { \
			struct type *_typed = bpf_rdonly_cast((void *)(addr), bpf_core_type_id_kernel(struct type)); \
			dst = (typeof(dst))_typed->field; \
		} else { \
			__u64 _value = 0; /* not typeof: a const field would stay 0 for the compiler */ \
			bpf_probe_read_kernel( \
				&_value, sizeof(((struct type *)0)->field), (void *)(addr) + bpf_core_field_offset(struct type, field)); \
			dst = (typeof(dst))_value; \
		} \
	} while (0)

struct path_walk {
	__u64 dentry, mount, mount_root;
	__u64 root_dentry, root_mount; /* of the process; 0 = do not look */
	__u32 at;        /* where the path begins in `text` */
	__u32 root_at;                 /* where it began when the walk passed the root of the process; 0 = it did not */
	__u32 flags;                   /* path_flags */
	char front[NAME_BYTES];        /* room that the verifier wants on both sides */
	char text[PATH_BYTES];
	char behind[PATH_BYTES + NAME_BYTES];
};

enum walk_slot { WALK_EVENT = 0, WALK_ITERATOR = 1, WALK_SLOTS = 2 };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALK_SLOTS);
	__type(key, __u32);
	__type(value, struct path_walk);
} walks SEC(".maps");

/* At the root of a mount: goes on at its mount point. Returns 1 when there is nothing above. */
static __always_inline int walk_up_mount(struct path_walk *walk)
{
	__u64 mount = walk->mount, parent, namespace, next;

	KREAD(parent, mount, mount, mnt_parent);
	if (parent == mount) {
		KREAD(namespace, mount, mount, mnt_ns);
		if (!namespace || namespace >= (__u64)-4095)
			walk->flags |= PATH_DETACHED;
		return 1;
	}
	KREAD(next, mount, mount, mnt_mountpoint);
	walk->dentry = next;
	walk->mount = parent;
	KREAD(next, parent, mount, mnt.mnt_root);
	walk->mount_root = next;
	return 0;
}

/* Prepends one name. Returns 1 when the walk is over. */
static __always_inline int walk_step(struct path_walk *walk)
{
	__u64 dentry = walk->dentry, parent, name;
	__u32 len, at = walk->at;

	if (dentry == walk->root_dentry && walk->mount == walk->root_mount)
		walk->root_at = at;
	if (dentry == walk->mount_root)
		return walk_up_mount(walk);
	KREAD(parent, dentry, dentry, d_parent);
	KREAD(name, dentry, dentry, d_name.name);
	KREAD(len, dentry, dentry, d_name.len);
	if (len > NAME_BYTES - 1) {
		len = NAME_BYTES - 1;
		walk->flags |= PATH_FAULT;
	}
	if (at < len + 1) {
		walk->flags |= PATH_TRUNCATED;
		return 1;
	}
	at -= len + 1;
	at &= PATH_BYTES - 1;
	barrier_var(len);
	len &= NAME_BYTES - 1;
	walk->text[at] = '/';
	if (bpf_probe_read_kernel(walk->text + at + 1, len, (void *)name))
		walk->flags |= PATH_FAULT;
	walk->at = at;
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
	if (bpf_loop(PATH_COMPONENTS, walk_round, &walk, 0) == PATH_COMPONENTS)
		walk->flags |= PATH_TRUNCATED;
#endif
	return 0;
}

/*
 * Walks; returns the walk with the path in text[at..PATH_BYTES), or null. `path` and `root` are addresses of struct path;
 * root 0 looks for no chroot.
 */
static __always_inline struct path_walk *path_of(__u32 slot, __u64 path, __u64 root)
{
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	__u64 dentry, vfsmount, parent, hashed, mount, value;

	if (!walk || !path)
		return 0;
	KREAD(dentry, path, path, dentry);
	KREAD(vfsmount, path, path, mnt);
	if (!dentry || !vfsmount)
		return 0;
	mount = vfsmount - bpf_core_field_offset(struct mount, mnt);
	KREAD(parent, dentry, dentry, d_parent);
	KREAD(hashed, dentry, dentry, d_hash.pprev);
	walk->flags = !hashed && parent != dentry ? PATH_DELETED : 0;
	walk->dentry = dentry;
	walk->mount = mount;
	KREAD(value, mount, mount, mnt.mnt_root);
	walk->mount_root = value;
	walk->at = PATH_BYTES;
	walk->root_at = 0;
	walk->root_dentry = 0;
	walk->root_mount = 0;
	if (root) {
		KREAD(value, root, path, dentry);
		walk->root_dentry = value;
		KREAD(value, root, path, mnt);
		walk->root_mount = value - bpf_core_field_offset(struct mount, mnt);
	}
	walk_path(slot);
	/* names above the root: it is a chroot; none: it is the top, whatever is mounted there */
	if (walk->root_at && walk->at < walk->root_at)
		walk->flags |= PATH_CHROOT;
	if (walk->at == PATH_BYTES && !(walk->flags & PATH_TRUNCATED)) {
		walk->at = PATH_BYTES - 1;
		walk->text[PATH_BYTES - 1] = '/';
	}
	return walk;
}

#endif
