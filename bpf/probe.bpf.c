// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One empty program for each kind of hook: `ringtail doctor` loads them one by one to see what this kernel and these privileges allow.
#include "common.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(on_tp_btf, struct task_struct *task)
{
	return 0;
}

SEC("?raw_tp/sched_process_exec")
int on_raw_tp(void *ctx)
{
	return 0;
}

SEC("?tp/sched/sched_process_exec")
int on_tp(void *ctx)
{
	return 0;
}

SEC("?iter/task")
int on_iter_task(struct bpf_iter__task *ctx)
{
	return 0;
}

SEC("?iter/task_file")
int on_iter_file(struct bpf_iter__task_file *ctx)
{
	return 0;
}

SEC("?iter/tcp")
int on_iter_tcp(struct bpf_iter__tcp *ctx)
{
	return 0;
}

SEC("?tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *group)
{
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state, struct sock *sk, int old_state, int state)
{
	return 0;
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(on_length, struct sock *sk, int ret, int flags)
{
	return 0;
}

SEC("?iter/udp")
int on_iter_udp(struct bpf_iter__udp *ctx)
{
	return 0;
}

SEC("?iter/bpf_map_elem")
int on_iter_map(struct bpf_iter__bpf_map_elem *ctx)
{
	return 0;
}

SEC("?cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("?cgroup/sock_create")
int on_sock_create(struct bpf_sock *ctx)
{
	return 1;
}

SEC("?cgroup/sock_release")
int on_sock_release(struct bpf_sock *ctx)
{
	return 1;
}

SEC("?cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("?cgroup/recvmsg4")
int on_recvmsg4(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("?cgroup_skb/egress")
int on_egress(struct __sk_buff *ctx)
{
	return 1;
}

SEC("?sockops")
int on_sockops(struct bpf_sock_ops *ctx)
{
	return 1;
}

SEC("?xdp")
int on_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("?fentry/do_exit")
int BPF_PROG(on_fentry)
{
	return 0;
}

SEC("?kprobe/do_exit")
int on_kprobe(void *ctx)
{
	return 0;
}
