/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is behind a descriptor: the file's place, its kind, and the names that /proc shows for what has no place. */
#ifndef RINGTAIL_FILE_BPF_H
#define RINGTAIL_FILE_BPF_H

#include "call.bpf.h"
#include "path.bpf.h"

/* include/uapi/linux/stat.h and magic.h */
#define MODE_KIND 0170000
#define MODE_SOCKET 0140000
#define MODE_SYMLINK 0120000
#define MODE_REGULAR 0100000
#define MODE_BLOCK 0060000
#define MODE_DIRECTORY 0040000
#define MODE_CHARACTER 0020000
#define MODE_FIFO 0010000
#define MAGIC_PIPEFS 0x50495045
#define MAGIC_SOCKFS 0x534f434b
#define MAGIC_ANONYMOUS 0x09041934
#define MAGIC_PIDFS 0x50494446
#define MAGIC_NAMESPACES 0x6e736673

#define NUMBER_DIGITS 20 /* of 64 bits */

struct file_facts {
	__u64 file;
	__u64 dentry;
	__u64 inode;
	__u64 number; /* of the inode */
	__u64 magic;  /* of the file system */
	__u32 dev;
	__u32 mode;   /* of the inode */
	bool pseudo;  /* it lies in no directory */
};

static __always_inline void read_file(struct file_facts *facts, __u64 file)
{
	__u64 super, parent, mount, top;

	facts->file = file;
	KREAD(facts->dentry, file, file, f_path.dentry);
	KREAD(facts->inode, file, file, f_inode);
	KREAD(facts->number, facts->inode, inode, i_ino);
	KREAD(facts->mode, facts->inode, inode, i_mode);
	KREAD(super, facts->inode, inode, i_sb);
	KREAD(facts->dev, super, super_block, s_dev);
	KREAD(facts->magic, super, super_block, s_magic);
	KREAD(parent, facts->dentry, dentry, d_parent);
	facts->pseudo = parent == facts->dentry;
	if (facts->pseudo) {
		KREAD(mount, file, file, f_path.mnt);
		KREAD(top, mount, vfsmount, mnt_root);
		facts->pseudo = top != facts->dentry;
	}
}

static __always_inline __u32 kind_of_file(const struct file_facts *facts)
{
	if (facts->magic == MAGIC_ANONYMOUS || facts->magic == MAGIC_PIDFS)
		return FILE_ANONYMOUS;
	switch (facts->mode & MODE_KIND) {
	case MODE_REGULAR:
		return FILE_REGULAR;
	case MODE_DIRECTORY:
		return FILE_DIRECTORY;
	case MODE_SYMLINK:
		return FILE_SYMLINK;
	case MODE_BLOCK:
		return FILE_BLOCK_DEVICE;
	case MODE_CHARACTER:
		return FILE_CHARACTER_DEVICE;
	case MODE_FIFO:
		return FILE_PIPE;
	case MODE_SOCKET:
		return FILE_SOCKET;
	}
	return FILE_UNKNOWN;
}

/* `:[number]` at the end of the text; returns where it begins. */
static __always_inline __u32 put_number(struct path_walk *walk, __u64 number)
{
	__u32 at = PATH_BYTES - 1;

	walk->text[at] = ']';
	for (int digit = 0; digit < NUMBER_DIGITS; digit++) {
		walk->text[--at] = '0' + number % 10;
		number /= 10;
		if (!number)
			break;
	}
	walk->text[--at] = '[';
	walk->text[--at] = ':';
	return at;
}

/* A name of the kernel's, cut at the end of `room`, before `at`. */
#define PUT_TEXT(walk, at, words) \
	do { \
		at = (at - (sizeof(words) - 1)) & (PATH_BYTES - 1); \
		barrier_var(at); \
		__builtin_memcpy(walk->text + at, words, sizeof(words) - 1); \
	} while (0)

/* anon_inode:NAME, with the name of the dentry. */
static __always_inline __u32 put_anonymous(struct path_walk *walk, __u64 dentry)
{
	__u32 len, at;
	__u64 name;

	KREAD(name, dentry, dentry, d_name.name);
	KREAD(len, dentry, dentry, d_name.len);
	len &= NAME_BYTES - 1;
	at = PATH_BYTES - len;
	barrier_var(len);
	len &= NAME_BYTES - 1;
	barrier_var(at);
	at &= PATH_BYTES - 1;
	bpf_probe_read_kernel(walk->text + at, len, (void *)name);
	PUT_TEXT(walk, at, "anon_inode:");
	return at;
}

/* NAME:[number], with the name that the kind of namespace has. */
static __always_inline __u32 put_namespace(struct path_walk *walk, const struct file_facts *facts)
{
	__u64 common, operations, name;
	__u32 at = put_number(walk, facts->number);
	char kind[16];
	long got;

	KREAD(common, facts->inode, inode, i_private);
	KREAD(operations, common, ns_common, ops);
	KREAD(name, operations, proc_ns_operations, name);
	got = bpf_probe_read_kernel_str(kind, sizeof(kind), (void *)name);
	for (int i = sizeof(kind) - 2; i >= 0; i--)
		if (i < got - 1)
			walk->text[--at & (PATH_BYTES - 1)] = kind[i];
	return at;
}

/* What /proc/N/fd shows, without what it says of deletion. Null when there is no path. */
static __always_inline struct path_walk *path_of_file(struct call_ctx *call, const struct file_facts *facts)
{
	__u32 slot = WALK_EVENT, at;
	struct path_walk *walk;
	__u64 root;

	if (!facts->pseudo) {
		KREAD(root, call->task, task_struct, fs);
		if (root)
			root += bpf_core_field_offset(struct fs_struct, root);
		return path_of(WALK_EVENT, facts->file + bpf_core_field_offset(struct file, f_path), root);
	}
	walk = bpf_map_lookup_elem(&walks, &slot);
	if (!walk)
		return 0;
	walk->flags = PATH_PSEUDO;
	walk->namespace = 0;
	walk->root_at = 0;
	walk->torn = 0;
	switch (facts->magic) {
	case MAGIC_PIPEFS:
		at = put_number(walk, facts->number);
		PUT_TEXT(walk, at, "pipe");
		break;
	case MAGIC_SOCKFS:
		at = put_number(walk, facts->number);
		PUT_TEXT(walk, at, "socket");
		break;
	case MAGIC_ANONYMOUS:
		at = put_anonymous(walk, facts->dentry);
		break;
	case MAGIC_PIDFS:
		at = PATH_BYTES;
		PUT_TEXT(walk, at, "anon_inode:[pidfd]");
		break;
	case MAGIC_NAMESPACES:
		at = put_namespace(walk, facts);
		break;
	default:
		/* memfd and other memory without a directory: /NAME, shown as deleted */
		walk = path_of(WALK_EVENT, facts->file + bpf_core_field_offset(struct file, f_path), 0);
		if (walk)
			walk->flags |= PATH_DELETED;
		return walk;
	}
	walk->at = at;
	return walk;
}

/* Says so when the walk ended in another mount namespace than the host's. Returns its number. */
static __always_inline __u32 mount_ns_of(struct call_ctx *call, __u64 namespace)
{
	__u32 number = 0;

	if (!host_mount_ns || !namespace)
		return 0;
	KREAD(number, namespace, mnt_namespace, ns.inum);
	if (number == host_mount_ns)
		return 0;
	call->flags |= CALL_IN_MOUNT_NS;
	return number;
}

#endif
