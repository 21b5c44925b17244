/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A `struct sock` by its address: how it is found behind a descriptor, and what is in it for all families. */
#ifndef RINGTAIL_SOCK_BPF_H
#define RINGTAIL_SOCK_BPF_H

#include "cgroup.bpf.h"
#include "netns.bpf.h"
#include <bpf/bpf_endian.h>

#define SOCKFS_MAGIC 0x534f434b /* include/uapi/linux/magic.h */
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define ICMPV6 58
#define SOCK_TYPE_STREAM 1
#define SOCK_TYPE_RAW 3
#define SOCK_TYPE_SEQPACKET 5
#define IPV4_BYTES 4
#define IPV6_BYTES 16

/* Before 5.15: a pointer, or numbers of v1 with a bit that says so. */
struct sock_cgroup_data___value {
	__u64 val;
};

#define CGROUP_DATA_IS_NUMBERS 3

/* Address of the struct file behind a descriptor of a task; 0 = none. */
static __always_inline __u64 file_of(struct task_struct *task, __u32 fd)
{
	__u64 files, table, slots, file;
	__u32 most;

	KREAD(files, task, task_struct, files);
	if (!files)
		return 0;
	KREAD(table, files, files_struct, fdt);
	KREAD(most, table, fdtable, max_fds);
	if (fd >= most)
		return 0;
	KREAD(slots, table, fdtable, fd);
	KREAD_WORD(file, slots + sizeof(__u64) * fd);
	return file;
}

/* The `struct sock` of an open file; 0: it is no socket. */
static __always_inline __u64 sock_of_file(__u64 file)
{
	__u64 inode, super, magic, socket, sk;

	KREAD(inode, file, file, f_inode);
	KREAD(super, inode, inode, i_sb);
	KREAD(magic, super, super_block, s_magic);
	if (magic != SOCKFS_MAGIC)
		return 0;
	KREAD(socket, file, file, private_data); /* null when it was opened with O_PATH */
	KREAD(sk, socket, socket, sk);
	return sk;
}

static __always_inline __u32 transport_of(__u32 family, __u32 type, __u32 protocol)
{
	if (family == AF_UNIX)
		return NET_UNIX;
	if (family != AF_INET && family != AF_INET6)
		return NET_OTHER;
	switch (protocol) {
	case IPPROTO_ICMP:
	case ICMPV6:
		return NET_ICMP;
	case IPPROTO_TCP:
	case IPPROTO_MPTCP:
		return type == SOCK_TYPE_RAW ? NET_RAW : NET_TCP;
	case IPPROTO_UDP:
		return type == SOCK_TYPE_RAW ? NET_RAW : NET_UDP;
	}
	return type == SOCK_TYPE_RAW ? NET_RAW : NET_OTHER;
}

static __always_inline __u64 netns_cookie_of(__u64 sk)
{
	__u64 net;

	KREAD(net, sk, sock, __sk_common.skc_net.net);
	return netns_cookie_at(net);
}

static __always_inline __u32 netns_number_of(__u64 sk)
{
	__u64 net;
	__u32 number;

	KREAD(net, sk, sock, __sk_common.skc_net.net);
	KREAD(number, net, net, ns.inum);
	return number;
}

/* 0 until somebody asked the kernel for it. */
static __always_inline __u64 cookie_of(__u64 sk)
{
	__u64 cookie;

	KREAD_WORD(cookie, sk + bpf_core_field_offset(struct sock, __sk_common.skc_cookie));
	return cookie;
}

/* Address of the struct cgroup that a socket belongs to in the v2 hierarchy; 0: to its root. */
static __always_inline __u64 cgroup_of_sock(__u64 sk)
{
	__u64 word;

	if (bpf_core_field_exists(struct sock_cgroup_data, cgroup)) {
		KREAD(word, sk, sock, sk_cgrp_data.cgroup);
		return word;
	}
	KREAD_WORD(word, sk + bpf_core_field_offset(struct sock, sk_cgrp_data) + bpf_core_field_offset(struct sock_cgroup_data___value, val));
	return word & CGROUP_DATA_IS_NUMBERS ? 0 : word;
}

static __always_inline bool is_any(const __u8 *bytes)
{
	const __u64 *halves = (const __u64 *)bytes;

	return !halves[0] && !halves[1];
}

#endif
