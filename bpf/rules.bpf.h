/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Filter rules that the kernel evaluates before a record of a system call is made. A handler asks twice: `rules_begin` before costly fields are read,
 * then, with what the record is about, `rules_path` or `rules_peer`; each says whether the record is dropped, and counts the rule.
 */
#ifndef RINGTAIL_RULES_BPF_H
#define RINGTAIL_RULES_BPF_H

#include "call.bpf.h"

/* Between the two questions; every byte may be used. */
struct rule_state {
	__u64 words[8];
};

/* True: dropped by who did it, by the event or its result. */
static __always_inline bool rules_begin(struct rule_state *state, struct call_ctx *call)
{
	return false;
}

/* `path` is in a map value with 256 readable bytes from there on; `len` of them are the path. True: dropped. */
static __always_inline bool rules_path(struct rule_state *state, struct call_ctx *call, const char *path, __u32 len, __u32 path_flags)
{
	return false;
}

/* Of kinds of the network; `peer` has 4 or 16 bytes, or none. True: dropped. */
static __always_inline bool rules_peer(struct rule_state *state, struct call_ctx *call, const __u8 *peer, __u32 len, __u32 port)
{
	return false;
}

#endif
