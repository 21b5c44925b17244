/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the caller's memory says of a call on a socket: addresses and sizes. Read at the exit, so others may have written there since. */
#ifndef RINGTAIL_SOCKET_CALLER_BPF_H
#define RINGTAIL_SOCKET_CALLER_BPF_H

#include "call.bpf.h"
#include "iovec.bpf.h"
#include "socket_fields.bpf.h"

#define MESSAGES_MOST 256 /* of one call that are added up; programs send 64 and fewer */
#define PARTS_MOST 4096   /* of all of them */
#define SIZE_UNKNOWN (~0ull)

/* The start of a `struct msghdr` of the caller. */
struct message_view {
	__u64 name;
	__u64 name_len;
	__u64 parts;
	__u64 part_count;
};

static __always_inline bool read_message(struct message_view *view, __u64 at, __u32 compat)
{
	__u32 words[4] = {};

	if (!compat) {
		if (bpf_probe_read_user(view, sizeof(*view), (void *)at))
			return false;
		view->name_len = (__u32)view->name_len; /* padding follows it */
		return true;
	}
	if (bpf_probe_read_user(words, sizeof(words), (void *)at))
		return false;
	view->name = words[0];
	view->name_len = words[1];
	view->parts = words[2];
	view->part_count = words[3];
	return true;
}

/* Bytes of all parts of one message; SIZE_UNKNOWN when they cannot all be read. */
static __always_inline __u64 message_bytes(const struct message_view *view, __u32 compat)
{
	__u32 zero = 0;
	struct iovec_walk *walk = bpf_map_lookup_elem(&iovec_walks, &zero);
	__u64 bytes;

	if (!walk || view->part_count > IOVEC_MOST)
		return SIZE_UNKNOWN;
	bytes = iovec_bytes(view->parts, view->part_count, compat);
	return walk->left ? SIZE_UNKNOWN : bytes;
}

/* Several messages that follow each other, as far as their parts are added up. In a map: the stack is short where functions call each other. */
struct message_sum {
	struct message_view view;
	__u64 at;
	__u64 bytes;
	__u32 left;
	__u32 parts;
	__u32 compat;
	__u32 failed;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct message_sum);
} message_sums SEC(".maps");

/* Adds up one. Returns 1 when it is over. */
static __always_inline int sum_message(struct message_sum *sum)
{
	__u64 bytes;

	if (!sum->left)
		return 1;
	sum->failed = 1;
	if (sum->parts > PARTS_MOST || !read_message(&sum->view, sum->at, sum->compat))
		return 1;
	bytes = message_bytes(&sum->view, sum->compat);
	if (bytes == SIZE_UNKNOWN)
		return 1;
	sum->bytes += bytes;
	sum->failed = 0;
	sum->parts += sum->view.part_count;
	sum->left--;
	sum->at += sum->compat ? sizeof(struct compat_mmsghdr) : sizeof(struct mmsghdr);
	return 0;
}

#ifndef RINGTAIL_LEGACY
static long sum_round(__u32 round, struct message_sum **sum)
{
	return sum_message(*sum);
}
#endif

/* Bytes of all parts of `count` messages that follow each other; SIZE_UNKNOWN when they cannot all be read. */
__noinline __u64 messages_bytes(__u64 at, __u32 count, __u32 compat)
{
	__u32 zero = 0;
	struct message_sum *sum = bpf_map_lookup_elem(&message_sums, &zero);

	if (!sum || count > MESSAGES_MOST)
		return SIZE_UNKNOWN;
	sum->at = at;
	sum->bytes = 0;
	sum->left = count;
	sum->parts = 0;
	sum->compat = compat;
	sum->failed = 0;
#ifdef RINGTAIL_LEGACY
	for (int round = 0; round < MESSAGES_MOST; round++)
		if (sum_message(sum))
			break;
#else
	bpf_loop(count, sum_round, &sum, 0);
#endif
	return sum->failed ? SIZE_UNKNOWN : sum->bytes;
}

/* A socket address of the caller as the kernel takes it for a socket of `facts`; what does not fit leaves the end alone. */
static __always_inline bool read_caller_end(struct socket_end *end, const struct socket_facts *facts, __u64 from, __u64 len)
{
	struct sockaddr_in6 name = {}; /* begins as sockaddr_in does */
	const struct sockaddr_in *name4 = (const struct sockaddr_in *)&name;
	__u32 *words = (__u32 *)end->bytes;

	if (len < sizeof(*name4))
		return false;
	if (bpf_probe_read_user(&name, sizeof(*name4), (void *)from))
		return false;
	end->port = has_ports(facts) ? bpf_ntohs(name4->sin_port) : 0;
	if (facts->family == AF_INET) {
		if (name4->sin_family != AF_INET && name4->sin_family)
			return false;
		words[0] = name4->sin_addr.s_addr;
		end->len = IPV4_BYTES;
		return true;
	}
	if (name4->sin_family == AF_INET) {
		words[0] = 0;
		words[1] = 0;
		words[2] = bpf_htonl(0xffff);
		words[3] = name4->sin_addr.s_addr;
	} else if (name4->sin_family != AF_INET6 ||
		   bpf_probe_read_user(words, IPV6_BYTES, (void *)from + __builtin_offsetof(struct sockaddr_in6, sin6_addr)))
		return false;
	end->len = IPV6_BYTES;
	return true;
}

static __always_inline bool read_caller_path(struct socket_end *end, __u64 from, __u64 len)
{
	const __u32 before = sizeof(__u16); /* sun_family */
	__u16 family = 0;
	__u8 first = 0;
	long got;

	if (len <= before)
		return false;
	if (bpf_probe_read_user(&family, sizeof(family), (void *)from) || family != AF_UNIX)
		return false;
	if (len > before + SUN_PATH_BYTES)
		len = before + SUN_PATH_BYTES;
	len -= before;
	barrier_var(len);
	len &= ADDRESS_ROOM - 1;
	if (bpf_probe_read_user(&first, sizeof(first), (void *)from + before))
		return false;
	if (!first) {
		if (bpf_probe_read_user(end->bytes, len, (void *)from + before))
			return false;
		end->len = len;
		return true;
	}
	/* one more for the NUL that it puts there */
	got = bpf_probe_read_user_str(end->bytes, len + 1, (void *)from + before);
	if (got <= 1)
		return false;
	end->len = got - 1;
	return true;
}

/* A name that the caller gave for a socket of `facts`. False: it is none for such a socket, and `end` says nothing. */
static __always_inline bool read_caller_name(struct socket_end *end, const struct socket_facts *facts, __u64 from, __u64 len)
{
	bool told = false;

	end->len = 0;
	end->port = 0;
	if (!from)
		return false;
	if (facts->net_flags & NET_IS_INET)
		told = read_caller_end(end, facts, from, len);
	else if (facts->net_flags & NET_IS_UNIX)
		told = read_caller_path(end, from, len);
	if (!told) {
		end->len = 0;
		end->port = 0;
	}
	return told;
}

#endif
