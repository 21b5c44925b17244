/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/* Packets that arrive at interfaces, added up. A part of events.h. */
#ifndef RINGTAIL_PACKETS_H
#define RINGTAIL_PACKETS_H

enum packet_family {
	PACKET_OTHER = 0,
	PACKET_IPV4 = 1,
	PACKET_IPV6 = 2,
};

/* What an IP packet carries; `other` also for what cannot be told: later fragments without their first, what is cut off, what is not IP. */
enum packet_transport {
	PACKET_PROTO_OTHER = 0,
	PACKET_TCP = 1,
	PACKET_UDP = 2,
	PACKET_ICMP = 3, /* of either family */
};

/* `packet_counts`: a hash with a value a CPU. */
struct packet_key {
	__u32 ifindex;
	__u8 family;
	__u8 transport;
	__u16 zero;
};

struct packet_count {
	__u64 packets;
	__u64 bytes;
};

#endif
