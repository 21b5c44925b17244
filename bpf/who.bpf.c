// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every open socket of this host, of all network namespaces, once for each descriptor that refers to it: what `ringtail who` looks at.
#define RINGTAIL_NO_CAST /* one object for all kernels */
#include "session_fields.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only these are told; 0: all. */
const volatile __u32 only_pid = 0;
const volatile __u32 only_port = 0; /* of either end */
const volatile __u32 only_transport = 0; /* enum net_transport */

static __always_inline bool is_wanted(__u64 sk)
{
	__u32 family, type, protocol, transport;
	__u16 local, peer;

	KREAD(family, sk, sock, __sk_common.skc_family);
	KREAD(type, sk, sock, sk_type);
	KREAD(protocol, sk, sock, sk_protocol);
	transport = transport_of(family, type, protocol);
	if (transport == NET_OTHER || transport == NET_UNIX || (only_transport && transport != only_transport))
		return false;
	if (!only_port)
		return true;
	KREAD(local, sk, inet_sock, inet_sport);
	KREAD(peer, sk, sock, __sk_common.skc_dport);
	return bpf_ntohs(local) == only_port || bpf_ntohs(peer) == only_port;
}

static __always_inline void read_open_socket(struct session *s, __u64 sk)
{
	struct tcp_bytes bytes = {};
	__u32 again;

	read_identity(s, sk);
	read_ends(s, sk);
	s->cookie = cookie_of(sk);
	s->known_by = KNOWN_BY_ITERATOR;
	if (s->transport != NET_TCP)
		return;
	s->state = sock_state(sk);
	s->flags |= SESSION_HAS_STATE;
	if (s->state == STATE_TCP_LISTEN)
		return;
	read_tcp_bytes(sk, s->state, &bytes);
	KREAD(again, sk, tcp_sock, total_retrans);
	s->sent = bytes.sent;
	s->received = bytes.received;
	s->unacked = bytes.unacked;
	s->retransmits = again;
	s->flags |= SESSION_HAS_BYTES;
}

/* Who it is; all else is for procfs to tell. */
static __always_inline void read_holder(struct event_actor *holder, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	holder->pid = BPF_CORE_READ(task, tgid);
	holder->start_ns = BPF_CORE_READ(leader, start_boottime);
	holder->euid = BPF_CORE_READ(task, cred, euid.val);
	bpf_probe_read_kernel(holder->comm, sizeof(holder->comm), (void *)leader + bpf_core_field_offset(struct task_struct, comm));
}

SEC("?iter/task_file")
int on_descriptor(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket_holder holder = {};
	__u64 sk;

	if (!task || !file || (only_pid && BPF_CORE_READ(task, tgid) != only_pid))
		return 0;
	sk = sock_of_file((__u64)file);
	if (!sk || !is_wanted(sk))
		return 0;
	read_open_socket(&holder.session, sk);
	read_holder(&holder.session.owner, task);
	holder.inode = BPF_CORE_READ(file, f_inode, i_ino);
	holder.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &holder, sizeof(holder));
	return 0;
}
