/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which calls make and take connections, by their numbers on this processor. */
#ifndef RINGTAIL_SESSION_CALLS_BPF_H
#define RINGTAIL_SESSION_CALLS_BPF_H

#include "arch.bpf.h"

/* First argument of socketcall: include/uapi/linux/net.h */
#define SOCKETCALL_CONNECT 3
#define SOCKETCALL_ACCEPT 5
#define SOCKETCALL_ACCEPT4 18

enum socket_call {
	SOCKET_CALL_NONE,
	SOCKET_CALL_ACCEPT,
	SOCKET_CALL_CONNECT,
	SOCKET_CALL_MANY, /* socketcall: its first argument says which */
};

static __always_inline enum socket_call native_socket_call(__u64 nr)
{
	if (nr == NR_ACCEPT || nr == NR_ACCEPT4)
		return SOCKET_CALL_ACCEPT;
	return nr == NR_CONNECT ? SOCKET_CALL_CONNECT : SOCKET_CALL_NONE;
}

static __always_inline enum socket_call compat_socket_call(__u64 nr)
{
	if (nr == NR_ACCEPT4_COMPAT)
		return SOCKET_CALL_ACCEPT;
	if (nr == NR_CONNECT_COMPAT)
		return SOCKET_CALL_CONNECT;
#ifdef NR_ACCEPT_COMPAT
	if (nr == NR_ACCEPT_COMPAT)
		return SOCKET_CALL_ACCEPT;
#endif
#ifdef NR_SOCKETCALL_COMPAT
	if (nr == NR_SOCKETCALL_COMPAT)
		return SOCKET_CALL_MANY;
#endif
	return SOCKET_CALL_NONE;
}

/* Asked at every exit of a call, before anything else. */
static __always_inline bool may_be_socket_call(__u64 nr)
{
	return native_socket_call(nr) != SOCKET_CALL_NONE || compat_socket_call(nr) != SOCKET_CALL_NONE;
}

/* What a socketcall stands for; its own arguments lie in the caller's memory, and `fd` is the first of them. */
static __always_inline enum socket_call socket_call_apart(__u32 which, __u64 arguments, __u32 *fd)
{
	if (which == SOCKETCALL_ACCEPT || which == SOCKETCALL_ACCEPT4)
		return SOCKET_CALL_ACCEPT;
	if (which != SOCKETCALL_CONNECT || bpf_probe_read_user(fd, sizeof(*fd), (void *)arguments))
		return SOCKET_CALL_NONE;
	return SOCKET_CALL_CONNECT;
}

#endif
