// SPDX-License-Identifier: Apache-2.0
// Programs that go wrong at each step of a load, for tests of what is left behind then.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile int option = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} leftovers SEC(".maps");

SEC("?raw_tp/sched_process_exit")
int on_good(void *ctx)
{
	__u32 zero = option;
	__u64 *value = bpf_map_lookup_elem(&leftovers, &zero);

	if (value)
		*value += 1;
	return 0;
}

SEC("?raw_tp/ringtail_no_such_tracepoint")
int on_missing(void *ctx)
{
	return 0;
}

/* Reads through a number: the verifier refuses it. */
SEC("?raw_tp/sched_process_exit")
int on_bad(void *ctx)
{
	return *(volatile int *)4096;
}
