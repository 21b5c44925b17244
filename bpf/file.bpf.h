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
	__u32 pseudo; /* it lies in no directory */
	__u32 zero;
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

/* False when another thread has closed or exchanged it since it was read, and what was read may be of two files. */
static __always_inline bool is_file_still(struct call_ctx *call, const struct file_facts *facts, __u32 fd)
{
	__u64 file = file_at(call, fd), dentry, inode;

	if (file != facts->file)
		return false;
	KREAD(dentry, file, file, f_path.dentry);
	KREAD(inode, file, file, f_inode);
	return dentry == facts->dentry && inode == facts->inode;
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
	__u64 len;
	long got;
	char kind[16];

	KREAD(common, facts->inode, inode, i_private);
	KREAD(operations, common, ns_common, ops);
	KREAD(name, operations, proc_ns_operations, name);
	got = bpf_probe_read_kernel_str(kind, sizeof(kind), (void *)name);
	len = got > 0 ? got - 1 : 0;
	at -= len;
	barrier_var(len);
	len &= sizeof(kind) - 1;
	barrier_var(at);
	at &= PATH_BYTES - 1;
	bpf_probe_read_kernel(walk->text + at, len, kind);
	return at;
}

/* What the current call is about. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct file_facts);
} current_files SEC(".maps");

static __always_inline struct file_facts *current_file(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&current_files, &zero);
}

/* The name of a file that lies in no directory, at the end of the text; returns where it begins, 0 when it is a name like others. */
static __always_inline __u32 put_pseudo(struct path_walk *walk, const struct file_facts *facts)
{
	__u32 at = 0;

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
	}
	return at;
}

/* What /proc/N/fd shows of the current file, without what it says of deletion; into the walk. 0 when there is a path. */
__noinline int find_file_path(void)
{
	__u32 slot = WALK_EVENT, at = 0;
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	struct file_facts *facts = current_file();
	struct call_ctx *call = current_ctx();
	__u64 root = 0;

	if (!walk || !facts || !call)
		return 1;
	if (facts->pseudo)
		at = put_pseudo(walk, facts);
	if (at) {
		walk->at = at;
		walk->flags = PATH_PSEUDO;
		walk->namespace = 0;
		walk->root_at = 0;
		walk->torn = 0;
		return 0;
	}
	if (!facts->pseudo) {
		KREAD(root, call->task, task_struct, fs);
		if (root)
			root += bpf_core_field_offset(struct fs_struct, root);
	}
	walk = path_of(WALK_EVENT, facts->file + bpf_core_field_offset(struct file, f_path), root);
	if (!walk)
		return 1;
	/* memfd and other memory without a directory is shown as deleted */
	if (facts->pseudo)
		walk->flags |= PATH_DELETED;
	return 0;
}

static __always_inline struct path_walk *path_of_file(void)
{
	__u32 slot = WALK_EVENT;

	return find_file_path() ? 0 : bpf_map_lookup_elem(&walks, &slot);
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
