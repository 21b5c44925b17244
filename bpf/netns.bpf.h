/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cookie of a network namespace. */
#ifndef RINGTAIL_NETNS_BPF_H
#define RINGTAIL_NETNS_BPF_H

#include "kread.bpf.h"

/* Before 5.12; there it is 0 until a program at a cgroup asked for it. */
struct net___atomic {
	atomic64_t net_cookie;
};

/* Of a struct net, by its address. */
static __always_inline __u64 netns_cookie_at(__u64 net)
{
	__u64 cookie = 0;

	if (bpf_core_field_exists(struct net, net_cookie))
		KREAD(cookie, net, net, net_cookie);
	else if (bpf_core_field_exists(struct net___atomic, net_cookie))
		bpf_probe_read_kernel(&cookie, sizeof(cookie), (void *)net + bpf_core_field_offset(struct net___atomic, net_cookie));
	return cookie;
}

/* Of the one that a task is in; 0: it has none any more. */
static __always_inline __u64 netns_cookie_of_task(struct task_struct *task)
{
	__u64 proxy, net;

	KREAD(proxy, task, task_struct, nsproxy);
	if (!proxy)
		return 0;
	KREAD(net, proxy, nsproxy, net_ns);
	return net ? netns_cookie_at(net) : 0;
}

#endif
