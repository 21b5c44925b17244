// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What only programs of a cgroup are told: peers that calls name, who made a socket, its end, and packets. A kernel may refuse them all; then
// sockets.bpf.c does without.
#include "session_packet.bpf.h"
#include "session_note.bpf.h"
#include "session_address.bpf.h"
#include "session_release.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- addresses of calls ---- */

/* The interface of a link-local address, which the program's own view of the address lacks. */
static __always_inline __u32 scope_of(struct bpf_sock_addr *ctx)
{
	__u64 address = as_number(ctx), name;
	__u32 scope;

	KREAD(name, address, bpf_sock_addr_kern, uaddr);
	KREAD(scope, name, sockaddr_in6, sin6_scope_id);
	return scope;
}

/* False: a call that is not told of. */
static __always_inline bool fill_key(struct flow_key *key, struct bpf_sock_addr *ctx, bool is_ipv4)
{
	struct bpf_sock *sock = ctx->sk;
	__u32 *words = (__u32 *)key->peer;

	if (!sock)
		return false;
	key->sk = as_number(sock);
	key->family = ctx->family;
	key->port = bpf_ntohs(ctx->user_port);
	if (is_ipv4) {
		set_ipv4(key->peer, key->family, ctx->user_ip4);
		return true;
	}
	words[0] = ctx->user_ip6[0];
	words[1] = ctx->user_ip6[1];
	words[2] = ctx->user_ip6[2];
	words[3] = ctx->user_ip6[3];
	if (is_link_local(key->peer))
		key->scope = scope_of(ctx);
	return true;
}

static __always_inline void note_call(const struct flow_key *key, __u32 what)
{
	struct session_note *note = new_note(key->sk, what);

	if (!note)
		return;
	__builtin_memcpy(note->peer, key->peer, sizeof(note->peer));
	note->port = key->port;
	note->family = key->family;
	note->scope = key->scope;
	if (what == NOTE_CONNECT)
		note->boot_ns = bpf_ktime_get_boot_ns();
}

/* A call of the current task uses the socket. */
static __always_inline void use_socket(__u64 sk, __u64 cookie)
{
	struct session *socket = bpf_map_lookup_elem(&sessions, &sk);

	if (socket && socket->cookie == cookie)
		follow_owner(socket);
}

static __always_inline int call_connects(struct bpf_sock_addr *ctx, bool is_ipv4)
{
	struct flow_key key = {};

	if ((ctx->protocol != IPPROTO_TCP && ctx->protocol != IPPROTO_UDP) || !fill_key(&key, ctx, is_ipv4))
		return 1;
	if (ctx->protocol == IPPROTO_TCP) {
		note_call(&key, NOTE_CONNECT);
		return 1;
	}
	leave_peer(key.sk, &key);
	use_socket(key.sk, bpf_get_socket_cookie(ctx));
	return 1;
}

SEC("?cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	return call_connects(ctx, true);
}

SEC("?cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	return call_connects(ctx, false);
}

/* Where packets are counted they say the peer, and the call says who it is that uses the socket. */
static __always_inline int call_passes(struct bpf_sock_addr *ctx, __u32 what, bool is_ipv4)
{
	struct flow_key key = {};
	struct session *flow;
	__u64 cookie;

	if (ctx->protocol != IPPROTO_UDP || !fill_key(&key, ctx, is_ipv4))
		return 1;
	if (!counts_packets) {
		note_call(&key, what);
		return 1;
	}
	cookie = bpf_get_socket_cookie(ctx);
	use_socket(key.sk, cookie);
	flow = bpf_map_lookup_elem(&flows, &key);
	if (flow && flow->cookie == cookie)
		follow_owner(flow);
	return 1;
}

SEC("?cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return call_passes(ctx, NOTE_SEND, true);
}

SEC("?cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	return call_passes(ctx, NOTE_SEND, false);
}

SEC("?cgroup/recvmsg4")
int on_recvmsg4(struct bpf_sock_addr *ctx)
{
	return call_passes(ctx, NOTE_RECEIVE, true);
}

SEC("?cgroup/recvmsg6")
int on_recvmsg6(struct bpf_sock_addr *ctx)
{
	return call_passes(ctx, NOTE_RECEIVE, false);
}

/* ---- the life of a socket ---- */

SEC("?cgroup/sock_create")
int on_sock_create(struct bpf_sock *ctx)
{
	__u64 cookie = bpf_get_socket_cookie(ctx); /* exists from here on: tracing programs of 5.10 can only read it */
	__u32 transport = transport_of(ctx->family, ctx->type, ctx->protocol);

#ifdef RINGTAIL_LEGACY
	bpf_get_netns_cookie(ctx); /* so does that of the namespace */
#endif
	if (!session_protocol_wanted(transport))
		return 1;
	if (transport == NET_UDP)
		datagram_created(as_number(ctx), cookie);
	else if (is_other(transport))
		begin_other(as_number(ctx), DATAGRAM_HAS_TASK);
	return 1;
}

SEC("?cgroup/sock_release")
int on_sock_release(struct bpf_sock *ctx)
{
	if (ctx->protocol == IPPROTO_TCP && ctx->type != SOCK_TYPE_RAW)
		return 1;
	release_socket(as_number(ctx), bpf_get_socket_cookie(ctx));
	return 1;
}

#ifdef RINGTAIL_LEGACY
/* As on_sock_create, for sockets that the kernel makes for a connection. */
SEC("?sockops")
int on_sockops(struct bpf_sock_ops *ctx)
{
	if (ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		bpf_get_socket_cookie(ctx);
	return 1;
}
#endif

/* ---- packets ---- */

SEC("?cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	return session_packet(skb, true);
}

SEC("?cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	return session_packet(skb, false);
}
