/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a packet is: its family by the Ethernet type behind all VLAN tags, its transport by what the last header of IP names. */
#ifndef RINGTAIL_PACKET_PARSE_H
#define RINGTAIL_PACKET_PARSE_H

#include <bpf/bpf_endian.h>
#include "events.h"
#include "packet_bytes.bpf.h"

#define ETHERNET_BYTES 14
#define VLAN_TAG_BYTES 4
#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define IP_FRAGMENT_BITS 0x1fff /* RFC 791: offset of a fragment */
#define IP6_FRAGMENT_BITS 0xfff8 /* RFC 8200, 4.5 */
#define JUMBO_OPTION 0xc2 /* RFC 2675 */

/* Ethernet types: IEEE 802.3 */
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8

/* What bounds the loops: more than anybody sends. */
#define MOST_VLAN_TAGS 4
#define MOST_EXTENSIONS 12

/* Numbers of IANA's "Protocol Numbers" that the kernel's types do not have. */
enum ip_extension {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_AUTHENTICATION = 51,
	EXTENSION_DESTINATION = 60,
	EXTENSION_MOBILITY = 135,
	EXTENSION_HIP = 139,
	EXTENSION_SHIM6 = 140,
};
#define PROTOCOL_ICMP6 58

struct packet {
	__u8 family;    /* enum packet_family */
	__u8 transport; /* enum packet_transport */
	__u8 protocol;  /* the same as IP numbers it */
	__u16 tag_bytes;   /* of the VLAN tags that are in the bytes of the packet */
	__u16 jumbo_bytes; /* of a header that the kernel puts before what it joins to more than 64 KiB */
	__u32 payload; /* offset of what IP carries */
};

static __always_inline bool is_vlan(__u16 type)
{
	return type == bpf_htons(TYPE_VLAN) || type == bpf_htons(TYPE_QINQ);
}

/* A header that stands before what IP carries and says what comes next. ESP does not say it. */
static __always_inline bool is_extension(__u8 protocol)
{
	switch (protocol) {
	case EXTENSION_HOP_BY_HOP:
	case EXTENSION_ROUTING:
	case EXTENSION_FRAGMENT:
	case EXTENSION_AUTHENTICATION:
	case EXTENSION_DESTINATION:
	case EXTENSION_MOBILITY:
	case EXTENSION_HIP:
	case EXTENSION_SHIM6:
		return true;
	}
	return false;
}

static __always_inline __u8 transport_of(__u8 protocol, __u8 family)
{
	if (protocol == IPPROTO_TCP)
		return PACKET_TCP;
	if (protocol == IPPROTO_UDP)
		return PACKET_UDP;
	if (protocol == (family == PACKET_IPV4 ? IPPROTO_ICMP : PROTOCOL_ICMP6))
		return PACKET_ICMP;
	return PACKET_PROTO_OTHER;
}

/* From the header on that `protocol` names, at `at`; false: they are not whole, or too many. A later fragment ends them: it names what all of it
 * carries. */
static __always_inline bool skip_extensions(const struct view *view, struct packet *packet, __u32 at)
{
	__u8 scratch[8];
	int i;

	for (i = 0; i < MOST_EXTENSIONS && is_extension(packet->protocol); i++) {
		const __u8 *header = view_rare(view, at, sizeof(scratch), scratch);
		bool is_later = false;

		if (!header)
			return false;
		if (packet->protocol == EXTENSION_FRAGMENT) {
			is_later = (header[2] << 8 | header[3]) & IP6_FRAGMENT_BITS;
			at += 8;
		} else if (packet->protocol == EXTENSION_AUTHENTICATION) {
			at += (header[1] + 2) * 4;
		} else {
			if (packet->protocol == EXTENSION_HOP_BY_HOP && !header[1] && header[2] == JUMBO_OPTION)
				packet->jumbo_bytes = 8;
			at += (header[1] + 1) * 8;
		}
		packet->protocol = header[0];
		if (is_later)
			break;
	}
	packet->payload = at;
	return at <= view->len;
}

static __always_inline void parse_ipv4(const struct view *view, struct packet *packet, __u32 at)
{
	__u8 scratch[IPV4_BYTES];
	const __u8 *ip = view_bytes(view, at, sizeof(scratch), scratch);

	if (!ip || ip[0] >> 4 != 4 || (ip[0] & 15) < IPV4_BYTES / 4)
		return;
	packet->payload = at + (ip[0] & 15) * 4;
	packet->protocol = ip[9];
	if (packet->payload > view->len)
		return;
	if (packet->protocol == EXTENSION_AUTHENTICATION) {
		if ((ip[6] << 8 | ip[7]) & IP_FRAGMENT_BITS || !skip_extensions(view, packet, packet->payload))
			return;
	}
	packet->transport = transport_of(packet->protocol, PACKET_IPV4);
}

static __always_inline void parse_ipv6(const struct view *view, struct packet *packet, __u32 at)
{
	__u8 scratch[IPV6_BYTES];
	const __u8 *ip = view_bytes(view, at, sizeof(scratch), scratch);

	if (!ip || ip[0] >> 4 != 6)
		return;
	packet->payload = at + IPV6_BYTES;
	packet->protocol = ip[6];
	if (is_extension(packet->protocol) && !skip_extensions(view, packet, packet->payload))
		return;
	packet->transport = transport_of(packet->protocol, PACKET_IPV6);
}

/* `type` of what begins at `at`. */
static __always_inline void parse_ip(const struct view *view, struct packet *packet, __u16 type, __u32 at)
{
	if (type == bpf_htons(TYPE_IPV4)) {
		packet->family = PACKET_IPV4;
		parse_ipv4(view, packet, at);
	} else if (type == bpf_htons(TYPE_IPV6)) {
		packet->family = PACKET_IPV6;
		parse_ipv6(view, packet, at);
	}
}

static __always_inline void parse_ethernet(const struct view *view, struct packet *packet)
{
	__u8 scratch[ETHERNET_BYTES];
	const __u8 *header = view_bytes(view, 0, sizeof(scratch), scratch);
	__u32 at = ETHERNET_BYTES;
	__u16 type;
	int i;

	if (!header)
		return;
	type = *(const __u16 *)(header + 12);
	if (is_vlan(type)) {
		for (i = 0; i < MOST_VLAN_TAGS && is_vlan(type); i++) {
			const __u8 *tag = view_rare(view, at, VLAN_TAG_BYTES, scratch);

			if (!tag)
				break;
			type = *(const __u16 *)(tag + 2);
			at += VLAN_TAG_BYTES;
		}
		packet->tag_bytes = at - ETHERNET_BYTES;
	}
	parse_ip(view, packet, type, at);
}

#endif
