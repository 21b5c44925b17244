// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The least that a tracer of system calls, or one who counts packets, costs: programs that do nothing.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("?raw_tp/sys_exit")
int empty_exit(void *ctx)
{
	return 0;
}

SEC("?raw_tp/sys_enter")
int empty_enter(void *ctx)
{
	return 0;
}

SEC("?tc")
int empty_ingress(void *ctx)
{
	return -1; /* the next program decides */
}
