/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who accepted a connection, and connects that failed for another reason than the peer: both are known at the exit of the call. */
#ifndef RINGTAIL_SESSION_ACCEPT_BPF_H
#define RINGTAIL_SESSION_ACCEPT_BPF_H

#include "session.bpf.h"
#include "session_calls.bpf.h"
#include "session_tcp.bpf.h"
#include "session_unix.bpf.h"

#define URING_ACCEPT 13 /* enum io_uring_op */
#define URING_CONNECT 16
#define ERROR_INTERRUPTED 4
#define ERROR_IS_CONNECTED 106
#define ERROR_IN_PROGRESS 115
#define ERROR_ALREADY 114
#define ERROR_RESTARTED 512 /* from here on: the call goes on later */

static __always_inline bool is_tcp(__u64 sk)
{
	__u32 family, protocol;

	KREAD(family, sk, sock, __sk_common.skc_family);
	KREAD(protocol, sk, sock, sk_protocol);
	return (family == AF_INET || family == AF_INET6) && protocol == IPPROTO_TCP;
}

/* Its beginning was not seen: it waited before the programs came, or the kernel skipped them. */
static __always_inline struct session *accepted_unseen(__u64 sk)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct session *s;

	note_stat(SESSION_NO_SESSION);
	s = session_insert(sk, BPF_NOEXIST);
	if (!s)
		return 0;
	s->flags = SESSION_HAS_STATE | (is_all_entered(now) ? SESSION_HAS_START : 0);
	s->state = sock_state(sk);
	s->cookie = cookie_of(sk);
	s->start_ns = s->last_ns = now;
	return s;
}

/* The current task has the connection in its hands now. A close that came before waited for this. */
static __noinline int tcp_accepted(__u64 sk)
{
	struct session *s;
	__u32 steps;

	if (!is_tcp(sk) || !session_protocol_wanted(NET_TCP))
		return 0;
	s = tcp_session_of(sk);
	if (!s)
		s = accepted_unseen(sk);
	if (!s || s->role == ROLE_CLIENT || s->flags & (SESSION_IS_ACCEPTED | SESSION_IS_LISTENER))
		return 0;
	set_role(s, ROLE_SERVER);
	fill_owner(s);
	s->flags |= SESSION_IS_ACCEPTED;
	if (s->state != STATE_TCP_CLOSED && !s->local_port)
		read_ends(s, sk);
	session_opened(s);
	steps = session_step(s, SESSION_STEP_ACCEPTED);
	if (!(steps & SESSION_STEP_CLOSED) && s->state != STATE_TCP_CLOSED)
		return 0;
	/* whoever closed it may have put flags back that it had read before */
	s->flags |= SESSION_IS_ACCEPTED | (s->flags & SESSION_HAS_START ? SESSION_IS_TOLD : 0);
	if (steps & SESSION_STEP_CLOSED)
		s->flags |= SESSION_HAS_BYTES | SESSION_HAS_UNACKED;
	return tcp_end(s, sk, s->last_state);
}

/* It failed before the socket changed: what the hook of the cgroup noted is all there is. */
static __always_inline int tcp_refused(__u64 sk, struct session_note *note, __u32 error)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct session *s = session_insert(sk, BPF_NOEXIST);

	if (!s)
		return 0;
	s->flags = SESSION_HAS_STATE | SESSION_HAS_START;
	set_role(s, ROLE_CLIENT);
	s->start_ns = note->boot_ns;
	s->last_ns = now;
	s->state = STATE_TCP_CLOSED;
	s->error = error;
	fill_owner(s);
	read_ends(s, sk);
	__builtin_memcpy(s->peer, note->peer, sizeof(s->peer));
	s->peer_port = note->port;
	s->flags &= ~SESSION_LOCAL_DUAL; /* it would have been one end of one family */
	if (is_loopback_address(s->peer, s->family))
		s->flags |= SESSION_IS_LOOPBACK;
	note->what = NOTE_NONE;
	return tcp_end(s, sk, STATE_TCP_SYN_SENT);
}

/* `result` of a connect is an error. */
static __noinline int tcp_connect_failed(__u64 sk, __s32 result)
{
	struct session_note *note;
	struct session *s;
	__u32 error = -result;

	if (error == ERROR_IN_PROGRESS || error == ERROR_ALREADY || error == ERROR_IS_CONNECTED || error == ERROR_INTERRUPTED ||
		error >= ERROR_RESTARTED)
		return 0;
	if (!is_tcp(sk) || !session_protocol_wanted(NET_TCP))
		return 0;
	s = tcp_session_of(sk);
	if (!s) {
		note = note_for(sk, NOTE_CONNECT);
		return note ? tcp_refused(sk, note, error) : 0;
	}
	if (s->role != ROLE_CLIENT || !(s->flags & SESSION_IS_CLOSED))
		return 0;
	s->error = error;
	return tcp_end(s, sk, STATE_TCP_SYN_SENT);
}

static __always_inline __u64 sock_at(__u32 fd)
{
	__u64 file = file_of((struct task_struct *)bpf_get_current_task(), fd);

	return file ? sock_of_file(file) : 0;
}

static __always_inline int call_accepted(__u32 fd)
{
	__u64 sk = sock_at(fd);

	if (sk)
		tcp_accepted(sk);
	return sk ? unix_begins(sk, ROLE_SERVER) : 0;
}

static __always_inline int sock_connected(__u64 sk, __s32 result)
{
	if (!sk)
		return 0;
	return result < 0 ? tcp_connect_failed(sk, result) : unix_begins(sk, ROLE_CLIENT);
}

#define LOAD_FIELD(regs, field) ((regs)->field)

SEC("?tp_btf/sys_exit")
int BPF_PROG(on_socket_exit, struct pt_regs *regs, long ret)
{
	__u64 nr = CALL_NUMBER(LOAD_FIELD, regs), args[6];
	enum socket_call call;
	bool compat;
	__u32 fd;

	if (!may_be_socket_call(nr))
		return 0;
	compat = is_compat((struct task_struct *)bpf_get_current_task());
	call = compat ? compat_socket_call(nr) : native_socket_call(nr);
	if (compat)
		ret = (__s32)ret;
	CALL_ARGUMENTS(LOAD_FIELD, regs, compat, args);
	fd = args[0];
	if (call == SOCKET_CALL_MANY)
		call = socket_call_apart(args[0], args[1], &fd);
	if (call == SOCKET_CALL_ACCEPT)
		return ret >= 0 ? call_accepted(ret) : 0;
	if (call == SOCKET_CALL_CONNECT)
		return sock_connected(sock_at(fd), ret);
	return 0;
}

static __always_inline int uring_done(__u64 request, __s32 result)
{
	__u64 file;
	__u8 opcode;

	if (!request) /* further results of a request that accepts many, and on 5.10 all of them */
		return result >= 0 ? call_accepted(result) : 0;
	KREAD(opcode, request, io_kiocb, opcode);
	if (opcode == URING_ACCEPT)
		return result >= 0 ? call_accepted(result) : 0;
	if (opcode != URING_CONNECT)
		return 0;
	KREAD(file, request, io_kiocb, file);
	return file ? sock_connected(sock_of_file(file), result) : 0;
}

SEC("?tp_btf/io_uring_complete")
int BPF_PROG(on_uring_510, void *ring, __u64 user_data, int result, unsigned int flags)
{
	return uring_done(0, result);
}

SEC("?tp_btf/io_uring_complete")
int BPF_PROG(on_uring_61, void *ring, void *request, __u64 user_data, int result, unsigned int flags)
{
	return uring_done((__u64)request, result);
}

SEC("?tp_btf/io_uring_complete")
int BPF_PROG(on_uring_618, void *ring, void *request, struct io_uring_cqe *entry)
{
	__s32 result;

	KREAD(result, entry, io_uring_cqe, res);
	return uring_done((__u64)request, result);
}

#endif
