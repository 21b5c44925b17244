// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Programs of somebody else at an interface, which count what they are given and let it pass; those of traffic control decide for those behind them.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} foreign_seen SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void see(void)
{
	__u32 zero = 0;
	__u64 *seen = bpf_map_lookup_elem(&foreign_seen, &zero);

	if (seen)
		*seen += 1;
}

SEC("?xdp")
int foreign_xdp(void *ctx)
{
	see();
	return 2; /* XDP_PASS */
}

SEC("?tc")
int foreign_tc(void *ctx)
{
	see();
	return 0; /* TC_ACT_OK, TCX_PASS */
}
