// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Packets that arrive at an interface, added up by what they are. No program changes, drops or keeps a packet, nor decides for a program of others.
//
// The length of a packet is that of its frame from the Ethernet header on (from the IP header on where there is none), without the frame check
// sequence and without VLAN tags: network cards and the kernel take the outermost one out of the bytes, so that only what is left is the same
// wherever it is counted.
//
// What the kernel or a card joined to one large packet (GRO), or did not yet split (GSO), counts as what was, or would be, on the wire: by tcx and
// clsact, which are told. XDP runs before that on a driver's own hook; on the generic one (xdp_generic) it comes behind it and is not told: there it
// counts as one packet.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "packet_parse.bpf.h"

#define MAX_KEYS 16384 /* nine for each interface: families times transports, as far as they occur */
#define NEXT_PROGRAM -1 /* TCX_NEXT and TC_ACT_UNSPEC: as if this one were not there */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Sized by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct packet_slot);
} packet_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PACKET_PLACES);
	__type(key, __u32);
	__type(value, struct packet_place);
} packet_places SEC(".maps");

/* Of interfaces that have no slot. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, MAX_KEYS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct packet_key);
	__type(value, struct packet_count);
} packet_counts SEC(".maps");

/* What found no room there. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet_count);
} packet_rest SEC(".maps");

static __noinline int add_slowly(__u32 ifindex, __u32 family, __u32 transport, __u64 packets, __u64 bytes)
{
	struct packet_key key = {.ifindex = ifindex, .family = family, .transport = transport};
	struct packet_count *count = bpf_map_lookup_elem(&packet_counts, &key);
	struct packet_count nothing = {};
	__u32 zero = 0;

	if (!count) {
		bpf_map_update_elem(&packet_counts, &key, &nothing, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&packet_counts, &key);
	}
	if (!count)
		count = bpf_map_lookup_elem(&packet_rest, &zero);
	if (!count)
		return 0;
	count->packets += packets;
	count->bytes += bytes;
	return 0;
}

static __always_inline int add(__u32 ifindex, __u32 family, __u32 transport, __u64 packets, __u64 bytes)
{
	__u32 at = ifindex % PACKET_PLACES, which = family * PACKET_TRANSPORTS + transport;
	struct packet_place *place = bpf_map_lookup_elem(&packet_places, &at);
	struct packet_slot *slot = NULL;

	if (place && place->ifindex == ifindex)
		slot = bpf_map_lookup_elem(&packet_slots, &place->slot);
	if (!slot)
		return add_slowly(ifindex, family, transport, packets, bytes);
	if (which >= PACKET_FAMILIES * PACKET_TRANSPORTS)
		return 0;
	slot->counts[which].packets += packets;
	slot->counts[which].bytes += bytes;
	return 0;
}

static __always_inline int count_xdp(struct xdp_md *ctx, enum packet_view kind)
{
	struct view view = {.kind = kind, .ctx = ctx, .first = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end};
	struct packet packet = {};

	view.len = kind == VIEW_XDP ? view.end - view.first : bpf_xdp_get_buff_len(ctx);
	parse_ethernet(&view, &packet);
	add(ctx->ingress_ifindex, packet.family, packet.transport, 1, view.len - packet.tag_bytes);
	return XDP_PASS;
}

/* Of a TCP header at an offset; the smallest when it cannot be read. */
static __always_inline __u32 tcp_header_bytes(struct __sk_buff *skb, __u32 at)
{
	__u8 offset;

	return bpf_skb_load_bytes(skb, at + 12, &offset, sizeof(offset)) ? 20 : (offset >> 4) * 4;
}

/*
 * What was joined: as many packets as segments, each with headers of its own; inside of tunnels only the outer ones can be told. `not_counted`: of
 * the headers of each; less than nothing when they are not in the bytes. A function that the verifier follows once, whatever the packet is.
 */
__noinline int add_joined(struct __sk_buff *skb, __u32 family, __u32 transport, __u32 payload, __u32 not_counted)
{
	__u32 headers = payload, segments = skb->gso_segs, size = skb->gso_size, len = skb->len;

	if (transport == PACKET_TCP)
		headers += tcp_header_bytes(skb, payload);
	if (transport == PACKET_UDP)
		headers += 8;
	if (!segments && size && len > headers) /* from a virtual machine: not told */
		segments = (len - headers + size - 1) / size;
	if (!segments)
		segments = 1;
	return add(skb->ifindex, family, transport, segments, len - not_counted + (__u64)(segments - 1) * (headers - not_counted));
}

/*
 * Whether the bytes begin behind the Ethernet header: behind a generic XDP program of others that takes packets in pieces the kernel (6.9 to 6.18 at
 * least) does not know any more how long that is. Then the type that seems to stand there is not what the header has, which is still in its place.
 */
static __always_inline bool lacks_ethernet(struct __sk_buff *skb, const struct view *view)
{
	__u8 scratch[ETHERNET_BYTES];
	const __u8 *header = view_bytes(view, 0, sizeof(scratch), scratch);
	__u16 seeming, type;

	if (!header)
		return true;
	seeming = *(const __u16 *)(header + 12);
	if (seeming == (__u16)skb->protocol)
		return false;
	return !bpf_skb_load_bytes_relative(skb, 12, &type, sizeof(type), BPF_HDR_START_MAC) && type != seeming;
}

static __always_inline int count_skb(struct __sk_buff *skb, bool has_ethernet)
{
	struct view view = {.kind = VIEW_SKB, .ctx = skb, .first = (void *)(long)skb->data, .end = (void *)(long)skb->data_end, .len = skb->len};
	struct packet packet = {};
	__u32 not_counted;

	if (!has_ethernet) {
		parse_ip(&view, &packet, skb->protocol, 0);
		not_counted = 0;
	} else if (lacks_ethernet(skb, &view)) {
		parse_ip(&view, &packet, skb->protocol, 0);
		not_counted = -ETHERNET_BYTES;
	} else {
		parse_ethernet(&view, &packet);
		not_counted = packet.tag_bytes;
	}
	if (skb->gso_size)
		add_joined(skb, packet.family, packet.transport, packet.payload, not_counted + packet.jumbo_bytes);
	else
		add(skb->ifindex, packet.family, packet.transport, 1, view.len - not_counted);
	return NEXT_PROGRAM;
}

SEC("?xdp")
int on_xdp(struct xdp_md *ctx)
{
	return count_xdp(ctx, VIEW_XDP);
}

SEC("?xdp.frags")
int on_xdp_frags(struct xdp_md *ctx)
{
	return count_xdp(ctx, VIEW_XDP_FRAGS);
}

SEC("?tc")
int on_tcx(struct __sk_buff *skb)
{
	return count_skb(skb, true);
}

/* Of devices whose packets begin with IP. */
SEC("?tc")
int on_tcx_raw(struct __sk_buff *skb)
{
	return count_skb(skb, false);
}

/* Known by this name to whoever looks for filters that a Ringtail left behind. */
SEC("?tc")
int on_clsact(struct __sk_buff *skb)
{
	return count_skb(skb, true);
}

SEC("?tc")
int on_clsact_raw(struct __sk_buff *skb)
{
	return count_skb(skb, false);
}
