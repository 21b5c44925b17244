// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every open socket of this host, of all network namespaces, once for each descriptor that refers to it: what `ringtail who` looks at.
#include "actor.bpf.h"
#include "open_socket.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only these are told; 0: all. */
const volatile __u32 only_pid = 0;
const volatile __u32 only_port = 0; /* of either end */
const volatile __u32 only_transport = 0; /* enum net_transport */

static __always_inline bool is_wanted(const struct session *s)
{
	if (s->transport == NET_OTHER || s->transport == NET_UNIX)
		return false;
	if (only_transport && s->transport != only_transport)
		return false;
	return !only_port || s->local_port == only_port || s->peer_port == only_port;
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
	if (!sk)
		return 0;
	read_open_socket(&holder.session, sk);
	if (!is_wanted(&holder.session))
		return 0;
	read_more_of_open_socket(&holder.session, sk);
	fill_actor(&holder.session.owner, task);
	holder.session.known_by = KNOWN_BY_ITERATOR;
	holder.inode = BPF_CORE_READ(file, f_inode, i_ino);
	holder.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &holder, sizeof(holder));
	return 0;
}
