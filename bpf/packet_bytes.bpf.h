/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes of a packet, wherever the kernel keeps them. */
#ifndef RINGTAIL_PACKET_BYTES_H
#define RINGTAIL_PACKET_BYTES_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Which of the kernel's views of a packet a program has. */
enum packet_view {
	VIEW_XDP,       /* all of it in one piece */
	VIEW_XDP_FRAGS, /* the first piece is in reach, the rest by a helper */
	VIEW_SKB,       /* the same */
};

struct view {
	enum packet_view kind; /* known when this is compiled */
	void *ctx;
	void *first, *end; /* of what is in reach */
	__u32 len;         /* of the whole packet, from `first` on */
};

/* The verifier bounds offsets by this; twelve extension headers of 2 KiB end before it. */
#define VIEW_LAST 0x7fff

/* Copies `size` bytes at an offset, wherever they are; false: the packet ends before. */
static __always_inline bool view_copy(const struct view *view, __u32 at, __u32 size, void *to)
{
	if (view->kind == VIEW_SKB)
		return !bpf_skb_load_bytes(view->ctx, at, to, size);
	if (view->kind == VIEW_XDP_FRAGS)
		return !bpf_xdp_load_bytes(view->ctx, at, to, size);
	return false;
}

/* `size` bytes at an offset: where they are, or a copy of them in `scratch`; null: the packet ends before. */
static __always_inline const void *view_bytes(const struct view *view, __u32 at, __u32 size, void *scratch)
{
	void *there = view->first + at;

	if (at > VIEW_LAST)
		return NULL;
	if (there + size <= view->end)
		return there;
	return view_copy(view, at, size, scratch) ? scratch : NULL;
}

/* The same for what is rare: only one way there for the verifier to follow. */
static __always_inline const void *view_rare(const struct view *view, __u32 at, __u32 size, void *scratch)
{
	if (view->kind == VIEW_XDP)
		return view_bytes(view, at, size, scratch);
	return view_copy(view, at, size, scratch) ? scratch : NULL;
}

#endif
