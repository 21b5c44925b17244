// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// System calls, told at their exit by one program: what nobody wants leaves it after two loads.
#define PATH_BEHIND_BYTES (4 * 4096) /* behind a path lie what was asked for and the root */
#include "common.bpf.h"
#include "actor.bpf.h"
#include "arch.bpf.h"
#include "call.bpf.h"
#include "call_apart.bpf.h"
#include "call_count.bpf.h"
#include "call_failed.bpf.h"
#include "file_io.bpf.h"
#include "file_open.bpf.h"
#include "file_unlink.bpf.h"
#include "socket.bpf.h"

#define RESTART_FIRST -516 /* ERESTART_RESTARTBLOCK to ERESTARTSYS: the call goes on later */
#define RESTART_LAST -512

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* One function a kind, global so that each is verified by itself. */
__noinline int on_open(void)
{
	struct call_ctx *call = current_ctx();

	return call ? open_event(call) : 0;
}

__noinline int on_io(void)
{
	struct call_ctx *call = current_ctx();

	return call ? io_event(call) : 0;
}

__noinline int on_unlink(void)
{
	struct call_ctx *call = current_ctx();

	return call ? unlink_event(call) : 0;
}

__noinline int on_socket(void)
{
	struct call_ctx *call = current_ctx();

	return call ? socket_event(call) : 0;
}

__noinline int on_failed(void)
{
	struct call_ctx *call = current_ctx();

	return call ? failed_event(call) : 0;
}

static __always_inline __u32 kind_of(__u32 call)
{
	if (call <= CALL_VFORK)
		return EVENT_CALL_FAILED;
	if (call <= CALL_EXECVEAT)
		return EVENT_NONE; /* the process programs tell it */
	if (call <= CALL_OPENAT2)
		return EVENT_OPEN;
	if (call <= CALL_PREADV2)
		return EVENT_READ;
	if (call <= CALL_PWRITEV2)
		return EVENT_WRITE;
	if (call <= CALL_RMDIR)
		return EVENT_UNLINK;
	if (call == CALL_CONNECT)
		return EVENT_CONNECT;
	if (call <= CALL_ACCEPT4)
		return EVENT_ACCEPT;
	if (call <= CALL_SENDMMSG || call == CALL_SEND)
		return EVENT_SEND;
	if (call <= CALL_RECVMMSG || call == CALL_RECV)
		return EVENT_RECEIVE;
	return call == CALL_CLOSE ? EVENT_CLOSE : EVENT_NONE;
}

/* The first question to the rules, asked here and not further down the stack, of which 5.10 has 512 bytes for all. */
static __always_inline bool is_let_in(struct call_ctx *call)
{
	struct event_counters *count = counters_of(call->kind);

	if (!count)
		return false;
	count->seen++;
	if (!is_left_or_dropped())
		return true;
	count->filtered++;
	return false;
}

static __always_inline int tell(struct call_ctx *call)
{
	switch (call->kind) {
	case EVENT_NONE:
		return 0;
	case EVENT_OPEN:
		return is_let_in(call) ? on_open() : 0;
	case EVENT_READ:
	case EVENT_WRITE:
		return is_let_in(call) ? on_io() : 0;
	case EVENT_UNLINK:
		return is_let_in(call) ? on_unlink() : 0;
	case EVENT_CALL_FAILED:
		return call->ret < 0 && is_let_in(call) ? on_failed() : 0;
	default:
		return on_socket();
	}
}

/* `call` is filled but for its kind. */
static __noinline int wanted_exit(struct call_ctx *call, struct call_settings *settings)
{
	__u32 wants;

	if (call->call == CALL_SOCKETCALL)
		take_apart(call);
	wants = settings->wants[call->call % CALL_IDS];
	if (wants & CALL_WANT_COUNT && !is_caller_left_out())
		count_call();
	if (!(wants & CALL_WANT_EVENT) && !(wants & CALL_WANT_FAILURE && call->ret < 0))
		return 0;
	call->kind = kind_of(call->call);
	return tell(call);
}

#define LOAD(regs, field) ((regs)->field)

/* `get` reads a register; id is that of the call, 0 for nobody wants it. */
#define CALL_EXIT(get, regs, result) \
	do { \
		__u32 _zero = 0; \
		struct call_settings *_now = bpf_map_lookup_elem(&call_settings, &_zero); \
		__u64 _nr = CALL_NUMBER(get, regs); \
		struct call_ctx *_call; \
		__u32 _id; \
		bool _compat; \
\
		if (!_now || _nr >= CALL_NUMBERS || !(_now->native[_nr] | _now->compat[_nr])) \
			return 0; \
		if (result >= RESTART_FIRST && result <= RESTART_LAST) \
			return 0; \
		_call = current_ctx(); \
		if (!_call) \
			return 0; \
		_call->task = (struct task_struct *)bpf_get_current_task(); \
		_compat = is_compat(_call->task); \
		_id = _compat ? _now->compat[_nr] : _now->native[_nr]; \
		if (!_id || _id >= CALL_IDS) \
			return 0; \
		_call->ret = _compat ? (__s32)result : result; \
		_call->call = _id; \
		_call->flags = (_compat ? CALL_IS_COMPAT : 0) | (result < 0 ? CALL_HAS_FAILED : 0); \
		CALL_ARGUMENTS(get, regs, _compat, _call->args); \
		return wanted_exit(_call, _now); \
	} while (0)

SEC("?tp_btf/sys_exit")
int BPF_PROG(on_call_exit_btf, struct pt_regs *regs, long ret)
{
	CALL_EXIT(LOAD, regs, ret);
}

SEC("?raw_tp/sys_exit")
int BPF_PROG(on_call_exit_raw, struct pt_regs *regs, long ret)
{
	CALL_EXIT(BPF_CORE_READ, regs, ret);
}

/* Attached only when closes are wanted: at their exit the descriptor is gone. */
#define CALL_ENTER(get, regs, nr) \
	do { \
		__u32 _zero = 0; \
		struct call_settings *_now = bpf_map_lookup_elem(&call_settings, &_zero); \
		__u64 _nr = nr; \
		struct call_ctx *_call; \
		bool _compat; \
\
		if (!_now || _nr >= CALL_NUMBERS || (_now->native[_nr] != CALL_CLOSE && _now->compat[_nr] != CALL_CLOSE)) \
			return 0; \
		_call = current_ctx(); \
		if (!_call) \
			return 0; \
		_call->task = (struct task_struct *)bpf_get_current_task(); \
		_compat = is_compat(_call->task); \
		if ((_compat ? _now->compat[_nr] : _now->native[_nr]) != CALL_CLOSE) \
			return 0; \
		CALL_ARGUMENTS(get, regs, _compat, _call->args); \
		return socket_close_enter(_call); \
	} while (0)

SEC("?tp_btf/sys_enter")
int BPF_PROG(on_call_enter_btf, struct pt_regs *regs, long nr)
{
	CALL_ENTER(LOAD, regs, nr);
}

SEC("?raw_tp/sys_enter")
int BPF_PROG(on_call_enter_raw, struct pt_regs *regs, long nr)
{
	CALL_ENTER(BPF_CORE_READ, regs, nr);
}
